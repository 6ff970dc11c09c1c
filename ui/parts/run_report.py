"""A run on the page: its measures, its curves, and every question, regressions first, that opens its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import streamlit as st

from rag.config import Settings
from rag.evaluation.compare import Comparison
from rag.evaluation.measures import MEASURES, Measure
from rag.evaluation.messages import ending, number, target, verdict
from ui.parts import charts, components
from ui.state.archive import finder
from ui.state.question_sets import Result, Row, against, load, rows
from ui.state.saved_answers import restored
from ui.state.session import Conversation, Exchange
from ui.state.store import Json
from ui.wording import counted, plain_label

PAGE = 25  # questions listed at once
ROW = 35  # pixels, of a table
SIGNS = {True: "✓", False: "✗", None: "–"}  # of an outcome that is right, wrong, or that nothing tells
LEGEND = "✓ right, ✗ wrong, – nothing to judge it by"
_OPENED = "opened outcome"


def result(path: Path) -> Result:
    """A run by its file.

    Raises:
        EvalError: it cannot be read, or is none.
    """
    return _result(str(path), _written(path))


def _written(path: Path) -> int:
    """When a file was written: the name of a run tells seconds, and two may be made in one."""
    return path.stat().st_mtime_ns if path.exists() else 0


@st.cache_resource(show_spinner=False, max_entries=8)
def _result(path: str, written: int) -> Result:
    return load(Path(path))


@st.cache_resource(show_spinner=False, max_entries=4)
def _comparison(before: str, after: str, written: tuple[int, int]) -> Comparison | None:
    return against(_result(before, written[0]), _result(after, written[1]))


def compared(before: Result, after: Result) -> Comparison | None:
    """Two runs side by side; None when they share no question."""
    return _comparison(str(before.path), str(after.path), (_written(before.path), _written(after.path)))


def told(moment: datetime) -> str:
    """A moment as a person here would write it."""
    local = moment.astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}"


def draw(settings: Settings, now: Result, before: Result | None) -> None:
    """Everything of a run, held against the one before it where there is one."""
    comparison = compared(before, now) if before is not None else None
    found = rows(now, comparison)
    results = [now] if before is None else [now, before]
    with st.container(key="facts-run"):
        st.text(_facts(now, before, comparison))
    worse = [row for row in found if row.change == "regression"]
    if worse:
        st.subheader(counted(len(worse), "regression"), anchor=False)
        st.caption("Right in the run before, wrong in this one.")
        _listed(settings, results, worse, "regressions")
    st.subheader("Measures", anchor=False)
    table = measures(now, comparison)
    st.dataframe(table, hide_index=True, key="measures", height=ROW * (len(table) + 1) + 3)
    st.caption("95 % intervals: bootstrap over the questions. A change is called better or worse where 0 lies outside.")
    charts.draw(now.run.outcomes)
    _questions(settings, results, found)


def _facts(now: Result, before: Result | None, comparison: Comparison | None) -> str:
    used = now.run.record["settings"]
    facts = [
        counted(len(now.run.outcomes), "question"),
        told(datetime.fromisoformat(now.run.record["made"])),
        used["llm"],
        f"refused below {used['refuse_below']:.2f}",
    ]
    if now.generation is not None:
        facts.append(f"index generation {now.generation}")
    lines = [" · ".join(facts)]
    if before is not None and comparison is None:
        lines.append("The run before it shares no question with it.")
    elif before is not None and comparison is not None:
        was = told(datetime.fromisoformat(before.run.record["made"]))
        changes = f"{counted(len(comparison.regressions), 'regression')}, {len(comparison.mended)} mended"
        lines.append(f"Against the run of {was}, {comparison.shared} questions shared: {changes}.")
    return "\n".join(lines)


def measures(now: Result, comparison: Comparison | None) -> list[Json]:
    """A row for each measure that the run has a value of."""
    found = []
    for measure in MEASURES:
        value = now.measures.get(measure.key)
        if value is None:
            continue
        row = {
            "measure": measure.label,
            "value": number(measure, value["value"]),
            "95 %": f"{number(measure, value['low'])}–{number(measure, value['high'])}",
            "of": value["n"],
            "target": _aim(measure, value["value"]),
        }
        change = comparison.differences.get(measure.key) if comparison is not None else None
        if comparison is not None:
            row["before"] = number(measure, change.a) if change else ""
            row["change"] = number(measure, change.change, sign=True) if change else ""
            row[""] = verdict(measure, change) if change else ""
        found.append(row)
    return found


def _aim(measure: Measure, value: float) -> str:
    """The target, and whether it is met; empty where there is none."""
    if measure.target is None:
        return ""
    return f"{target(measure)} {SIGNS[measure.meets(value, measure.target)]}"


# Questions


def _questions(settings: Settings, results: Sequence[Result], found: Sequence[Row]) -> None:
    """The questions of one sort, or all."""
    st.subheader("Questions", anchor=False)
    counts = Counter(sort for row in found for sort in _sorts(row))
    sorts = [sort for sort in ("all", "wrong", "mended", "right", "not judged") if counts[sort]]
    chosen = st.segmented_control(
        "Which",
        sorts,
        default="all",
        format_func=lambda sort: f"{sort.capitalize()} {counts[sort]:,}",
        key=f"sort-{results[0].path.name}",
        label_visibility="collapsed",
    )
    st.caption(LEGEND)
    sort = chosen or "all"
    _listed(settings, results, [row for row in found if sort in _sorts(row)], sort)


def _sorts(row: Row) -> set[str]:
    sort = {True: "right", False: "wrong", None: "not judged"}[row.now.right]
    return {"all", sort} | ({"mended"} if row.change == "mended" else set())


def _listed(settings: Settings, results: Sequence[Result], shown: Sequence[Row], sort: str) -> None:
    """A page of questions, each a button that opens it."""
    key = f"page-{results[0].path.name}-{sort}"
    pages = max(1, -(-len(shown) // PAGE))
    first = (min(st.session_state.get(key, 1), pages) - 1) * PAGE
    with st.container(key=f"outcomes-{sort.replace(' ', '-')}", gap=None):
        for row in shown[first : first + PAGE]:
            _question(settings, results, row, sort)
    if pages > 1:
        st.pagination(pages, key=key)


def _question(settings: Settings, results: Sequence[Result], row: Row, sort: str) -> None:
    was = f"{SIGNS[row.before.right]} → " if row.change and row.before is not None else ""
    label = plain_label(f"{was}{SIGNS[row.now.right]} {row.now.question.question}")
    now = results[0]
    place = (str(now.path), row.now.question.id, sort)
    is_open = st.session_state.get(_OPENED, (None,))[0] == place
    icon = ":material/expand_more:" if is_open else ":material/chevron_right:"
    key = f"outcome-{sort}-{now.run.outcomes.index(row.now)}"  # an id may be any text
    st.button(label, key=key, type="tertiary", icon=icon, on_click=_toggle, args=(settings, results, row, place))
    if is_open:
        with st.container(border=True, key="outcome"):
            _detail(row)


def _toggle(settings: Settings, results: Sequence[Result], row: Row, place: tuple[str, str, str]) -> None:
    """Open a question, its answers with the citations looked up in the archive as it is now; or close it."""
    known = st.session_state.pop(_OPENED, None)
    if known is not None and known[0] == place:
        return
    find = finder(settings)
    talk = Conversation()
    for of in results:
        answer = of.answers.get(row.now.question.id)
        exchange = Exchange(row.now.question.question)
        if answer is not None:
            exchange.answer = restored(answer, find)
            exchange.searched = f"the archive in its generation {answer['generation']}"
        talk.exchanges.append(exchange)
    st.session_state[_OPENED] = place, talk


def close() -> None:
    """Close the question that is open, if one is."""
    st.session_state.pop(_OPENED, None)


def opened() -> Conversation:
    """The question that is open, as a conversation of its own; an empty one when none is."""
    known = st.session_state.get(_OPENED)
    talk: Conversation = known[1] if known is not None else Conversation()
    return talk


def _detail(row: Row) -> None:
    """What was asked, what would be right, and what came of it now and before."""
    question = row.now.question
    lines = [f"After: {earlier}" for earlier in question.history]
    if row.now.standalone_question not in ("", question.question):
        lines.append(f"Asked as: {row.now.standalone_question}")
    if question.need == 0:
        lines.append("Right would be: a refusal")
    if question.answers:
        lines.append(f"Right would be: {' / '.join(question.answers)}")
    for place, gold in enumerate(question.gold):
        lines.append(f"{'Cited' if place in row.now.cited else 'Not cited'}: “{gold.quote}” ({gold.path})")
    if lines:
        with st.container(key="facts-outcome"):
            st.text("\n".join(lines))
    talk = opened()
    became = [("Now", row.now)] + ([("Before", row.before)] if row.before is not None else [])
    for (when, outcome), exchange in zip(became, talk.exchanges, strict=False):
        st.text(f"{when}: {SIGNS[outcome.right]} {ending(outcome)}")
        if exchange.answer is not None:
            components.answer(talk, exchange)
        elif outcome.text:
            st.text(outcome.text)
