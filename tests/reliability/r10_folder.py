"""R10: people and programs change the folder during a build: nothing is lost or mixed up, and no build hangs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from rag.index.build import build
from rag.index.check import check
from rag.index.reader import Index
from rag.index.staging import Progress
from tests.reliability.bench import ENCODER, Bench, Child, Tally, story

LIMIT = 60.0  # seconds for each case, which takes a tenth of one
Failures = dict[str, str]


class Folder:
    """An archive of two stories, and its index."""

    def __init__(self, path: Path) -> None:
        self.seeds, self.index = path / "seeds", path / "index"
        self.seeds.mkdir(parents=True)
        self.put("one.txt", story(1, 1))
        self.put("two.txt", story(2, 1))
        self.build()

    def put(self, name: str, text: str) -> Path:
        path = self.seeds / name
        path.write_text(text)
        return path

    def build(self, progress: Progress | None = None) -> Failures:
        """Build, and return path -> reason of what failed."""
        report = build(self.seeds, self.index, ENCODER, progress=progress)
        return {failure.path: failure.reason for failure in report.failures}

    def holds(self, **texts: str) -> None:
        """Assert that the index holds the two stories and these articles only; an empty text means no article."""
        expected = {"one": story(1, 1), "two": story(2, 1), **texts}
        with Index.open(self.index).snapshot() as snapshot:
            found = {article.path.removesuffix(".txt"): article.text.strip() for article in snapshot.articles()}
        assert found == {name: text.strip() for name, text in expected.items() if text}, f"holds {sorted(found)}"
        assert check(self.index) == []


def half_written(folder: Folder) -> None:
    whole = story(3, 1)
    folder.put("new.txt", whole[: len(whole) // 2])
    folder.build()
    folder.put("new.txt", whole)
    assert folder.build() == {}
    folder.holds(new=whole)


def atomic_save(folder: Folder) -> None:
    for temporary in (".one.txt.swp", "one.txt~", "4913"):
        folder.put(temporary, story(1, 7))
        folder.build()
        os.replace(folder.seeds / temporary, folder.seeds / "one.txt")
    assert folder.build() == {}
    folder.holds(one=story(1, 7))


def saved_while_read(folder: Folder) -> None:
    def save(stage: str, done: int, total: int) -> None:
        os.replace(folder.put(".two", story(2, 9)), folder.seeds / "two.txt")

    folder.put("one.txt", story(1, 2))
    folder.put("two.txt", story(2, 2))
    folder.build(save)
    folder.build()
    folder.holds(one=story(1, 2), two=story(2, 9))


def deleted_while_read(folder: Folder) -> None:
    def delete(stage: str, done: int, total: int) -> None:
        (folder.seeds / "two.txt").unlink(missing_ok=True)

    folder.put("one.txt", story(1, 2))
    folder.put("two.txt", story(2, 2))
    assert folder.build(delete)["two.txt"].startswith("file not found: it vanished")
    folder.holds(one=story(1, 2))
    assert folder.build() == {}
    folder.holds(one=story(1, 2), two="")


def links(folder: Folder) -> None:
    outside = folder.seeds.parent / "secret.txt"
    outside.write_text("The password is not for anybody to read.")
    (folder.seeds / "outside.txt").symlink_to(outside)
    (folder.seeds / "broken.txt").symlink_to("nowhere.txt")
    (folder.seeds / "circle.txt").symlink_to("circle.txt")
    (folder.seeds / "device.txt").symlink_to("/dev/zero")
    assert folder.build().keys() == {"outside.txt", "broken.txt", "circle.txt", "device.txt"}
    folder.holds()


def replaced_by_a_link(folder: Folder) -> None:
    (folder.seeds / "two.txt").unlink()
    (folder.seeds / "two.txt").symlink_to("/etc/hostname")
    assert folder.build()["two.txt"].endswith("what was indexed before is kept")
    folder.holds()


def pipe(folder: Folder) -> None:
    os.mkfifo(folder.seeds / "pipe.txt")
    assert folder.build() == {"pipe.txt": "not a regular file"}
    folder.holds()


def replaced_by_a_pipe(folder: Folder) -> None:
    def replace(stage: str, done: int, total: int) -> None:
        if path.is_file():
            path.unlink()
            os.mkfifo(path)

    folder.put("one.txt", story(1, 2))
    path = folder.put("two.txt", story(2, 2))
    assert folder.build(replace)["two.txt"].startswith("not a regular file")
    folder.holds(one=story(1, 2))


def folder_with_the_name_of_a_file(folder: Folder) -> None:
    (folder.seeds / "folder.txt").mkdir()
    shutil.move(folder.seeds / "two.txt", folder.seeds / "folder.txt")
    assert folder.build() == {}
    folder.holds(**{"two": "", "folder.txt/two": story(2, 1)})


def forbidden(folder: Folder) -> None:
    os.chmod(folder.put("one.txt", story(1, 2)), 0)
    assert folder.build()["one.txt"] == "permission denied; what was indexed before is kept"
    folder.holds()


def emptied(folder: Folder) -> None:
    folder.put("one.txt", "")
    folder.put("new.txt", "")
    assert folder.build() == {"new.txt": "empty file", "one.txt": "empty file; what was indexed before is kept"}
    folder.holds()


def renamed(folder: Folder) -> None:
    (folder.seeds / "two.txt").rename(folder.seeds / "new.txt")
    assert folder.build() == {}
    folder.holds(two="", new=story(2, 1))


def clock_going_back(folder: Folder) -> None:
    path = folder.seeds / "one.txt"
    before = path.stat()
    text = story(1, 1).replace("harbour", "HARBOUR").replace("grain", "GRAIN").replace("snow", "SNOW")
    assert text != story(1, 1)
    folder.put("one.txt", text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(folder.put("two.txt", story(2, 2)), (0, 0))
    os.utime(folder.put("new.txt", story(3, 1)), (1 << 33, 1 << 33))
    assert folder.build() == {}
    folder.holds(one=text, two=story(2, 2), new=story(3, 1))


CASES: tuple[Callable[[Folder], None], ...] = (
    *(clock_going_back, half_written, atomic_save, saved_while_read, deleted_while_read, links, replaced_by_a_link),
    *(pipe, replaced_by_a_pipe, folder_with_the_name_of_a_file, forbidden, emptied, renamed),
)


def run(bench: Bench) -> Tally:
    tally = Tally()
    for case in bench.each(
        tally, CASES[: bench.trials] if bench.broken else CASES * max(1, bench.trials // len(CASES))
    ):
        if case is forbidden and os.geteuid() == 0:
            tally.note = "without mode 000: root may read everything"
            continue
        path = bench.path("case")

        def work() -> None:
            with bench.product():
                case(Folder(path))  # noqa: B023 - it is over before the next

        outcome = Child(work).outcome(LIMIT)
        tally.count(outcome.bad or (outcome.error and f"{case.__name__}: {outcome.bad or outcome.error}"))
    return tally
