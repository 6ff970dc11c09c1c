"""Clean a source into an article: read its metadata and remove boilerplate.

Cleaning only removes. Every line of `Article.text` is a line of the source, in the same order; only white space,
invisible characters and markup differ. `Article.removed` lists the removed lines with the reason for each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise

from rag.errors import SourceError
from rag.ingest.boilerplate import boilerplate, breadcrumbs
from rag.ingest.loaders import Failure, Source, SourceFile, read_file
from rag.ingest.publish_dates import iso_date
from rag.ingest.sandbox import read_page_isolated
from rag.types import Article, Removed

Value = str | tuple[str, ...]

# Controls, zero-width and direction marks, variation selectors and tags: they hide text from a reader, or hide in it.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
MAX_LINES = 500_000  # of an article
MAX_FIELD_CHARS = 1000  # a longer value is not a title, a name or an address
WRAP_WIDTHS = range(40, 101)  # characters of the longest line in a text that is wrapped at a fixed width
MIN_WRAPPED_LINES = 5
TOP_LINES = 12  # the first lines, which may hold the title, the byline and the date
MAX_MASTHEAD_CHARS = 120
MAX_TITLE_CHARS = 150
MIN_TITLE_WORDS = 3  # a shorter line is a section ("World News") or a publisher's name
MIN_NAME_WORDS = 2
MAX_NAME_WORDS = 4

SENTENCE_END = re.compile(r"(?<![ap]\.m)(?<!\bU\.S)[.!?][\"'”’)\]]*$")
NOT_A_HEADLINE = re.compile(
    r"(?<!\bU\.S)(?<!\bU\.K)\.[\"'”’)\]]*$|[,;:–—-]$|^https?://|^[A-Z]{3}[^()]{0,40} \([A-Z][\w ]*\)$"
)


def clean(source: Source) -> Article:
    """Clean a source into an article.

    The line numbers in `removed` count from 1 in the source; for HTML and records, in the text inside it.

    Raises:
        SourceError: the source holds no text, or only boilerplate.
    """
    draft = _read(source)
    if source.kind in ("text", "record"):
        draft.lines = _unwrap(draft.lines)
    last_step = _remove_breadcrumbs(draft)
    draft.remove(lambda line: boilerplate(line.text))
    if reasons := _masthead(draft):
        draft.remove(reasons.get)
    _remove_title(draft, last_step)
    return draft.article(source)


def articles_of(file: SourceFile) -> Iterator[Article | Failure]:
    """Yield the cleaned articles of a file, and a failure for each part that is not an article."""
    for source in read_file(file):
        if isinstance(source, Failure):
            yield source
            continue
        where = f"{source.path} ({source.id})" if source.kind == "record" else source.path
        try:
            yield clean(source)
        except SourceError as error:
            yield Failure(where, str(error))
        except Exception as error:  # a library that fails on one article must not stop the others
            yield Failure(where, f"cannot be cleaned ({type(error).__name__}: {error})")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str  # white space collapsed; empty between paragraphs


@dataclass(slots=True)
class _Draft:
    """An article that is being cleaned: its lines, the removed lines, and the metadata read so far."""

    lines: list[_Line]
    removed: list[Removed] = field(default_factory=list)
    fields: dict[str, Value] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)

    def top(self) -> list[_Line]:
        return list(islice((line for line in self.lines if line.text), TOP_LINES))

    def remove(self, reason_for: Callable[[_Line], str | None]) -> None:
        """Remove every line for which there is a reason."""
        remaining = []
        for line in self.lines:
            if line.text and (reason := reason_for(line)):
                self.removed.append(Removed(line.number, line.text, reason))
            else:
                remaining.append(line)
        self.lines = remaining

    def set_field(self, name: str, value: Value, provenance: str) -> bool:
        """Set a field unless a better source has set it; return whether the value is valid."""
        valid: Value | None
        if isinstance(value, tuple):
            valid = tuple(filter(None, map(_normal_field, value)))
        else:
            valid = _normal_field(value)
            if name == "published":
                valid = iso_date(valid)
            elif name == "url":
                valid = valid if re.match(r"https?://\S+$", valid) else None
        if valid and name not in self.fields:
            self.fields[name] = valid
            self.provenance[name] = provenance
        return bool(valid)

    def article(self, source: Source) -> Article:
        lines = (line.text for line in self.lines)
        text = re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")  # at most one empty line in a row
        if not text:
            raise SourceError(f"no text left: {len(self.removed)} lines of boilerplate and nothing else")
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
    """Read the lines and the fields of a source; collapse white space and remove invisible characters."""
    fields: Mapping[str, str | tuple[str, ...] | list[str]]
    if source.kind in ("html", "markdown"):
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
        text, invisible[number] = _visible(line)
        draft.lines.append(_Line(number, text))
    if count := invisible.total():
        first = next(number for number in invisible if invisible[number])
        draft.removed.append(Removed(first, f"{count} character{'s' * (count > 1)}", "invisible characters"))
    for name, value in fields.items():
        draft.set_field(name, value if isinstance(value, str) else tuple(value), provenance[name])
    return draft


def _visible(line: str) -> tuple[str, int]:
    """Collapse a line's white space and remove its invisible characters; return how many were removed."""
    removed = 0
    if not (line.isascii() and line.isprintable()):
        line, removed = INVISIBLE.subn("", line)
    if not line.isprintable() or "  " in line or line != line.strip():  # most lines need no change: skip the split
        line = " ".join(line.split())
    return line, removed


