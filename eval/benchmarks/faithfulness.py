"""Measure whether the verifier separates supported from unsupported sentences, and fit its weights."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from eval.datasets.claims import ClaimExample
from rag.evaluation.report import plain_table
from rag.evaluation.runner import Progress
from rag.evaluation.runs import Json, provenance
from rag.models.base import Encoder, Floats
from rag.types import Support
from rag.verification.alignment import ALIGNMENT_FEATURES, statements
from rag.verification.verifier import SUPPORTED_FROM, SourceText, Verifier

RESAMPLES = 1000
C = 0.1  # of the regression
FREE = 3.0  # scale of the sets' own intercepts: regularised less than the features
MADE = ("edited",)  # sets whose sentences nearly copy their source: they cannot place the threshold

Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """The verdict on an example: ids and numbers, no text.

    Attributes:
        ms: time of `Verifier.check`, milliseconds, with the caches of the source as they are by then.
        chars: length of the source, characters.
    """

    id: str
    of: str
    kind: str
    half: str
    supported: bool
    support: Support
    score: float
    ms: float
    chars: int


def run(
    encoder: Encoder, examples: Sequence[ClaimExample], name: str, half: str, seed: int, progress: Progress
) -> Json:
    """Check every example and return the whole result: the settings, the measures and the single verdicts."""
    judged = judge(Verifier(encoder), examples, progress)
    weights = json.loads(resources.files("rag.models").joinpath("data/verifier.json").read_text("utf-8"))
    return {
        "format": 1,
        "set": {"name": name, "half": half, "examples": len(judged)},
        "settings": {"encoder": encoder.name, "seed": seed, "threshold": SUPPORTED_FROM, "weights": weights},
        **provenance(),
        "sets": measures(judged, seed),
        "results": [asdict(j) | {"score": round(j.score, 4), "ms": round(j.ms, 2)} for j in judged],
    }


def judge(verifier: Verifier, examples: Sequence[ClaimExample], progress: Progress) -> list[ClaimVerdict]:
    """Check every example."""
    found = []
    for number, e in enumerate(examples, start=1):
        started = time.perf_counter()
        verdict = verifier.check(e.sentence, [SourceText(e.source)])
        ms = (time.perf_counter() - started) * 1000
        found.append(
            ClaimVerdict(e.id, e.of, e.kind, e.half, e.supported, verdict.support, verdict.score, ms, len(e.source))
        )
        progress(number, len(examples))
    return found


def measures(judged: Sequence[ClaimVerdict], seed: int) -> Json:
    """Return for each set the AUROC with its 95 % interval, precision and recall of accepting, and shares by kind.

    `supported` is the share of examples that people call supported; p50 and p95 are of `ms`.
    """
    sets: Json = {}
    for of in dict.fromkeys(j.of for j in judged):
        rows = [j for j in judged if j.of == of]
        label = np.array([j.supported for j in rows])
        score = np.array([j.score for j in rows])
        taken = np.array([j.support != "unsupported" for j in rows])
        sets[of] = {
            "n": len(rows),
            "supported": float(label.mean()),
            "auroc": _auroc(label, score),
            "interval": _interval(label, score, seed),
            "precision": float(label[taken].mean()) if taken.any() else None,
            "recall": float(taken[label].mean()) if label.any() else None,
            "accepted": dict(_accepted(rows)),
            "ms": {f"p{p}": float(np.percentile([j.ms for j in rows], p)) for p in (50, 95)},
        }
    return sets


def _accepted(rows: Sequence[ClaimVerdict]) -> Iterator[tuple[str, Json]]:
    """Yield the share accepted of each kind, separately for supported and unsupported examples."""
    for kind, label in dict.fromkeys((j.kind, j.supported) for j in rows if j.kind):
        taken = [j.support != "unsupported" for j in rows if (j.kind, j.supported) == (kind, label)]
        name = f"{kind}, {'to be accepted' if label else 'to be refused'}"
        yield name, {"n": len(taken), "share": float(np.mean(taken))}


def _auroc(label: Labels, score: Scores) -> float | None:
    return float(roc_auc_score(label, score)) if 0 < label.mean() < 1 else None


def _interval(label: Labels, score: Scores, seed: int) -> list[float] | None:
    """Return the 95 % interval by a percentile bootstrap over the examples."""
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(len(label), size=len(label)) for _ in range(RESAMPLES))
    found = [value for rows in drawn if (value := _auroc(label[rows], score[rows])) is not None]
    return [float(np.percentile(found, p)) for p in (2.5, 97.5)] if found else None


def tables(result: Json) -> list[Table]:
    """Return two tables: a row for each set, and a row for each kind of example made here."""
    first = plain_table(f"supported or not; half: {result['set']['half']}", "set")
    for column in ("n", "supported", "AUROC", "95 %", "precision", "recall", "ms p50", "p95"):
        first.add_column(column, justify="right")
    second = plain_table("accepted", "set")
    second.add_column("what")
    for column in ("n", "share accepted"):
        second.add_column(column, justify="right")
    for of, found in result["sets"].items():
        between = "" if found["interval"] is None else "{:.3f} to {:.3f}".format(*found["interval"])
        values = [_shown(found[key]) for key in ("auroc", "precision", "recall")]
        times = [f"{found['ms'][p]:.1f}" for p in ("p50", "p95")]
        first.add_row(of, str(found["n"]), _shown(found["supported"]), values[0], between, *values[1:], *times)
        for row, (kind, share) in enumerate(found["accepted"].items()):
            second.add_row("" if row else of, kind, str(share["n"]), _shown(share["share"]))
    return [first, second]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


# Fitting


def fit(encoder: Encoder, examples: Sequence[ClaimExample], weights: Path, progress: Progress) -> dict[str, float]:
    """Fit the verifier's weights on the examples, each set with the same weight, and write them to `weights`.

    A summary has the mean features of its sentences, and so the mean of their log odds.
    """
    verifier, features, kept = Verifier(encoder), [], []
    for number, example in enumerate(examples, start=1):
        found = [
            verifier.read(example.sentence[a:b], [SourceText(example.source)]) for a, b in statements(example.sentence)
        ]
        if rows := [reading.features.vector() for reading in found if reading]:
            features.append(np.mean(rows, axis=0))
            kept.append(example)
        progress(number, len(examples))
    table = regression(np.array(features), kept)
    weights.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return table


def regression(features: Floats, examples: Sequence[ClaimExample]) -> dict[str, float]:
    """Return the weight of each feature and the intercept.

    First each set has its own intercept, so that the weights separate supported from unsupported within a set, and not
    one set from another. Then one intercept and the weight of the size of the source are fitted over all sets. Both
    labels of a set have the same weight, and so have all sets.
    """
    size = ALIGNMENT_FEATURES.index("size")
    label = np.array([e.supported for e in examples])
    sets = np.array([e.of for e in examples])
    weight = np.array([1 / np.sum((sets == e.of) & (label == e.supported)) for e in examples])
    spread = features.std(axis=0)
    spread[size] = np.inf
    own = np.stack([sets == of for of in dict.fromkeys(sets)], axis=1) * FREE
    first = _logistic(np.hstack([features / spread, own]), label, weight)
    inner = first.coef_[0][: features.shape[1]] / spread
    kept = ~np.isin(sets, MADE)
    second = _logistic(np.stack([features @ inner, features[:, size]], axis=1)[kept], label[kept], weight[kept])
    scale, slope = second.coef_[0]
    weights, intercept = scale * inner, float(second.intercept_[0])
    weights[size] = slope
    return {
        **{n: round(float(w), 4) for n, w in zip(ALIGNMENT_FEATURES, weights, strict=True)},
        "intercept": round(intercept, 4),
    }


def _logistic(features: Floats, label: Labels, weight: Scores) -> LogisticRegression:
    model = LogisticRegression(C=C, max_iter=5000)
    return model.fit(features, label, sample_weight=weight * len(label) / weight.sum())
