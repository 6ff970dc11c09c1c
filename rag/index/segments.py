"""Store the vectors of a generation as a few FAISS files, the segments.

A build adds a segment, and merges segments that are small or have many dead passages. A segment's file never changes.
The catalog says which segment has a passage's vector; a file beside the segment lists the ids of its dead passages.
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
from rag.index.vectors import Bytes, DenseIndex, Segment, ivf_lists_for
from rag.models.base import Ints

MAX_DEAD_SHARE = 0.25  # a segment with a larger share of dead passages is written again without them
MIN_SIZE_RATIO = 2  # a segment stays when it has more than this many times the passages of the new one
VECTORS_NAME = re.compile(r"(?:.*/)?vectors-(\d{6,})\.faiss")
ID_DTYPE = np.dtype("<i8")  # of the list of dead passages


@dataclass(frozen=True, slots=True, eq=False)
class _OldSegment:
    """A segment of the generation before: how many of its passages are alive now, and the ids of the dead ones."""

    path: Path
    number: int
    live: int
    dead: Ints


def vectors_name(number: int) -> str:
    """Return the name of the file with a segment's vectors."""
    return f"vectors-{number:06d}.faiss"


def dead_name(number: int) -> str:
    """Return the name of the file with the ids of a segment's dead passages."""
    return f"vectors-{number:06d}.dead"


def number(name: str) -> int | None:
    """Return the number of the segment whose vectors the file `name` has; None for another kind of file."""
    match = VECTORS_NAME.fullmatch(name)
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
    """Assign every encoded passage to a segment, and write or link the segments into `folder`.

    Args:
        index: the index folder.
        connection: to its catalog.
        dimension: of the vectors.
        folder: of the new generation.
        before: the files of the last generation; when empty, all vectors go into one new segment.
        dead: segment of the last generation -> ids that are dead since.

    Raises:
        IndexDamagedError: the catalog lacks a vector that it should have.
        OSError: the disk is full, or the like.
    """
    known = [_old_segment(connection, index / file.name, dead) for file in before if number(file.name) is not None]
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
            _link(segment, folder, new_dead=segment.number in dead)


def _old_segment(connection: sqlite3.Connection, path: Path, dead: Mapping[int, Sequence[int]]) -> _OldSegment:
    n = number(path.name)
    assert n is not None
    live = connection.execute("SELECT count(*) FROM passages WHERE segment = ?", (n,)).fetchone()[0]
    list_path = path.with_name(dead_name(n))
    earlier = np.frombuffer(list_path.read_bytes() if list_path.exists() else b"", dtype=ID_DTYPE)
    return _OldSegment(path, n, live, np.sort(np.append(earlier, np.array(dead.get(n, []), dtype=ID_DTYPE))))


def _to_merge(known: Iterable[_OldSegment], added: int) -> list[_OldSegment]:
    """Choose the segments that are merged into a new one of `added` passages.

    Small segments come first. A segment stays when it has more than twice the passages that the new one has by then. So
    there are about log2(n) segments, and a passage is written about log2(n) times, for any number of builds.
    """
    merged = []
    for segment in sorted(known, key=lambda segment: segment.live):
        too_dead = len(segment.dead) > MAX_DEAD_SHARE * (segment.live + len(segment.dead))
        if too_dead or (added and segment.live <= MIN_SIZE_RATIO * added):
            merged.append(segment)
            added += segment.live
    return merged


def _link(segment: _OldSegment, folder: Path, *, new_dead: bool) -> None:
    """Link the segment into `folder`, and link or write the list of its dead passages."""
    files.link(segment.path, folder / segment.path.name)
    name = dead_name(segment.number)
    if new_dead:
        (folder / name).write_bytes(segment.dead.astype(ID_DTYPE).tobytes())
    elif len(segment.dead):
        files.link(segment.path.with_name(name), folder / name)


# Reading


def read(
    index: Path, named: Sequence[IndexFile], dimension: int, held: Mapping[str, Segment]
) -> tuple[DenseIndex, dict[str, Segment]]:
    """Read the segments among the `named` files; take those with a checksum in `held` from there.

    Each file is read once. FAISS trusts what it parses, so it gets only bytes that match their checksum.

    Raises:
        IndexDamagedError: a file is missing, or is not as it was written.
    """
    loaded = {file.sha256: read_one(index, file, named, held) for file in named if number(file.name) is not None}
    return DenseIndex(list(loaded.values()), dimension), loaded


def read_one(index: Path, file: IndexFile, named: Sequence[IndexFile], held: Mapping[str, Segment]) -> Segment:
    """Read the segment of the vector file `file`, without its dead passages.

    Raises:
        IndexDamagedError: a file is missing, or is not as it was written.
    """
    n = number(file.name)
    assert n is not None
    segment = held.get(file.sha256) or Segment.from_bytes(_verified(index, file))
    dead = next((other for other in named if other.name.endswith(f"/{dead_name(n)}")), None)
    return segment.without(
        np.empty(0, np.int64) if dead is None else _verified(index, dead).view(ID_DTYPE).astype(np.int64)
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
