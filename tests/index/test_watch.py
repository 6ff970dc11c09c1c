"""Watching a real folder: what is dropped, saved, moved or removed there is in the next generation, and only then."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import IndexLockedError, OnRecordError, SourceError
from rag.index import watch as watch_module
from rag.index.build import BuildReport, build
from rag.index.files import writer_lock
from rag.index.staging import Progress
from rag.index.watch import watch
from tests.conftest import HashEncoder
from tests.index.test_index import TEXTS, fill, paths

SETTLE = 0.2  # seconds
SOON = 20.0  # seconds: longer than anything takes here
QUIET = 5 * SETTLE  # in which a build would have come


class Watched:
    """A watch in a thread, and its reports."""

    def __init__(self, archive: Path, index: Path) -> None:
        self.news: queue.Queue[BuildReport | OnRecordError] = queue.Queue()
        self.ended: OnRecordError | None = None
        self.stop = threading.Event()
        self.progress: Progress | None = None
        self._archive, self._index = archive, index
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            watch(self._archive, self._index, self._build, self.news.put, SETTLE, self.stop)
        except OnRecordError as error:
            self.ended = error

    def _build(self) -> BuildReport:
        return build(self._archive, self._index, HashEncoder(), progress=self.progress)

    def report(self) -> BuildReport:
        news = self.news.get(timeout=SOON)
        assert isinstance(news, BuildReport)
        return news

    def counts(self) -> tuple[int, int, int, int]:
        """Generation, added, changed and removed of the next build."""
        report = self.report()
        return report.generation, report.added, report.changed, report.removed

    def quiet(self) -> bool:
        time.sleep(QUIET)
        return self.news.empty()


@pytest.fixture
def watched(archive: Path, index_path: Path) -> Iterator[Watched]:
    """A watch over three articles, after its first build."""
    fill(archive)
    watched = Watched(archive, index_path)
    try:
        assert watched.counts() == (1, 3, 0, 0)
        yield watched
    finally:
        watched.stop.set()
        watched.thread.join()


def test_each_change_is_built_once(archive: Path, index_path: Path, watched: Watched) -> None:
    assert watched.quiet()
    (archive / "snow.txt").write_text("Snow closed the schools of the north for two days.")
    assert watched.counts() == (2, 1, 0, 0)
    (archive / "deep").mkdir()
    (archive / "deep" / "rain.txt").write_text("Rain fell on the south for two weeks without an end.")
    assert watched.counts() == (3, 1, 0, 0)
    (archive / "deep" / "rain.txt").write_text("Rain fell on the south for three weeks without an end.")
    assert watched.counts() == (4, 0, 1, 0)
    (archive / "snow.txt").unlink()
    assert watched.counts() == (5, 0, 0, 1)
    (archive / "fish.txt").rename(archive / "sea.txt")
    assert watched.counts() == (6, 1, 0, 1)
    assert watched.quiet()
    assert paths(index_path) == ["auto.txt", "deep/rain.txt", "rail.txt", "sea.txt"]


def test_an_atomic_save_is_one_change(archive: Path, watched: Watched) -> None:
    for temporary in (".fish.txt.swp", "fish.txt~"):
        (archive / temporary).write_text(f"Lobster prices rose, and {temporary} was there for a moment.")
        os.replace(archive / temporary, archive / "fish.txt")
        report = watched.report()
        assert (report.added, report.changed, report.removed, report.failures) == (0, 1, 0, ())
    assert watched.quiet()


def test_a_file_is_read_when_it_is_whole(archive: Path, watched: Watched) -> None:
    with (archive / "long.txt").open("w") as file:
        for n in range(12):
            file.write(f"Paragraph {n} of a long story about the harbour.\n")
            file.flush()
            time.sleep(SETTLE / 2)
        assert watched.news.empty()
    assert watched.counts() == (2, 1, 0, 0)
    assert watched.quiet()


def test_a_file_that_never_rests_does_not_keep_the_others_waiting(
    archive: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "MAX_WAIT_SECONDS", 5 * SETTLE)
    (archive / "snow.txt").write_text("Snow closed the schools of the north for two days.")
    with (archive / "log.txt").open("w") as file:
        for _ in range(200):
            file.write("And then something else happened in the harbour.\n")
            file.flush()
            time.sleep(SETTLE / 4)
            if not watched.news.empty():
                break
    assert watched.counts() == (2, 2, 0, 0)


def test_a_file_that_fails_is_tried_again_when_it_changes(archive: Path, watched: Watched) -> None:
    (archive / "snow.txt").write_bytes(b"\0\1\2" * 50)
    (failure,) = watched.report().failures
    assert failure.path == "snow.txt"
    assert watched.quiet()
    (archive / "snow.txt").write_text("Snow closed the schools of the north for two days.")
    report = watched.report()
    assert (report.added, report.failures) == (1, ())


def test_a_file_that_vanishes_before_it_is_read_is_no_end(archive: Path, watched: Watched) -> None:
    def vanish(stage: str, done: int, total: int) -> None:
        (archive / "snow.txt").unlink(missing_ok=True)

    watched.progress = vanish
    for name in ("rain", "snow"):  # found together, and read in this order
        (archive / f"{name}.txt").write_text(f"The {name} closed the schools of the north for two days.")
    report = watched.report()
    assert (report.added, [failure.path for failure in report.failures]) == (1, ["snow.txt"])
    report = watched.report()
    assert (report.generation, report.failures) == (2, ())
    assert watched.quiet()


def test_what_no_build_reads_is_no_change(archive: Path, tmp_path: Path) -> None:
    fill(archive)
    watched = Watched(archive, archive / "index")
    try:
        assert watched.counts() == (1, 3, 0, 0)
        (archive / "index" / "note.txt").write_text("This is not an article, but lies in the index.")
        (archive / ".hidden.txt").write_text("This is not an article either.")
        assert watched.quiet()
    finally:
        watched.stop.set()
        watched.thread.join()
    assert watched.ended is None


def test_another_build_is_waited_for(archive: Path, index_path: Path, watched: Watched) -> None:
    with writer_lock(index_path):
        (archive / "snow.txt").write_text("Snow closed the schools of the north for two days.")
        assert isinstance(watched.news.get(timeout=SOON), IndexLockedError)
        assert watched.quiet()
    assert watched.counts() == (2, 1, 0, 0)


def test_an_empty_folder_is_waited_upon(archive: Path, index_path: Path) -> None:
    watched = Watched(archive, index_path)
    try:
        assert isinstance(watched.news.get(timeout=SOON), SourceError)
        fill(archive)
        assert watched.counts() == (1, 3, 0, 0)
    finally:
        watched.stop.set()
        watched.thread.join()


def test_a_folder_that_is_not_there_or_goes_away_is_an_end(
    archive: Path, index_path: Path, tmp_path: Path, watched: Watched
) -> None:
    with pytest.raises(SourceError, match="nowhere is not there"):
        watch(tmp_path / "nowhere", index_path, lambda: pytest.fail("built"), lambda news: None)
    archive.rename(tmp_path / "elsewhere")
    watched.thread.join(SOON)
    assert isinstance(watched.ended, SourceError)
    assert len(paths(index_path)) == 3


def test_a_first_build_that_cannot_be_is_an_end(archive: Path, index_path: Path) -> None:
    fill(archive)
    build(archive, index_path, HashEncoder("other"))
    watched = Watched(archive, index_path)
    watched.thread.join(SOON)
    assert "was built with the encoder 'other'" in str(watched.ended)


COMMAND = """
import sys
import rag.index.build
from rag.cli import main
from tests.conftest import HashEncoder
rag.index.build.load_encoder = lambda name, many=False: HashEncoder()
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_each_build_and_ends_at_a_signal(archive: Path, index_path: Path, end: signal.Signals) -> None:
    fill(archive)
    as_json = end == signal.SIGTERM
    arguments = ["build", "--watch", "--seeds", str(archive), "--index", str(index_path), *["--json"] * as_json]
    command = [sys.executable, "-c", COMMAND, *arguments]
    environment = {**os.environ, "ONRECORD_ENCODER": "hash"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        reports = process.stdout if as_json else process.stderr
        first = reports.readline()
        (archive / "fish.txt").write_text(TEXTS["rail.txt"])
        second = reports.readline()
        process.send_signal(end)
        out, err = process.communicate(timeout=SOON)
    if as_json:
        assert [json.loads(line)["generation"] for line in (first, second)] == [1, 2]
    else:
        assert first.startswith("generation 1: 3 added; 3 passages, 3 encoded in ")
        assert second.startswith("generation 2: 1 changed, 2 unchanged; 3 passages, 0 encoded in ")
    assert (process.returncode, out) == (0, "")
    assert err == "onrecord: no longer watching; nothing that was committed is lost\n"
