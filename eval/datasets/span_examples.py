"""Training examples of the answer reader: questions, each with a sentence and the span of the answer, if it has one.

Most are made: a noisy cloze (after Lewis, Denoyer & Riedel 2019) asks for a name, a date, an amount or a run of words
of a sentence with some of its other words. They teach the types of answers. The few real ones, of a quiz, SQuAD 2.0
and RAMDocs, teach questions as people ask them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from eval.datasets.ramdocs import read_cases
from eval.datasets.ranking_examples import LENGTHS, RankingGroup, folded_sentences
from eval.datasets.squad import read_squad
from rag.evaluation.questions import json_rows
from rag.evidence.short_answers import names
from rag.query.answer_types import PHRASE_PATTERNS, AnswerType
from rag.text.tokens import Word, words

CLOZE_WORDS = range(10, 46)  # of a sentence that is asked about
PER_ARTICLE = 2  # sentences asked about
NEAR = 12  # words on either side of the answer that may be in its question
WORDS_SHARE = (0.35, 0.8)  # the share of them that is, at least and at most
PLAIN = 0.35  # how often any run of words is asked for, instead of a name or an amount
WITH_AUXILIARY = 0.5  # how often an auxiliary follows the question word
TURNED = 0.25  # how often the words after the answer come first
ELSEWHERE = 0.25  # how often a made question gets another sentence of the article, without the answer
WRONG = 2  # sentences without an answer beside each right one of a real question

_MARKS = re.compile(r"[.;:()\[\]\"“”]")
_ASKS: dict[AnswerType | str, tuple[str, ...]] = {
    "when": ("when", "in what year", "on which day"),
    "percent": ("what percentage", "how much"),
    "money": ("how much", "how much money"),
    "count": ("how many",),
    "name": ("who", "what", "which", "what", "where"),
    "plain": ("what", "what", "how", "which", "why"),
}
_AUXILIARIES = ("did", "was", "is", "does", "were")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SpanExample:
    """A question, a sentence, and the characters of the sentence that answer it; None when none do."""

    question: str
    sentence: str
    answer: Span | None


def cloze_examples(texts: Iterable[str], most: int, random: Random) -> list[SpanExample]:
    """Make questions from the sentences of some articles."""
    made: list[SpanExample] = []
    for text in texts:
        if len(made) >= most:
            break
        usable = [s for s in folded_sentences(text) if len(s.split()) in CLOZE_WORDS]
        random.shuffle(usable)
        for sentence in usable[:PER_ARTICLE]:
            if (example := _cloze(sentence, random)) is None:
                continue
            others = [s for s in usable if s != sentence and sentence[slice(*example.answer or ())] not in s]
            if others and random.random() < ELSEWHERE:
                example = SpanExample(example.question, random.choice(others), None)
            made.append(example)
    return made


def _cloze(sentence: str, random: Random) -> SpanExample | None:
    row = words(sentence)
    plain = _run(sentence, row, random) if random.random() < PLAIN else None
    spans = [(plain, "plain")] if plain else [*_phrases(sentence), *2 * [(s, "name") for s in names(sentence, row[1:])]]
    if not spans:
        return None
    (start, end), kind = random.choice(spans)
    share = random.uniform(*WORDS_SHARE)
    before = [w for w in row if w.end <= start][-NEAR:]
    after = [w for w in row if w.start >= end][:NEAR]
    kept = [[sentence[w.start : w.end] for w in side if random.random() < share] for side in (before, after)]
    opening = [random.choice(_ASKS[kind])] + ([random.choice(_AUXILIARIES)] if random.random() < WITH_AUXILIARY else [])
    turned = random.random() < TURNED
    said = [*kept[1], *kept[0]] if turned else [*kept[0], *kept[1]]
    return SpanExample(" ".join([*opening, *said]) + "?", sentence, (start, end)) if len(said) > 1 else None


def _phrases(sentence: str) -> Iterator[tuple[Span, AnswerType]]:
    for kind in ("when", "percent", "money", "count"):
        for match in PHRASE_PATTERNS[kind].finditer(sentence) if kind in PHRASE_PATTERNS else ():
            if len(match[0]) > 1:
                yield match.span(), kind


def _run(sentence: str, row: Sequence[Word], random: Random) -> Span | None:
    """Return a run of one to four words that begins and ends with a content word and has no mark."""
    first = random.randrange(len(row))
    run = row[first : first + random.randint(1, 4)]
    span = run[0].start, run[-1].end
    return span if run[0].content and run[-1].content and not _MARKS.search(sentence, *span) else None


def quiz_examples(groups: Sequence[RankingGroup], questions: Path, year: str) -> list[SpanExample]:
    """Return the quiz questions of a year among the groups whose answering sentence has the right choice."""
    rows = [row for _, row in json_rows(questions, questions.read_text("utf-8")) if str(row["date"])[:4] == year]
    right = {row["question"]: [row["choices"][int(n)] for n in row["answer"]] for row in rows}
    return [
        example
        for group in groups
        if group.question in right
        for example in _with_wrong(group, [s.text for s in group.good[:3]], right[group.question])
    ]


def _with_wrong(group: RankingGroup, good: Sequence[str], answers: Sequence[str]) -> Iterator[SpanExample]:
    found = [SpanExample(group.question, text, span) for text in good if (span := _first(answers, text))]
    yield from found
    if found:
        yield from (SpanExample(group.question, sentence.text, None) for sentence in group.bad[:WRONG])


def squad_examples(folder: Path) -> list[SpanExample]:
    """Return the questions of the tuning half, with and without an answer, beside sentences of their paragraph."""
    made: list[SpanExample] = []
    for one in (one for one in read_squad(folder) if one.half == "tune"):
        texts = folded_sentences(one.paragraph)
        spans = [(text, _first(one.answers, text)) for text in texts]
        made += [SpanExample(one.question, text, span) for text, span in spans if span][:1]
        made += [SpanExample(one.question, text, None) for text, span in spans if span is None][:WRONG]
    return made


def disagreement_examples(path: Path) -> list[SpanExample]:
    """Return the questions of the tuning half of RAMDocs, each beside the first sentence with a document's answer."""
    made: list[SpanExample] = []
    for case in (case for case in read_cases(path) if case.half == "tune"):
        for text, answer in zip(case.texts, case.answers, strict=True):
            usable = [s for s in folded_sentences(text) if len(s.split()) in LENGTHS]
            if answer:
                made += [SpanExample(case.question, s, span) for s in usable if (span := _first([answer], s))][:1]
            else:
                made += [SpanExample(case.question, s, None) for s in usable[:1]]
    return made


def _first(answers: Sequence[str], text: str) -> Span | None:
    """Return the span of the shortest of the answers in the text; None without one."""
    spans = [m.span() for a in answers if (m := re.search(rf"(?<!\w){re.escape(a)}(?!\w)", text, re.IGNORECASE))]
    return min(spans, key=lambda span: span[1] - span[0], default=None)
