"""A run on the page: its measures, its curves, and its questions, which open their answers."""

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
from ui.state.question_sets import ResultRow, RunResult, against, load_run, result_rows
from ui.state.saved_answers import answer_from_json
from ui.state.session import Conversation, Exchange
from ui.state.store import Json
from ui.wording import capitalised, counted, plain_label, written_by

QUESTIONS_PER_PAGE = 25
ROW_HEIGHT = 35  # pixels, of a table
SIGNS = {True: "✓", False: "✗", None: "–"}  # of an outcome that is right, wrong, or not judged
LEGEND = "✓ right, ✗ wrong, – not judged, because the set has no right answer"
_OPENED = "opened outcome"


def result(path: Path) -> RunResult:
    """Return the run of a file.

    Raises:
        EvalError: it cannot be read, or is no run.
    """
    return _result(str(path), _written(path))


def _written(path: Path) -> int:
    """Return when a file was written, in nanoseconds: two runs of one second have the same name."""
    return path.stat().st_mtime_ns if path.exists() else 0


@st.cache_resource(show_spinner=False, max_entries=8)
def _result(path: str, written: int) -> RunResult:
    return load_run(Path(path))


@st.cache_resource(show_spinner=False, max_entries=4)
def _comparison(before: str, after: str, written: tuple[int, int]) -> Comparison | None:
    return against(_result(before, written[0]), _result(after, written[1]))


def compared(before: RunResult, after: RunResult) -> Comparison | None:
    """Compare two runs; None when they share no question."""
    return _comparison(str(before.path), str(after.path), (_written(before.path), _written(after.path)))


def local_time(moment: datetime) -> str:
    """Return a time in the time zone of this computer."""
    local = moment.astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}"


def draw(settings: Settings, now: RunResult, before: RunResult | None) -> None:
    """Draw a run, compared with the one before it where there is one."""
    comparison = compared(before, now) if before is not None else None
    found = result_rows(now, comparison)
    results = [now] if before is None else [now, before]
    with st.container(key="facts-run"):
        st.text(_facts(now, before, comparison))
    worse = [row for row in found if row.change == "worse"]
    if worse:
        st.subheader(f"{counted(len(worse), 'answer')} got worse", anchor=False)
        st.caption("Right in the run before, wrong in this one.")
        _listed(settings, results, worse, "worse")
    st.subheader("Measures", anchor=False)
    table = measures(now, comparison)
    st.dataframe(table, hide_index=True, key="measures", height=ROW_HEIGHT * (len(table) + 1) + 3)
    st.caption(
        "The 95 % range shows how much the value may differ with other questions of this kind. "
        "A change is called better or worse only where it is larger than chance."
    )
    charts.draw(now.run.outcomes)
    _questions(settings, results, found)


def _facts(now: RunResult, before: RunResult | None, comparison: Comparison | None) -> str:
    used = now.run.record["settings"]
    facts = [
        counted(len(now.run.outcomes), "question"),
        local_time(datetime.fromisoformat(now.run.record["made"])),
        capitalised(written_by(used["llm"])),
        f"refused below a confidence of {used['refuse_below']:.2f}",
    ]
    if now.generation is not None:
        facts.append(f"index version {now.generation}")
    lines = [" · ".join(facts)]
    if before is not None and comparison is None:
        lines.append("It has no question in common with the run before.")
    elif before is not None and comparison is not None:
        was = local_time(datetime.fromisoformat(before.run.record["made"]))
        worse, better = len(comparison.regressions), len(comparison.mended)
        shared = counted(comparison.shared, "question")
        lines.append(f"Compared with the run of {was}, {shared} in common: {worse:,} worse, {better:,} better.")
    return "\n".join(lines)


def measures(now: RunResult, comparison: Comparison | None) -> list[Json]:
    """Return a row for each measure of which the run has a value."""
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
    """Return the target, and whether it is met; empty where there is none."""
    if measure.target is None:
        return ""
    return f"{target(measure)} {SIGNS[measure.meets(value, measure.target)]}"


# Questions


def _questions(settings: Settings, results: Sequence[RunResult], found: Sequence[ResultRow]) -> None:
    """Draw the questions of one sort, or all."""
    st.subheader("Questions", anchor=False)
    counts = Counter(sort for row in found for sort in _sorts(row))
    sorts = [sort for sort in ("all", "wrong", "better", "right", "not judged") if counts[sort]]
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


def _sorts(row: ResultRow) -> set[str]:
    sort = {True: "right", False: "wrong", None: "not judged"}[row.now.right]
    return {"all", sort} | ({"better"} if row.change == "better" else set())


def _listed(settings: Settings, results: Sequence[RunResult], shown: Sequence[ResultRow], sort: str) -> None:
    """Draw a page of questions, each a button that opens it."""
    key = f"page-{results[0].path.name}-{sort}"
    pages = max(1, -(-len(shown) // QUESTIONS_PER_PAGE))
    first = (min(st.session_state.get(key, 1), pages) - 1) * QUESTIONS_PER_PAGE
    with st.container(key=f"outcomes-{sort.replace(' ', '-')}", gap=None):
        for row in shown[first : first + QUESTIONS_PER_PAGE]:
            _question(settings, results, row, sort)
    if pages > 1:
        st.pagination(pages, key=key)


def _question(settings: Settings, results: Sequence[RunResult], row: ResultRow, sort: str) -> None:
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


def _toggle(settings: Settings, results: Sequence[RunResult], row: ResultRow, place: tuple[str, str, str]) -> None:
    """Open a question, its citations looked up in the archive as it is now; or close it."""
    known = st.session_state.pop(_OPENED, None)
    if known is not None and known[0] == place:
        return
    find = finder(settings)
    talk = Conversation()
    for of in results:
        answer = of.answers.get(row.now.question.id)
        exchange = Exchange(row.now.question.question)
        if answer is not None:
            exchange.answer = answer_from_json(answer, find)
            exchange.searched = f"index version {answer['generation']}"
        talk.exchanges.append(exchange)
    st.session_state[_OPENED] = place, talk


def close() -> None:
    """Close the question that is open, if one is."""
    st.session_state.pop(_OPENED, None)


def opened() -> Conversation:
    """Return the open question as a conversation of its own; an empty one when none is open."""
    known = st.session_state.get(_OPENED)
    talk: Conversation = known[1] if known is not None else Conversation()
    return talk


def _detail(row: ResultRow) -> None:
    """Draw what was asked, the right answer, and the outcomes now and before."""
    question = row.now.question
    lines = [f"Asked after: {earlier}" for earlier in question.history]
    if row.now.standalone_question not in ("", question.question):
        lines.append(f"Understood as: {row.now.standalone_question}")
    if question.need == 0:
        lines.append("Right answer: none, the archive does not hold it")
    if question.answers:
        lines.append(f"Right answer: {' / '.join(question.answers)}")
    for place, gold in enumerate(question.gold):
        lines.append(f"{'Cited' if place in row.now.cited else 'Not cited'}: “{gold.quote}” ({gold.path})")
    if lines:
        with st.container(key="facts-outcome"):
            st.text("\n".join(lines))
    talk = opened()
    outcomes = [("Now", row.now)] + ([("Before", row.before)] if row.before is not None else [])
    for (when, outcome), exchange in zip(outcomes, talk.exchanges, strict=False):
        st.text(f"{when}: {SIGNS[outcome.right]} {ending(outcome)}")
        if exchange.answer is not None:
            components.answer(talk, exchange)
        elif outcome.text:
            st.text(outcome.text)
