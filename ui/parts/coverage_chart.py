"""A chart of the archive: how many articles are from when and from which outlet.

What articles say goes into the chart as values of its columns, and never into its description. So an outlet's name is
shown as text, whatever characters it has.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from rag.config import Settings
from rag.index.reader import Index
from rag.index.statistics import Bar, Coverage, coverage
from ui.wording import counted

Json = dict[str, Any]

HEIGHT = 260  # pixels
ROW_HEIGHT = 26  # pixels, of an outlet
UNNAMED = "outlet unknown"
TIME_UNITS = {"day": "utcyearmonthdate", "month": "utcyearmonth", "year": "utcyear"}
FORMATS = {"day": "%-d %b %Y", "month": "%b %Y", "year": "%Y"}


def draw(settings: Settings) -> None:
    """Draw the chart, and say which articles are not on it."""
    with Index.open(settings.index).snapshot() as snapshot:
        generation = snapshot.generation
    counts = _counted(settings, generation)
    if counts.total:
        with st.container(key="glance"):
            _chart(counts)


# Counting a large archive takes a second or two. So it is counted once for each generation.
@st.cache_resource(show_spinner=False, max_entries=4)
def _counted(settings: Settings, generation: int) -> Coverage:
    return coverage(settings.index)


def _chart(counts: Coverage) -> None:
    periods = {bar.period for bar in counts.bars}
    named = [bar for bar in counts.outlets if bar.outlet]
    if len(periods) > 1:
        st.subheader("Coverage", anchor=False)
        st.vega_lite_chart(_rows(counts.bars), by_date(counts), height=HEIGHT, alt=chart_in_words(counts))
    elif len(counts.outlets) > 1 and named:
        st.subheader("Coverage", anchor=False)
        rows = _rows(counts.outlets)
        st.vega_lite_chart(rows, by_outlet(), height=ROW_HEIGHT * len(rows) + 40, alt="Articles by outlet")
    st.caption(missing_facts(counts))


def _rows(bars: tuple[Bar, ...]) -> list[Json]:
    return [{"period": bar.period, "outlet": bar.outlet or UNNAMED, "articles": bar.articles} for bar in bars]


def by_date(counts: Coverage) -> Json:
    """Return the description of the chart by date, which names columns and holds nothing that an article says."""
    unit, several = TIME_UNITS[counts.unit], len(counts.outlets) > 1
    when = {"field": "period", "type": "temporal", "timeUnit": unit, "title": None, "scale": {"type": "utc"}}
    how_many = {"field": "articles", "type": "quantitative", "aggregate": "sum", "title": "articles"}
    spec: Json = {
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": when,
            "y": {**how_many, "axis": {"tickMinStep": 1, "format": "d"}},
            "tooltip": [{**when, "title": "published", "format": FORMATS[counts.unit]}, how_many],
        },
    }
    if several:
        spec["encoding"]["color"] = {"field": "outlet", "type": "nominal", "title": None, "legend": LEGEND}
        spec["encoding"]["tooltip"].insert(0, {"field": "outlet", "type": "nominal"})
    return spec


# As wide as the chart allows.
LEGEND = {"orient": "bottom", "columns": {"expr": "max(1, floor(width / 130))"}, "labelLimit": 110}


def by_outlet() -> Json:
    """Return the description of the chart by outlet alone."""
    how_many = {"field": "articles", "type": "quantitative", "title": "articles"}
    return {
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {**how_many, "axis": {"tickMinStep": 1, "format": "d"}},
            "y": {"field": "outlet", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 220}},
            "tooltip": [{"field": "outlet", "type": "nominal"}, how_many],
        },
    }


def chart_in_words(counts: Coverage) -> str:
    """Describe the chart by date in a sentence, for readers who do not see it."""
    sizes: dict[str, int] = {}
    for bar in counts.bars:
        sizes[bar.period] = sizes.get(bar.period, 0) + bar.articles
    most = max(sizes, key=lambda period: sizes[period])
    return (
        f"Articles by {counts.unit} of publication, {min(sizes)} to {max(sizes)}; "
        f"most in {most}, which has {counted(sizes[most], 'article')}"
    )


def missing_facts(counts: Coverage) -> str:
    """Say what the chart cannot show, and why."""
    unnamed = sum(bar.articles for bar in counts.outlets if not bar.outlet)
    if counts.undated == unnamed == counts.total:
        return "No article gives its publish date or its outlet, so there is no chart of them."
    of_all = f"of {counted(counts.total, 'article')}"
    parts = []
    if counts.undated:
        parts.append(f"{counts.undated:,} {of_all} without a publish date")
    if unnamed:
        parts.append(f"{unnamed:,} {of_all} without an outlet")
    return "; ".join(parts) + "." if parts else f"{counted(counts.total, 'article')}, with date and outlet."
