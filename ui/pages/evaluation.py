"""The evaluation page: a set of questions is chosen and asked in the background, and its results are shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import streamlit as st

from rag.config import Settings, load_settings
from rag.errors import OnRecordError
from rag.evaluation.questions import SUFFIXES
from ui.parts import components, delete_evaluations, judged_answer_list, maintenance, run_report
from ui.parts.settings import AnswerSettings, choose_writer
from ui.state.archive import open_archive, open_store
from ui.state.jobs import Jobs
from ui.state.question_sets import (
    JUDGED,
    ConfiguredArchive,
    QuestionSetChoice,
    evaluation_work,
    question_sets,
    runs,
    upload,
)
from ui.state.store import Store
from ui.wording import capitalised

SET = "set"  # the one that the page shows, in the session's state
_UPLOADS, _REFUSED = "number of uploads", "why no set was added"
ABOUT = "Ask the archive a set of questions, and see which answers are right."
NO_SETS = "There are no questions yet. Judge answers in the chat with the thumbs, or add a set of questions here."
COLUMNS = (
    "A CSV or JSON Lines file. It needs the column question. The column answer takes a few words that a right answer "
    "contains. The columns id, kind, history, gold, need and half can be left out."
)


@st.cache_resource(show_spinner=False)
def evaluations(index: str) -> Jobs:
    """Return the evaluations over one index, which all sessions share. They do not hold up a build of the index."""
    return Jobs()


def page() -> None:
    """Draw the evaluation page once; Streamlit calls this again at every event."""
    talk = run_report.opened()
    left, beside = components.columns(talk)
    if talk.opened:
        with beside, st.container(key="article"):
            components.article(talk, talk.opened)
    with left:
        st.title("Evaluation", anchor=False)
        try:
            settings = load_settings()
            store = open_store(settings)
            known = question_sets(settings, store)
        except OnRecordError as error:
            st.text(capitalised(str(error)))
            return
        st.text(ABOUT if known else NO_SETS)
        judged_answer_list.undo(store)
        delete_evaluations.trouble()
        chosen = _choose(settings, known) if known else None
        _adding(settings, expanded=not known)
        if chosen is not None:
            _chosen(settings, store, chosen)


def _choose(settings: Settings, known: list[QuestionSetChoice]) -> QuestionSetChoice:
    """Draw the choice of a set with the button that asks it, or with the progress and the button that stops it."""
    by_name = {choice.name: choice for choice in known}
    if st.session_state.get(SET) not in by_name:
        # A new session shows the set that was asked last. A set may have been deleted.
        st.session_state[SET] = max(known, key=lambda choice: _latest(settings, choice)).name
    with st.container(horizontal=True, vertical_alignment="bottom", key="which"):
        name = st.selectbox("Set of questions", list(by_name), format_func=lambda n: by_name[n].label, key=SET)
        writer = choose_writer(settings)
        jobs = evaluations(str(settings.index))
        job = jobs.last
        if job is not None and job.running:
            st.button("Stop", key="stop", icon=":material/stop_circle:", on_click=job.stop)
        elif st.button("Ask these questions", key="run", icon=":material/play_arrow:"):
            _start(settings, by_name[name], writer)
        delete_evaluations.delete_set(settings, by_name[name], disabled=jobs.running)
    job = jobs.last
    if job is not None and (job.running or job.error):
        maintenance.watch(job)
    return by_name[name]


def _start(settings: Settings, choice: QuestionSetChoice, writer: AnswerSettings) -> None:
    try:
        archive = ConfiguredArchive(open_archive(settings), writer.llm, writer.refuse_below, writer.key)
    except OnRecordError as error:
        st.text(capitalised(str(error)))
        return
    evaluations(str(settings.index)).start("evaluation", evaluation_work(choice, archive, settings))
    st.rerun()


def _adding(settings: Settings, expanded: bool) -> None:
    """Draw the field for a file of questions, and say what is wrong with the last one."""
    turn = st.session_state.setdefault(_UPLOADS, 0)
    with st.expander("Add a set of questions", icon=":material/note_add:", key="adding-set", expanded=expanded):
        key = f"set-file-{turn}"
        kinds = [suffix[1:] for suffix in SUFFIXES]
        st.file_uploader("File", kinds, key=key, on_change=_take, args=(settings, key))
        st.caption(COLUMNS)
        if refused := st.session_state.pop(_REFUSED, ""):
            with st.container(border=True, key="refused-set"):
                st.text(capitalised(refused))


def _take(settings: Settings, key: str) -> None:
    file = st.session_state[key]
    if file is None:
        return
    st.session_state[_UPLOADS] += 1  # empties the field
    try:
        st.session_state[SET] = upload(settings, file.name, file.getvalue())
    except OnRecordError as error:
        st.session_state[_REFUSED] = str(error)


def _chosen(settings: Settings, store: Store, choice: QuestionSetChoice) -> None:
    """Draw a set: the judged answers, if it consists of them, and its runs."""
    if choice.name == JUDGED:
        judged_answer_list.draw(store)
    made = runs(settings, choice.name)
    if not made:
        st.text("These questions have not been asked yet.")
        return
    place = _which_run(made)
    try:
        result = run_report.result(made[place])
        before = run_report.result(made[place + 1]) if place + 1 < len(made) else None
    except OnRecordError as error:
        st.text(capitalised(str(error)))
        return
    run_report.draw(settings, result, before)


def _which_run(made: list[Path]) -> int:
    """Draw the choice of a run, the latest first, with buttons that delete it or the older ones."""
    labels = [run_report.local_time(_moment(path.name)) for path in made]
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs"):
        chosen = st.selectbox(
            "Run", made, format_func=lambda path: labels[made.index(path)], key=f"run-{made[0].name}", width=320
        )
        place = made.index(chosen)
        delete_evaluations.delete_runs(made, place, labels[place])
    return place


def _latest(settings: Settings, choice: QuestionSetChoice) -> str:
    """Return when a set was last asked, by the name of its run's file; empty when it was not."""
    return next((path.name for path in runs(settings, choice.name)), "")


def _moment(name: str) -> datetime:
    """Read when a run was made from the beginning of its file's name."""
    return datetime.strptime(name[:18], "%Y-%m-%dT%H%M%S%z")
