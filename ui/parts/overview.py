"""The archive at a glance, on its page: how much of it is from when and from whom, and a map of its stories.

What articles say goes into the charts as values of columns that are named here, and never into their description: a
title is text on the chart and in its hover card, whatever stands in it.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from rag.config import Settings
from rag.index.reader import Index
from rag.index.statistics import OTHERS, OUTLETS_SHOWN, Bar, Coverage, Place, coverage, story_map
from ui.views.article import UNKNOWN_DATE
from ui.wording import counted

Json = dict[str, Any]

FEWEST = 3  # articles for a map
HEIGHT = 320  # pixels
ROW = 26  # pixels, of an outlet
LABEL = 34  # characters of a title on the map
UNNAMED = "outlet unknown"
INK = {"light": "#31333f", "dark": "#fafafa"}  # of names on the map: a mark of text takes no colour of the theme
TIME_UNITS = {"day": "utcyearmonthdate", "month": "utcyearmonth", "year": "utcyear"}
FORMATS = {"day": "%-d %b %Y", "month": "%b %Y", "year": "%Y"}
DOT = {"strokeWidth": 1, "opacity": 0.85}


def draw(settings: Settings) -> str | None:
    """Draw the charts; return the id of the article that was chosen on the map."""
    with Index.open(settings.index).snapshot() as snapshot:
        generation = snapshot.generation
    counts, (places, total) = _counted(settings, generation), _mapped(settings, generation)
    if not counts.total:
        return None
    with st.container(key="glance"):
        _coverage(counts)
        return _map(places, total) if len(places) >= FEWEST else None


# A large archive takes a second or two to count and lay out: once a generation is enough.
@st.cache_resource(show_spinner=False, max_entries=4)
def _counted(settings: Settings, generation: int) -> Coverage:
    return coverage(settings.index)


@st.cache_resource(show_spinner="Laying out the map…", max_entries=4)
def _mapped(settings: Settings, generation: int) -> tuple[list[Place], int]:
    return story_map(settings.index)


# Coverage


def _coverage(counts: Coverage) -> None:
    periods = {bar.period for bar in counts.bars}
    named = [bar for bar in counts.outlets if bar.outlet]
    if len(periods) > 1:
        st.subheader("Coverage", anchor=False)
        st.vega_lite_chart(_rows(counts.bars), by_date(counts), height=HEIGHT - 60, alt=told(counts))
    elif len(counts.outlets) > 1 and named:
        st.subheader("Coverage", anchor=False)
        rows = _rows(counts.outlets)
        st.vega_lite_chart(rows, by_outlet(), height=ROW * len(rows) + 40, alt="Articles by outlet")
    st.caption(unknown(counts))


def _rows(bars: tuple[Bar, ...]) -> list[Json]:
    return [{"period": bar.period, "outlet": bar.outlet or UNNAMED, "articles": bar.articles} for bar in bars]


def by_date(counts: Coverage) -> Json:
    """The description of the chart of articles by date: columns of its rows, and nothing that an article says."""
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
    """The description of the chart of articles by outlet alone."""
    how_many = {"field": "articles", "type": "quantitative", "title": "articles"}
    return {
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {**how_many, "axis": {"tickMinStep": 1, "format": "d"}},
            "y": {"field": "outlet", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 220}},
            "tooltip": [{"field": "outlet", "type": "nominal"}, how_many],
        },
    }


def told(counts: Coverage) -> str:
    """The chart by date in a sentence, for those who do not see it."""
    sizes: dict[str, int] = {}
    for bar in counts.bars:
        sizes[bar.period] = sizes.get(bar.period, 0) + bar.articles
    most = max(sizes, key=lambda period: sizes[period])
    return (
        f"Articles by {counts.unit} of publication, {min(sizes)} to {max(sizes)}; "
        f"most in {most}, which has {counted(sizes[most], 'article')}"
    )


def unknown(counts: Coverage) -> str:
    """What the charts cannot show, and why."""
    unnamed = sum(bar.articles for bar in counts.outlets if not bar.outlet)
    if counts.undated == unnamed == counts.total:
        which = "The article carries" if counts.total == 1 else f"None of the {counts.total:,} articles carries"
        no = (
            "no publish date and does not name its outlet"
            if counts.total == 1
            else "a publish date or names its outlet"
        )
        return f"{which} {no}, so there is no coverage over time to show."
    parts = []
    if counts.undated:
        parts.append(f"{counts.undated:,} of {counts.total:,} articles carry no publish date")
    if unnamed:
        parts.append(f"{unnamed:,} of {counts.total:,} do not name their outlet")
    return "; ".join(parts) + "." if parts else f"{counted(counts.total, 'article')}, each with its date and outlet."


# The map


def _map(places: list[Place], total: int) -> str | None:
    st.subheader("Map of stories", anchor=False)
    of = "" if len(places) == total else f" {len(places):,} of {counted(total, 'article')} are on it."
    st.caption(f"Articles about the same things lie near each other. Click one to read it.{of}")
    chosen = st.vega_lite_chart(
        points(places),
        map_spec(outlets=len(_outlets(places)) > 1),
        height=HEIGHT,
        key="map",
        on_select="rerun",
        alt=f"Map of {counted(len(places), 'article')}, which the table below lists",
    )
    picked = chosen["selection"].get("article") or [{}]
    number = picked[0].get("n")
    return places[number].id if isinstance(number, int) and 0 <= number < len(places) else None


def _outlets(places: list[Place]) -> dict[str, str]:
    """Outlet as compared -> as shown: the largest, and what the others are counted as."""
    sizes: dict[str, int] = {}
    spelt: dict[str, str] = {}
    for place in places:
        key = (place.publisher or "").strip().casefold()
        sizes[key] = sizes.get(key, 0) + 1
        spelt.setdefault(key, (place.publisher or "").strip() or UNNAMED)
    largest = sorted((key for key in sizes if key), key=lambda key: -sizes[key])
    kept = set(largest if len(largest) <= OUTLETS_SHOWN + 1 else largest[:OUTLETS_SHOWN])
    return {key: name if key in kept or not key else OTHERS for key, name in spelt.items()}


def points(places: list[Place]) -> list[Json]:
    """A row for each article on the map; `n` finds it again."""
    outlets = _outlets(places)
    return [
        {
            "n": number,
            "x": place.x,
            "y": place.y,
            "article": place.title,
            "label": "" if place.above is None else _short(place.title),
            "above": place.y if place.above is None else place.above,
            "outlet": place.publisher or UNNAMED,
            "group": outlets[(place.publisher or "").strip().casefold()],
            "published": place.published or UNKNOWN_DATE,
        }
        for number, place in enumerate(places)
    ]


def _short(title: str) -> str:
    return title if len(title) <= LABEL else title[: LABEL - 1].rstrip() + "…"


def map_spec(outlets: bool) -> Json:
    """The description of the map: columns of its rows, and nothing that an article says."""
    scale = {"domain": [-1.25, 1.25]}
    place: Json = {
        "x": {"field": "x", "type": "quantitative", "axis": None, "scale": scale},
        "y": {"field": "y", "type": "quantitative", "axis": None, "scale": scale},
    }
    card = [{"field": field, "type": "nominal"} for field in ("article", "outlet", "published")]
    dots: Json = {
        "mark": {"type": "circle", "size": 90, "cursor": "pointer", **DOT},
        "params": [{"name": "article", "select": {"type": "point", "fields": ["n"]}}],
        "encoding": {
            **place,
            "tooltip": card,
            "size": {"condition": {"param": "article", "empty": False, "value": 260}, "value": 90},
        },
    }
    if outlets:
        dots["encoding"]["color"] = {"field": "group", "type": "nominal", "title": None, "legend": LEGEND}
    names: Json = {  # where there is room for them
        "mark": {
            "type": "text",
            "dy": -12,
            "fontSize": 12,
            "color": INK[st.context.theme.type or "light"],
            "limit": {"expr": "width / 5"},
            "opacity": {"expr": "width < 560 ? 0 : 1"},
            "aria": False,
        },
        "transform": [{"filter": "datum.label != ''"}],
        "encoding": {**place, "y": {**place["y"], "field": "above"}, "text": {"field": "label", "type": "nominal"}},
    }
    return {"layer": [dots, names], "view": {"stroke": None}}
