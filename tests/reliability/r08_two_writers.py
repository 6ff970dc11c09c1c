"""R8: several builds begin at once: one of them builds, the others say which, and its death frees the index."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.encode import Floats
from rag.index import build
from tests.reliability.bench import Bench, Child, Encoder, Stage, Tally, judge, stage

HOLD = 0.5  # seconds that the winner holds the lock at least


class Slow(Encoder):
    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        time.sleep(HOLD)
        return super().encode(texts, progress)


def run(bench: Bench) -> Tally:
    tally, ready = Tally(), stage(bench)
    for n in bench.each(tally):
        problem = _race(bench, ready, ready.copy("raced"), writers=2 + n % 3, kill=n % 2 == 1)
        tally.count(problem and f"race {n}: {problem}")
    return tally


def _race(bench: Bench, ready: Stage, index: Path, writers: int, kill: bool) -> str:
    def work() -> int:
        with bench.product():
            return build(ready.archive, index, Slow()).generation

    children = [Child(work, held=True) for _ in range(writers)]
    for child in children:
        child.go()
    time.sleep(HOLD / 2)
    holder = re.search(r'"pid": (\d+)', (index / "lock").read_text())
    if kill and holder:
        next(child for child in children if child.pid == int(holder[1])).kill()
    outcomes = {child.pid: child.outcome() for child in children}
    winner = int(holder[1]) if holder else 0
    for pid, outcome in outcomes.items():
        if pid == winner:
            if outcome.value is None if not kill else outcome.bad != "SIGKILL":
                return f"the winner ended so: {outcome}"
        elif not re.search(rf"is being built by (process {winner} \(since|another process)", outcome.error):
            return f"a loser ended so: {outcome}"
    return judge(ready, index, ready.before, (ready.before,) if kill else (ready.after,))
