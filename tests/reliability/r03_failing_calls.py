"""R3: each of a build's system calls that change something fails, as on a dying or a full disk."""

from __future__ import annotations

from typing import Any

from tests.reliability import strace
from tests.reliability.bench import Bench, Tally, build_command, judge_command, stage


def run(bench: Bench) -> Tally:
    if note := strace.missing():
        return Tally(note=note)
    tally, ready = Tally(), stage(bench)
    index = ready.copy("failed")

    def work() -> dict[str, Any]:
        with bench.product():
            return build_command(ready, index)

    found = strace.points(bench, work)
    for error, (call, n) in bench.each(tally, [(error, point) for error in ("EIO", "ENOSPC") for point in found]):
        ready.copy("failed")
        outcome = strace.traced(work, call, f"{call}:error={error}:when={n}", bench.folder / "failed.log")
        problem = judge_command(ready, index, outcome)
        tally.count(problem and f"{error} at {call} {n}: {problem}")
    return tally
