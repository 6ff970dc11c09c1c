"""R11: after any changes of the folder and any interrupted builds, an index equals one built from scratch."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from rag.index.build import build
from rag.index.check import check
from tests.reliability.bench import ENCODER, Bench, Child, Tally, made, story

NUMBERS, VERSIONS = st.integers(0, 3), st.integers(2, 4)


class Life(RuleBasedStateMachine):
    """An archive and its index; `tally` counts the complete builds."""

    bench: Bench
    tally: Tally

    @initialize(built=st.booleans())
    def begin(self, built: bool) -> None:
        self.archive, self.index = self.bench.path("seeds"), self.bench.path("index")
        self.archive.mkdir()
        (self.archive / "always.txt").write_text(story(9, 9))
        for number in range(3):
            self.path(number).write_text(story(number, 1))
        if built:
            self.rebuild()

    def path(self, number: int) -> Path:
        return self.archive / f"story{number}.txt"

    @rule(number=NUMBERS, version=VERSIONS)
    def add_or_edit(self, number: int, version: int) -> None:
        self.path(number).write_text(story(number, version))

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        self.path(number).unlink(missing_ok=True)

    @rule(number=NUMBERS, other=NUMBERS)
    def rename(self, number: int, other: int) -> None:
        if self.path(number).exists():
            self.path(number).rename(self.path(other))

    @rule(moment=st.integers(1, 12))
    def crash(self, moment: int) -> None:
        """Build, and die at the given step, if the build has so many."""
        left = [moment]

        def die(stage: str, done: int, total: int) -> None:
            left[0] -= 1
            if not left[0]:
                os._exit(9)

        Child(lambda: build(self.archive, self.index, ENCODER, progress=die).generation).outcome()

    @rule()
    def rebuild(self) -> None:
        problem = _compare(self.bench, self.archive, self.index)
        self.tally.count(problem)
        assert not problem, problem

    def teardown(self) -> None:
        if hasattr(self, "archive"):
            self.rebuild()


def run(bench: Bench) -> Tally:
    tally = Tally()
    life = type("Life", (Life,), {"bench": bench, "tally": tally})
    options = settings(
        max_examples=bench.trials,
        stateful_step_count=12,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seeded(bench.random.randrange(1 << 32))(life), settings=options)
    except AssertionError as error:
        steps = "\n".join(getattr(error, "__notes__", ()))
        tally.lost = [f"{error}: {' '.join(steps.split())}"]  # hypothesis replays a failure, which counts it again
    return tally


def _compare(bench: Bench, archive: Path, index: Path) -> str:
    def work() -> str:
        with bench.product():
            step_by_step = made(archive, index)
        if step_by_step != made(archive, bench.path("at once")):
            return "an index built step by step differs from one built at once"
        return "; ".join(problem.what for problem in check(index))

    outcome = Child(work).outcome()
    return outcome.error or outcome.bad or str(outcome.value)
