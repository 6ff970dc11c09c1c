"""Explain an abstention: what no passage says, what the question has wrong, and which passages are nearest."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.evidence.assessment import Assessment
from rag.evidence.scoring import ScoredSentence
from rag.filters import Filters
from rag.query.analysis import Query
from rag.query.answer_types import AnswerType
from rag.retrieval.near_duplicates import fold_near_duplicates
from rag.text.names import TITLES
from rag.types import Article, Hit

# An abstention shows so many passages.
MAX_NEAREST = 3
# With less support in every sentence, a word of the question counts as missing.
MIN_SUPPORT = 0.65
# What the reader calls the form of each answer type.
ANSWER_FORMS: dict[AnswerType, str] = {
    "age": "an age",
    "when": "a date",
    "percent": "a share",
    "duration": "a length of time",
}
_TITLE = "|".join(title.title() for title in TITLES if " " not in title)


def reason_to_abstain(assessment: Assessment, hits: Sequence[Hit], filters: Filters) -> str:
    """Return the text of an abstention: why the archive does not answer."""
    if not hits:
        return "The archive holds no passage for this question" + ("." if filters.empty else " within these filters.")
    why = assessment.false_presupposition or _why(assessment.query, assessment.scored)
    return f"The archive does not say. {why}".rstrip() + " The nearest passages are listed, but they do not answer it."


def reason_of_model(name: str) -> str:
    """Return the text of an abstention by a language model that found no answer in the passages."""
    return f"The archive does not say: {name} read the passages and found no answer in them. The nearest are listed."


def nearest(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return the passages to show with an abstention."""
    return tuple(fold_near_duplicates(hits)[:MAX_NEAREST])


def _why(query: Query, scored: Sequence[ScoredSentence]) -> str:
    """Say what every sentence lacks: the form of the answer, the days, a word, or a relation between the words."""
    wanted = ANSWER_FORMS.get(query.answer_type)
    if wanted and all(one.features.expected < 0 for one in scored):
        return _without_form(query, scored, wanted)
    if scored and scored[0].features.timely < 0:
        return "What comes nearest did not appear in the days asked about."
    if missing := _unsupported_words(query, scored):
        return f"Nothing that was read speaks to {_quoted(missing)}."
    names, relation = query.name_texts(), _least_supported_word(query, scored)
    if names and relation:
        return f"Nothing that was read says “{relation}” of {_quoted(names)}."
    return ""


def _without_form(query: Query, scored: Sequence[ScoredSentence], wanted: str) -> str:
    """Say that no sentence gives the form of the answer, and where the person in the question appears."""
    articles = sorted({one.evidence.article.id: one.evidence.article for one in scored}.values(), key=lambda a: a.path)
    person = next((name for name in query.name_texts() if " " in name), None)
    known = [article for article in articles if person and person in article.text]
    if person and known:
        return f"{_appearance(person, known)}; nothing there gives {wanted}."
    return f"Nothing that was read gives {wanted}."


def _appearance(person: str, articles: Sequence[Article]) -> str:
    """Say where a person appears: "Dominic LeBlanc appears in 3 of the articles read, as Trade Minister"."""
    title = re.compile(rf"((?:[A-Z][\w.-]+ ){{0,3}}(?:{_TITLE})) {re.escape(person)}\b")
    roles = list(dict.fromkeys(m[1] for article in articles for m in title.finditer(article.text)))
    of = "one of the articles" if len(articles) == 1 else f"{len(articles)} of the articles"
    return f"{person} appears in {of} read" + (f", as {' and as '.join(roles)}" if roles else "")


def _least_supported_word(query: Query, scored: Sequence[ScoredSentence]) -> str | None:
    """Return the word outside names that the nearest sentence supports least; None when it supports each well."""
    best = max(scored, key=lambda one: one.features.soft)
    rows = zip(best.support, best.named, query.terms, strict=True)
    plain = [(support, term) for support, named, term in rows if not named]
    support, term = min(plain, key=lambda row: row[0], default=(1.0, None))
    return query.text[term.start : term.end] if term and support < MIN_SUPPORT else None


def _unsupported_words(query: Query, scored: Sequence[ScoredSentence]) -> list[str]:
    """Return the words of the question that no sentence supports, as the user typed them."""
    return [
        query.text[term.start : term.end]
        for index, term in enumerate(query.terms)
        if max((one.support[index] for one in scored), default=0.0) < MIN_SUPPORT
    ]


def _quoted(parts: Sequence[str]) -> str:
    return ", ".join(f"“{part}”" for part in parts)
