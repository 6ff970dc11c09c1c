"""Run the rows: `python -m tests.reliability [--rows R1,R2] [--short] [--seed N] [--broken]`.

Print one line for each row, with its losses below it; exit with 1 when there is a loss.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.reliability import (
    broken,
    r01_kill,
    r02_kill_at_calls,
    r03_failing_calls,
    r04_full_disk,
    r05_power_loss,
    r06_damage,
    r07_pickles,
    r08_two_writers,
    r09_readers,
    r10_folder,
    r11_incremental,
)
from tests.reliability.bench import Bench, Tally, warm

ALL = 1_000_000


@dataclass(frozen=True)
class Row:
    """A promise, how to try to break it, and a broken product that the row must detect.

    Attributes:
        full, short: how many trials; ALL is every case.
    """

    title: str
    run: Callable[[Bench], Tally]
    broken: Callable[[], AbstractContextManager[None]]
    full: int
    short: int


ROWS = {
    "R1": Row("random kill -9", r01_kill.run, broken.without_transactions, 300, 6),
    "R2": Row("kill -9 at each system call", r02_kill_at_calls.run, broken.without_transactions, ALL, 6),
    "R3": Row("each system call fails", r03_failing_calls.run, broken.with_success_always, ALL, 6),
    "R4": Row("disk full, files limited", r04_full_disk.run, broken.with_success_always, 20, 6),
    "R5": Row("commits synced in order", r05_power_loss.run, broken.without_sync, ALL, ALL),
    "R6": Row("damaged files", r06_damage.run, broken.without_checksums, 600, 12),
    "R7": Row("nothing is unpickled", r07_pickles.run, broken.with_pickle, ALL, 8),
    "R8": Row("two writers", r08_two_writers.run, broken.without_lock, 50, 2),
    "R9": Row("readers over rebuilds", r09_readers.run, broken.without_transactions, 100, 5),
    "R10": Row("races in the folder", r10_folder.run, broken.by_file_times, 39, 13),
    "R11": Row("incremental = full", r11_incremental.run, broken.without_edits, 200, 2),
}
BROKEN_TRIALS = 60  # at most; a row stops at its first loss


def run(name: str, *, short: bool = False, broken: bool = False, seed: int = 0) -> Tally:
    """Run one row in a temporary folder."""
    row = ROWS[name]
    trials = min(row.full, BROKEN_TRIALS) if broken else row.short if short else row.full
    warm()
    with tempfile.TemporaryDirectory(prefix="onrecord-") as folder:
        random = Random(f"{name} {seed}")
        return row.run(Bench(Path(folder), random, trials, row.broken if broken else None))


def brief(problem: str) -> str:
    """Return the first line of a problem and its last three, which end a traceback."""
    first, *rest = problem.strip().splitlines()
    return " ... ".join([first, *rest[-3:]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description="try to break an index")
    parser.add_argument("--rows", default=",".join(ROWS), metavar="R1,R2", help="which rows (default: all)")
    parser.add_argument("--short", action="store_true", help="only a few trials of each")
    parser.add_argument("--broken", action="store_true", help="with a safeguard taken out: each row must detect it")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random choices (default 0)")
    options = parser.parse_args()
    names = options.rows.split(",")
    if unknown := set(names) - ROWS.keys():
        parser.error(f"no row {', '.join(sorted(unknown))}: there are {', '.join(ROWS)}")
    good = True
    for name in names:
        started = time.monotonic()
        tally = run(name, short=options.short, broken=options.broken, seed=options.seed)
        seconds = time.monotonic() - started
        lost = len(tally.lost)
        counts = f"{name:<4}{ROWS[name].title:<29}tried {tally.tried:<5} held {tally.tried - lost:<5} lost {lost:<4}"
        print(f"{counts} (seed {options.seed}, {seconds:.0f} s{tally.note and f'; {tally.note}'})", flush=True)
        if options.broken:
            print(f"    went red: {brief(tally.lost[0])}" if lost else "    did NOT go red", flush=True)
        else:
            print("".join(f"    {brief(problem)}\n" for problem in tally.lost), end="", flush=True)
        good &= bool(lost or tally.note.startswith("strace")) if options.broken else not lost
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
