"""R2: a build is killed at each of its system calls that change something."""

from __future__ import annotations

from tests.reliability import strace
from tests.reliability.bench import Bench, Tally, judge, make, stage


def run(bench: Bench) -> Tally:
    if note := strace.missing():
        return Tally(note=note)
    tally, ready = Tally(), stage(bench)
    index = ready.copy("killed")

    def work() -> None:
        with bench.product():
            make(ready.archive, index)

    for call, n in bench.each(tally, strace.points(bench, work)):
        ready.copy("killed")
        strace.traced(work, call, f"{call}:signal=KILL:when={n}", bench.folder / "killed.log")
        problem = judge(ready, index, ready.before)
        tally.count(problem and f"killed at {call} {n}: {problem}")
    return tally
