"""Questions that articles ask, with the sections that answer them: "Who is running?" and the lines under it.

Explainers contain questions. They are short and natural; the sentences under a question answer it; the other sections
are about the same people and things and do not. A reader must learn this difference, and quizzes have little of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from eval.datasets.ranking_examples import LENGTHS, RankingGroup, TitledSentence, by_likeness, folded_sentences
from rag.index.reader import Snapshot
from rag.text.tokens import keys
from rag.types import Article

WORDS = range(3, 23)  # of a question
SECTION_LINES, SECTION_WORDS = 3, 8  # lines of a section, at most, and its words, at least
ANSWERING = 3  # sentences of a section that may answer: which one does is not known
LIKEST, OTHERS = 5, 3  # sentences of the article that do not answer: so many of the likest, and of the rest
FOUND, ELSEWHERE = 25, 3  # passages found by the question's words; so many sentences of other articles
MAX_ANSWER_SHARE = 0.25  # of the answer's words: a passage that shares more may answer, too
OFTEN = 2  # articles with the same question; a question of more articles belongs to a form ("Are you a robot?")
ALIKE = 0.6  # share of words: a question so like one of the benchmarks is left out
CHOICES = 3  # lines that begin like choices: the article is a quiz

_ASKS = re.compile(
    r"(?:who|whom|whose|what|when|where|why|how|which|is|are|was|were|did|does|do|can|could|will|would|should|has|have)"
    r"(?:[’'](?:s|re|ll|d))?\b",
    re.IGNORECASE,
)
_TO_THE_READER = re.compile(r"(?!how|where|what|when|can)\w+\b.*\b(?:you|your|newsletter|subscribe)\b", re.IGNORECASE)
_CHOICE = re.compile(r"\(?[A-Da-d][.)]\s")
_SPOKEN = re.compile(r"[A-Z][\w. ]{2,30}:")  # an interview: the speaker is before the answer


@dataclass(frozen=True, slots=True)
class Section:
    """A question of an article, the lines under it, and the article's other lines, questions left out."""

    question: str
    lines: tuple[str, ...]
    others: tuple[str, ...]


def section_groups(snap: Snapshot, but: Collection[str], measured: Sequence[str], random: Random) -> list[RankingGroup]:
    """Return the questions of all articles, with sentences of their sections, their articles, and other articles.

    Args:
        snap: of the archive.
        but: ids of articles that are left out.
        measured: questions of the benchmarks: questions like these are left out.
        random: draws sentences.
    """
    found = [(article, part) for article in snap.articles() if article.id not in but for part in sections(article.text)]
    often = Counter(part.question.lower() for _, part in found)
    unseen = [keys(question) for question in measured]
    groups = []
    for article, part in found:
        if often[part.question.lower()] <= OFTEN and not _like(part.question, unseen):
            group = _group(snap, article, part, random)
            groups += [group] if group.good and group.bad else []
    return groups


def sections(text: str) -> Iterator[Section]:
    """Yield the sections of a text that are under a question."""
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    if sum(bool(_CHOICE.match(line)) for line in lines) >= CHOICES:
        return
    asking = [n for n, line in enumerate(lines) if line.endswith("?")]
    ends = [*asking[1:], len(lines)]
    for n, end in zip(asking, ends, strict=False):
        under = lines[n + 1 : end][:SECTION_LINES]
        if _asks(lines[n]) and len(" ".join(under).split()) >= SECTION_WORDS and not _SPOKEN.match(under[0]):
            # without the whole section: the lines after the first ones may answer, too
            others = [line for m, line in enumerate(lines) if not n <= m < end and not line.endswith("?")]
            yield Section(lines[n], tuple(under), tuple(others))


def _asks(line: str) -> bool:
    return len(line.split()) in WORDS and bool(_ASKS.match(line)) and not _TO_THE_READER.match(line)


def _like(question: str, others: Sequence[Collection[str]]) -> bool:
    own = keys(question)
    return any(len(own & set(other)) >= ALIKE * len(own | set(other)) for other in others)


def _group(snap: Snapshot, article: Article, part: Section, random: Random) -> RankingGroup:
    title = article.title or ""
    good = _usable(part.lines)[:ANSWERING]
    asked, answer_keys = keys(part.question), keys(" ".join(good))
    near = by_likeness(part.question, _usable(part.others))
    rest = random.sample(near[LIKEST:], min(OTHERS, len(near[LIKEST:])))
    bad = [TitledSentence(text, title) for text in (*near[:LIKEST], *rest)]
    bad += _elsewhere(snap, article, part.question, answer_keys - asked, random)
    return RankingGroup(part.question, tuple(TitledSentence(text, title) for text in good), tuple(bad))


def _elsewhere(
    snap: Snapshot, article: Article, question: str, answer_keys: Collection[str], random: Random
) -> list[TitledSentence]:
    """Return sentences of other articles that have the question's words and few of the answer's."""
    found = [id_ for id_, _ in snap.lexical.search(question, FOUND)]
    others = [
        (passage, usable)
        for passage in snap.passages(found)
        if passage.article.id != article.id
        and not (article.title and passage.article.title == article.title)
        and len(keys(passage.text) & set(answer_keys)) <= MAX_ANSWER_SHARE * len(answer_keys)
        and (usable := _usable([passage.text]))
    ]
    chosen = random.sample(others, min(ELSEWHERE, len(others)))
    return [TitledSentence(random.choice(usable), passage.article.title or "") for passage, usable in chosen]


def _usable(texts: Sequence[str]) -> list[str]:
    """Return the sentences of some texts, each once, that are long enough and no questions."""
    found = (sentence for text in texts for sentence in folded_sentences(text))
    return [s for s in dict.fromkeys(found) if len(s.split()) in LENGTHS and not s.endswith("?")]
