"""The refusal: that the archive does not say, what of the question nothing spoke to, and the nearest passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.evidence import Judged
from rag.filters import Filters
from rag.question import Kind, Question
from rag.records import Answer

NEAREST = 3  # passages shown with a refusal
SPOKEN_TO = 0.65  # support under which a word of the question counts as not spoken to
FORMS: dict[Kind, str] = {"age": "an age", "when": "a date", "percent": "a share", "duration": "a length of time"}


def refusal(blank: Answer, question: Question, judged: Sequence[Judged], filters: Filters) -> Answer:
    """The answer that there is none: what was wanted and not read, and the nearest passages."""
    if not blank.hits:
        text = "The archive holds no passage for this question" + ("." if filters.empty else " within these filters.")
        return replace(blank, text=text, generator="extractive")
    text = "The archive does not say."
    wanted = FORMS.get(question.kind)
    missing = _unsupported_words(question, judged)
    if wanted and all(j.signs.expected < 0 for j in judged):
        text += f" Nothing that was read gives {wanted}."
    elif missing:
        text += " Nothing that was read speaks to " + ", ".join(f"“{word}”" for word in missing) + "."
    text += " The nearest passages are listed, but they do not answer it."
    return replace(blank, text=text, hits=blank.hits[:NEAREST], generator="extractive")


def declined(blank: Answer, by: str) -> Answer:
    """The answer when a model has read the passages and says that they do not hold it."""
    text = f"The archive does not say: {by} read the passages and found no answer in them. The nearest are listed."
    return replace(blank, text=text, status="abstained", hits=blank.hits[:NEAREST], generator=by)


def _unsupported_words(question: Question, judged: Sequence[Judged]) -> list[str]:
    """The question's words that no sentence read speaks to, as the user typed them."""
    return [
        question.text[term.start : term.end]
        for index, term in enumerate(question.terms)
        if max((j.support[index] for j in judged), default=0.0) < SPOKEN_TO
    ]
