"""Repairing: what was wrong, what was done, and that the index answers as before; what is refused is left alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rag.cli import main
from rag.errors import (
    ConfigError,
    IndexDamagedError,
    IndexIncompatibleError,
    IndexLockedError,
    IndexMissingError,
    SourceError,
)
from rag.index import repair
from rag.index.build import build
from rag.index.catalog import CATALOG_FILE
from rag.index.check import check
from rag.index.files import writer_lock
from rag.index.generations import generation_folders
from tests.conftest import HashEncoder
from tests.index.test_index import content, damage_catalog, fill, found


@pytest.fixture(autouse=True)
def built(archive: Path, index_path: Path) -> None:
    fill(archive)
    build(archive, index_path, HashEncoder())


def spoil(index: Path, *statements: str) -> None:
    with closing(sqlite3.connect(index / CATALOG_FILE, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def mended(archive: Path, index: Path, encoded: int) -> repair.Repair:
    """Repair, and see that all holds, that so many texts were encoded, and that a second repair has nothing to do."""
    encoder = HashEncoder()
    report = repair.repair(archive, index, encoder)
    assert (report.remaining, check(index), len(encoder.encoded)) == ((), [], encoded)
    assert repair.repair(archive, index, encoder).done == ()
    return report


def test_a_sound_index_is_left_alone(archive: Path, index_path: Path) -> None:
    before = (index_path / CATALOG_FILE).read_bytes()
    report = mended(archive, index_path, encoded=0)
    assert report.to_json() == {"problems": [], "done": [], "generation": 1}
    assert (index_path / CATALOG_FILE).read_bytes() == before


def test_derived_files_come_from_the_catalog_without_articles_or_encoding(archive: Path, index_path: Path) -> None:
    before = found(index_path, HashEncoder())
    for _, folder in generation_folders(index_path):
        for path in folder.rglob("*"):
            if path.is_file():
                path.unlink()
    for path in archive.iterdir():
        path.unlink()
    report = mended(archive, index_path, encoded=0)
    assert report.done == ("wrote the vector and lexical files again from the catalog; nothing was encoded",)
    assert [problem.repair for problem in report.problems] == ["onrecord repair"]
    assert (report.generation, found(index_path, HashEncoder())) == (1, before)
    assert len(list(generation_folders(index_path))) == 1


def test_a_damaged_catalog_is_built_again_from_the_articles(archive: Path, index_path: Path) -> None:
    before, was = found(index_path, HashEncoder()), content(index_path)
    damage_catalog(index_path)
    damaged = (index_path / CATALOG_FILE).read_bytes()
    report = mended(archive, index_path, encoded=3)
    assert report.done == (
        f"set the damaged catalog aside as {index_path / CATALOG_FILE}.damaged-1",
        "kept 0 vectors",
        f"built generation 2 from {archive}: 3 articles, 3 passages, 3 texts encoded",
    )
    assert (index_path / f"{CATALOG_FILE}.damaged-1").read_bytes() == damaged
    assert (report.generation, found(index_path, HashEncoder()), content(index_path)) == (2, before, was)


BAD_VECTOR = "UPDATE vectors SET vector = zeroblob(length(vector)) WHERE rowid = 2"


@pytest.mark.parametrize(
    ("statements", "encoded", "kept"),
    [
        (["UPDATE articles SET text = replace(text, 'minister', 'sinister')"], 0, "kept 3 vectors"),
        (['UPDATE passages SET "end" = "end" - 1'], 0, "kept 3 vectors"),
        (["UPDATE meta SET value = 'some' WHERE key = 'dimension'"], 0, "kept 3 vectors"),
        (["UPDATE meta SET value = CAST(x'68cc68' AS TEXT) WHERE key = 'recipe'"], 0, "kept 3 vectors"),
        (["DROP TABLE failures"], 0, "kept 3 vectors"),
        ([BAD_VECTOR], 1, "kept 2 vectors and gave up 1 that are damaged"),
        (["UPDATE vectors SET vector = x'00' WHERE rowid = 2"], 1, "kept 2 vectors and gave up 1 that are damaged"),
        (["UPDATE vectors SET key = x'00' WHERE rowid = 2"], 1, "kept 2 vectors and gave up 1 that are damaged"),
        (["UPDATE vectors SET crc = crc + 1 WHERE rowid = 2"], 1, "kept 2 vectors and gave up 1 that are damaged"),
        (["DROP TABLE vectors"], 3, "kept 0 vectors"),
    ],
)
def test_good_vectors_are_kept(archive: Path, index_path: Path, statements: list[str], encoded: int, kept: str) -> None:
    before, was = found(index_path, HashEncoder()), content(index_path)
    spoil(index_path, *statements)
    report = mended(archive, index_path, encoded)
    assert report.done[1] == kept
    assert (found(index_path, HashEncoder()), content(index_path)) == (before, was)


def test_a_damaged_vector_of_a_build_that_was_cut_off_is_encoded_again(archive: Path, index_path: Path) -> None:
    spoil(index_path, "UPDATE passages SET segment = NULL", "UPDATE vectors SET crc = crc + 1 WHERE rowid = 2")
    with pytest.raises(IndexDamagedError, match="is not what was stored: run `onrecord repair`"):
        build(archive, index_path, HashEncoder())
    assert mended(archive, index_path, encoded=1).done[1] == "kept 2 vectors and gave up 1 that are damaged"


def test_what_cannot_be_read_any_more_is_told(archive: Path, index_path: Path) -> None:
    spoil(index_path, "UPDATE articles SET title = 'Another'")
    (archive / "fish.txt").write_bytes(b"\0\1\2" * 50)
    assert mended(archive, index_path, encoded=0).done[-1].startswith("not indexed: fish.txt: ")


# What is refused, and left as it is


def test_without_articles_or_encoder_a_damaged_catalog_stays(archive: Path, index_path: Path, tmp_path: Path) -> None:
    spoil(index_path, "UPDATE articles SET title = 'Another'")
    before = (index_path / CATALOG_FILE).read_bytes()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SourceError, match=f"no articles in {empty} to build the damaged index from: name .* --seeds"):
        repair.repair(empty, index_path, HashEncoder())
    with pytest.raises(SourceError, match="does not exist"):
        repair.repair(tmp_path / "nowhere", index_path, HashEncoder())
    spoil(index_path, "UPDATE meta SET value = '/nowhere/at/all' WHERE key = 'encoder'")
    with pytest.raises(ConfigError, match="/nowhere/at/all"):
        repair.repair(archive, index_path, "/nowhere/at/all")
    spoil(index_path, "UPDATE meta SET value = 'hash' WHERE key = 'encoder'")
    assert [path.name for path in index_path.iterdir() if "damaged" in path.name] == []
    assert len((index_path / CATALOG_FILE).read_bytes()) == len(before)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE meta SET value = 'other' WHERE key = 'encoder'",
            "encoder 'other', not 'hash': .*onrecord build --force",
        ),
        ("PRAGMA user_version = 99", "has format 99, .* run `onrecord build --force`"),
        ("PRAGMA application_id = 7", "database of another program: run `onrecord build --force`"),
    ],
)
def test_what_is_not_ours_is_refused(archive: Path, index_path: Path, statement: str, message: str) -> None:
    spoil(index_path, statement)
    before = (index_path / CATALOG_FILE).read_bytes()
    with pytest.raises(IndexIncompatibleError, match=message):
        repair.repair(archive, index_path, HashEncoder())
    assert (index_path / CATALOG_FILE).read_bytes() == before


def test_nothing_to_repair_is_said(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="run `onrecord build`"):
        repair.repair(archive, tmp_path / "none", HashEncoder())


def test_a_build_under_way_is_not_disturbed(archive: Path, index_path: Path) -> None:
    damage_catalog(index_path)
    with writer_lock(index_path), pytest.raises(IndexLockedError, match="is being built by process"):
        repair.repair(archive, index_path, HashEncoder())


# The command


def test_the_command_says_what_was_wrong_and_what_was_done(
    archive: Path, index_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRECORD_ENCODER", "hash")
    monkeypatch.setattr(repair, "load_encoder", lambda name: HashEncoder())
    arguments = ["repair", "--seeds", str(archive), "--index", str(index_path)]
    assert main.main(arguments) == 0
    assert capsys.readouterr().out == f"{index_path}: every checksum and invariant holds; nothing to repair\n"
    spoil(index_path, BAD_VECTOR)
    assert main.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "wrong: 1 vectors are not what was stored"
    assert lines[-1] == f"done: built generation 2 from {archive}: 3 articles, 3 passages, 1 texts encoded"
    spoil(index_path, "DELETE FROM derived")
    assert main.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "problems": [{"what": "the catalog names no index files", "repair": "onrecord repair"}],
        "done": ["wrote the vector and lexical files again from the catalog; nothing was encoded"],
        "generation": 2,
    }


def test_what_no_repair_mends_is_an_error(
    archive: Path, index_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.index.check import Problem

    monkeypatch.setenv("ONRECORD_ENCODER", "hash")
    missing = Problem("the embedded encoder is not installed", "pip install it", "environment")
    monkeypatch.setattr(repair, "check", lambda index: [missing])
    assert main.main(["repair", "--seeds", str(archive), "--index", str(index_path)]) == 1
    assert capsys.readouterr().err == "onrecord: the embedded encoder is not installed; repair: pip install it\n"
