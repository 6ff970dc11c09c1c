"""Two runs of the same questions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from rag.evaluation.measures import MEASURES, Difference, difference
from rag.evaluation.questions import EvalError
from rag.evaluation.records import Outcome, Question
from rag.evaluation.runs import Json, Run, outcome_json


@dataclass(frozen=True, slots=True)
class Comparison:
    """Measures over the questions that two runs share, and the questions whose outcome changed.

    Attributes:
        shared: number of questions that both runs asked, in the same words, against the same gold.
        only_a, only_b: numbers of questions that only one of them asked.
        regressions: right in a, wrong in b.
        mended: wrong in a, right in b.
    """

    a: Run
    b: Run
    shared: int
    only_a: int
    only_b: int
    differences: dict[str, Difference]
    regressions: tuple[tuple[Outcome, Outcome], ...]
    mended: tuple[tuple[Outcome, Outcome], ...]


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
        shared=len(pairs),
        only_a=len(one) - len(pairs),
        only_b=len(two) - len(pairs),
        differences=differences,
        regressions=tuple((x, y) for x, y in pairs if x.right is True and y.right is False),
        mended=tuple((x, y) for x, y in pairs if x.right is False and y.right is True),
    )


def comparison_json(comparison: Comparison) -> Json:
    """The comparison as one JSON object, regressions before what was mended."""
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
    """Outcomes by all that makes a question the same one; it may have moved to the other half."""
    return {replace(o.question, half=None): o for o in outcomes if half in ("all", o.question.half)}


def _pairs_json(pairs: Sequence[tuple[Outcome, Outcome]]) -> list[Json]:
    return [{"a": outcome_json(a), "b": outcome_json(b)} for a, b in pairs]
