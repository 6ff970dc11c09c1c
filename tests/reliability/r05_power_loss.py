"""R5: the power fails right after a commit: are the files that it records on the disk by then?

A kill loses nothing that was written; a power failure loses everything that was not synced. No power fails here: the
row reads the system calls of builds in order. SQLite makes a commit durable when it syncs its log. By then every index
file must have been synced after its last write, and its folder after the file got its name. Nothing is renamed before
it is synced, and no file of an old generation is removed before the log is synced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rag.index.build import rewrite_index_files
from rag.index.catalog import CATALOG_FILE
from tests.reliability import strace
from tests.reliability.bench import NEW, OLD, Bench, Tally, build_in_windows, make, write

WRITING = {"write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "sendfile"}
SYNCING = {"fsync", "fdatasync"}
NAMING = {"openat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat"}
REMOVING = {"unlink", "unlinkat", "rmdir"}
PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?"(?P<name>[^"]*)"')
FILE = re.compile(r"\d+<([^>]*)>")


def run(bench: Bench) -> Tally:
    if note := strace.missing():
        return Tally(note=note)
    tally = Tally()
    archive, index, another = bench.folder / "seeds", bench.path("index"), bench.path("another")
    steps: list[tuple[dict[int, int], Path, Callable[[], None]]] = [
        (OLD, index, lambda: make(archive, index)),
        (NEW, index, lambda: make(archive, index)),
        (NEW, index, lambda: rewrite_index_files(index)),
        (dict.fromkeys(range(60), 1), another, lambda: build_in_windows(archive, another)),
        (dict.fromkeys(range(59), 1), another, lambda: make(archive, another)),
    ]
    for stories, where, step in bench.each(tally, steps):
        write(archive, stories)
        disk = Disk(where)
        log = bench.folder / "calls.log"
        calls = ",".join(f"?{call}" for call in sorted(WRITING | SYNCING | NAMING | REMOVING))

        def work(step: Callable[[], None] = step) -> None:
            with bench.product():
                step()

        outcome = strace.traced(work, calls, "", log, "-y")
        if outcome.error or outcome.bad:
            tally.count(outcome.error or outcome.bad)
        for call, arguments in calls_of(log):
            disk.take(call, arguments)
        for problem in disk.commits or ["no commit was seen"]:
            tally.count(problem)
        tally.lost += disk.problems
    return tally


def calls_of(log: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, arguments) of each call that succeeded, in the order in which they ended."""
    begun: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        process, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[process] = rest.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>", rest):
            rest = begun.pop(process, "") + rest[resumed.end() :]
        if found := re.fullmatch(r"(\w+)\((.*)\) += (?!-1 ).*", rest):
            yield found[1], found[2]


@dataclass
class Disk:
    """What the disk would hold of an index after a power failure, as its system calls show.

    Attributes:
        commits: for each commit with a new folder, what it records and is not on the disk; empty when all is.
        problems: other calls in the wrong order.
    """

    index: Path
    commits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._log = str(self.index / f"{CATALOG_FILE}-wal")
        # path -> its file; before the first call everything is on the disk
        self._files: dict[str, object] = {str(path): object() for path in self.index.rglob("*")}
        self._dirty: set[object] = set()  # files written after their last sync
        self._unnamed: set[str] = set()  # paths whose folder has not been synced since
        self._seen = self._folders()

    def take(self, call: str, arguments: str) -> None:
        """Follow one call."""
        if call in WRITING | SYNCING:
            if match := FILE.match(arguments):
                self._write(match[1]) if call in WRITING else self._sync(match[1])
            return
        paths = [str(PurePosixPath(found["folder"] or "/", found["name"])) for found in PATH.finditer(arguments)]
        if not any(path.startswith(str(self.index)) for path in paths):
            return
        if call == "openat":
            self._open(paths[0], arguments)
        elif call.startswith("mkdir"):
            self._name(paths[0], object())
        elif call.startswith("link"):
            self._name(paths[1], self._files[paths[0]])
        elif call.startswith("rename"):
            if self._files[paths[0]] in self._dirty:
                self.problems.append(f"{self._short(paths[0])} is renamed before it is synced")
            self._name(paths[1], self._remove(paths[0]))
        else:
            if "/derived-" in paths[0] and self._files.get(self._log) in self._dirty:
                self.problems.append(f"{self._short(paths[0])} is removed before the commit that drops it is synced")
            self._remove(paths[0])

    def _open(self, path: str, flags: str) -> None:
        if "O_CREAT" in flags and path not in self._files:
            self._name(path, object())
        if "O_TRUNC" in flags:
            self._write(path)

    def _write(self, path: str) -> None:
        self._dirty.add(self._files.setdefault(path, object()))

    def _name(self, path: str, file: object) -> None:
        self._files[path] = file
        self._unnamed.add(path)

    def _remove(self, path: str) -> object:
        self._unnamed.discard(path)
        return self._files.pop(path, object())

    def _sync(self, path: str) -> None:
        if path == self._log and (new := self._folders() - self._seen):
            self.commits.append("; ".join(problem for folder in sorted(new) for problem in self._unsafe(folder)))
            self._seen |= new
        self._dirty.discard(self._files.get(path))
        self._unnamed = {name for name in self._unnamed if str(PurePosixPath(name).parent) != path}

    def _folders(self) -> set[str]:
        return {path for path in self._files if re.fullmatch(r"derived-\d+-\w+", self._short(path))}

    def _unsafe(self, folder: str) -> Iterator[str]:
        """Yield what would be lost: the folder, or something in it."""
        needed = {str(self.index), str(self.index / CATALOG_FILE), folder}
        for path, file in self._files.items():
            if path in needed or (path.startswith(f"{folder}/") and not path.endswith(".lock")):
                if file in self._dirty and path.startswith(folder):
                    yield f"{self._short(path)} is committed before it is synced"
                if path in self._unnamed:
                    yield f"{self._short(path)} is committed before its name is synced"

    def _short(self, path: str) -> str:
        return path.removeprefix(f"{self.index}/")
