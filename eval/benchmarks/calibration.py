"""Measure the confidence over `eval.datasets.confidence_rows`: its separation, calibration and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from rich.table import Table

from eval.datasets.confidence_rows import REFUSED_ANSWERABLE, ConfidenceRow
from rag.evaluation.calibration import (
    Floats,
    Labels,
    Refusals,
    aurc,
    auroc,
    bins,
    calibration_error,
    refusals,
    risks,
    threshold_for,
    threshold_interval,
)
from rag.evaluation.report import plain_table
from rag.evaluation.runs import Json, provenance
from rag.evidence.confidence import probability

COVERAGES = tuple(n / 10 for n in range(1, 11))


def measured(rows: Sequence[ConfidenceRow], name: str, refuse_below: float) -> Json:
    """Return the whole result: measures of each source and half, and the rows that they are computed from."""
    found: Json = {}
    sources = [*dict.fromkeys(r.source for r in rows), "all"]
    for source in sources:
        for half in ("tune", "test"):
            group = [r for r in rows if source in ("all", r.source) and r.half == half]
            if group:
                found[f"{source}, {half}"] = _measures(group, refuse_below)
    tune = [r for r in rows if r.half == "tune"]
    confidence, answerable, _ = _columns(tune)
    of = np.array([r.source for r in tune])
    low, high = threshold_interval(confidence, answerable, of, REFUSED_ANSWERABLE)
    return {
        "format": 1,
        "command": "calibration",
        "set": {"name": name, "questions": len(rows)},
        "settings": {"refuse_below": refuse_below},
        **provenance(),
        "threshold": {
            "refused_answerable": REFUSED_ANSWERABLE,
            "value": threshold_for(confidence, answerable, of, REFUSED_ANSWERABLE),
            "low": low,
            "high": high,
        },
        "measures": found,
        "rows": [
            r.to_json() | {"confidence": round(float(p), 5)} for r, p in zip(rows, _columns(rows)[0], strict=True)
        ],
    }


def _columns(rows: Sequence[ConfidenceRow]) -> tuple[Floats, Labels, Labels]:
    """Return confidence (n,), whether the archive holds the answer (n,), and whether the answer is right (n,)."""
    confidence = np.array([probability(r.vector()) for r in rows], dtype=np.float64)
    return confidence, np.array([r.answerable for r in rows]), np.array([r.right for r in rows])


def _measures(rows: Sequence[ConfidenceRow], refuse_below: float) -> Json:
    confidence, answerable, right = _columns(rows)
    curve = risks(confidence, right)
    return {
        "n": len(rows),
        "answerable": int(answerable.sum()),
        "right": int(right.sum()),
        "auroc": auroc(confidence, answerable),
        "auroc_right": auroc(confidence, right),
        "calibration_error": calibration_error(confidence, answerable),
        "calibration_error_right": calibration_error(confidence, right),
        "aurc": aurc(confidence, right),
        "refusals": asdict(refusals(confidence, answerable, refuse_below)),
        "kinds": {
            kind: asdict(refusals(confidence[of], answerable[of], refuse_below))
            for kind in dict.fromkeys(r.kind for r in rows)
            if (of := np.array([r.kind == kind for r in rows])).any()
        },
        "bins": [asdict(b) for b in bins(confidence, answerable)],
        "risks": {f"{c:.1f}": float(curve[max(0, round(c * len(rows)) - 1)]) for c in COVERAGES},
    }


def tables(result: Json) -> list[Table]:
    """Return the tables of a result: by source and half, by kind, reliability, and risk by coverage."""
    below = result["settings"]["refuse_below"]
    main = plain_table(f"refused below {below}; P, R: of refusals, against questions without an answer", "source, half")
    for column in ("n", "no answer", "AUROC", "P", "R", "answerable refused", "ECE", "AURC"):
        main.add_column(column, justify="right")
    for name, of in result["measures"].items():
        found = Refusals(**of["refusals"])
        main.add_row(name, str(of["n"]), str(of["n"] - of["answerable"]), *map(_shown, (
            of["auroc"], found.precision, found.recall, found.cost, of["calibration_error"], of["aurc"])))  # fmt: skip
    kinds = plain_table("share refused, by kind", "source, half")
    names = list(dict.fromkeys(kind for of in result["measures"].values() for kind in of["kinds"]))
    for kind in names:
        kinds.add_column(kind, justify="right")
    for name, of in result["measures"].items():
        cells = [of["kinds"].get(kind) for kind in names]
        kinds.add_row(name, *(f"{c['refused']}/{c['n']}" if c else "" for c in cells))
    reliability = plain_table("all, test: confidence, and the share that has an answer", "confidence")
    for column in ("n", "has an answer"):
        reliability.add_column(column, justify="right")
    for one in result["measures"].get("all, test", {"bins": []})["bins"]:
        reliability.add_row(f"{one['confidence']:.2f}", str(one["n"]), f"{one['right']:.2f}")
    risk = plain_table("share of wrong answers among the surest", "source, half")
    for coverage in COVERAGES:
        risk.add_column(f"{coverage:.0%}", justify="right")
    for name, of in result["measures"].items():
        risk.add_row(name, *(f"{value:.2f}" for value in of["risks"].values()))
    return [main, kinds, reliability, risk]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
