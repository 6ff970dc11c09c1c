"""Answers to questions about the archive itself: counted and listed from the catalog, each article cited.

Counts are exact. An article has the words that a question names when each stands in its title or its text, in any form
of the word, as the lexical index has it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from rag.answer.disputes import Line
from rag.filters import Filters, date_words, day
from rag.index.queries import ArticleRecord
from rag.index.reader import Snapshot
from rag.query.archive_questions import ArchiveQuestion
from rag.text.names import NAME_TITLES, people_in
from rag.text.sentences import Span, sentences
from rag.types import Answer, Article, Citation, Claim
from rag.verification.citations import with_markers

MAX_LISTED = 10  # articles, names or outlets in one answer; of more it says how many
EXAMPLE_ARTICLES = 20  # the latest ones, from which example questions are made
MAX_READ = 200  # articles that are read for names
SPAN_WORDS = 8  # of a quotation that shows where an article has the words that were asked for
OPENING_CHARS = 4000  # of the text, in which the first sentence is looked for
SUBSTANCE_WORDS = 8  # a shorter line is a heading or a byline
# A run of capitalised words with one of these is a region, an office or a firm.
NO_PERSON = NAME_TITLES | set("North South East West Northern Southern Staff Inc Ltd Corp The Day Week".split())
_NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()


def archive_answer(snapshot: Snapshot, question: ArchiveQuestion, filters: Filters, blank: Answer) -> Answer | None:
    """Answer a question about the archive; None when it asks about something that the archive does not have.

    Args:
        snapshot: the archive.
        question: what is asked.
        filters: the articles that count.
        blank: the answer without its text.
    """
    archive = _Archive(snapshot, snapshot.article_records())
    selection = _selected(archive, question, filters)
    if selection is None:
        return None
    page = _Page(archive)
    if not _ANSWERS[question.kind](page, question, selection):
        return None
    return replace(
        blank,
        status="answered",
        text="\n".join(line.text for line in page.lines),
        confidence=1.0,
        claims=tuple(line.claim for line in page.lines if line.claim),
        citations=tuple(page.citations),
        hits=(),
        generator="extractive",
    )


# Which articles


@dataclass(frozen=True)
class _Archive:
    """The articles of a snapshot, the latest first."""

    snapshot: Snapshot
    records: Sequence[ArticleRecord]

    def article(self, record: ArticleRecord) -> Article:
        article = self.snapshot.article(record.id)
        if article is None:
            raise KeyError(record.id)  # the snapshot sees one generation
        return article

    @cached_property
    def authors(self) -> dict[str, str]:
        """The authors in lower case, and as they are written."""
        return {name.strip().casefold(): name.strip() for record in self.records for name in record.authors}

    @cached_property
    def outlets(self) -> dict[str, str]:
        """The outlets in lower case, and as they are written."""
        return {record.publisher.casefold(): record.publisher for record in self.records if record.publisher}


@dataclass(frozen=True)
class _Selection:
    """The articles that a question asks about.

    Attributes:
        records: the latest first.
        considered: the articles that it could have been: all, or those that pass the filters.
        filtered: whether the filters of the user leave some out.
        restriction: what restricts them, in words, each with a blank before it: " by Jo Bright in July 2024".
    """

    records: Sequence[ArticleRecord]
    considered: Sequence[ArticleRecord]
    filtered: bool
    restriction: str

    @property
    def undated(self) -> int:
        return sum(record.published is None for record in self.records)


def _selected(archive: _Archive, question: ArchiveQuestion, filters: Filters) -> _Selection | None:
    considered = [record for record in archive.records if _passes(record, filters)]
    records, restriction = considered, ""
    if question.origin:
        name = question.origin.strip().casefold()
        author, outlet = archive.authors.get(name), archive.outlets.get(name) or archive.outlets.get(f"the {name}")
        if author and not (outlet and not question.certain):
            records = [r for r in records if name in [one.strip().casefold() for one in r.authors]]
        elif outlet:
            records = [r for r in records if (r.publisher or "").casefold() == outlet.casefold()]
        elif question.certain:
            records = []
        else:
            return None
        how = "by" if author or not outlet else "from"
        restriction += f" {how} {author or outlet or question.origin}"
    if question.days:
        records = [r for r in records if _passes(r, Filters().within(question.days.since, question.days.until))]
        restriction += f" published {question.days.words}"
    if question.topic:
        having = archive.snapshot.articles_with(question.topic)
        records = [r for r in records if r.id in having]
    return _Selection(records, considered, len(considered) < len(archive.records), restriction)


def _passes(record: ArticleRecord, filters: Filters) -> bool:
    """Return whether an article passes filters, as `rag.index.queries.passing` decides it."""
    published = record.published or ""
    return (
        (filters.since is None or (published != "" and published[: len(filters.since)] >= filters.since))
        and (filters.until is None or (published != "" and published[: len(filters.until)] <= filters.until))
        and (filters.publisher is None or _same(record.publisher or "", filters.publisher))
        and (filters.author is None or any(_same(author, filters.author) for author in record.authors))
    )


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


# What is written


@dataclass
class _Page:
    """The lines of an answer, and what they cite."""

    archive: _Archive
    lines: list[Line] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Add a line that counts and needs no citation."""
        self.lines.append(Line(text))

    def cite(self, text: str, article: Article, span: Span, origin: bool = True) -> None:
        """Add a line about an article with the words that it cites."""
        number = len(self.citations) + 1
        self.citations.append(Citation(number, article, *span))
        claim = Claim(text, "verbatim", 1.0, (number,))
        known = _origin(article) if origin else ""
        self.lines.append(Line(f"- {with_markers(text, claim.citations)}" + (f" ({known})" if known else ""), claim))

    def list_articles(self, records: Sequence[ArticleRecord], topic: str = "") -> None:
        """Add a line for each article: its title, and its first sentence or where it has the words of a topic."""
        for record in records[:MAX_LISTED]:
            article = self.archive.article(record)
            found = _span_of(article, topic, self.archive.snapshot.lexical.terms) if topic else None
            start, end = found or opening_span(article.text)
            words = " ".join(article.text[start:end].split())
            self.cite(f"*{article.label}*: " + (_quoted(words) if found else words), article, (start, end))
        self.more(len(records))

    def more(self, count: int, of: str = "") -> None:
        """Say how many are not listed."""
        if count > MAX_LISTED:
            self.say(f"… and {count - MAX_LISTED:,} more{of}.")


