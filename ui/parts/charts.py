"""The curves of a run, as Vega-Lite: what refusing more would gain, and whether the confidence is right."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.evaluation.curves import reliability, risk_coverage
from rag.evaluation.types import Outcome
from ui.state.store import Json

HEIGHT = 320  # pixels
MAX_POINTS = 60  # a longer curve is drawn without a point for each row
_SHARE = {"domain": [0, 1]}
COLOURS = ["#2f7fd6", "#d9730d"]  # visible on a light page and on a dark one
LEGEND: Json = {"orient": "bottom", "title": None, "columns": 1, "labelLimit": 0}
_GREY = "#808080"


def draw(outcomes: Sequence[Outcome]) -> None:
    """Draw both curves beside each other, if the outcomes have them."""
    specs = [spec for spec in (risk_spec(outcomes), reliability_spec(outcomes)) if spec is not None]
    if specs:
        for column, (heading, caption, spec) in zip(st.columns(2, gap="medium"), specs, strict=False):
            with column:
                st.markdown(f"**{heading}**")
                st.caption(caption)
                st.vega_lite_chart(spec, width="stretch")


def risk_spec(outcomes: Sequence[Outcome]) -> tuple[str, str, Json] | None:
    """Return the curve of wrong answers among the most confident ones; None without answers that can be judged."""
    points = risk_coverage(outcomes)
    if not points:
        return None
    rows = [{"coverage": p.coverage, "risk": p.risk, "confidence": p.confidence} for p in points]
    caption = "How many answers are wrong if only the most confident ones are given."
    encoding = {
        "x": _axis("coverage", "questions answered"),
        "y": _axis("risk", "wrong answers"),
        "tooltip": [_tip("coverage", ".0%"), _tip("risk", ".0%"), _tip("confidence", ".2f")],
    }
    mark = {"type": "line", "interpolate": "step-before", "point": len(rows) < MAX_POINTS, "color": COLOURS[0]}
    layer = {"data": {"values": rows}, "mark": mark, "encoding": encoding}
    return "Fewer answers, fewer errors", caption, _chart(caption, [layer])


def reliability_spec(outcomes: Sequence[Outcome]) -> tuple[str, str, Json] | None:
    """Return the curve of right answers for each tenth of confidence; None where nothing can be judged."""
    curves = reliability(outcomes)
    rows = [
        {"confidence": b.confidence, "share": b.right, "questions": b.n, "of": name}
        for name, bins in curves.items()
        for b in bins
    ]
    if not rows:
        return None
    caption = "On the dashed line, a confidence of 0.8 means that 80 of 100 answers are right."
    line: Json = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": _axis("confidence", "confidence", ".1f"),
            "y": _axis("share", "of the questions"),
            "color": {"field": "of", "type": "nominal", "scale": {"range": COLOURS}, "legend": LEGEND},
            "tooltip": [_tip("confidence", ".2f"), _tip("share", ".0%"), _tip("questions", ","), _tip("of", "")],
        },
    }
    ends = [{"confidence": end, "share": end} for end in (0, 1)]
    diagonal: Json = {
        "data": {"values": ends},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": _GREY},
        "encoding": {"x": _axis("confidence", "confidence", ".1f"), "y": _axis("share", "of the questions")},
    }
    return "Is the confidence right?", caption, _chart(caption, [diagonal, line])


def _chart(described: str, layers: list[Json]) -> Json:
    return {"description": described, "height": HEIGHT, "layer": layers}


def _axis(field: str, title: str, written: str = ".0%") -> Json:
    axis = {"format": written, "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "scale": _SHARE, "axis": axis}


def _tip(field: str, written: str) -> Json:
    return {"field": field, "type": "quantitative", "format": written} if written else {"field": field}
