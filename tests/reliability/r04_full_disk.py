"""R4: the disk is full, or files may not grow: a build says so, loses nothing, and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.reliability.bench import Bench, Child, Stage, Tally, build_command, judge_command, stage

PAGE = 4096


def run(bench: Bench) -> Tally:
    tally, ready = Tally(), stage(bench)
    half = (bench.trials + 1) // 2
    disk = bench.path("disk")
    disk.mkdir()
    if os.geteuid() == 0 and shutil.which("mount"):
        for n in bench.each(tally, range(half)):
            tally.count(_on_full_disk(bench, ready, disk, 1 + 4 * n))
    else:
        tally.note = "without a full disk: only root can make one"
    for n in bench.each(tally, range(half)):
        tally.count(_with_small_files(bench, ready, PAGE * (1 + 3 * n)))
    return tally


def _on_full_disk(bench: Bench, ready: Stage, disk: Path, pages: int) -> str:
    """Build where so many pages are free beside the index."""
    _mount("size=64m", "-t", "tmpfs", "tmpfs", str(disk))
    try:
        index = disk / "index"
        shutil.copytree(ready.index, index)
        room = os.statvfs(disk)
        _mount(f"remount,size={(room.f_blocks - room.f_bfree + pages) * PAGE}", str(disk))

        def work() -> dict[str, Any]:
            with bench.product():
                return build_command(ready, index)

        outcome = Child(work).outcome()
        left = _litter(ready, index, outcome.value)
        _mount("remount,size=64m", str(disk))
        problem = left or judge_command(ready, index, outcome)
        return problem and f"a disk with {pages} pages free: {problem}"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _mount(options: str, *arguments: str) -> None:
    subprocess.run(["mount", "-o", options, *arguments], check=True)


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
