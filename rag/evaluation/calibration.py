"""Measures of confidence: how well it separates, how well it is calibrated, and what refusing by it costs and saves.

Every function takes n confidences (0 to 1) and n labels. A question is refused when its confidence is below the
threshold; a refusal is right when the archive does not hold the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
Names = NDArray[np.str_]
BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers in one tenth of the scale: their number, mean confidence, and the share that is right."""

    n: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals at a threshold.

    Attributes:
        precision: share of the refused questions that have no answer; None when none is refused.
        recall: share of the questions without an answer that are refused; None when all have one.
        cost: share of the questions with an answer that are refused; None when none has one.
    """

    n: int
    refused: int
    precision: float | None
    recall: float | None
    cost: float | None


def auroc(confidence: Floats, positive: Labels) -> float | None:
    """Return the probability that a positive has the higher confidence, ties half (Mann & Whitney 1947).

    None unless there are both positives and negatives.
    """
    a, b = confidence[positive], confidence[~positive]
    if not len(a) or not len(b):
        return None
    return float((a[:, None] > b).mean() + (a[:, None] == b).mean() / 2)


def bins(confidence: Floats, right: Labels) -> list[Bin]:
    """Return the reliability table: the tenths of the scale that hold any answer, from the lowest."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for tenth in range(BINS)
        if (inside := place == tenth).any()
    ]


def calibration_error(confidence: Floats, right: Labels) -> float:
    """Return the expected calibration error: |confidence - right| of each bin, weighted by size (Guo et al. 2017)."""
    return sum(b.n * abs(b.confidence - b.right) for b in bins(confidence, right)) / max(1, len(confidence))


def risks(confidence: Floats, right: Labels) -> Floats:
    """Return the risk (n,) at each coverage: the share of wrong answers among the 1, 2, …, n most confident.

    Answers of equal confidence share their mean risk.
    """
    order = np.argsort(-confidence, kind="stable")
    rising, wrong = confidence[order], (~right[order]).astype(np.float64)
    for value in np.unique(rising):
        tied = rising == value
        wrong[tied] = wrong[tied].mean()
    return np.cumsum(wrong) / np.arange(1, len(wrong) + 1)


def aurc(confidence: Floats, right: Labels) -> float:
    """Return the area under the risk-coverage curve, the mean of `risks`; lower is better (Geifman & El-Yaniv 2017)."""
    return float(risks(confidence, right).mean())


def refusals(confidence: Floats, answerable: Labels, threshold: float) -> Refusals:
    """Return the refusals at a threshold."""
    refused = confidence < threshold
    return Refusals(
        n=len(confidence),
        refused=int(refused.sum()),
        precision=_share(~answerable, refused),
        recall=_share(refused, ~answerable),
        cost=_share(refused, answerable),
    )


def _share(of: Labels, among: Labels) -> float | None:
    return float(of[among].mean()) if among.any() else None


def threshold_for(confidence: Floats, answerable: Labels, sources: Names, cost: float) -> float:
    """Return the highest threshold that refuses at most the share `cost` of the answerable questions of each source."""
    return float(_thresholds([row[None] for row in _known(confidence, answerable, sources)], cost)[0])


def threshold_interval(
    confidence: Floats, answerable: Labels, sources: Names, cost: float, seed: int = 20, draws: int = 2000
) -> tuple[float, float]:
    """Return the 95 % interval of `threshold_for`, by a percentile bootstrap over the questions of each source."""
    random = np.random.default_rng(seed)
    drawn = [random.choice(row, (draws, len(row))) for row in _known(confidence, answerable, sources)]
    low, high = np.quantile(_thresholds(drawn, cost), (0.025, 0.975))
    return float(low), float(high)


def _known(confidence: Floats, answerable: Labels, sources: Names) -> list[Floats]:
    """Return the confidences of the answerable questions, by source."""
    rows = [confidence[answerable & (sources == source)] for source in np.unique(sources)]
    return [row for row in rows if len(row)]


def _thresholds(rows: list[Floats], cost: float) -> Floats:
    """Return the threshold of each draw (draws,), from the confidences (draws, questions) of each source."""
    lowest: Floats = np.min([np.quantile(row, cost, axis=1) for row in rows], axis=0)
    return lowest
