"""A raw source to an article: metadata read, furniture taken out, and not a character of the rest changed.

Cleaning only removes: every line of `Article.text` stands in the source, in order, but for white space, invisible
characters and markup. What goes is kept in `Article.removed` with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise

from rag.errors import SourceError
from rag.ingest.boilerplate import boilerplate, breadcrumbs
from rag.ingest.loaders import Source
from rag.ingest.publish_dates import iso_date
from rag.ingest.sandbox import read_page_isolated
from rag.types import Article, Removed

Value = str | tuple[str, ...]

# Controls, zero-width and direction marks, variation selectors, tags: what hides words from a reader, or hides in them.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
MAX_LINES = 500_000  # of an article
MAX_FIELD_CHARS = 1000  # of a title, a name or an address; more is not one
WRAP_WIDTHS = range(40, 101)  # characters of the longest line in a text that is broken at a fixed width
MIN_WRAPPED_LINES = 5
TOP_LINES = 12  # among which the title, the byline and the date are looked for
MAX_MASTHEAD_CHARS = 120
MAX_TITLE_CHARS = 150
MIN_TITLE_WORDS = 3  # fewer are a rubric ("World News") or a publisher's name

SENTENCE_END = re.compile(r"(?<![ap]\.m)(?<!\bU\.S)[.!?][\"'”’)\]]*$")
NOT_A_HEADLINE = re.compile(
    r"(?<!\bU\.S)(?<!\bU\.K)\.[\"'”’)\]]*$|[,;:–—-]$|^https?://|^[A-Z]{3}[^()]{0,40} \([A-Z][\w ]*\)$"
)


def clean(source: Source) -> Article:
    """Make an article of a source.

    The numbers in `removed` are those of lines of the source; for HTML and records, of lines of the text inside.

    Raises:
        SourceError: there is no text in it, or none but furniture.
    """
    draft = _read(source)
    if source.kind in ("text", "record"):
        draft.lines = _unwrap(draft.lines)
    last_step = _take_out_breadcrumbs(draft)
    draft.take_out(lambda line: boilerplate(line.text))
    if reasons := _masthead(draft):
        draft.take_out(reasons.get)
    _take_out_title(draft, last_step)
    return draft.article(source)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str  # white space collapsed; empty between paragraphs


@dataclass(slots=True)
class _Draft:
    """An article on its way: the lines still in it, what has been taken out, and the metadata read so far."""

    lines: list[_Line]
    removed: list[Removed] = field(default_factory=list)
    fields: dict[str, Value] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)

    def top(self) -> list[_Line]:
        return list(islice((line for line in self.lines if line.text), TOP_LINES))

    def take_out(self, reason_for: Callable[[_Line], str | None]) -> None:
        """Remove every line for which there is a reason."""
        kept = []
        for line in self.lines:
            if line.text and (reason := reason_for(line)):
                self.removed.append(Removed(line.number, line.text, reason))
            else:
                kept.append(line)
        self.lines = kept

    def give(self, name: str, value: Value, provenance: str) -> bool:
        """Set a field if it is a good value and no better source has given one; return whether it is a good value."""
        tidied: Value | None
        if isinstance(value, tuple):
            tidied = tuple(filter(None, map(_tidy_field, value)))
        else:
            tidied = _tidy_field(value)
            if name == "published":
                tidied = iso_date(tidied)
            elif name == "url":
                tidied = tidied if re.match(r"https?://\S+$", tidied) else None
        if tidied and name not in self.fields:
            self.fields[name] = tidied
            self.provenance[name] = provenance
        return bool(tidied)

    def article(self, source: Source) -> Article:
        lines = (line.text for line in self.lines)
        # A line break where one was, an empty line where there were one or more.
        text = re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
        if not text:
            raise SourceError(f"no text left: {len(self.removed)} lines of furniture and nothing else")
        return Article(
            id=source.id,
            path=source.path,
            text=text,
            removed=tuple(sorted(self.removed, key=lambda removed: removed.line)),
            provenance=self.provenance,
            **self.fields,  # type: ignore[arg-type]
        )


# Reading


def _read(source: Source) -> _Draft:
    """Take the lines and the fields that the format itself gives, without white space or characters nobody sees."""
    fields: Mapping[str, str | tuple[str, ...] | list[str]]
    if source.kind == "html" or source.kind == "markdown":
        page = read_page_isolated(source.kind, source.text)
        lines, fields, provenance = page.lines, page.fields, page.provenance
    else:
        if (count := source.text.count("\n")) > MAX_LINES:
            raise SourceError(f"{count:,} lines; an article has at most {MAX_LINES:,}: split it")
        lines = list(enumerate(source.text.split("\n"), start=1))
        fields, provenance = source.fields, dict.fromkeys(source.fields, "record")
    draft = _Draft([])
    invisible: Counter[int] = Counter()
    for number, line in lines:
        if not (line.isascii() and line.isprintable()):
            line, invisible[number] = INVISIBLE.subn("", line)
        if not line.isprintable() or "  " in line or line != line.strip():  # else all its white space is one space each
            line = " ".join(line.split())
        draft.lines.append(_Line(number, line))
    if count := invisible.total():
        first = next(number for number in invisible if invisible[number])
        draft.removed.append(Removed(first, f"{count} character{'s' * (count > 1)}", "invisible characters"))
    for name, value in fields.items():
        draft.give(name, value if isinstance(value, str) else tuple(value), provenance[name])
    return draft


def _tidy_field(value: str) -> str:
    value = " ".join(INVISIBLE.sub("", value).split())
    return value if len(value) <= MAX_FIELD_CHARS else ""


def _unwrap(lines: list[_Line]) -> list[_Line]:
    """Join the lines of paragraphs that were broken at a fixed width, as in wire copy; leave other text as it is.

    A line is full when the first word of the next one did not fit. That most are, and that many of the next lines begin
    in lower case, tells a wrapped text from a list.
    """
    width = max((len(line.text) for line in lines if " " in line.text), default=0)
    if width not in WRAP_WIDTHS:
        return lines
    breaks = [(line, after) for line, after in pairwise(lines) if line.text and after.text]
    full = {line for line, after in breaks if len(line.text) + 1 + len(after.text.split(" ", 1)[0]) > width}
    runs_on = [after for line, after in breaks if line in full and after.text[0].islower()]
    if len(full) < max(MIN_WRAPPED_LINES, len(breaks) * 2 / 3) or len(runs_on) < len(full) / 2:
        return lines
    joined: list[_Line] = []
    for before, line in pairwise([_Line(0, ""), *lines]):
        if before in full and line.text:
            joined[-1] = _Line(joined[-1].number, f"{joined[-1].text} {line.text}")
        else:
            joined.append(line)
    return joined


# Masthead: what stands above an article


def _take_out_breadcrumbs(draft: _Draft) -> str:
    """Remove the way to the page at the top; return its last step, which can be the title."""
    start = next((n for n, line in enumerate(draft.lines) if line.text), 0)
    count, last_step = breadcrumbs([line.text for line in draft.lines[start : start + TOP_LINES]])
    if gone := set(draft.lines[start : start + count]):
        draft.take_out(lambda line: "breadcrumb" if line in gone else "")
    return last_step


_LABELS = {
    name: re.compile(f"(?:{label}) ", re.IGNORECASE)
    for name, label in {
        "published": r"(first |originally )?(published|posted)( on| at)?:?|((publication|publish(ed)?) )?date:",
        "updated": r"(last )?(updated|modified)( on| at)?:?",
        "title": r"(title|headline):",
        "authors": r"by:?|(written|reported) by:?|(author|byline)s?:",
        "url": r"((source|canonical) )?(url|link):",
        "publisher": r"(source|publisher|publication):",
    }.items()
}


def _masthead(draft: _Draft) -> dict[_Line, str]:
    """Read the lines that say who wrote the article, when and where, one of each; return line -> reason."""
    reasons: dict[_Line, str] = {}
    for line, labels in _masthead_lines(draft):
        for name, label in labels.items():
            reason = "byline" if name == "authors" else f"{name} line"
            match = label.match(line.text)
            if match and reason not in reasons.values() and _give_masthead(draft, name, line.text[match.end() :]):
                reasons[line] = reason
                break
    return reasons


def _masthead_lines(draft: _Draft) -> Iterator[tuple[_Line, dict[str, re.Pattern[str]]]]:
    """Yield the lines that can be of the masthead, with the labels they can have.

    They stand above the second paragraph, since the first can be the standfirst. A byline can also be the last line.
    """
    paragraphs = 0
    for line in draft.top():
        prose = SENTENCE_END.search(line.text) or len(line.text) > MAX_MASTHEAD_CHARS
        paragraphs += bool(prose)
        if paragraphs == 2:
            break
        if not prose:
            yield line, _LABELS
    last = next((line for line in reversed(draft.lines) if line.text), None)
    if last and len(last.text) <= MAX_MASTHEAD_CHARS:
        yield last, {"authors": _LABELS["authors"]}


def _give_masthead(draft: _Draft, name: str, value: str) -> bool:
    if name == "updated":
        return iso_date(value) is not None
    if name == "authors":
        return draft.give(name, _people(value), "byline")
    if name == "publisher" and value.startswith(("http://", "https://")):
        name = "url"
    return draft.give(name, value, f"{name} line")


_PARTICLE = re.compile(r"al|bin|d[aeiu]|de[lr]|della|el|ibn|l[ae]|v[ao]n|y")
_ROLES = re.compile(
    r"\b(agency|bureau|contributor|correspondent|desk|editor|journal|magazine|network|news|post|press|reporter|service|staff"
    r"|team|times|today|writer)s?\b",
    re.IGNORECASE,
)


def _people(text: str) -> tuple[str, ...]:
    """Return the names in a byline: two to four words each, all of them capitalised but for particles."""
    text = re.split(r" ?[|·•] ?| [–—-] ", text)[0]
    people = []
    for name in re.split(r" ?[,;] ?(?:and )?| and | & ", text, flags=re.IGNORECASE):
        words = name.split()
        capitalised = all(word[0].isupper() or _PARTICLE.fullmatch(word) for word in words)
        if 2 <= len(words) <= 4 and capitalised and not _ROLES.search(name) and not re.search(r"\d", name):
            people.append(name)
    return tuple(people)


# Title


def _take_out_title(draft: _Draft, last_step: str) -> None:
    """Find the title unless it is given, and remove its lines: it is searched, and never quoted."""
    for line, provenance in _titles(draft.top(), last_step):
        draft.give("title", line.text, provenance)
    title = _key(str(draft.fields.get("title", "")))
    if any(_key(line.text) != title for line in draft.lines if line.text):
        # A key is never shorter than its text.
        draft.take_out(lambda line: "title" if len(line.text) <= len(title) and _key(line.text) == title else "")


def _titles(top: list[_Line], last_step: str) -> Iterator[tuple[_Line, str]]:
    """Yield (line, provenance) of what can be the title, the surest first."""
    times = Counter(_key(line.text) for line in top)
    yield from ((line, "breadcrumb") for line in top if _key(line.text) == _key(last_step))
    yield from ((line, "repeated line") for line in top if times[_key(line.text)] > 1 and _is_headline(line.text))
    if top and _is_headline(top[0].text) and any(SENTENCE_END.search(line.text) for line in top[1:]):
        yield top[0], "first line"


def _is_headline(text: str) -> bool:
    """Whether a line reads like a headline: a few words that are no sentence, dateline, date or address."""
    words = text.split()
    return (
        len(text) <= MAX_TITLE_CHARS
        and len(words) >= MIN_TITLE_WORDS
        and not NOT_A_HEADLINE.search(text)
        and iso_date(text) is None
    )


def _key(text: str) -> str:
    """Fold what differs between two spellings of one title."""
    return text.casefold().replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
