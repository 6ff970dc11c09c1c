"""The risk-coverage and reliability curves of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.evaluation.calibration import Bin, bins, risks
from rag.evaluation.types import Outcome


@dataclass(frozen=True, slots=True)
class Risk:
    """The result of giving only the most confident answers.

    Attributes:
        coverage: share of the judged questions that these answers are, 0 to 1.
        risk: share of these answers that is wrong, 0 to 1.
        confidence: the lowest of these answers; refusing below it leaves exactly them.
    """

    coverage: float
    risk: float
    confidence: float


def risk_coverage(outcomes: Sequence[Outcome]) -> list[Risk]:
    """Return the risk of the 1, 2, … most confident answers that were given; the last point is the whole run.

    Refused questions count for coverage and not for risk: it is not known what their answers would be. Answers of
    equal confidence make one point.
    """
    judged = [o for o in outcomes if o.right is not None]
    given = sorted(
        ((o.confidence, bool(o.right)) for o in judged if o.answered and o.confidence is not None), reverse=True
    )
    if not given:
        return []
    confidence = np.array([probability for probability, _ in given], dtype=np.float64)
    curve = risks(confidence, np.array([right for _, right in given], dtype=np.bool_))
    last = [n for n in range(len(given)) if n + 1 == len(given) or confidence[n + 1] < confidence[n]]
    return [Risk((n + 1) / len(judged), float(curve[n]), float(confidence[n])) for n in last]


def reliability(outcomes: Sequence[Outcome]) -> dict[str, list[Bin]]:
    """Return two reliability tables, by what the confidence should predict.

    The first takes the questions of which it is known whether the archive holds the answer, the second the answers that
    were given and judged.
    """
    with_confidence = [(o, o.confidence) for o in outcomes if o.confidence is not None]
    known = [(p, o.answerable) for o, p in with_confidence if o.answerable is not None]
    judged = [(p, o.right) for o, p in with_confidence if o.answered and o.right is not None]
    return {
        name: bins(np.array([p for p, _ in pairs]), np.array([held for _, held in pairs], dtype=np.bool_))
        for name, pairs in (("the archive holds the answer", known), ("the answer given is right", judged))
        if pairs
    }
