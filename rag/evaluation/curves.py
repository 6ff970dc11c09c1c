"""The two curves that say what a run's confidence is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.evaluation.calibration import Bin, bins, risks
from rag.evaluation.types import Outcome


@dataclass(frozen=True, slots=True)
class Risk:
    """What comes of giving only the surest answers.

    Attributes:
        coverage: share of the judged questions that they are, 0 to 1.
        risk: share of them that is wrong, 0 to 1.
        confidence: that of the last of them; refusing below it gives just these answers.
    """

    coverage: float
    risk: float
    confidence: float


def risk_coverage(outcomes: Sequence[Outcome]) -> list[Risk]:
    """The risk of the 1, 2, … surest of the answers that were given; the last point is the run itself.

    Refusals count among the questions, for coverage, and not among the answers: what they would have said is not known.
    Answers of one confidence come together.
    """
    judged = [o for o in outcomes if o.right is not None]
    given = sorted(
        ((o.confidence, bool(o.right)) for o in judged if o.answered and o.confidence is not None), reverse=True
    )
    if not given:
        return []
    confidence = np.array([sure for sure, _ in given], dtype=np.float64)
    curve = risks(confidence, np.array([right for _, right in given], dtype=np.bool_))
    last = [n for n in range(len(given)) if n + 1 == len(given) or confidence[n + 1] < confidence[n]]
    return [Risk((n + 1) / len(judged), float(curve[n]), float(confidence[n])) for n in last]


def reliability(outcomes: Sequence[Outcome]) -> dict[str, list[Bin]]:
    """By what it is held against, tenths of the scale of confidence: whether the archive holds the answer (of all
    questions where that is known), and whether the answer is right (of those that were given and judged).
    """
    sure = [(o, o.confidence) for o in outcomes if o.confidence is not None]
    known = [(p, o.answerable) for o, p in sure if o.answerable is not None]
    judged = [(p, o.right) for o, p in sure if o.answered and o.right is not None]
    return {
        name: bins(np.array([p for p, _ in pairs]), np.array([held for _, held in pairs], dtype=np.bool_))
        for name, pairs in (("the archive holds the answer", known), ("the answer given is right", judged))
        if pairs
    }