def _normal_field(value: str) -> str:
    value = _visible(value)[0]
    return value if len(value) <= MAX_FIELD_CHARS else ""


def _unwrap(lines: list[_Line]) -> list[_Line]:
    """Join the lines of paragraphs that are wrapped at a fixed width, as in wire copy; leave other text as it is.

    A line is full when the first word of the next line does not fit on it. A wrapped text differs from a list: most of
    its lines are full, and many of the lines after a full one begin in lower case.
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


# Masthead: the lines above an article


def _remove_breadcrumbs(draft: _Draft) -> str:
    """Remove the breadcrumbs at the top; return their last step, which can be the title."""
    start = next((n for n, line in enumerate(draft.lines) if line.text), 0)
    count, last_step = breadcrumbs([line.text for line in draft.lines[start : start + TOP_LINES]])
    if crumbs := set(draft.lines[start : start + count]):
        draft.remove(lambda line: "breadcrumb" if line in crumbs else "")
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
    """Read the byline, the date line and the like, one of each kind; return line -> reason."""
    reasons: dict[_Line, str] = {}
    for line, labels in _masthead_lines(draft):
        for name, label in labels.items():
            reason = "byline" if name == "authors" else f"{name} line"
            match = label.match(line.text)
            if match and reason not in reasons.values() and _set_masthead(draft, name, line.text[match.end() :]):
                reasons[line] = reason
                break
    return reasons


def _masthead_lines(draft: _Draft) -> Iterator[tuple[_Line, dict[str, re.Pattern[str]]]]:
    """Yield the lines that can belong to the masthead, with the labels that each can have.

    The masthead is above the second paragraph; the first can be the standfirst. A byline can also be the last line.
    """
    standfirst = False
    for line in draft.top():
        prose = SENTENCE_END.search(line.text) or len(line.text) > MAX_MASTHEAD_CHARS
        if prose and standfirst:
            break
        if prose:
            standfirst = True
        else:
            yield line, _LABELS
    last = next((line for line in reversed(draft.lines) if line.text), None)
    if last and len(last.text) <= MAX_MASTHEAD_CHARS:
        yield last, {"authors": _LABELS["authors"]}


def _set_masthead(draft: _Draft, name: str, value: str) -> bool:
    """Set the field that a masthead line holds; return whether its value is valid."""
    if name == "updated":
        return iso_date(value) is not None
    if name == "authors":
        return draft.set_field(name, _people(value), "byline")
    if name == "publisher" and value.startswith(("http://", "https://")):
        name = "url"
    return draft.set_field(name, value, f"{name} line")


_PARTICLE = re.compile(r"al|bin|d[aeiu]|de[lr]|della|el|ibn|l[ae]|v[ao]n|y")
_ROLES = re.compile(
    r"\b(agency|bureau|contributor|correspondent|desk|editor|journal|magazine|network|news|post|press|reporter|service|staff"
    r"|team|times|today|writer)s?\b",
    re.IGNORECASE,
)


def _people(text: str) -> tuple[str, ...]:
    """Return the names in a byline: two to four words each, all capitalised except particles."""
    text = re.split(r" ?[|·•] ?| [–—-] ", text)[0]
    people = []
    for name in re.split(r" ?[,;] ?(?:and )?| and | & ", text, flags=re.IGNORECASE):
        words = name.split()
        capitalised = all(word[0].isupper() or _PARTICLE.fullmatch(word) for word in words)
        fits = MIN_NAME_WORDS <= len(words) <= MAX_NAME_WORDS
        if fits and capitalised and not _ROLES.search(name) and not re.search(r"\d", name):
            people.append(name)
    return tuple(people)


# Title


def _remove_title(draft: _Draft, last_step: str) -> None:
    """Find the title unless it is set, and remove its lines: the title is searched and never quoted."""
    for line, provenance in _titles(draft.top(), last_step):
        draft.set_field("title", line.text, provenance)
    title = _key(str(draft.fields.get("title", "")))
    if any(_key(line.text) != title for line in draft.lines if line.text):
        # A key is never shorter than its text, so a longer line needs no key.
        draft.remove(lambda line: "title" if len(line.text) <= len(title) and _key(line.text) == title else "")


def _titles(top: list[_Line], last_step: str) -> Iterator[tuple[_Line, str]]:
    """Yield (line, provenance) of the lines that can be the title, the most certain first."""
    times = Counter(_key(line.text) for line in top)
    yield from ((line, "breadcrumb") for line in top if _key(line.text) == _key(last_step))
    yield from ((line, "repeated line") for line in top if times[_key(line.text)] > 1 and _is_headline(line.text))
    if top and _is_headline(top[0].text) and any(SENTENCE_END.search(line.text) for line in top[1:]):
        yield top[0], "first line"


def _is_headline(text: str) -> bool:
    """Return whether a line looks like a headline: a few words, and not a sentence, dateline, date or address."""
    words = text.split()
    return (
        len(text) <= MAX_TITLE_CHARS
        and len(words) >= MIN_TITLE_WORDS
        and not NOT_A_HEADLINE.search(text)
        and iso_date(text) is None
    )


def _key(text: str) -> str:
    """Return a title without case and typographic quotes, in which two spellings of one title differ."""
    return text.casefold().replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
