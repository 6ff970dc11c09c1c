"""Building and reading an index: only what changed is encoded, a reader sees one generation, damage is made up for."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rag
from rag.errors import (
    ConfigError,
    IndexDamagedError,
    IndexIncompatibleError,
    IndexLockedError,
    IndexMissingError,
    SourceError,
)
from rag.index import build as build_module
from rag.index import catalog, queries, staging
from rag.index import commit as commit_module
from rag.index.build import BuildReport, build
from rag.index.catalog import CATALOG_FILE
from rag.index.check import check, status
from rag.index.generations import generation_folders
from rag.index.reader import Index
from rag.ingest import cleaning
from rag.ingest.loaders import Source, article_id
from rag.models.base import Encoder, Floats
from rag.query.analysis import analyse
from rag.retrieval.hybrid import retrieve
from rag.types import Article, Hit
from tests.conftest import HashEncoder

TEXTS = {
    "auto.txt": "The minister said the auto talks would go on. Tariffs on cars stay where they are for now.",
    "fish.txt": "Lobster prices fell in the spring. Fishermen blamed the weather and the cost of fuel.",
    "rail.txt": "A new railway line opens next year. It will carry grain to the northern port.",
}
QUERIES = ["auto tariffs", "lobster prices", "railway to the port", "who opened the fuel line", "nothing of the kind"]


def fill(archive: Path, texts: dict[str, str] = TEXTS) -> None:
    for name, text in texts.items():
        (archive / name).write_text(text, encoding="utf-8")


def records(path: Path, rows: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def counts(report: BuildReport) -> tuple[int, int, int, int, int, int]:
    """Return generation, added, changed, removed, unchanged and encoded."""
    return (report.generation, report.added, report.changed, report.removed, report.unchanged, report.encoded)


def found(index: Path, encoder: Encoder, queries: list[str] = QUERIES) -> list[list[tuple[str, int, int, float]]]:
    """Return what the queries find, in full, to compare before and after."""
    with Index.open(index).snapshot() as snapshot:
        return [[_plain(hit) for hit in retrieve(snapshot, encoder, analyse(query))] for query in queries]


def _plain(hit: Hit) -> tuple[str, int, int, float]:
    return (hit.passage.article.path, hit.passage.start, hit.passage.end, round(hit.score, 6))


def paths(index: Path) -> list[str]:
    with Index.open(index).snapshot() as snapshot:
        return [article.path for article in snapshot.articles()]


# What a build does


def test_first_build_reports_what_it_did(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    (archive / "notes.docx").write_bytes(b"PK")
    report = build(archive, index_path, hash_encoder)
    document = report.to_json()
    assert document.pop("seconds") > 0
    (failure,) = document.pop("failures")
    assert failure["path"] == "notes.docx"
    assert failure["reason"].startswith("unsupported file type '.docx'")
    assert document == {
        "generation": 1,
        "articles": {"added": 3, "changed": 0, "removed": 0, "unchanged": 0, "failed": 1},
        "passages": 3,
        "encoded": 3,
    }
    assert sorted(hash_encoder.encoded) == sorted(TEXTS.values())


def test_nothing_changed_encodes_nothing_and_writes_nothing(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    before = {path: path.read_bytes() for path in index_path.rglob("*") if path.is_file() and path.name != "lock"}
    assert counts(build(archive, index_path, HashEncoder(fail_after=0))) == (1, 0, 0, 0, 3, 0)
    after = {path: path.read_bytes() for path in index_path.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def test_only_what_changed_is_encoded(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    hash_encoder.encoded.clear()

    (archive / "snow.txt").write_text("Snow closed the schools of the north for two days.")
    assert counts(build(archive, index_path, hash_encoder)) == (2, 1, 0, 0, 3, 1)

    (archive / "fish.txt").write_text("Lobster prices rose in the autumn, to the relief of the fishermen.")
    assert counts(build(archive, index_path, hash_encoder)) == (3, 0, 1, 0, 3, 1)

    (archive / "auto.txt").unlink()
    assert counts(build(archive, index_path, hash_encoder)) == (4, 0, 0, 1, 3, 0)

    (archive / "rail.txt").rename(archive / "train.txt")
    assert counts(build(archive, index_path, hash_encoder)) == (5, 1, 0, 1, 2, 0)

    (archive / "copy.txt").write_bytes((archive / "train.txt").read_bytes())
    assert counts(build(archive, index_path, hash_encoder)) == (6, 1, 0, 0, 3, 0)

    assert [text.split()[0] for text in hash_encoder.encoded] == ["Snow", "Lobster"]
    assert paths(index_path) == ["copy.txt", "fish.txt", "snow.txt", "train.txt"]
    assert check(index_path) == []


def test_vectors_without_a_passage_are_removed(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    (archive / "auto.txt").unlink()
    build(archive, index_path, hash_encoder)
    with catalog.reader(index_path) as (connection, _):
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (2,)
    assert status(index_path)["vectors"] == 2


def test_an_archive_may_become_empty(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    for path in archive.iterdir():
        path.unlink()
    assert counts(build(archive, index_path, hash_encoder)) == (2, 0, 0, 3, 0, 0)
    assert found(index_path, hash_encoder) == [[]] * len(QUERIES)
    assert check(index_path) == []


operations = st.lists(
    st.tuples(st.sampled_from(["a.txt", "b.txt", "c/d.txt", "e.jsonl"]), st.sampled_from([*TEXTS.values(), ""])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_building_step_by_step_comes_to_the_same_as_building_once(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str]]
) -> None:
    root = tmp_path_factory.mktemp("steps")
    archive, encoder = root / "seeds", HashEncoder()
    fill(archive_of(archive), {"always.txt": "This article stays where it is, whatever else may happen."})
    for name, text in operations:
        write_or_delete(archive / name, text)
        build(archive, root / "steps", encoder)
    build(archive, root / "once", encoder)
    assert content(root / "steps") == content(root / "once")
    assert found(root / "steps", encoder) == found(root / "once", encoder)
    assert check(root / "steps") == []


def archive_of(path: Path) -> Path:
    (path / "c").mkdir(parents=True)
    return path


def write_or_delete(path: Path, text: str) -> None:
    """Write `text`, delete the file for an empty one; a .jsonl file holds it twice, beside an article of its own."""
    if not text:
        path.unlink(missing_ok=True)
    elif path.suffix == ".jsonl":
        records(path, [{"id": "one", "text": text}, {"id": article_id("a.txt"), "text": text}])
    else:
        path.write_text(text)


def content(index: Path) -> dict[str, list[Any]]:
    """Return the rows that answer, and the failures, in a fixed order."""
    with catalog.reader(index) as (connection, _):
        return {
            "articles": sorted(connection.execute("SELECT * FROM articles").fetchall(), key=str),
            "passages": connection.execute(
                'SELECT id, article_id, start, "end", vector_key, segment IS NULL FROM passages ORDER BY id'
            ).fetchall(),
            "vectors": sorted(connection.execute("SELECT * FROM vectors").fetchall()),
            "failures": sorted(connection.execute("SELECT * FROM failures").fetchall()),
        }


def test_progress_is_reported_by_stage(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    steps: list[tuple[str, int, int]] = []
    build(archive, index_path, hash_encoder, progress=lambda *step: steps.append(step))
    reading = [("reading", n, 3) for n in (1, 2, 3)]
    assert steps == [*reading, ("encoding", 3, 3), ("writing", 0, 1), ("writing", 1, 1)]


def test_another_way_of_cleaning_reads_everything_again_and_encodes_nothing(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    monkeypatch.setattr(build_module, "recipe", lambda: "another")
    read: list[str] = []

    def clean_noting(source: Source) -> Article:
        read.append(source.path)
        return cleaned(source)

    cleaned = cleaning.clean
    monkeypatch.setattr(cleaning, "clean", clean_noting)
    assert counts(build(archive, index_path, hash_encoder)) == (1, 0, 0, 0, 3, 0)
    assert counts(build(archive, index_path, hash_encoder)) == (1, 0, 0, 0, 3, 0)
    assert read == sorted(TEXTS)


def test_the_recipe_is_of_the_ingest_version_and_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "version", lambda package: "0.0.0")
    assert staging.recipe() == f"{staging.INGEST_VERSION} " + " ".join(f"{p}==0.0.0" for p in staging.INGEST_PACKAGES)
    before = staging.recipe()
    monkeypatch.setattr(staging, "INGEST_VERSION", staging.INGEST_VERSION + 1)
    assert staging.recipe() != before


def test_an_archive_of_release_0_3_0_is_read_again(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That release recorded a digest of its source files in place of a version."""
    fill(archive)
    build(archive, index_path, hash_encoder)
    with closing(catalog.connect(index_path, write=True)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'recipe'", ("0f" * 32,))
        connection.execute("UPDATE meta SET value = '0.3.0' WHERE key = 'version'")
    read: list[str] = []
    cleaned = cleaning.clean

    def clean_noting(source: Source) -> Article:
        read.append(source.path)
        return cleaned(source)

    monkeypatch.setattr(cleaning, "clean", clean_noting)
    assert counts(build(archive, index_path, hash_encoder))[1:] == (0, 0, 0, 3, 0)
    assert read == sorted(TEXTS)
    assert not staging.same_recipe("0f" * 32)
    assert staging.same_recipe(staging.recipe())


def test_an_index_among_the_articles_is_not_read_as_one(archive: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, archive / "index", hash_encoder)
    report = build(archive, archive / "index", hash_encoder)
    assert (counts(report), report.failures) == ((1, 0, 0, 0, 3, 0), ())


# What cannot be read


def test_a_missing_and_an_empty_folder_are_refused(tmp_path: Path, archive: Path, hash_encoder: HashEncoder) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        build(tmp_path / "nowhere", tmp_path / "index", hash_encoder)
    with pytest.raises(SourceError, match=f"no articles in {archive}: put .txt"):
        build(archive, tmp_path / "index", hash_encoder)
    with pytest.raises(IndexMissingError):
        Index.open(tmp_path / "index")


def test_a_file_that_cannot_be_read_any_more_keeps_what_was_indexed(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    before = found(index_path, hash_encoder)
    for content_now in (b"", b"  \n", b"\x00\x01\x02" * 50):
        (archive / "fish.txt").write_bytes(content_now)
        report = build(archive, index_path, hash_encoder)
        assert counts(report) == (1, 0, 0, 0, 3, 0)
        (failure,) = report.failures
        assert failure.path == "fish.txt"
        assert failure.reason.endswith("; what was indexed before is kept")
        assert found(index_path, hash_encoder) == before
        assert status(index_path)["failures"] == [{"path": "fish.txt", "reason": failure.reason}]
    (archive / "fish.txt").write_text(TEXTS["fish.txt"])
    report = build(archive, index_path, hash_encoder)
    assert (counts(report), report.failures) == ((1, 0, 0, 0, 3, 0), ())
    (archive / "fish.txt").unlink()
    assert counts(build(archive, index_path, hash_encoder)) == (2, 0, 0, 1, 2, 0)


def test_files_of_a_folder_that_cannot_be_listed_are_kept(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    (archive / "deep" / "deeper").mkdir(parents=True)
    fill(archive / "deep" / "deeper")
    build(archive, index_path, hash_encoder)
    shutil.rmtree(archive / "deep")
    (archive / "deep").symlink_to("/")  # refused, as a folder without permission would be
    assert counts(build(archive, index_path, hash_encoder)) == (1, 0, 0, 0, 3, 0)


def test_a_bad_line_is_reported_as_long_as_it_is_there(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    path = archive / "wire.jsonl"
    records(path, [{"id": n, "text": text} for n, text in enumerate(TEXTS.values())])
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], b"{broken", lines[2]]))
    for expected in ((1, 2, 0, 0, 0, 2), (1, 0, 0, 0, 2, 0)):
        report = build(archive, index_path, hash_encoder)
        assert counts(report) == expected
        assert [failure.path for failure in report.failures] == ["wire.jsonl:2"]
    path.write_bytes(b"\n".join(lines))
    report = build(archive, index_path, hash_encoder)
    assert (counts(report), report.failures) == ((2, 1, 0, 0, 2, 1), ())


