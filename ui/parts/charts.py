"""The curves of a run, as Vega-Lite: what refusing more would gain, and whether confidence means what it says."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.evaluation.curves import reliability, risk_coverage
from rag.evaluation.types import Outcome
from ui.state.store import Json

HEIGHT = 320  # pixels
_SHARE = {"domain": [0, 1]}
COLOURS = ["#2f7fd6", "#d9730d"]  # seen on a light page and on a dark one
LEGEND: Json = {"orient": "bottom", "title": None, "columns": 1, "labelLimit": 0}
_GREY = "#808080"


def draw(outcomes: Sequence[Outcome]) -> None:
    """Both curves beside each other, as far as the outcomes have them."""
    specs = [spec for spec in (risk_spec(outcomes), reliability_spec(outcomes)) if spec is not None]
    if specs:
        for column, (heading, told, spec) in zip(st.columns(2, gap="medium"), specs, strict=False):
            with column:
                st.markdown(f"**{heading}**")
                st.caption(told)
                st.vega_lite_chart(spec, width="stretch")


def risk_spec(outcomes: Sequence[Outcome]) -> tuple[str, str, Json] | None:
    """The share of wrong answers among the surest; None without answers that can be judged."""
    points = risk_coverage(outcomes)
    if not points:
        return None
    rows = [{"coverage": p.coverage, "risk": p.risk, "confidence": p.confidence} for p in points]
    told = "Were only the surest of its answers given: how many of them are wrong."
    encoding = {
        "x": _axis("coverage", "questions answered"),
        "y": _axis("risk", "of the answers, wrong"),
        "tooltip": [_told("coverage", ".0%"), _told("risk", ".0%"), _told("confidence", ".2f")],
    }
    mark = {"type": "line", "interpolate": "step-before", "point": len(rows) < 60, "color": COLOURS[0]}
    return "Risk and coverage", told, _chart(told, [{"data": {"values": rows}, "mark": mark, "encoding": encoding}])


def reliability_spec(outcomes: Sequence[Outcome]) -> tuple[str, str, Json] | None:
    """What is true of the questions of each tenth of confidence; None where nothing is known of any."""
    curves = reliability(outcomes)
    rows = [
        {"confidence": b.confidence, "share": b.right, "questions": b.n, "of": name}
        for name, found in curves.items()
        for b in found
    ]
    if not rows:
        return None
    told = "On the dashed line, a confidence of 0.8 is right in 80 of 100 cases."
    line: Json = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": _axis("confidence", "confidence", ".1f"),
            "y": _axis("share", "of the questions"),
            "color": {"field": "of", "type": "nominal", "scale": {"range": COLOURS}, "legend": LEGEND},
            "tooltip": [_told("confidence", ".2f"), _told("share", ".0%"), _told("questions", ","), _told("of", "")],
        },
    }
    ends = [{"confidence": end, "share": end} for end in (0, 1)]
    diagonal: Json = {
        "data": {"values": ends},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": _GREY},
        "encoding": {"x": _axis("confidence", "confidence", ".1f"), "y": _axis("share", "of the questions")},
    }
    return "Reliability", told, _chart(told, [diagonal, line])


def _chart(described: str, layers: list[Json]) -> Json:
    return {"description": described, "height": HEIGHT, "layer": layers}


def _axis(field: str, title: str, written: str = ".0%") -> Json:
    axis = {"format": written, "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "scale": _SHARE, "axis": axis}


def _told(field: str, written: str) -> Json:
    return {"field": field, "type": "quantitative", "format": written} if written else {"field": field}
