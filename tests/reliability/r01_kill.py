"""R1: a build is killed at a random moment."""

from __future__ import annotations

import time

from tests.reliability.bench import Bench, Child, Tally, judge, make, stage


def run(bench: Bench) -> Tally:
    tally, ready = Tally(), stage(bench)

    def work() -> None:
        with bench.product():
            make(ready.archive, index)

    for n in bench.each(tally):
        first = n % 2 == 1 and not bench.broken  # every other one begins from nothing
        index = bench.path("killed") if first else ready.copy("killed")
        child = Child(work)
        after = bench.random.uniform(0, 1.2 * ready.seconds)
        time.sleep(after)
        child.kill()
        child.outcome()
        problem = judge(ready, index, None if first else ready.before)
        tally.count(problem and f"killed after {after:.3f} s{' of a first build' * first}: {problem}")
    return tally