def test_a_file_that_breaks_off_loses_no_article(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    path = archive / "wire.jsonl.gz"
    records(path, [{"id": n, "text": f"{n} {text} {n}"} for n, text in enumerate([*TEXTS.values()] * 50)])
    build(archive, index_path, hash_encoder)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    report = build(archive, index_path, hash_encoder)
    assert counts(report) == (1, 0, 0, 0, 150, 0)
    assert report.failures[-1].reason.endswith("; what was indexed before is kept")
    path.write_bytes(whole)
    report = build(archive, index_path, hash_encoder)
    assert (counts(report), report.failures) == ((1, 0, 0, 0, 150, 0), ())


@pytest.mark.parametrize("order", [["a.jsonl", "b.jsonl"], ["b.jsonl", "a.jsonl"]])
def test_of_two_articles_with_one_id_the_first_by_path_is_kept(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, order: list[str]
) -> None:
    for name in order:
        records(archive / name, [{"id": "same", "text": f"The words of {name}, and no others."}])
        report = build(archive, index_path, hash_encoder)
    (failure,) = report.failures
    assert (failure.path, failure.reason) == (
        "b.jsonl (same)",
        "a.jsonl has an article with the same id, which is kept",
    )
    assert paths(index_path) == ["a.jsonl"]
    assert build(archive, index_path, hash_encoder).failures == (failure,)
    (archive / "a.jsonl").unlink()
    assert build(archive, index_path, hash_encoder).failures == ()
    assert paths(index_path) == ["b.jsonl"]


def test_one_article_that_trips_a_library_costs_no_other(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(archive)
    cleaned = cleaning.clean

    def trip(source: Source) -> Article:
        if source.path == "fish.txt":
            raise RecursionError("maximum recursion depth exceeded")
        return cleaned(source)

    monkeypatch.setattr(cleaning, "clean", trip)
    report = build(archive, index_path, hash_encoder)
    assert paths(index_path) == ["auto.txt", "rail.txt"]
    assert report.failures[0].reason == "cannot be cleaned (RecursionError: maximum recursion depth exceeded)"


# Interrupted, and several at once


def test_an_interrupted_build_goes_on_where_it_was(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "ENCODE_WINDOW", 4)
    fill(archive)
    build(archive, index_path, hash_encoder)
    before = found(index_path, hash_encoder)
    fill(archive, {f"{n}.txt": f"Article number {n} is about the number {n}." for n in range(10)})
    with pytest.raises(RuntimeError, match="the encoder broke"):
        build(archive, index_path, HashEncoder(fail_after=8))
    assert found(index_path, hash_encoder) == before
    assert check(index_path) == []
    assert counts(build(archive, index_path, hash_encoder)) == (2, 10, 0, 0, 3, 2)
    assert check(index_path) == []


def test_a_first_build_that_dies_leaves_no_index_and_is_gone_on_with(archive: Path, index_path: Path) -> None:
    fill(archive)
    with pytest.raises(RuntimeError, match="the encoder broke"):
        build(archive, index_path, HashEncoder(fail_after=0))
    with pytest.raises(IndexMissingError, match=r"the first build of .* never ended: run `onrecord build`"):
        Index.open(index_path)
    assert counts(build(archive, index_path, HashEncoder())) == (1, 3, 0, 0, 0, 3)


def test_a_build_that_dies_while_writing_leaves_the_generation_before(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    before = found(index_path, hash_encoder)
    (archive / "fish.txt").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(commit_module, "_set_index_files", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            build(archive, index_path, hash_encoder)
    assert found(index_path, hash_encoder) == before
    assert len(list(generation_folders(index_path))) == 1
    assert counts(build(archive, index_path, hash_encoder)) == (2, 0, 0, 1, 2, 0)
    assert check(index_path) == []


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


HOLD_LOCK = """
import sys
from pathlib import Path
from rag.index.files import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(index_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is building the index."""
    index_path.mkdir()
    command = [sys.executable, "-c", HOLD_LOCK, str(index_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_build_is_refused_at_once_with_the_holder(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, holder: subprocess.Popen[str]
) -> None:
    fill(archive)
    started = time.monotonic()
    with pytest.raises(IndexLockedError, match=rf"is being built by process {holder.pid} \(since 20"):
        build(archive, index_path, hash_encoder)
    assert time.monotonic() - started < 2
    holder.kill()
    holder.wait()
    assert counts(build(archive, index_path, hash_encoder)) == (1, 3, 0, 0, 0, 3)


@pytest.mark.parametrize("bad", [np.full((3, 32), np.nan), np.ones((3, 31)), np.ones((2, 32))])
def test_an_encoder_that_gives_no_vectors_is_refused(archive: Path, index_path: Path, bad: Any) -> None:
    fill(archive)
    encoder = HashEncoder()
    encoder.encode = lambda texts, progress=None: bad  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match=r"the encoder 'hash' returned .* name another encoder"):
        build(archive, index_path, encoder)


def test_two_threads_cannot_build_at_once(archive: Path, index_path: Path) -> None:
    fill(archive)

    class Slow(HashEncoder):
        def encode(self, texts: Any, progress: Callable[[int], None] | None = None) -> Any:
            with pytest.raises(IndexLockedError):
                build(archive, index_path, HashEncoder())
            return super().encode(texts, progress)

    assert counts(build(archive, index_path, Slow())) == (1, 3, 0, 0, 0, 3)


# One generation from the first read to the last


def test_a_snapshot_stands_still_while_builds_go_on(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    index = Index.open(index_path)
    with index.snapshot() as early, Index.open(index_path).snapshot() as unread:
        before = [_plain(hit) for query in QUERIES for hit in retrieve(early, hash_encoder, analyse(query))]
        for n in range(3):  # the third removes the folder of the first generation
            fill(archive, {"fish.txt": f"Version {n} of the lobster story, with other words."})
            build(archive, index_path, hash_encoder)
            for snapshot in (early, unread) if n == 2 else (early,):
                now = [_plain(hit) for query in QUERIES for hit in retrieve(snapshot, hash_encoder, analyse(query))]
                assert (snapshot.generation, now) == (1, before)
        with index.snapshot() as late:
            assert late.generation == 4
            article = late.article("fish.txt")
            assert article is not None
            assert article.text.startswith("Version 2")
        assert unread.notes == ()  # its files went because newer ones are there, not by damage


def test_one_open_index_serves_threads_during_builds(archive: Path, index_path: Path) -> None:
    encoder = HashEncoder()
    fill(archive)
    build(archive, index_path, encoder)
    index = Index.open(index_path, encoder)
    problems: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with index.snapshot() as snapshot:
                hits = retrieve(snapshot, encoder, analyse("version of the lobster story"))
                versions = {hit.passage.text.split(":")[0] for hit in hits if "lobster" in hit.passage.text}
                if versions - {f"{snapshot.generation}"} or len(hits) < 3:
                    problems.append(f"generation {snapshot.generation} gave {versions} in {len(hits)} hits")

    for name in ("fish.txt", "sea.txt"):
        (archive / name).write_text("2: a version of the lobster story.")
    build(archive, index_path, encoder)
    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for generation in range(3, 9):
        for name in ("fish.txt", "sea.txt"):
            (archive / name).write_text(f"{generation}: a version of the lobster story.")
        build(archive, index_path, encoder)
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []


def test_only_this_generation_and_the_two_before_stay_on_the_disk(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    orphan = index_path / "derived-000002-0123abcd"
    orphan.mkdir()
    for n in range(3):
        fill(archive, {"new.txt": f"Words of version {n}."})
        build(archive, index_path, hash_encoder)
    assert [generation for generation, _ in generation_folders(index_path)] == [2, 3, 4]
    assert not orphan.exists()


# Damage


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


HARM: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda data: None,
    "empty": lambda data: b"",
    "truncated": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "flipped": _flipped,
}


def harm(path: Path, how: str) -> None:
    """Put a damaged file in the place of one; in place it would pull the memory map from under an open index."""
    content = HARM[how](path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def derived_files(index: Path) -> list[Path]:
    with catalog.reader(index) as (connection, meta):
        return [index / file.name for file in catalog.index_files(connection, meta.generation)]


@pytest.mark.parametrize("how", HARM)
def test_damaged_derived_files_change_no_answer_and_a_build_mends_them(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, how: str
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    before = found(index_path, hash_encoder)
    for kind in ("vectors-000001.faiss", "meta.json", ".term", ".managed.json"):
        (victim,) = [path for path in derived_files(index_path) if path.name.endswith(kind)]
        harm(victim, how)
        assert found(index_path, hash_encoder) == before
        with Index.open(index_path).snapshot() as snapshot:
            (note,) = snapshot.notes
        assert str(victim) in note
        assert note.endswith("searching a copy made from the catalog: run `onrecord repair` to write it again")
        (problem,) = check(index_path)
        assert (str(victim) in problem.what, problem.repair) == (True, "onrecord repair")
        assert counts(build(archive, index_path, HashEncoder(fail_after=0))) == (1, 0, 0, 0, 3, 0)
        assert check(index_path) == []


def test_a_missing_derived_folder_is_made_up_for(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    before = found(index_path, hash_encoder)
    for _, folder in generation_folders(index_path):
        shutil.rmtree(folder)
    assert found(index_path, hash_encoder) == before


def damage_catalog(index: Path) -> None:
    """Overwrite the middle of the file, leaving its header."""
    path = index / CATALOG_FILE
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def test_a_damaged_catalog_is_refused_and_force_begins_anew(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    before = found(index_path, hash_encoder)
    for n in (1, 2):
        damage_catalog(index_path)
        damaged = (index_path / CATALOG_FILE).read_bytes()
        for attempt in (lambda: build(archive, index_path, hash_encoder), lambda: found(index_path, hash_encoder)):
            with pytest.raises(IndexDamagedError, match=r"is damaged .*: run `onrecord repair`"):
                attempt()
        assert check(index_path)[0].repair == "onrecord repair"
        assert counts(build(archive, index_path, hash_encoder, force=True)) == (n + 1, 3, 0, 0, 0, 3)
        assert (index_path / f"{CATALOG_FILE}.damaged-{n}").read_bytes() == damaged
        assert found(index_path, hash_encoder) == before
        assert check(index_path) == []


def test_a_foreign_database_is_set_aside_only_by_force(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive)
    index_path.mkdir()
    with closing(sqlite3.connect(index_path / CATALOG_FILE)) as foreign:
        foreign.execute("CREATE TABLE bookmarks (url TEXT)")
        foreign.commit()
    with pytest.raises(IndexIncompatibleError, match="another program"):
        build(archive, index_path, hash_encoder)
    build(archive, index_path, hash_encoder, force=True)
    with closing(sqlite3.connect(index_path / f"{CATALOG_FILE}.damaged-1")) as foreign:
        assert foreign.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_another_encoder_is_refused_until_forced(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    other = HashEncoder("other", dimension=16)
    with pytest.raises(IndexIncompatibleError, match=r"encoder 'hash', not 'other': .*onrecord build --force"):
        build(archive, index_path, other)
    with pytest.raises(IndexIncompatibleError, match=r"encoder 'hash', not 'all-MiniLM-L6-v2': .*--force"):
        Index.open(index_path, "minilm")
    index = Index.open(index_path, "hash")
    assert counts(build(archive, index_path, other, force=True)) == (2, 0, 0, 0, 3, 3)
    with pytest.raises(IndexIncompatibleError, match="encoder 'other', not 'hash'"), index.snapshot():
        pass
    assert (status(index_path)["encoder"], status(index_path)["dimension"], status(index_path)["vectors"]) == (
        "other",
        16,
        3,
    )
    assert check(index_path) == []


def test_force_encodes_everything_again(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    assert counts(build(archive, index_path, hash_encoder, force=True)) == (2, 0, 0, 0, 3, 3)
    assert check(index_path) == []


SPOIL = {
    "UPDATE articles SET text = replace(text, 'minister', 'sinister')": "is not what was stored",
    "UPDATE articles SET title = 'Another' WHERE path = 'auto.txt'": "is not what was stored",
    'UPDATE passages SET "end" = "end" + 1000': "does not lie in its text",
    "UPDATE passages SET start = start + 1": "has the vector of other words",
    "UPDATE vectors SET vector = zeroblob(length(vector))": "3 vectors are not what was stored",
    "UPDATE vectors SET vector = zeroblob(length(vector)), crc = crc(key, zeroblob(length(vector)))": (
        "3 vectors are not of unit length"
    ),
    "UPDATE vectors SET vector = x'00', crc = crc(key, x'00')": "has no vector of 32 numbers",
    "DELETE FROM vectors": "has no vector of 32 numbers",
    "DELETE FROM articles WHERE path = 'auto.txt'": "a row of passages refers to a row of articles",
    "UPDATE vectors SET vector = (SELECT vector FROM vectors AS v WHERE v.key <> vectors.key)": (
        "2 vectors are not what was stored"  # the last one is given back what was its own
    ),
    """UPDATE vectors SET (vector, crc) =
        (SELECT vector, crc(vectors.key, vector) FROM vectors AS v WHERE v.key <> vectors.key)""": "has other vectors",
    "UPDATE passages SET segment = NULL WHERE start = 0": "has the vectors of 3 passages, the catalog gives it 0",
    "UPDATE passages SET segment = 7": "gives passages to vector segment 7, which is not there",
    "UPDATE meta SET value = '31' WHERE key = 'dimension'": "has no vector of 31 numbers",
    "DELETE FROM derived": "the catalog names no index files",
    "UPDATE meta SET value = 'some' WHERE key = 'dimension'": "the catalog does not say how it was built",
    "DROP INDEX passages_by_vector": "has no index passages_by_vector on passages as this version makes it",
    "DROP TABLE failures": "has no table failures as this version makes it",
}


@pytest.mark.parametrize("statement", SPOIL)
def test_check_finds_what_does_not_hold(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, statement: str
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    assert check(index_path) == []
    with closing(sqlite3.connect(index_path / CATALOG_FILE)) as connection:
        connection.create_function("crc", 2, catalog.vector_crc)
        connection.execute(statement)
        connection.commit()
    assert SPOIL[statement] in " ".join(problem.what for problem in check(index_path))


def test_check_finds_any_bit_of_a_vector_that_is_flipped(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive)
    build(archive, index_path, hash_encoder)
    with closing(sqlite3.connect(index_path / CATALOG_FILE, isolation_level=None)) as connection:
        rowid, vector = connection.execute("SELECT rowid, vector FROM vectors LIMIT 1").fetchone()
        for place in (0, 31, 32 * 5 + 31, 32 * 31):  # the least bit of a number, and its sign
            flipped = bytearray(vector)
            flipped[place // 8] ^= 1 << place % 8
            connection.execute("UPDATE vectors SET vector = ? WHERE rowid = ?", (bytes(flipped), rowid))
            assert [problem.what for problem in check(index_path)] == ["1 vectors are not what was stored"]
        connection.execute("UPDATE vectors SET vector = ? WHERE rowid = ?", (vector, rowid))
    assert check(index_path) == []


def test_check_knows_the_encoder_that_built_the_index(archive: Path, index_path: Path) -> None:
    fill(archive)
    build(archive, index_path, HashEncoder())
    assert check(index_path, HashEncoder()) == []
    (named,) = check(index_path, "minilm")
    assert (named.what, named.repair) == (
        f"{index_path} was built with the encoder 'hash', not 'all-MiniLM-L6-v2': name that one, or run "
        "`onrecord build --force` to encode everything again",
        "onrecord build --force",
    )
    (changed,) = check(index_path, Changed())
    assert (changed.what, changed.repair) == (
        "the encoder 'hash' gives other vectors than the index has: it is not the one that built it",
        "onrecord build --force",
    )
    build(archive, index_path, Changed(), force=True)
    assert check(index_path, Changed()) == []


class Changed(HashEncoder):
    """Another model of the same name."""

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        return super().encode([text[::-1] for text in texts], progress)


# Reading


def test_opening_what_was_never_built_says_what_to_do(index_path: Path) -> None:
    for attempt in (Index.open, status, check):
        with pytest.raises(IndexMissingError, match=f"no index in {index_path}: run `onrecord build`"):
            attempt(index_path)


def test_status_says_what_the_index_holds(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    texts = list(TEXTS.values())
    rows: list[dict[str, Any]] = [
        {"id": "1", "text": texts[0], "publisher": "The Coast", "published": "2025-03-01"},
        {"id": "2", "text": texts[1], "publisher": "The Coast", "published": "2024-12-24T18:00:00Z"},
        {"id": "3", "text": texts[2]},
    ]
    records(archive / "wire.jsonl", rows)
    build(archive, index_path, hash_encoder)
    facts = status(index_path)
    size = sum(path.stat().st_size for path in index_path.rglob("*") if path.is_file())
    assert facts.pop("built_at").startswith("20")
    assert abs(facts.pop("bytes") - size) <= 100_000  # the files that SQLite has only while it is open
    assert facts == {
        "index": str(index_path),
        "generation": 1,
        "articles": 3,
        "passages": 3,
        "vectors": 3,
        "pending": 0,
        "first_published": "2024-12-24",
        "last_published": "2025-03-01",
        "undated": 1,
        "publishers": {"The Coast": 2},
        "failures": [],
        "encoder": "hash",
        "dimension": 32,
        "format": 3,
        "version": rag.__version__,
    }


def test_articles_and_passages_are_found_by_what_names_them(seed_archive: Index) -> None:
    with seed_archive.snapshot() as snapshot:
        articles = list(snapshot.articles())
        assert [article.path[:3] for article in articles] == ["000", "001", "002", "003", "004"]
        for article in articles:
            assert snapshot.article(article.id) == article
            assert snapshot.article(article.path) == article
            passages = snapshot.article_passages(article)
            ids = [queries.passage_id(article.id, passage.start, passage.end) for passage in passages]
            assert snapshot.passages(reversed(ids)) == passages[::-1]
            assert snapshot.passage(ids[0]) == passages[0]
        assert snapshot.article("no such article") is None
        with pytest.raises(KeyError):
            snapshot.passage(0)


def test_every_passage_of_the_seeds_is_a_slice_of_its_article(seed_index: Path) -> None:
    assert check(seed_index) == []
    facts = status(seed_index)
    assert (facts["articles"], facts["undated"], facts["failures"]) == (5, 5, [])
    with Index.open(seed_index).snapshot() as snapshot:
        assert len(snapshot.dense) == len(snapshot.lexical) == facts["passages"]
        for article in snapshot.articles():
            spans = [(passage.start, passage.end) for passage in snapshot.article_passages(article)]
            assert spans == sorted(spans)
            assert "".join(article.text[a:b] for a, b in spans).split() != []
            covered = np.zeros(len(article.text), dtype=bool)
            for start, end in spans:
                assert not covered[start:end].any()
                covered[start:end] = True
            assert not "".join(c for c, seen in zip(article.text, covered, strict=True) if not seen).strip()
