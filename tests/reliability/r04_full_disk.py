"""R4: the disk is full, or files may not grow: a build says so, loses nothing, and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.reliability.bench import Bench, Child, Stage, Tally, build_command, judge_command, stage

PAGE = 4096


def run(bench: Bench) -> Tally:
    tally, ready = Tally(), stage(bench)
    half = (bench.trials + 1) // 2
    disk = bench.path("disk")
    disk.mkdir()
    size = sum(-(-path.stat().st_size // PAGE) + 1 for path in ready.index.rglob("*"))  # pages
    if _mount(disk, size):
        for n in bench.each(tally, range(half)):
            tally.count(_on_full_disk(bench, ready, disk, size + 2 + 4 * n))
    else:
        tally.note = "without a full disk: only root can make one"
    for n in bench.each(tally, range(half)):
        tally.count(_with_small_files(bench, ready, PAGE * (1 + 3 * n)))
    return tally


def _on_full_disk(bench: Bench, ready: Stage, disk: Path, pages: int) -> str:
    _mount(disk, pages)
    try:
        index = disk / "index"
        shutil.copytree(ready.index, index)

        def work() -> dict[str, Any]:
            with bench.product():
                return build_command(ready, index)

        outcome = Child(work).outcome()
        left = _litter(ready, index, outcome.value)
        subprocess.run(["mount", "-o", f"remount,size={64 << 20}", str(disk)], check=True)
        problem = left or judge_command(ready, index, outcome)
        return problem and f"a disk of {pages} pages: {problem}"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _with_small_files(bench: Bench, ready: Stage, most: int) -> str:
    index = ready.copy("limited")

    def work() -> dict[str, Any]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        with bench.product():
            return build_command(ready, index)

    outcome = Child(work).outcome()
    problem = _litter(ready, index, outcome.value) or judge_command(ready, index, outcome)
    return problem and f"files of at most {most} bytes: {problem}"


def _litter(ready: Stage, index: Path, told: Any) -> str:
    """Say what a build that failed left behind, but for what SQLite and the lock keep."""
    if not told or told["status"] == 0:
        return ""
    kept = {path.relative_to(ready.index) for path in ready.index.rglob("*")}
    found = {path.relative_to(index) for path in index.rglob("*")} - kept
    left = sorted(str(path) for path in found if not path.name.endswith(("-wal", "-shm")))
    return f"left behind {left}" if left else ""


def _mount(disk: Path, pages: int) -> bool:
    """Put an empty file system of so many pages there, in place of the one before."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    with suppress(subprocess.CalledProcessError):
        while os.path.ismount(disk):
            subprocess.run(["umount", str(disk)], check=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={pages * PAGE}", "tmpfs", str(disk)], check=True, capture_output=True
        )
        return True
    return False
