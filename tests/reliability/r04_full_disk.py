"""R4: the disk is full, or file sizes are limited: a build says so, loses nothing, and leaves no files behind."""

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
    """Build on a disk with so many free pages."""
    _mount("size=64m", "-t", "tmpfs", "tmpfs", str(disk))
    try:
        index = disk / "index"
        shutil.copytree(ready.index, index)
        size = os.statvfs(disk)
        _mount(f"remount,size={(size.f_blocks - size.f_bfree + pages) * PAGE}", str(disk))

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


def _litter(ready: Stage, index: Path, command: Any) -> str:
    """Return what a failed build left behind, apart from the files of SQLite."""
    if not command or command["status"] == 0:
        return ""
    before = {path.relative_to(ready.index) for path in ready.index.rglob("*")}
    new = {path.relative_to(index) for path in index.rglob("*")} - before
    left = sorted(str(path) for path in new if not path.name.endswith(("-wal", "-shm")))
    return f"left behind {left}" if left else ""
