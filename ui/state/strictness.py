"""What a strictness would have cost: the share of wrong answers in the last evaluation, above that confidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from rag.config import Settings
from rag.errors import OnRecordError
from rag.evaluation.types import Outcome
from ui.state.question_sets import latest, load_run
from ui.wording import counted

UNKNOWN = "How often answers are wrong is not known yet: ask a set of questions on the Evaluation page."


def expected_error(settings: Settings, threshold: float) -> str:
    """Say how many answers with at least this confidence are wrong, by the last evaluation."""
    path = latest(settings)
    if path is None:
        return UNKNOWN
    try:
        name, asked_at, outcomes = _run(path)
    except OnRecordError:
        return UNKNOWN
    return error_above(outcomes, threshold, asked_at) + f" (last evaluation, “{name}”)"


@st.cache_resource(show_spinner=False, max_entries=4)
def _run(path: Path) -> tuple[str, float, Sequence[Outcome]]:
    run = load_run(path).run
    return str(run.record["set"]["name"]), float(run.record["settings"]["refuse_below"]), run.outcomes


def error_above(outcomes: Sequence[Outcome], threshold: float, asked_at: float) -> str:
    """Say the same of a run that refused below `asked_at`. What it would have answered below that is not known."""
    judged = [outcome for outcome in outcomes if outcome.right is not None]
    given = [o for o in judged if o.answered and o.confidence is not None and o.confidence >= threshold]
    if not given:
        return f"Expected: all of {counted(len(judged), 'question')} refused"
    wrong = sum(not outcome.right for outcome in given)
    error = f"{wrong / len(given):.0%} of answers wrong, {len(given):,} of {counted(len(judged), 'question')} answered"
    return f"Expected: {'at least ' if threshold < asked_at else ''}{error}"
