"""The refusal: that the archive does not say, what of the question nothing spoke to, and the nearest passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.evidence.scoring import ScoredSentence
from rag.filters import Filters
from rag.query.analysis import Kind, Query
from rag.retrieval.near_duplicates import fold_near_duplicates
from rag.types import Answer, Article, Hit

MAX_NEAREST = 3  # passages shown with a refusal
SPOKEN_TO = 0.65  # support under which a word of the question counts as not spoken to
FORMS: dict[Kind, str] = {"age": "an age", "when": "a date", "percent": "a share", "duration": "a length of time"}
TITLES = "Minister|President|Premier|Secretary|Governor|Senator|Mayor|Ambassador|Director|Chairman|Chief|Envoy|Judge"


def abstain(
    blank: Answer, question: Query, scored: Sequence[ScoredSentence], filters: Filters, untrue: str = ""
) -> Answer:
    """The answer that there is none: what was wanted and not read, or is `untrue`, and the nearest passages."""
    if not blank.hits:
        text = "The archive holds no passage for this question" + ("." if filters.empty else " within these filters.")
        return replace(blank, text=text, generator="extractive")
    text = f"The archive does not say. {untrue or _why(question, scored)}".rstrip()
    text += " The nearest passages are listed, but they do not answer it."
    return replace(blank, text=text, hits=_nearest(blank), generator="extractive")


def model_abstained(blank: Answer, by: str) -> Answer:
    """The answer when a model has read the passages and says that they do not hold it."""
    text = f"The archive does not say: {by} read the passages and found no answer in them. The nearest are listed."
    return replace(blank, text=text, status="abstained", hits=_nearest(blank), generator=by)


def _nearest(blank: Answer) -> tuple[Hit, ...]:
    return tuple(fold_near_duplicates(blank.hits)[:MAX_NEAREST])


def _why(question: Query, scored: Sequence[ScoredSentence]) -> str:
    """What of the question nothing spoke to: the form of the answer, its days, some words, or what joins its names."""
    articles = sorted({j.evidence.article.id: j.evidence.article for j in scored}.values(), key=lambda a: a.path)
    wanted = FORMS.get(question.kind)
    missing = _unsupported_words(question, scored)
    person = next((name for a, b in question.names if " " in (name := question.text[a:b])), None)
    known = [article for article in articles if person and person in article.text]
    if wanted and all(j.features.expected < 0 for j in scored):
        if person and known:
            return f"{_appearance(person, known)}; nothing there gives {wanted}."
        return f"Nothing that was read gives {wanted}."
    if scored and scored[0].features.timely < 0:
        return "What comes nearest did not appear in the days asked about."
    if missing:
        return f"Nothing that was read speaks to {_quoted(missing)}."
    named = [question.text[a:b] for a, b in question.names]
    relation = _loosest_word(question, scored)
    if named and relation:
        return f"Nothing that was read says “{relation}” of {_quoted(named)}."
    return ""


def _appearance(person: str, articles: Sequence[Article]) -> str:
    """Say where they appear: "Dominic LeBlanc appears in 3 of the articles read, as Trade Minister"."""
    title = re.compile(rf"((?:[A-Z][\w.-]+ ){{0,3}}(?:{TITLES})) {re.escape(person)}\b")
    roles = list(dict.fromkeys(m[1] for article in articles for m in title.finditer(article.text)))
    of = "one of the articles" if len(articles) == 1 else f"{len(articles)} of the articles"
    return f"{person} appears in {of} read" + (f", as {' and as '.join(roles)}" if roles else "")


def _loosest_word(question: Query, scored: Sequence[ScoredSentence]) -> str | None:
    """The question's word, no part of a name, that the sentence which speaks to most of it supports least, when it
    hardly does.
    """
    best = max(scored, key=lambda j: j.features.soft)
    rows = zip(best.support, best.named, question.terms, strict=True)
    plain = [(support, term) for support, named, term in rows if not named]
    support, term = min(plain, key=lambda row: row[0], default=(1.0, None))
    return question.text[term.start : term.end] if term and support < SPOKEN_TO else None


def _quoted(parts: Sequence[str]) -> str:
    return ", ".join(f"“{part}”" for part in parts)


def _unsupported_words(question: Query, scored: Sequence[ScoredSentence]) -> list[str]:
    """The question's words that no sentence read speaks to, as the user typed them."""
    return [
        question.text[term.start : term.end]
        for index, term in enumerate(question.terms)
        if max((j.support[index] for j in scored), default=0.0) < SPOKEN_TO
    ]
