"""The vectors of a generation as a few FAISS files: a build adds one, and merges those that are small or half dead.

A segment's file never changes. The catalog says which segment has a passage's vector; the ids of a segment whose
passages are gone are listed in a file beside it.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.errors import IndexDamagedError
from rag.index import files, queries
from rag.index.catalog import IndexFile
from rag.index.vectors import Bytes, Dense, Segment, ivf_lists_for
from rag.models.base import Ints

DEAD_SHARE = 0.25  # a segment that would have more dead passages than this is written anew without them
NAME = re.compile(r"(?:.*/)?vectors-(\d{6,})\.faiss")
IDS = np.dtype("<i8")  # of the list of the dead


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A segment of the generation before, as it is now: how many of its passages are left, and the ids of the rest."""

    path: Path
    number: int
    live: int
    dead: Ints


def vectors_name(number: int) -> str:
    return f"vectors-{number:06d}.faiss"


def dead_name(number: int) -> str:
    return f"vectors-{number:06d}.dead"


def number(name: str) -> int | None:
    """Return the number of the segment whose vectors the file has; None when it is another kind of file."""
    match = NAME.fullmatch(name)
    return int(match[1]) if match else None


# Writing


def write(
    index: Path,
    connection: sqlite3.Connection,
    dimension: int,
    folder: Path,
    before: Sequence[IndexFile],
    dead: Mapping[int, Sequence[int]],
) -> None:
    """Give every passage that has been encoded its place in a segment, and write or link the segments into `folder`.

    `before` are the files of the last generation and `dead` the ids that left each of its segments since; without any
    files all vectors go into one new segment.

    Raises:
        IndexDamaged: the catalog lacks a vector that it should have.
        OSError: the disk is full, or the like.
    """
    known = [_known(connection, index / file.name, dead) for file in before if number(file.name) is not None]
    if not before:
        connection.execute("UPDATE passages SET segment = NULL WHERE segment IS NOT NULL")
    new = max((segment.number for segment in known), default=0) + 1
    place = "UPDATE passages SET segment = ? WHERE segment IS NULL AND vector_key IN (SELECT key FROM vectors)"
    merged = _to_merge(known, connection.execute(place, (new,)).rowcount)
    for segment in merged:
        connection.execute("UPDATE passages SET segment = ? WHERE segment = ?", (new, segment.number))
    if count := connection.execute("SELECT count(*) FROM passages WHERE segment = ?", (new,)).fetchone()[0]:
        made = Segment.build(queries.vectors(connection, dimension, new), dimension, ivf_lists_for(count))
        made.write(folder / vectors_name(new))
    for segment in known:
        if segment not in merged:
            _keep(segment, folder, grown=segment.number in dead)


def _known(connection: sqlite3.Connection, path: Path, dead: Mapping[int, Sequence[int]]) -> _Known:
    found = number(path.name)
    assert found is not None
    live = connection.execute("SELECT count(*) FROM passages WHERE segment = ?", (found,)).fetchone()[0]
    listed = path.with_name(dead_name(found))
    earlier = np.frombuffer(listed.read_bytes() if listed.exists() else b"", dtype=IDS)
    return _Known(path, found, live, np.sort(np.append(earlier, np.array(dead.get(found, []), dtype=IDS))))


def _to_merge(known: Iterable[_Known], added: int) -> list[_Known]:
    """Choose the segments that go into a new one of `added` passages.

    Those left have each more than twice as many passages as the new one had before it took them in, so that there are
    about log2(n) of them, and a passage is written about log2(n) times, however many builds there are.
    """
    merged = []
    for segment in sorted(known, key=lambda segment: segment.live):
        half_dead = len(segment.dead) > DEAD_SHARE * (segment.live + len(segment.dead))
        if half_dead or (added and segment.live <= 2 * added):
            merged.append(segment)
            added += segment.live
    return merged


def _keep(segment: _Known, folder: Path, *, grown: bool) -> None:
    files.link(segment.path, folder / segment.path.name)
    name = dead_name(segment.number)
    if grown:
        (folder / name).write_bytes(segment.dead.astype(IDS).tobytes())
    elif len(segment.dead):
        files.link(segment.path.with_name(name), folder / name)


# Reading


def read(
    index: Path, named: Sequence[IndexFile], dimension: int, held: Mapping[str, Segment]
) -> tuple[Dense, dict[str, Segment]]:
    """Read the segments among the files that the catalog names, but those already `held`, by checksum.

    Each file is read once, and FAISS, which trusts what it parses, sees only bytes that match their checksum.

    Raises:
        IndexDamaged: a file is not there, or not as it was written.
    """
    loaded = {file.sha256: read_one(index, file, named, held) for file in named if number(file.name) is not None}
    return Dense(list(loaded.values()), dimension), loaded


def read_one(index: Path, file: IndexFile, named: Sequence[IndexFile], held: Mapping[str, Segment]) -> Segment:
    """Read the segment of this file, without its dead."""
    found = number(file.name)
    assert found is not None
    segment = held.get(file.sha256) or Segment.from_bytes(_verified(index, file))
    listed = next((other for other in named if other.name.endswith(f"/{dead_name(found)}")), None)
    return segment.without(
        np.empty(0, np.int64) if listed is None else _verified(index, listed).view(IDS).astype(np.int64)
    )


def _verified(index: Path, file: IndexFile) -> Bytes:
    path = index / file.name
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise IndexDamagedError(f"{path} cannot be read ({error.strerror or error})") from error
    if hashlib.sha256(data.data).hexdigest() != file.sha256:
        raise IndexDamagedError(f"{path} is not as it was written")
    return data
