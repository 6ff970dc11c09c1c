"""R8: several builds start at once: one builds, the others say which one, and its death frees the lock."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rag.index.build import build
from rag.models.base import Floats
from tests.reliability.bench import PATIENCE, Bench, Child, Encoder, Stage, Tally, judge, stage


class Waiting(Encoder):
    """Encodes once a file exists: until then the build holds the lock."""

    def __init__(self, gate: Path) -> None:
        super().__init__()
        self.gate = gate

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        while not self.gate.exists():
            time.sleep(0.01)
        return super().encode(texts, progress)


def run(bench: Bench) -> Tally:
    tally, ready = Tally(), stage(bench)
    for n in bench.each(tally):
        problem = _race(bench, ready, ready.copy("raced"), writers=2 + n % 3, kill=n % 2 == 1)
        tally.count(problem and f"race {n}: {problem}")
    return tally


def _race(bench: Bench, ready: Stage, index: Path, writers: int, kill: bool) -> str:
    gate = bench.folder / "gate"
    gate.unlink(missing_ok=True)

    def work() -> int:
        with bench.product():
            return build(ready.archive, index, Waiting(gate)).generation

    children = {child.pid: child for child in [Child(work, held=True) for _ in range(writers)]}
    for child in children.values():
        child.go()
    winner = children.pop(_holder(index, children))
    expected = rf"is being built by (process {winner.pid} \(since|another process)"
    outcomes = [child.outcome(5 if bench.broken else PATIENCE) for child in children.values()]
    if kill:
        winner.kill()
    gate.touch()
    ended = winner.outcome()
    for outcome in outcomes:
        if not re.search(expected, outcome.error):
            return f"a loser ended so: {outcome}"
    if ended.bad != "SIGKILL" if kill else ended.value is None:
        return f"the winner ended so: {ended}"
    return judge(ready, index, ready.before, (ready.before,) if kill else (ready.after,))


def _holder(index: Path, pids: dict[int, Child]) -> int:
    """Wait until one of the children holds the lock, and return its id."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = re.search(r'"pid": (\d+)', (index / "lock").read_text())
        if found and int(found[1]) in pids:
            return int(found[1])
        time.sleep(0.01)
    raise RuntimeError("no child came to hold the lock")
