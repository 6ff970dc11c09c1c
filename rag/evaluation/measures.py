"""The measures of a run of answers: pure functions over outcomes; no files, no clock.

A measure is a statistic of *weighted* questions, so that its value (every weight 1) and its bootstrap
(weights drawn at random) are one formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.evaluation.types import Outcome

DRAWS = 2_000
SEED = 20
_DRAWS_AT_ONCE = 100  # bounds memory: 100 x questions x 8 bytes

Floats = NDArray[np.float64]

# From weights (draws, questions) to values (draws,), nan where a draw leaves the statistic undefined.
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statistic bound to outcomes, and the number n of questions, citations, … that it is computed over."""

    n: int
    statistic: Statistic


Prepare = Callable[[Sequence[Outcome]], Prepared]


def ratio(parts: Callable[[Outcome], tuple[float, float]]) -> Prepare:
    """Make a measure of Σ wᵢ·aᵢ / Σ wᵢ·bᵢ, where `parts(outcome)` is (a, b); n = Σ bᵢ."""

    def prepare(outcomes: Sequence[Outcome]) -> Prepared:
        pairs = np.array([parts(o) for o in outcomes], dtype=np.float64).reshape(-1, 2)  # (questions, 2)

        def statistic(weights: Floats) -> Floats:
            sums = weights @ pairs  # (draws, 2)
            return _divide(sums[:, 0], sums[:, 1])

        return Prepared(int(pairs[:, 1].sum()), statistic)

    return prepare


def share(of: Callable[[Outcome], bool | None], among: Callable[[Outcome], bool] = lambda _: True) -> Prepare:
    """Make a measure of the share of the outcomes in `among` for which `of` is true; None does not count."""

    def parts(outcome: Outcome) -> tuple[float, float]:
        value = of(outcome) if among(outcome) else None
        return (0.0, 0.0) if value is None else (float(value), 1.0)

    return ratio(parts)


def auroc(outcomes: Sequence[Outcome]) -> Prepared:
    """Prepare the probability that an answerable question has a higher confidence than an unanswerable one, ties half.

    Σ pᵢ·qⱼ·([cᵢ > cⱼ] + ½[cᵢ = cⱼ]) / (Σ pᵢ · Σ qⱼ) over answerable i and unanswerable j (Mann and Whitney, 1947);
    the same number as the area for telling the unanswerable by 1 - confidence. Sums run over distinct
    confidences in rising order, so a draw costs O(questions).
    """
    known = [i for i, o in enumerate(outcomes) if o.answerable is not None and o.confidence is not None]
    confidence = np.array([outcomes[i].confidence for i in known], dtype=np.float64)
    answerable = np.array([bool(outcomes[i].answerable) for i in known], dtype=bool)
    order = np.argsort(confidence, kind="stable")
    _, starts = np.unique(confidence[order], return_index=True)

    def statistic(weights: Floats) -> Floats:
        weights = weights[:, known][:, order]  # (draws, known), confidence rising
        p = np.add.reduceat(weights * answerable[order], starts, axis=1)  # (draws, distinct confidences)
        q = np.add.reduceat(weights * ~answerable[order], starts, axis=1)
        wins = (p * (q.cumsum(axis=1) - q / 2)).sum(axis=1)
        return _divide(wins, p.sum(axis=1) * q.sum(axis=1))

    both = bool(answerable.any() and not answerable.all())
    return Prepared(len(known) if both else 0, statistic)


def percentile(percent: float, of: Callable[[Outcome], float]) -> Prepare:
    """Make a measure of the smallest value that at least `percent` % of the weight does not exceed (nearest rank)."""

    def prepare(outcomes: Sequence[Outcome]) -> Prepared:
        values = np.array([of(o) for o in outcomes], dtype=np.float64)
        order = np.argsort(values)

        def statistic(weights: Floats) -> Floats:
            total = weights.sum(axis=1, keepdims=True)
            reached = weights[:, order].cumsum(axis=1) >= percent / 100 * total - 1e-9
            return np.asarray(values[order][reached.argmax(axis=1)], dtype=np.float64)

        return Prepared(len(values), statistic)

    return prepare


def _divide(a: Floats, b: Floats) -> Floats:
    out = np.full(len(a), np.nan)
    np.divide(a, b, out=out, where=b > 0)
    return out


# --- values


@dataclass(frozen=True, slots=True)
class Measure:
    """A named statistic.

    Attributes:
        key: its name in files and on the command line.
        target: what the product promises; a ceiling when `lower_is_better`.
    """

    key: str
    label: str
    prepare: Prepare
    target: float | None = None
    lower_is_better: bool = False
    unit: Literal["share", "count", "ms"] = "share"

    def meets(self, value: float, threshold: float) -> bool:
        """Return whether a value reaches a threshold, which is a ceiling when lower is better."""
        return value <= threshold + 1e-9 if self.lower_is_better else value >= threshold - 1e-9


