"""Builds whose system calls are counted, or one of which kills them or fails."""

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
Point = tuple[str, int]  # a call, and the how-manieth of a thread it is


def missing() -> str:
    return "" if shutil.which("strace") else "strace is not installed"


def traced(work: Callable[[], Any], calls: str, inject: str, log: Path, *more: str) -> Outcome:
    """Do the work in a child whose calls strace counts, and meddles with; `more` are options of strace."""
    child = Child(work, held=True)
    options = ["-f", "-p", str(child.pid), "-o", str(log), "-e", f"trace={calls}", *more]
    if inject:
        options += ["-e", f"inject={inject}"]
    with subprocess.Popen(["strace", *options], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        told = strace.stderr.readline()
        child.go()
        outcome = child.outcome()
    if "attached" not in told:
        raise RuntimeError(f"strace cannot attach: {told}")
    return outcome


def points(bench: Bench, work: Callable[[], Any]) -> list[Point]:
    """Return every changing call that the work makes."""
    log = bench.folder / "calls.log"
    traced(work, ",".join(f"?{call}" for call in CHANGING), "", log)
    counts = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))
    most: dict[str, int] = {}
    for (_, call), count in counts.items():
        most[call] = max(count, most.get(call, 0))
    return [(call, n) for call, count in sorted(most.items()) for n in range(1, count + 1)]