def _counted(count: int, noun: str = "article") -> str:
    """Return "two articles"."""
    number = _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"
    return f"{number} {noun}{'' if count == 1 else 's'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _whole(selection: _Selection) -> str:
    """Return what was counted in: "the five articles in this archive"."""
    within = "within these filters" if selection.filtered else "in this archive"
    return f"the {_counted(len(selection.considered))} {within}"


def _origin(article: Article) -> str:
    """Return outlet and day, as far as they are known."""
    return ", ".join(filter(None, (article.publisher, _day_words(article.published))))


def _day_words(published: str | None) -> str:
    """Return "31 October 2025"; a year or a month alone as it is; empty when unknown."""
    words = date_words(published)
    return words.partition(" ")[2] or words


def _dates(records: Sequence[ArticleRecord]) -> str:
    """Return what is known of the days of articles: "published from 2 July 2024 to 31 January 2025"."""
    known = sorted(written for record in records if (written := day(record.published)))
    unknown = len(records) - len(known)
    if not known:
        return "publish date unknown" if len(records) == 1 else "publish dates unknown"
    first, last = _day_words(known[0]), _day_words(known[-1])
    span = f"published on {first}" if first == last else f"published from {first} to {last}"
    return span + (f", {unknown:,} of unknown date" if unknown else "")