@dataclass(frozen=True, slots=True)
class Value:
    """A measure over n questions, citations, …, with the 95 % interval of a percentile bootstrap over questions.

    A share of 0 or 1 has an interval of no width, whatever n is.
    """

    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure in two runs over the same questions, and the 95 % interval of b - a (paired bootstrap)."""

    a: float
    b: float
    low: float
    high: float

    @property
    def change(self) -> float:
        """The value of b less that of a."""
        return self.b - self.a


def value(measure: Measure, outcomes: Sequence[Outcome]) -> Value | None:
    """Return the measure over the outcomes; None when it cannot be computed from them."""
    prepared = measure.prepare(outcomes)
    if not outcomes or not prepared.n:
        return None
    point = float(prepared.statistic(np.ones((1, len(outcomes))))[0])
    low, high = _middle([prepared.statistic(weights) for weights in _resampled(len(outcomes))])
    return Value(prepared.n, point, low, high)


def difference(measure: Measure, a: Sequence[Outcome], b: Sequence[Outcome]) -> Difference | None:
    """Compare two runs over the same questions, given in the same order; None when either has no value.

    Raises:
        ValueError: the runs are not of the same questions.
    """
    if [o.question.id for o in a] != [o.question.id for o in b]:
        raise ValueError("paired runs need the same questions in the same order")
    one, two = measure.prepare(a), measure.prepare(b)
    if not a or not one.n or not two.n:
        return None
    every = np.ones((1, len(a)))
    low, high = _middle([two.statistic(w) - one.statistic(w) for w in _resampled(len(a))])
    return Difference(float(one.statistic(every)[0]), float(two.statistic(every)[0]), low, high)


def _resampled(questions: int) -> Iterator[Floats]:
    """Yield `DRAWS` draws of as many questions with replacement, as weights (draws, questions); always the same."""
    rng = np.random.default_rng(SEED)
    shape = (_DRAWS_AT_ONCE, questions)
    rows = np.arange(_DRAWS_AT_ONCE)[:, None] * questions
    for _ in range(DRAWS // _DRAWS_AT_ONCE):
        drawn = rng.integers(questions, size=shape) + rows
        yield np.bincount(drawn.ravel(), minlength=drawn.size).reshape(shape).astype(np.float64)


def _middle(blocks: Sequence[Floats]) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of the draws for which the statistic is defined."""
    low, high = np.nanpercentile(np.concatenate(blocks), [2.5, 97.5])
    return float(low), float(high)


# --- the measures


def _citation_precision(o: Outcome) -> tuple[float, float]:
    """Count the citations that touch gold, and all citations, of answered questions that have gold.

    The ratio is a lower bound: a set names the best evidence, not every sentence that a careful reader would accept.
    """
    counts = o.answered and bool(o.question.gold)
    return (sum(c.on_gold for c in o.citations), len(o.citations)) if counts else (0, 0)


def _citation_recall(o: Outcome) -> tuple[float, float]:
    """Count the articles whose gold was cited, and the articles needed, of questions that have gold."""
    return (o.credit, o.question.need or 0) if o.question.gold else (0, 0)


MEASURES: tuple[Measure, ...] = (
    Measure("right", "right outcome", share(lambda o: o.right)),
    Measure(
        "hit_one",
        "evidence cited, one source",
        share(lambda o: o.hit, lambda o: o.question.need == 1 and not o.question.is_followup),
        target=0.92,
    ),
    Measure(
        "hit_several",
        "evidence cited, several sources",
        share(lambda o: o.hit, lambda o: (o.question.need or 0) > 1 and not o.question.is_followup),
        target=0.70,
    ),
    Measure(
        "hit_followup",
        "evidence cited, follow-ups",
        share(lambda o: o.hit, lambda o: o.question.is_followup),
        target=0.80,
    ),
    Measure(
        "disputed",
        "disagreement shown as one",
        share(lambda o: o.status == "disputed", lambda o: o.question.kind == "disagree"),
    ),
    Measure("answer_found", "right answer in the words", share(lambda o: o.answer_found)),
    Measure("citation_precision", "citation precision, at least", ratio(_citation_precision)),
    Measure("citation_recall", "citation recall", ratio(_citation_recall)),
    Measure(
        "abstention_precision",
        "abstention precision",
        share(lambda o: o.answerable is False, lambda o: o.refused and o.answerable is not None),
    ),
    Measure("abstention_recall", "abstention recall", share(lambda o: o.refused, lambda o: o.answerable is False)),
    Measure(
        "refused_unanswerable",
        "refused, unanswerable",
        share(lambda o: o.refused, lambda o: o.answerable is False and not o.question.is_followup),
        target=0.85,
    ),
    Measure(
        "refused_answerable",
        "refused, answerable",
        share(lambda o: o.refused, lambda o: o.answerable is True),
        target=0.10,
        lower_is_better=True,
    ),
    Measure("confidence_auroc", "confidence AUROC", auroc),
    Measure(
        "byte_equal",
        "citations equal to the byte",
        ratio(lambda o: (sum(c.exact for c in o.citations), len(o.citations))),
        target=1.0,
    ),
    Measure("claims_cited", "claims with a citation", ratio(lambda o: (o.claims_cited, len(o.claims))), target=1.0),
    Measure(
        "claims",
        "claims per answer",
        ratio(lambda o: (len(o.claims), 1) if o.answered else (0, 0)),
        lower_is_better=True,
        unit="count",
    ),
    Measure(
        "sentences",
        "sentences per answer",
        ratio(lambda o: (o.sentences, 1) if o.answered else (0, 0)),
        lower_is_better=True,
        unit="count",
    ),
    Measure(
        "citation_characters",
        "characters per citation",
        ratio(lambda o: (sum(c.end - c.start for c in o.citations), len(o.citations)) if o.answered else (0, 0)),
        lower_is_better=True,
        unit="count",
    ),
    Measure("latency_p50", "latency p50, ms", percentile(50, lambda o: o.ms), lower_is_better=True, unit="ms"),
    Measure("latency_p95", "latency p95, ms", percentile(95, lambda o: o.ms), lower_is_better=True, unit="ms"),
    Measure("failed", "failed questions", share(lambda o: o.status == "failed"), lower_is_better=True),
)
BY_KEY = {measure.key: measure for measure in MEASURES}
RIGHT = BY_KEY["right"]
