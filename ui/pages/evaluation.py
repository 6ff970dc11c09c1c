"""The evaluation page: a set of questions is chosen, asked in the background, and what came of it is shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import streamlit as st

from rag.config import Settings, load_settings
from rag.errors import OnRecordError
from rag.evaluation.questions import SUFFIXES
from ui.parts import case_list, components, maintenance, removal, run_report
from ui.parts.removal import SET
from ui.parts.settings import choose_writer
from ui.state.archive import open_archive, open_store
from ui.state.jobs import Jobs
from ui.state.question_sets import CASES, Choice, Chosen, choices, runs, upload, work
from ui.state.store import Store
from ui.wording import capitalised

_ROUND, _REFUSED = "round of sets", "why no set was added"
ABOUT = "Ask a set of questions of the archive as it is now, and see which answers are right."
NONE = "There are no questions yet. Judge answers in the chat by the thumbs under them, or add a set of questions here."
COLUMNS = (
    "A CSV or JSON Lines file with the columns question and answer and, as you have them, id, kind, history, gold, "
    "need and half: the file that `python -m eval answers FILE` reads."
)


@st.cache_resource(show_spinner=False)
def evaluations(index: str) -> Jobs:
    """The evaluations over one index, which every session sees; building the index goes on beside them."""
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
            known = choices(settings, store)
        except OnRecordError as error:
            st.text(capitalised(str(error)))
            return
        st.text(ABOUT if known else NONE)
        case_list.undo(store)
        removal.undo()
        chosen = _choose(settings, known) if known else None
        _adding(settings, expanded=not known)
        if chosen is not None:
            _chosen(settings, store, chosen)


def _choose(settings: Settings, known: list[Choice]) -> Choice:
    """Which set, and the button that asks it; while one is asked, how far it is and a button that stops it."""
    by_name = {choice.name: choice for choice in known}
    if st.session_state.get(SET) not in by_name:
        # A new session goes on with what was asked last; a set is gone when the last of its cases was deleted.
        st.session_state[SET] = max(known, key=lambda choice: _latest(settings, choice)).name
    with st.container(horizontal=True, vertical_alignment="bottom", key="which"):
        name = st.selectbox("Questions", list(by_name), format_func=lambda n: by_name[n].label, key=SET)
        writer = choose_writer(settings)
        jobs = evaluations(str(settings.index))
        job = jobs.last
        if job is not None and job.running:
            st.button("Stop", key="stop", icon=":material/stop_circle:", on_click=job.stop)
        elif st.button("Ask them", key="run", icon=":material/play_arrow:"):
            _start(settings, by_name[name], writer.llm, writer.refuse_below)
        removal.remove_set(settings, by_name[name], disabled=jobs.running)
    job = jobs.last
    if job is not None and (job.running or job.error):
        maintenance.watch(job)
    return by_name[name]


def _start(settings: Settings, choice: Choice, llm: str, refuse_below: float) -> None:
    try:
        archive = open_archive(settings)
    except OnRecordError as error:
        st.text(capitalised(str(error)))
        return
    evaluations(str(settings.index)).start("evaluation", work(choice, Chosen(archive, llm, refuse_below), settings))
    st.rerun()


def _adding(settings: Settings, expanded: bool) -> None:
    """Take a file of questions; what is wrong with it is said in a line."""
    turn = st.session_state.setdefault(_ROUND, 0)
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
    st.session_state[_ROUND] += 1  # empties the field
    try:
        st.session_state[SET] = upload(settings, file.name, file.getvalue())
    except OnRecordError as error:
        st.session_state[_REFUSED] = str(error)


def _chosen(settings: Settings, store: Store, choice: Choice) -> None:
    """What there is of a set: its cases, if it is those, and its runs."""
    if choice.name == CASES:
        case_list.draw(store)
    made = runs(settings, choice.name)
    if not made:
        st.text("These questions have not been asked yet.")
        return
    place = _which_run(settings, made)
    try:
        result = run_report.result(made[place])
        before = run_report.result(made[place + 1]) if place + 1 < len(made) else None
    except OnRecordError as error:
        st.text(capitalised(str(error)))
        return
    run_report.draw(settings, result, before)


def _which_run(settings: Settings, made: list[Path]) -> int:
    """Which of the runs of a set is shown, the latest first; it and those before it can be removed."""
    labels = [run_report.told(_moment(path.name)) for path in made]
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs"):
        chosen = st.selectbox(
            "Run", made, format_func=lambda path: labels[made.index(path)], key=f"run-{made[0].name}", width=320
        )
        place = made.index(chosen)
        removal.remove_runs(settings, made, place, labels[place])
    return place


def _latest(settings: Settings, choice: Choice) -> str:
    """When a set was last asked, as its run's file says; empty when it was not."""
    return next((path.name for path in runs(settings, choice.name)), "")


def _moment(name: str) -> datetime:
    """When a run was made, which is how its file's name begins."""
    return datetime.strptime(name[:18], "%Y-%m-%dT%H%M%S%z")
