"""An index that grows: words before vectors, files linked instead of written again, and nothing lost when cut off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import IndexIncompatibleError
from rag.index import bm25, catalog, files, generations, segments, vectors
from rag.index import build as build_module
from rag.index.build import build
from rag.index.check import check, status
from rag.index.reader import Index
from rag.index.repair import repair
from rag.index.segments import _OldSegment, _to_merge
from rag.index.vectors import Bytes
from rag.models.base import Floats
from rag.query.analysis import analyse
from rag.retrieval.hybrid import retrieve
from tests.conftest import HashEncoder
from tests.index.test_index import content, found

WORDS = "auto fish rail snow port grain tariff minister lobster talks price north".split()


def text(n: int) -> str:
    """An article of three words, of which no two neighbours have the same."""
    return f"Article {n}: the {WORDS[n % 12]} and the {WORDS[n // 12 % 12]}, said number {n}."


def fill(archive: Path, numbers: Sequence[int]) -> None:
    for n in numbers:
        (archive / f"{n:03}.txt").write_text(text(n))


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds that think little is much: words first from 5 texts on, windows of 4, commits as often as may be."""
    monkeypatch.setattr(build_module, "MANY_TEXTS", 4)
    monkeypatch.setattr(build_module, "ENCODE_WINDOW", 4)
    monkeypatch.setattr(build_module, "COMMIT_SECONDS", 0.0)


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lexical index that is never too small to grow."""
    monkeypatch.setattr(generations, "FEW_PASSAGES", 0)


class Watching(HashEncoder):
    """Calls back before it encodes, as long as a build that others read meanwhile would."""

    def __init__(self, watch: Callable[[], None]) -> None:
        super().__init__()
        self.watch = watch

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        self.watch()
        return super().encode(texts, progress)


def known(index: Path) -> tuple[int, int, int]:
    """Return generation, passages with a vector, passages without."""
    facts = status(index)
    return facts["generation"], facts["vectors"], facts["pending"]


def names(index: Path, suffix: str) -> list[str]:
    """Return the files of the generation that end so, without their folder."""
    with catalog.reader(index) as (connection, meta):
        return [
            Path(file.name).name
            for file in catalog.index_files(connection, meta.generation)
            if file.name.endswith(suffix)
        ]


# Words first


@pytest.mark.usefixtures("eager")
def test_a_large_first_build_answers_by_words_and_then_in_growing_batches(archive: Path, index_path: Path) -> None:
    fill(archive, range(40))
    seen: list[tuple[int, int, int]] = []

    def watch() -> None:
        assert check(index_path) == []
        seen.append(known(index_path))
        with Index.open(index_path).snapshot() as snapshot:
            hits = retrieve(snapshot, HashEncoder(), analyse("article said number 39"), k=40)
            assert len(hits) == 40
            assert sum("dense" in hit.stages for hit in hits) == seen[-1][1]
            assert hits[0].passage.article.path == "039.txt"
            assert snapshot.notes == (
                f"{seen[-1][2]} of 40 passages have no vector yet and are found by their words alone: "
                "`onrecord build` goes on with them",
            )

    report = build(archive, index_path, Watching(watch))
    assert seen == [(1, 0, 40), (2, 4, 36), (3, 8, 32), (3, 8, 32), *[(4, 16, 24)] * 4, (5, 32, 8), (5, 32, 8)]
    assert (report.generation, report.encoded, report.added, report.unchanged) == (6, 40, 40, 0)
    assert known(index_path) == (6, 40, 0)
    assert check(index_path) == []


@pytest.mark.usefixtures("eager")
def test_a_small_build_is_one_generation(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive, range(4))
    assert build(archive, index_path, hash_encoder).generation == 1
    fill(archive, range(4, 8))
    assert build(archive, index_path, hash_encoder).generation == 2
    assert known(index_path) == (2, 8, 0)


@pytest.mark.usefixtures("eager")
def test_a_generation_is_not_given_up_for_one_with_half_its_vectors(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive, range(12))
    build(archive, index_path, hash_encoder)
    for n in range(7):
        (archive / f"{n:03}.txt").write_text(f"Something else about {n}.")
    seen: list[tuple[int, int, int]] = []
    build(archive, index_path, Watching(lambda: seen.append(known(index_path))))
    assert set(seen) == {(4, 12, 0)}
    build(archive, index_path, Watching(lambda: seen.append(known(index_path))), force=True)
    assert set(seen) == {(4, 12, 0), (5, 12, 0)}
    assert (known(index_path), check(index_path)) == ((6, 12, 0), [])


class Killed(BaseException):
    pass


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("windows", range(11))
def test_a_build_cut_off_between_commits_is_gone_on_with(archive: Path, index_path: Path, windows: int) -> None:
    fill(archive, range(40))
    left = iter(range(windows))

    def cut_off() -> None:
        if next(left, None) is None:
            raise Killed

    if windows < 10:
        with pytest.raises(Killed):
            build(archive, index_path, Watching(cut_off))
    else:
        build(archive, index_path, Watching(cut_off))
    assert check(index_path) == []
    before = known(index_path)
    assert before[1:] == {0: (0, 40), 1: (4, 36), 2: (8, 32), 3: (8, 32), 8: (32, 8), 9: (32, 8), 10: (40, 0)}.get(
        windows, (16, 24)
    )
    rest = HashEncoder()
    report = build(archive, index_path, rest)
    assert (report.unchanged, report.encoded) == (40, 40 - 4 * windows)
    assert len(rest.encoded) == 40 - 4 * windows
    assert (report.generation > before[0]) == (windows < 10)
    assert known(index_path)[1:] == (40, 0)
    assert check(index_path) == []
    build(archive, index_path.with_name("once"), HashEncoder())
    assert content(index_path) == content(index_path.with_name("once"))
    assert found(index_path, rest, WORDS) == found(index_path.with_name("once"), rest, WORDS)


DIE = """
import os, sys
from pathlib import Path
from rag.index import build as build_module, commit as commit_module
from rag.index.build import build
from tests.conftest import HashEncoder
build_module.MANY_TEXTS, build_module.ENCODE_WINDOW, build_module.COMMIT_SECONDS = 4, 4, 0.0
left = int(sys.argv[3])
step = commit_module._set_index_files if sys.argv[4] == "in" else commit_module._remove_unused_folders
def die(*arguments):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    return step(*arguments)
setattr(commit_module, step.__name__, die)
build(Path(sys.argv[1]), Path(sys.argv[2]), HashEncoder())
"""


@pytest.mark.parametrize(("commits", "where"), [(0, "in"), (0, "after"), (1, "in"), (2, "after"), (3, "in")])
def test_a_build_killed_at_a_commit_leaves_the_one_before_or_the_new_one(
    archive: Path, index_path: Path, commits: int, where: str
) -> None:
    fill(archive, range(20))
    command = [sys.executable, "-c", DIE, str(archive), str(index_path), str(commits), where]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    count = commits + (where == "after")
    if count:
        assert check(index_path) == []
        assert known(index_path)[0] == count
        assert len(found(index_path, HashEncoder(), ["article"])[0]) == 10
    build(archive, index_path, HashEncoder())
    assert known(index_path)[1:] == (20, 0)
    assert check(index_path) == []
    with catalog.reader(index_path) as (connection, _):
        named = {name.split("/")[0] for (name,) in connection.execute("SELECT name FROM derived")}
    assert {folder.name for _, folder in generations.generation_folders(index_path)} == named


@pytest.mark.usefixtures("eager")
def test_what_changes_while_vectors_are_missing_is_encoded_as_it_is_now(archive: Path, index_path: Path) -> None:
    fill(archive, range(20))
    with pytest.raises(Killed):
        build(archive, index_path, Watching(_killed))
    (archive / "003.txt").unlink()
    (archive / "004.txt").write_text("Changed before it had a vector.")
    encoder = HashEncoder()
    build(archive, index_path, encoder)
    assert known(index_path)[1:] == (19, 0)
    assert sorted(encoder.encoded) == sorted(
        ["Changed before it had a vector.", *(text(n) for n in range(20) if n not in (3, 4))]
    )
    assert check(index_path) == []


def _killed() -> None:
    raise Killed


# Growing


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(st.integers(0, 25), st.none() | st.integers(0, 11), min_size=1), min_size=1, max_size=6)
)
@pytest.mark.slow
@pytest.mark.usefixtures("grown")
def test_growing_step_by_step_comes_to_the_same_as_building_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[int, int | None]]
) -> None:
    """Each step writes files, each with a version of its text, or deletes them."""
    root, encoder = tmp_path_factory.mktemp("growth"), HashEncoder()
    (root / "seeds").mkdir()
    fill(root / "seeds", range(100, 160))
    for step in steps:
        build(root / "seeds", root / "grown", encoder)
        for n, version in step.items():
            path = root / "seeds" / f"{n:03}.txt"
            if version is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(f"{text(n)} {WORDS[version].capitalize()}!")
    build(root / "seeds", root / "grown", encoder)
    build(root / "seeds", root / "once", encoder)
    assert check(root / "grown") == []
    assert content(root / "grown") == content(root / "once")
    with Index.open(root / "grown").snapshot() as one, Index.open(root / "once").snapshot() as other:
        for word in WORDS:
            vector = encoder.encode([word])[0]
            assert one.dense.search(vector, 20) == other.dense.search(vector, 20)
            ids = [id_ for id_, _ in one.lexical.search(word, 200)]
            assert set(ids) == {id_ for id_, _ in other.lexical.search(word, 200)}
            dead = bm25.count_passages(
                next((root / "grown").glob(f"derived-{one.generation:06d}-*")) / generations.LEXICAL
            )[1]
            if not dead:  # else the words of the dead are still counted
                assert one.lexical.search(word, 20) == other.lexical.search(word, 20)


@pytest.mark.usefixtures("grown")
def test_a_large_segment_grows_shrinks_is_damaged_and_mended_as_a_small_one(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(archive, range(60))
    build(archive, index_path.with_name("scanned"), hash_encoder)
    monkeypatch.setattr(vectors, "MAX_EXACT_VECTORS", 25)
    fill(archive, range(30))
    for n in range(30, 60):
        (archive / f"{n:03}.txt").unlink()
    build(archive, index_path, hash_encoder)
    fill(archive, range(30, 62))
    build(archive, index_path, hash_encoder)
    for n in (3, 60, 61):
        (archive / f"{n:03}.txt").unlink()
    build(archive, index_path, hash_encoder)
    fill(archive, [3, 60])
    build(archive, index_path, hash_encoder)
    (archive / "060.txt").unlink()
    build(archive, index_path, hash_encoder)

    def cells() -> list[int]:
        with Index.open(index_path).snapshot() as snapshot:
            return [segment.ivf_lists for segment in snapshot.dense.segments]

    assert (cells(), check(index_path)) == ([15, 0], [])  # 60 and 2 passages, of which 2 and 1 are gone
    assert content(index_path) == content(index_path.with_name("scanned"))

    def hits(index: Path) -> list[list[tuple[str, int, int]]]:
        return [[hit[:3] for hit in ranked] for ranked in found(index, hash_encoder, WORDS)]

    expected = hits(index_path.with_name("scanned"))
    assert hits(index_path) == expected
    largest = max(index_path.glob("derived-*/*.faiss"), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    assert [problem.part for problem in check(index_path)] == ["index files"]
    assert hits(index_path) == expected
    assert repair(archive, index_path, hash_encoder).done == (
        "wrote the vector and lexical files again from the catalog; nothing was encoded",
    )
    assert (cells(), check(index_path)) == ([15], [])
    assert hits(index_path) == expected


@pytest.mark.usefixtures("grown")
def test_what_did_not_change_is_linked(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    fill(archive, range(100))
    build(archive, index_path, hash_encoder)
    old = _inodes(index_path)
    fill(archive, [100])
    build(archive, index_path, hash_encoder)
    new = _inodes(index_path)
    assert {name for name in old if old[name] != new[name]} == {"lexical/meta.json", "lexical/.managed.json"}
    added = new.keys() - old.keys()
    assert "vectors-000002.faiss" in added
    assert {name.split(".")[-1] for name in added} == {"faiss", "fast", "fieldnorm", "idx", "pos", "store", "term"}
    (archive / "000.txt").unlink()
    build(archive, index_path, hash_encoder)
    last = _inodes(index_path)
    assert {name.split(".")[-1] for name in last.keys() - new.keys()} == {"dead", "del"}
    assert last["vectors-000001.faiss"] == old["vectors-000001.faiss"]
    assert check(index_path) == []


def _inodes(index: Path) -> dict[str, int]:
    with catalog.reader(index) as (connection, meta):
        named = catalog.index_files(connection, meta.generation)
    return {file.name.split("/", 1)[1]: (index / file.name).stat().st_ino for file in named}


@pytest.mark.usefixtures("grown")
def test_a_file_system_without_links_gets_copies(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    fill(archive, range(30))
    build(archive, index_path, hash_encoder)
    fill(archive, [30])
    build(archive, index_path, hash_encoder)
    assert names(index_path, ".faiss") == ["vectors-000001.faiss", "vectors-000002.faiss"]
    assert check(index_path) == []
    assert {path.stat().st_nlink for path in index_path.rglob("*") if path.is_file()} == {1}


@pytest.mark.usefixtures("grown")
def test_readers_keep_the_files_of_their_generation_while_two_are_built(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    fill(archive, range(30))
    build(archive, index_path, hash_encoder)
    with Index.open(index_path).snapshot() as early, Index.open(index_path).snapshot() as unread:
        vector = hash_encoder.encode(["auto"])[0]
        before = early.lexical.search("auto", 50), early.dense.search(vector, 50)
        for n in (0, 1):
            (archive / f"{n:03}.txt").write_text("Another story about the auto.")
            build(archive, index_path, hash_encoder)
        for snapshot in (early, unread):
            assert (snapshot.lexical.search("auto", 50), snapshot.dense.search(vector, 50)) == before
            assert (snapshot.generation, snapshot.notes) == (1, ())


@pytest.mark.usefixtures("grown")
def test_an_open_index_reads_a_vector_segment_once(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(archive, range(30))
    build(archive, index_path, hash_encoder)
    index, read = Index.open(index_path), list[str]()
    verified = segments._verified

    def noting(index: Path, file: catalog.IndexFile) -> Bytes:
        read.append(Path(file.name).name)
        return verified(index, file)

    monkeypatch.setattr(segments, "_verified", noting)
    for n in (30, 31):
        with index.snapshot() as snapshot:
            assert len(snapshot.dense) == n
        fill(archive, [n])
        build(archive, index_path, hash_encoder)
    with index.snapshot() as snapshot:
        assert len(snapshot.dense) == 32
    assert read == ["vectors-000001.faiss", "vectors-000002.faiss", "vectors-000003.faiss"]


@pytest.mark.usefixtures("grown")
@pytest.mark.parametrize("kind", ["meta.json", ".term", "vectors-000001.faiss"])
def test_damaged_files_are_not_built_upon(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, kind: str
) -> None:
    fill(archive, range(30))
    build(archive, index_path, hash_encoder)
    (victim,) = index_path.glob(f"derived-*/**/*{kind}")
    data = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(data[:-1] if kind.endswith("faiss") else data[:-1] + b"\0")
    fill(archive, [30])
    build(archive, index_path, hash_encoder)
    assert check(index_path) == []
    with Index.open(index_path).snapshot() as snapshot:
        assert (len(snapshot.dense), len(snapshot.lexical), snapshot.notes) == (31, 31, ())


def test_a_changed_article_keeps_the_vectors_of_its_unchanged_passages(
    archive: Path, index_path: Path, hash_encoder: HashEncoder
) -> None:
    long = "\n\n".join(" ".join(text(n) for n in range(12)) for _ in range(8))
    (archive / "long.txt").write_text(long)
    passages = build(archive, index_path, hash_encoder).passages
    assert passages > 4
    (archive / "long.txt").write_text(long + "\n\nOne more paragraph, which nobody expected at the end of it.")
    build(archive, index_path, hash_encoder)
    dead = index_path / next(file for file in _names_with_folder(index_path) if file.endswith(".dead"))
    assert 0 < dead.stat().st_size // 8 <= 1
    assert check(index_path) == []


def _names_with_folder(index: Path) -> list[str]:
    with catalog.reader(index) as (connection, meta):
        return [file.name for file in catalog.index_files(connection, meta.generation)]


# Merging


@given(st.lists(st.integers(1, 200), max_size=80), st.randoms(use_true_random=False))
def test_segments_stay_few_and_mostly_alive(additions: list[int], random: Any) -> None:
    """Follow the sizes of segments over many builds, each of which adds passages and lets others die."""
    there: list[_OldSegment] = []
    for number, added in enumerate(additions, start=1):
        there = [_dying(segment, random.randint(0, segment.live // 5)) for segment in there]
        merged = _to_merge(there, added)
        whole = added + sum(segment.live for segment in merged)
        there = [segment for segment in there if segment not in merged]
        assert all(segment.live > 2 * added for segment in there)
        assert all(3 * len(segment.dead) <= segment.live for segment in there)
        there.append(_OldSegment(Path(), number, whole, np.empty(0, np.int64)))
        assert len(there) <= 2 + np.log(sum(segment.live for segment in there)) / np.log(1.5)


def _dying(segment: _OldSegment, count: int) -> _OldSegment:
    return _OldSegment(segment.path, segment.number, segment.live - count, np.append(segment.dead, np.arange(count)))


def test_one_article_at_a_time_makes_few_segments(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> None:
    counts = []
    for n in range(24):
        fill(archive, [n])
        build(archive, index_path, hash_encoder)
        counts.append(len(names(index_path, ".faiss")))
    assert counts == [1, 1, 1, 2, 1, 2, 2, 1, 2, 2, 2, 3, 1, 2, 2, 2, 3, 2, 3, 3, 1, 2, 2, 2]
    for n in range(0, 24, 2):
        (archive / f"{n:03}.txt").unlink()
        build(archive, index_path, hash_encoder)
        assert check(index_path) == []
    assert known(index_path)[1] == 12


# An index of the version before


@pytest.mark.parametrize("version", [1, 2])
def test_an_index_of_a_format_before_is_built_again_with_its_vectors(
    archive: Path, index_path: Path, hash_encoder: HashEncoder, version: int
) -> None:
    fill(archive, range(3))
    build(archive, index_path, hash_encoder)
    with closing(catalog.connect(index_path, write=True)) as connection:
        connection.execute("ALTER TABLE vectors DROP COLUMN crc")
        if version == 1:
            connection.execute("DROP INDEX passages_by_segment")
            connection.execute("ALTER TABLE passages DROP COLUMN segment")
        connection.execute(f"PRAGMA user_version = {version}")
    says = rf"has format {version}, this version of On Record reads 3: run `onrecord build`$"
    with pytest.raises(IndexIncompatibleError, match=says):
        Index.open(index_path)
    report = build(archive, index_path, HashEncoder(fail_after=0))
    assert (report.generation, report.added, report.encoded) == (2, 3, 0)
    assert check(index_path) == []


def test_a_link_is_a_second_name_and_never_replaces_a_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("words")
    files.link(one, two)
    assert two.samefile(one)
    with pytest.raises(FileExistsError):
        files.link(one, two)
