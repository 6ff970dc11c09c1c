"""Compare two runs of the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from rag.evaluation.measures import MEASURES, Difference, difference
from rag.evaluation.questions import EvalError
from rag.evaluation.runs import Json, Run, outcome_json
from rag.evaluation.types import Outcome, Question


@dataclass(frozen=True, slots=True)
class Comparison:
    """Measures over the questions that two runs share, and the questions whose outcome changed.

    Attributes:
        pairs: the outcomes of the questions that both runs asked, in the same words, against the same gold.
        only_a, only_b: numbers of questions that only one of them asked.
    """

    a: Run
    b: Run
    pairs: tuple[tuple[Outcome, Outcome], ...]
    only_a: int
    only_b: int
    differences: dict[str, Difference]

    @property
    def shared(self) -> int:
        """Number of questions that both runs asked."""
        return len(self.pairs)

    @property
    def regressions(self) -> tuple[tuple[Outcome, Outcome], ...]:
        """Right in a, wrong in b."""
        return tuple((a, b) for a, b in self.pairs if a.right is True and b.right is False)

    @property
    def mended(self) -> tuple[tuple[Outcome, Outcome], ...]:
        """Wrong in a, right in b."""
        return tuple((a, b) for a, b in self.pairs if a.right is False and b.right is True)


def compare(a: Run, b: Run, half: str = "all") -> Comparison:
    """Pair the outcomes of two runs by question, in the order of the first.

    Raises:
        EvalError: they share no question.
    """
    one, two = _by_question(a.outcomes, half), _by_question(b.outcomes, half)
    pairs = [(one[question], two[question]) for question in one if question in two]
    if not pairs:
        raise EvalError(f"the runs share no question of half {half!r}: compare two runs of the same set")
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    differences = {m.key: found for m in MEASURES if (found := difference(m, first, second))}
    return Comparison(
        a=a,
        b=b,
        pairs=tuple(pairs),
        only_a=len(one) - len(pairs),
        only_b=len(two) - len(pairs),
        differences=differences,
    )


def comparison_json(comparison: Comparison) -> Json:
    """Return the comparison as one JSON object."""
    return {
        "a": comparison.a.record,
        "b": comparison.b.record,
        "shared": comparison.shared,
        "only_a": comparison.only_a,
        "only_b": comparison.only_b,
        "measures": {key: asdict(d) | {"change": d.change} for key, d in comparison.differences.items()},
        "regressions": _pairs_json(comparison.regressions),
        "mended": _pairs_json(comparison.mended),
    }


def _by_question(outcomes: Sequence[Outcome], half: str) -> dict[Question, Outcome]:
    """Return the outcomes by question; a question that moved to the other half is the same question."""
    return {replace(o.question, half=None): o for o in outcomes if half in ("all", o.question.half)}


def _pairs_json(pairs: Sequence[tuple[Outcome, Outcome]]) -> list[Json]:
    return [{"a": outcome_json(a), "b": outcome_json(b)} for a, b in pairs]