def opening_span(text: str) -> Span:
    """Return the first sentence of substance of an article: no heading, no byline, no question."""
    spans = sentences(text[:OPENING_CHARS]) or [(0, len(text))]
    long = [(a, b) for a, b in spans if len(text[a:b].split()) >= SUBSTANCE_WORDS]
    whole = [(a, b) for a, b in long if re.search(r"[.!…][”\"’')\]]*$", text[a:b])]
    return (whole or long or spans)[0]


def _span_of(article: Article, topic: str, terms: Callable[[str], list[str]]) -> Span | None:
    """Return a few words of an article around its topic: around all the topic's words in a row, or else one of them."""
    wanted = terms(topic)
    row = [match.span() for match in re.finditer(r"(?:[A-Za-z]\.){2,}|\w+(?:[’'-]\w+)*", article.text)]
    stems = ["".join(terms(article.text[start:end])[:1]) for start, end in row]
    begins = (i for i in range(len(row)) if stems[i : i + len(wanted)] == wanted)
    index = next(begins, next((i for i, stem in enumerate(stems) if stem in wanted), None))
    if index is None:
        return None
    at = row[index][0]
    start, end = next(((a, b) for a, b in sentences(article.text) if a <= at < b), (0, len(article.text)))
    words = [span for span in row if start <= span[0] and span[1] <= end]
    place = words.index(row[index])
    first = max(0, min(place, len(words) - SPAN_WORDS))  # a topic at the end of its sentence takes words before it
    return words[first][0], words[first : first + max(SPAN_WORDS, len(wanted))][-1][1]


def _quoted(words: str) -> str:
    """Return words in quotation marks, unless they have some of their own."""
    return words if re.search('[“”"«»]', words) else f"“{words}”"


# The answers, by kind


