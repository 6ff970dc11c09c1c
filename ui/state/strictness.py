"""What a strictness would have cost: of the last evaluation's answers, how many that are as sure were wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from rag.config import Settings
from rag.errors import OnRecordError
from rag.evaluation.types import Outcome
from ui.state.question_sets import latest, load
from ui.wording import counted

UNKNOWN = "How often answers are wrong is not known yet: ask a set of questions on the Evaluation page."


def told(settings: Settings, bar: float) -> str:
    """The expected error of answers whose confidence is `bar` or more, in words."""
    path = latest(settings)
    if path is None:
        return UNKNOWN
    try:
        name, asked_at, outcomes = _run(path)
    except OnRecordError:
        return UNKNOWN
    return expected(outcomes, bar, asked_at) + f" (last evaluation, “{name}”)"


@st.cache_resource(show_spinner=False, max_entries=4)
def _run(path: Path) -> tuple[str, float, Sequence[Outcome]]:
    run = load(path).run
    return str(run.record["set"]["name"]), float(run.record["settings"]["refuse_below"]), run.outcomes


def expected(outcomes: Sequence[Outcome], bar: float, asked_at: float) -> str:
    """The same of a run that refused below `asked_at`: what it would have answered there, nobody knows."""
    judged = [outcome for outcome in outcomes if outcome.right is not None]
    given = [o for o in judged if o.answered and o.confidence is not None and o.confidence >= bar]
    if not given:
        return f"Expected: all of {counted(len(judged), 'question')} refused"
    wrong = sum(not outcome.right for outcome in given)
    error = f"{wrong / len(given):.0%} of answers wrong, {len(given):,} of {counted(len(judged), 'question')} answered"
    return f"Expected: {'at least ' if bar < asked_at else ''}{error}"
