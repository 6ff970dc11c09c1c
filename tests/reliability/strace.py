"""Count the system calls of a build, or let one of them fail or kill the build."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.reliability.bench import Bench, Child, Outcome

CHANGING = (
    *("write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "fallocate", "openat", "mkdir", "mkdirat"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink", "unlinkat", "rmdir", "copy_file_range"),
)
Point = tuple[str, int]  # a call, and its number among the same calls of a thread


def missing() -> str:
    return "" if shutil.which("strace") else "strace is not installed"


def traced(work: Callable[[], Any], calls: str, inject: str, log: Path, *more: str) -> Outcome:
    """Do the work in a child whose `calls` strace logs, and changes by `inject`; `more` are options of strace."""
    child = Child(work, held=True)
    options = ["-f", "-p", str(child.pid), "-o", str(log), "-e", f"trace={calls}", *more]
    if inject:
        options += ["-e", f"inject={inject}"]
    with subprocess.Popen(["strace", *options], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        message = strace.stderr.readline()
        child.go()
        outcome = child.outcome()
    if "attached" not in message:
        raise RuntimeError(f"strace cannot attach: {message}")
    return outcome


def points(bench: Bench, work: Callable[[], Any]) -> list[Point]:
    """Return every call of the work that changes the disk."""
    log = bench.folder / "calls.log"
    traced(work, ",".join(f"?{call}" for call in CHANGING), "", log)
    counts = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))
    most: dict[str, int] = {}
    for (_, call), count in counts.items():
        most[call] = max(count, most.get(call, 0))
    return [(call, n) for call, count in sorted(most.items()) for n in range(1, count + 1)]