def _count(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    records = selection.records
    if question.days and selection.considered and not any(r.published for r in selection.considered):
        page.say(f"None of {_whole(selection)} carries a publish date, so none can be counted by its day.")
        return True
    if not (question.topic or selection.restriction):
        within = "pass these filters" if selection.filtered else "are in this archive"
        if len(records) == 1:
            within = within.replace("pass", "passes").replace("are", "is")
        page.say(
            f"{_capital(_counted(len(records)))} {within}, {_dates(records)}:" if records else f"No articles {within}."
        )
    else:
        page.say(f"{_capital(_restricted(records, question, selection))}{':' if records else '.'}")
        _explain(page, question, selection)
    page.list_articles(records, question.topic)
    return True


def _restricted(records: Sequence[ArticleRecord], question: ArchiveQuestion, selection: _Selection) -> str:
    """Return "two of the three articles in this archive mention “Okafor”"."""
    all_of_them = len(records) == len(selection.considered) > 1
    one = len(records) <= 1
    restriction = selection.restriction.strip()
    verb = ("is " if one else "are ") + restriction if restriction else ""
    if question.topic:
        mention = f"{'mentions' if one else 'mention'} “{question.topic}”"
        verb = f"{restriction} {mention}" if restriction else mention
    whole = _whole(selection)
    if len(selection.considered) == 1 and records:
        return f"{whole} {verb}"
    if all_of_them:
        return f"all {whole.removeprefix('the ')} {verb}"
    number = _counted(len(records)).rpartition(" ")[0] if records else "none"
    return f"{number} of {whole} {verb}"


def _explain(page: _Page, question: ArchiveQuestion, selection: _Selection) -> None:
    """Say how articles were counted, where there can be doubt."""
    if question.days and (unknown := sum(r.published is None for r in selection.considered)):
        page.say(f"The publish date of {_counted(unknown, 'other article')} is unknown.")
    if question.topic and len(page.archive.snapshot.lexical.terms(question.topic)) > 1:
        page.say("(Counted: every article with all of these words in its title or its text, in any form of the word.)")


def _list(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    return _count(page, question, selection)


def _newest(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    which = "newest" if question.kind == "newest" else "oldest"
    dated = [record for record in selection.records if record.published]
    about = f" that mention “{question.topic}”" if question.topic else ""
    if not selection.records:
        page.say(f"{_capital(_restricted((), question, selection))}.")
        return True
    if not dated:
        who = f"the {_counted(len(selection.records))}{about}" if about else _whole(selection)
        page.say(f"None of {who} carries a publish date, so which is the {which} cannot be told.")
        return True
    if which == "oldest":
        dated.reverse()
    best = dated if question.several else [r for r in dated if day(r.published) == day(dated[0].published)]
    best = best[:MAX_LISTED]
    what = f"{which} article" if len(best) == 1 else f"{_counted(len(best)).rpartition(' ')[0]} {which} articles"
    page.say(f"The {what}{about}{selection.restriction}, by publish date:")
    page.list_articles(best)
    if selection.undated:
        page.say(f"The publish date of {_counted(selection.undated, 'other article')} is unknown.")
    return True


def _happened(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    if not selection.records or question.days is None:
        return False
    one = len(selection.records) == 1
    page.say(f"{_capital(_counted(len(selection.records)))} {'was' if one else 'were'}{selection.restriction}:")
    page.list_articles(selection.records)
    return True


def _summary(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    records = selection.records
    if not records:
        page.say(f"{_capital(_restricted(records, question, selection))}.")
        return True
    about = f" that {'mentions' if len(records) == 1 else 'mention'} “{question.topic}”" if question.topic else ""
    shown = f"; the {'newest ' if records[0].published else 'first '}{MAX_LISTED}" if len(records) > MAX_LISTED else ""
    origin = f" {selection.restriction.strip()}" if question.origin and not question.days else ""
    page.say(f"{_capital(_counted(len(records)))}{about}{origin}, {_dates(records)}{shown}:")
    page.list_articles(records)
    return True


def _about(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    if not selection.records:
        return _summary(page, question, selection)
    outlets = [name for name, _ in _by_outlet(selection.records) if name]
    names = [name for name, articles in _people(page.archive, selection.records) if len(articles) > 1][:5]
    if outlets:
        page.say(f"The articles are from {_enumerated(outlets[:5], len(outlets))}.")
    if names:
        page.say(f"Most often named: {', '.join(names)}.")
    about, page.lines = page.lines, []
    _summary(page, question, selection)
    page.lines[:1] = [Line(page.lines[0].text.rstrip(":") + "."), *about]
    return True


def _enumerated(names: Sequence[str], count: int) -> str:
    return ", ".join(names) + (f" and {count - len(names):,} more" if count > len(names) else "")


def _by_outlet(records: Iterable[ArticleRecord]) -> list[tuple[str, int]]:
    """Return each outlet and how many articles it has, most first; an empty name for articles without one."""
    spelt: dict[str, str] = {}
    for record in records:
        spelt.setdefault((record.publisher or "").casefold(), record.publisher or "")
    counts = Counter((record.publisher or "").casefold() for record in records)
    return [(spelt[name], count) for name, count in counts.most_common()]


def _outlets(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    outlets = [(name, count) for name, count in _by_outlet(selection.records) if name]
    if not selection.records:
        return False
    return _tally(page, outlets, "outlet", question, selection, lambda r: r.publisher is None)


def _authors(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    if not selection.records:
        return False
    counts = Counter(name.strip() for record in selection.records for name in dict.fromkeys(record.authors))
    return _tally(page, counts.most_common(), "author", question, selection, lambda r: not r.authors)


def _tally(
    page: _Page,
    counts: Sequence[tuple[str, int]],
    noun: str,
    question: ArchiveQuestion,
    selection: _Selection,
    lacks: Callable[[ArticleRecord], bool],
) -> bool:
    """List names with how many articles each has."""
    lacking = sum(map(lacks, selection.records))
    if not counts:
        whole = _whole(selection) if len(selection.records) == len(selection.considered) else "these articles"
        page.say(f"None of {whole} names its {noun}.")
        return True
    about = f" of articles that mention “{question.topic}”" if question.topic else ""
    page.say(f"{_capital(_counted(len(counts), noun))}{about}{selection.restriction}:")
    for name, count in counts[:MAX_LISTED]:
        page.say(f"- {name}: {_counted(count)}")
    page.more(len(counts))
    if lacking:
        page.say(f"{_capital(_counted(lacking))} {'names' if lacking == 1 else 'name'} no {noun}.")
    return True


def _people(archive: _Archive, records: Sequence[ArticleRecord]) -> list[tuple[str, list[Article]]]:
    """Return the people that articles name in full, each with its articles, those in most articles first."""
    found: dict[str, list[Article]] = {}
    for record in records[:MAX_READ]:
        article = archive.article(record)
        for name in people_in(article.text):
            if name in article.text and NO_PERSON.isdisjoint(name.split()):
                found.setdefault(name, []).append(article)
    return sorted(found.items(), key=lambda item: -len(item[1]))


def _people_named(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    people = _people(page.archive, selection.records)
    read = min(len(selection.records), MAX_READ)
    if not people:
        page.say(f"No person is named in full in {_whole(selection)}.")
        return True
    where = _whole(selection) if read == len(selection.records) else f"the {read} articles that were read"
    page.say(f"Named in full in {where}:")
    for name, articles in people[:MAX_LISTED]:
        at = articles[0].text.index(name)
        where = f"*{articles[0].label}*" + (f" and {_counted(len(articles) - 1, 'other')}" if len(articles) > 1 else "")
        page.cite(f"{name}, in {where}", articles[0], (at, at + len(name)), origin=False)
    page.more(len(people))
    return True


def _of_one(page: _Page, question: ArchiveQuestion, selection: _Selection) -> bool:
    """Say who wrote the articles on a topic, when they were published, or by which outlet."""
    terms = page.archive.snapshot.lexical.terms
    wanted = set(terms(question.topic))
    titled = [record for record in selection.records if wanted <= set(terms(record.title))]
    records = (titled or selection.records)[:MAX_LISTED]
    for record in records:
        article = page.archive.article(record)
        start, end = opening_span(article.text)
        words = " ".join(article.text[start:end].split())
        page.cite(f"*{article.label}*, {_known(article, question.kind)}: {words}", article, (start, end), origin=False)
    page.more(len(titled or selection.records))
    return bool(records)


def _known(article: Article, kind: str) -> str:
    """Return the author, the day or the outlet of an article, that which was asked for first."""
    by = f"by {' and '.join(article.authors)}" if article.authors else ""
    on = f"published on {_day_words(article.published)}" if article.published else ""
    of = f"from {article.publisher}" if article.publisher else ""
    asked, other = {
        "author of": (by or "which names no author", (of, on)),
        "date of": (on or "publish date unknown", (of, by)),
        "outlet of": (of or "which names no outlet", (by, on)),
    }[kind]
    return ", ".join(filter(None, (asked, *other)))


_ANSWERS: dict[str, Callable[[_Page, ArchiveQuestion, _Selection], bool]] = {
    "count": _count,
    "list": _list,
    "newest": _newest,
    "oldest": _newest,
    "happened": _happened,
    "summary": _summary,
    "about": _about,
    "people": _people_named,
    "authors": _authors,
    "outlets": _outlets,
    "author of": _of_one,
    "date of": _of_one,
    "outlet of": _of_one,
}


def example_questions(snapshot: Snapshot) -> list[str]:
    """Return up to three questions that the archive answers, made from its titles, days and names."""
    archive = _Archive(snapshot, snapshot.article_records(EXAMPLE_ARTICLES))
    recent = archive.records
    if not recent:
        return []
    asked = next((record.title for record in recent if record.title.endswith("?")), "")
    if not asked and (month := _month_of(recent[0])):
        asked = f"What happened {month}?"
    people = _people(archive, recent)
    named = f"How many articles mention {people[0][0]}?" if people else "How many articles are there?"
    return [question for question in (asked, "Summarize the articles", named) if question]


def _month_of(record: ArticleRecord) -> str:
    """Return "in July 2024" for an article of a known day; empty for another."""
    number, _, month = _day_words(record.published).partition(" ")
    return f"in {month}" if number and month else ""
