"""Training examples of the cross-encoder: questions, each with sentences that answer it and sentences that do not.

- News quiz: the sentences that retrieval finds for a question. One answers when it has the right choice and most words
  of the quiz's own evidence, or of the question.
- SQuAD 2.0: the sentence with the answer among those of its paragraph, and the questions without an answer.
- RAMDocs: the sentences with an answer that one of the documents gives, right or wrong.

Of the quiz one year is used, of the others the tuning halves. The student also learns from headlines with sentences
that the teacher scores; these need no answers.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import log1p
from pathlib import Path

from eval.datasets.ramdocs import read_cases
from eval.datasets.squad import read_squad
from rag.evaluation.questions import json_rows
from rag.evaluation.runner import Progress
from rag.filters import Filters, day
from rag.index.reader import Snapshot
from rag.ingest.publish_dates import iso_date
from rag.retrieval.rerankers import likeliest_sentences
from rag.text.sentences import sentences
from rag.text.tokens import keys

DAYS_BEFORE, DAYS_AFTER = 10, 3  # of the day on which a quiz question was asked: its article appeared then
NEAR, ANYWHERE, NEAR_EVIDENCE = 24, 16, 3  # passages read for a question: of those days, of any, near the evidence
OF_HEADLINE, HEADLINE_WORDS = 16, 5  # passages read for a headline, and the fewest words of one that asks for anything
LENGTHS = range(4, 81)  # words of a sentence that is learned from
GOOD, BAD, LEAST_BAD = 4, 30, 7  # sentences kept of a question at most, and at least

# A sentence with the right choice answers when it shares so much of its words with the evidence (of the words of both,
# or of its own words, when these are more than so many), or so much of the question's words by weight.
SAME_AS_EVIDENCE, WITHIN_EVIDENCE, WITHIN_WORDS, LIKE_QUESTION = 0.45, 0.75, 5, 0.5
NOT_SAME, NOT_WITHIN = 0.35, 0.6  # a sentence without the choice does not answer when it shares less than this


@dataclass(frozen=True, slots=True)
class TitledSentence:
    """A sentence, and the title of its article, empty when it has none."""

    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class RankingGroup:
    """A question with sentences that answer it, best first, and that do not, those with most shared words first.

    No sentence answers when `good` is empty.
    """

    question: str
    good: tuple[TitledSentence, ...]
    bad: tuple[TitledSentence, ...]


def quiz_groups(snap: Snapshot, questions: Path, year: str, progress: Progress) -> list[RankingGroup]:
    """Return the groups of the quiz questions of a year, over the archive of the quiz."""
    rows = [row for _, row in json_rows(questions, questions.read_text("utf-8")) if str(row["date"])[:4] == year]
    groups = []
    for done, row in enumerate(rows, start=1):
        right = [row["choices"][int(number)] for number in row["answer"] if int(number) < len(row["choices"])]
        if right and (group := _quiz_group(snap, row["question"], right, row.get("evidence") or "", row["date"])):
            groups.append(group)
        progress(done, len(rows))
    return groups


def _quiz_group(snap: Snapshot, question: str, right: Sequence[str], evidence: str, asked: str) -> RankingGroup | None:
    pool = list(dict.fromkeys(_near(snap, question, evidence, asked)))
    rarity = _rarity([s.text for s in pool])
    asked_keys, evidence_keys = keys(question), keys(evidence)
    total = sum(map(rarity, asked_keys)) or 1
    good: list[tuple[float, TitledSentence]] = []
    bad: list[tuple[float, TitledSentence]] = []
    for sentence in pool:
        own = keys(sentence.text)
        likeness = sum(map(rarity, own & asked_keys)) / total
        shared = len(own & evidence_keys)
        same, within = shared / max(1, len(own | evidence_keys)), shared / max(1, len(own))
        holds = any(_stands(answer, sentence.text) for answer in right)
        if holds and (same >= SAME_AS_EVIDENCE or (within > WITHIN_EVIDENCE and len(own) > WITHIN_WORDS)):
            good.append((1 + same, sentence))
        elif holds and likeness >= LIKE_QUESTION:
            good.append((likeness, sentence))
        elif not holds and same < NOT_SAME and within < NOT_WITHIN:
            bad.append((likeness, sentence))
    if not any(score > 1 for score, _ in good):
        own_words = (
            TitledSentence(text) for text in folded_sentences(evidence) if any(_stands(a, text) for a in right)
        )
        good += [(2.0, sentence) for sentence in own_words][:1]
    if not good or len(bad) < LEAST_BAD:
        return None
    return RankingGroup(question, _best(good, GOOD), _best(bad, BAD))


def _near(snap: Snapshot, question: str, evidence: str, asked: str) -> Iterator[TitledSentence]:
    """Yield the sentences of the passages that BM25 finds for the question and for the evidence."""
    then = date.fromisoformat((iso_date(asked) or "")[:10])
    since, until = then - timedelta(DAYS_BEFORE), then + timedelta(DAYS_AFTER)
    days = snap.allowed(Filters(since=since.isoformat(), until=until.isoformat()))
    found = snap.lexical.search(question, NEAR, days) if days is not None and len(days) else []
    found += snap.lexical.search(question, ANYWHERE)
    found += snap.lexical.search(evidence, NEAR_EVIDENCE) if evidence else []
    for passage in snap.passages(dict.fromkeys(id_ for id_, _ in found)):
        for text in folded_sentences(passage.text):
            if len(text.split()) in LENGTHS:
                yield TitledSentence(text, passage.article.title or "")


def headline_groups(snap: Snapshot, until: str, count: int, seed: int, progress: Progress) -> list[RankingGroup]:
    """Return groups with headlines for questions, of articles published until a day, over the archive of that day.

    It is not known which sentences answer: all are in `bad`, the one most like the headline of each passage.
    """
    allowed = snap.allowed(Filters(until=until))
    then = (one for one in snap.articles() if (day(one.published) or until) < until)
    titles = sorted({" ".join((one.title or "").split()) for one in then})
    long = [title for title in titles if len(title.split()) >= HEADLINE_WORDS]
    chosen = random.Random(seed).sample(long, min(count, len(long)))  # noqa: S311
    groups = []
    for done, title in enumerate(chosen, start=1):
        passages = list(snap.passages(id_ for id_, _ in snap.lexical.search(title, OF_HEADLINE, allowed)))
        read = zip(likeliest_sentences(title, [one.text for one in passages]), passages, strict=True)
        # its own article would be known by the headline, which is therefore left out
        titled = (TitledSentence(text, _other(one.article.title or "", title)) for text, one in read)
        groups.append(RankingGroup(title, (), tuple(dict.fromkeys(titled))))
        progress(done, len(chosen))
    return groups


def _other(title: str, asked: str) -> str:
    return "" if " ".join(title.split()) == asked else title


def squad_groups(folder: Path) -> list[RankingGroup]:
    """Return the groups of the tuning half; sentences of other paragraphs do not answer either."""
    asked = read_squad(folder)
    paragraphs = list(dict.fromkeys(one.paragraph for one in asked))
    groups = []
    for one in (one for one in asked if one.half == "tune"):
        likely = by_likeness(one.question, folded_sentences(one.paragraph))
        good = [text for text in likely if any(answer in text for answer in one.answers)][:1]
        bad = [text for text in likely if not any(answer in text for answer in one.answers)]
        others = sorted((p for p in paragraphs if p != one.paragraph), key=lambda p: -len(keys(p) & keys(one.question)))
        bad += by_likeness(one.question, [text for p in others[:3] for text in folded_sentences(p)])[:8]
        if good or not one.answers:
            groups.append(RankingGroup(one.question, tuple(map(TitledSentence, good)), tuple(map(TitledSentence, bad))))
    return groups


def disagreement_groups(path: Path) -> list[RankingGroup]:
    """Return the groups of the tuning half of a set in the form of RAMDocs."""
    groups = []
    for case in (case for case in read_cases(path) if case.half == "tune"):
        given = [answer for answer in case.answers if answer]
        good, bad = [], []
        for text, answer in zip(case.texts, case.answers, strict=True):
            for sentence in (s for s in folded_sentences(text) if len(s.split()) in LENGTHS):
                if answer and _stands(answer, sentence):
                    good.append(sentence)
                elif not answer or not any(_stands(one, sentence) for one in given):
                    bad.append(sentence)
        if good and len(bad) >= LEAST_BAD:
            best, rest = by_likeness(case.question, good)[:2], by_likeness(case.question, bad)[:BAD]
            groups.append(
                RankingGroup(case.question, tuple(map(TitledSentence, best)), tuple(map(TitledSentence, rest)))
            )
    return groups


def write_groups(path: Path, groups: Sequence[RankingGroup]) -> None:
    """Write groups as JSON lines."""
    lines = ([g.question, [(s.text, s.title) for s in g.good], [(s.text, s.title) for s in g.bad]] for g in groups)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def read_groups(path: Path) -> list[RankingGroup]:
    """Read the groups that `write_groups` wrote."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [
        RankingGroup(q, tuple(TitledSentence(*s) for s in good), tuple(TitledSentence(*s) for s in bad))
        for q, good, bad in rows
    ]


def _best(scored: list[tuple[float, TitledSentence]], most: int) -> tuple[TitledSentence, ...]:
    return tuple(sentence for _, sentence in sorted(scored, key=lambda row: (-row[0], row[1].text))[:most])


def by_likeness(question: str, texts: Sequence[str]) -> list[str]:
    """Return the texts, each once, those that share most words with the question first."""
    return sorted(dict.fromkeys(texts), key=lambda text: -len(keys(text) & keys(question)))


def folded_sentences(text: str) -> list[str]:
    """Return the sentences of a text, white space folded."""
    return [" ".join(text[start:end].split()) for start, end in sentences(text)]


def _rarity(texts: Sequence[str]) -> Callable[[str], float]:
    having = Counter(key for text in texts for key in keys(text))
    return lambda key: log1p(len(texts) / (1 + having[key]))


def _stands(answer: str, text: str) -> bool:
    """Whether an answer stands in a text, word for word."""
    return f" {_plain(answer)} " in f" {_plain(text)} "


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w%$€£.]+", " ", text.lower()).split())
