"""Clean a source into an article: read its metadata and remove boilerplate.

Cleaning only removes. Every line of `Article.text` is a line of the source, in the same order; only white space,
invisible characters, the form of characters and markup differ. What else changes is noted in `provenance["text"]`:
repaired mojibake, joined words that a line end cut, and table rows that carry their headings. `Article.removed` lists
the removed lines with the reason for each.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from itertools import islice, pairwise
from typing import Literal

from rag.errors import SourceError
from rag.ingest.boilerplate import boilerplate, breadcrumbs
from rag.ingest.characters import MOJIBAKE_REPAIRED, plain, repair_mojibake
from rag.ingest.exports import read_export
from rag.ingest.layout import CUTS_JOINED, ROWS_LABELLED, Line, join_cut_words, label_text_tables, unwrap
from rag.ingest.loaders import Failure, Source, SourceFile, read_file
from rag.ingest.publish_dates import date_in_address, date_line, dateline, iso_date
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
TOP_LINES = 12  # the first lines, which may hold the title, the byline and the date
MAX_MASTHEAD_CHARS = 120
MAX_TITLE_CHARS = 150
MIN_TITLE_WORDS = 3  # a shorter line can be a section ("World News") or a publisher's name
MIN_WORDS_ALONE = 2  # of a title that stands alone above an empty line and a sentence
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
    if source.kind == "text":
        _remove_export(draft)
    last_step = _remove_breadcrumbs(draft)
    draft.remove(lambda line: boilerplate(line.text))
    if reasons := _masthead(draft):
        draft.remove(reasons.get)
    _remove_title(draft, last_step)
    _date_from_dateline_or_address(draft)
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


@dataclass(slots=True)
class _Draft:
    """An article that is being cleaned: its lines, the removed lines, and the metadata read so far.

    `notes` say what was changed in the text beside what was removed.
    """

    lines: list[Line]
    removed: list[Removed] = field(default_factory=list)
    fields: dict[str, Value] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def top(self) -> list[Line]:
        return list(islice((line for line in self.lines if line.text), TOP_LINES))

    def remove(self, reason_for: Callable[[Line], str | None]) -> None:
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
            provenance=self.provenance | ({"text": ", ".join(self.notes)} if self.notes else {}),
            **self.fields,  # type: ignore[arg-type]
        )


# Reading


def _read(source: Source) -> _Draft:
    """Read the lines and the fields of a source; collapse white space and remove invisible characters."""
    fields: Mapping[str, str | tuple[str, ...] | list[str]]
    draft = _Draft([])
    text = repair_mojibake(source.text)
    if text != source.text:
        draft.notes.append(MOJIBAKE_REPAIRED)
    cut: frozenset[int] = frozenset()
    kind = _page_kind(source.kind, text)
    if kind is not None:
        page = read_page_isolated(kind, text)
        lines, fields, provenance = page.lines, page.fields, page.provenance
        draft.notes += page.notes
        draft.removed += [Removed(number, _visible(line)[0], reason) for number, line, reason in page.removed]
        if source.fields:
            fields, provenance = source.fields, dict.fromkeys(source.fields, "record")
    else:
        if (count := text.count("\n")) > MAX_LINES:
            raise SourceError(f"{count:,} lines; an article has at most {MAX_LINES:,}: split it")
        lines, cut = _without_layout(draft, list(enumerate(text.split("\n"), start=source.first_line)))
        fields, provenance = source.fields, dict.fromkeys(source.fields, "record")
    invisible: Counter[int] = Counter()
    for number, line in lines:
        visible, invisible[number] = _visible(line)
        draft.lines.append(Line(number, visible))
    if count := invisible.total():
        first = next(number for number in invisible if invisible[number])
        draft.removed.append(Removed(first, f"{count} character{'s' * (count > 1)}", "invisible characters"))
    if kind is None:
        draft.lines = unwrap(draft.lines, cut)
    for name, value in fields.items():
        repaired = repair_mojibake(value) if isinstance(value, str) else tuple(map(repair_mojibake, value))
        draft.set_field(name, repaired, provenance[name])
    return draft


_PAGE = re.compile(r"\s{0,100}<(?:!doctype html|html)[\s>]", re.IGNORECASE)
_MARKUP = re.compile(r"</(?:p|div|h[1-6]|li|ul|ol|blockquote|td|strong|em|b|i|a|span)>|<br ?/?>", re.IGNORECASE)


def _page_kind(kind: str, text: str) -> Literal["html", "markdown", "fragment"] | None:
    """Return how to parse a text; None for one without markup."""
    if kind == "html":
        return "html"
    if kind == "markdown":
        return "markdown"
    if "<" not in text:
        return None
    return "html" if _PAGE.match(text) else "fragment" if _MARKUP.search(text) else None


def _without_layout(draft: _Draft, lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], frozenset[int]]:
    """Give table rows their headings and join cut words; return the lines, and the numbers of those with a cut word."""
    labelled, headings = label_text_tables(lines)
    if headings:
        draft.notes.append(ROWS_LABELLED)
        draft.removed += [Removed(number, _visible(line)[0], "table headings") for number, line in headings]
    joined, cut = join_cut_words(labelled)
    if cut:
        draft.notes.append(CUTS_JOINED)
    return joined, cut


def _visible(line: str) -> tuple[str, int]:
    """Collapse a line's white space and remove its invisible characters; return how many were removed."""
    removed = 0
    line = plain(line)
    if not (line.isascii() and line.isprintable()):
        line, removed = INVISIBLE.subn("", line)
        line = unicodedata.normalize("NFC", line) if removed else line
    if not line.isprintable() or "  " in line or line != line.strip():  # most lines need no change: skip the split
        line = " ".join(line.split())
    return line, removed


def _normal_field(value: str) -> str:
    value = _visible(value)[0]
    return value if len(value) <= MAX_FIELD_CHARS else ""


def _remove_export(draft: _Draft) -> None:
    """Read and remove what a news database puts around an article."""
    export = read_export(draft.lines)
    if export is None:
        return
    for name, value in export.fields.items():
        draft.set_field(name, value, "export")
    draft.remove(export.removed.get)
    draft.lines = [with_changes(line, text=export.shortened.get(line, line.text)) for line in draft.lines]


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


def _masthead(draft: _Draft) -> dict[Line, str]:
    """Read the byline, the date line and the like, one of each kind; return line -> reason."""
    reasons: dict[Line, str] = {}
    for line, labels in _masthead_lines(draft):
        for name, label in labels.items():
            reason = "byline" if name == "authors" else f"{name} line"
            match = label.match(line.text)
            if match and reason not in reasons.values() and _set_masthead(draft, name, line.text[match.end() :]):
                reasons[line] = reason
                break
        else:
            if (
                len(labels) > 1
                and (reason := _unlabelled(draft, line.text))
                and (reason not in reasons.values() or reason == "updated line")
            ):
                reasons[line] = reason
    return reasons


def _unlabelled(draft: _Draft, text: str) -> str:
    """Read a line that is a date or a name without a label; return the reason to remove it."""
    if found := date_line(text):
        if found.published is None:
            return "updated line"
        draft.set_field("published", found.published, "date line")
        names = [
            person
            for other in found.others
            if re.match(r"by:? ", other, re.IGNORECASE)
            for person in _people(other[3:])
        ]
        draft.set_field("authors", tuple(names), "byline")
        return "date line"
    name, *role = re.split(r" ?[,|·•] ?| [–—-] ", text)
    if role and len(role) <= MAX_ROLE_PARTS and _ROLES.search(role[-1]) and role[-1].split()[-1][0].isalpha():
        people = _people(name)
        if people and draft.set_field("authors", people, "byline"):
            return "byline"
    return ""


MAX_ROLE_PARTS = 2


def _date_from_dateline_or_address(draft: _Draft) -> None:
    """Read the publish date from the dateline of the first sentence, or from the address, unless it is known."""
    if "published" in draft.fields:
        return
    first = next((line.text for line in draft.lines if line.text), "")
    if day := dateline(first):
        draft.set_field("published", day, "dateline")
    elif day := date_in_address(str(draft.fields.get("url", ""))):
        draft.set_field("published", day, "url")


def _masthead_lines(draft: _Draft) -> Iterator[tuple[Line, dict[str, re.Pattern[str]]]]:
    """Yield the lines that can belong to the masthead, with the labels that each can have.

    The masthead is above the second paragraph; the first can be the standfirst. A byline can also be the last line.
    """
    standfirst = False
    for line in draft.top():
        dated = date_line(line.text) is not None
        prose = (not dated and SENTENCE_END.search(line.text)) or (not dated and len(line.text) > MAX_MASTHEAD_CHARS)
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
    for line, provenance in _titles(draft.lines, draft.top(), last_step):
        draft.set_field("title", line.text, provenance)
    title = _key(str(draft.fields.get("title", "")))
    if any(_key(line.text) != title for line in draft.lines if line.text):
        # A key is never shorter than its text, so a longer line needs no key.
        draft.remove(lambda line: "title" if len(line.text) <= len(title) and _key(line.text) == title else "")


def _titles(lines: list[Line], top: list[Line], last_step: str) -> Iterator[tuple[Line, str]]:
    """Yield (line, provenance) of the lines that can be the title, the most certain first."""
    times = Counter(_key(line.text) for line in top)
    yield from ((line, "breadcrumb") for line in top if _key(line.text) == _key(last_step))
    yield from ((line, "repeated line") for line in top if times[_key(line.text)] > 1 and _is_headline(line.text))
    above_prose = bool(top) and _is_headline(top[0].text) and any(SENTENCE_END.search(line.text) for line in top[1:])
    if above_prose or (len(top) > 1 and _stands_alone(lines, top[0]) and SENTENCE_END.search(top[1].text)):
        yield top[0], "first line"


_SECTIONS = frozenset(
    """africa america and analysis arts asia breaking business comment culture economy editorial education entertainment
    environment europe features finance football front health home international latest lifestyle live local markets
    money national nation news obituaries opinion page politics region science society sport sports stories story tech
    technology the top travel uk update updates us video weather world""".split()
)


def _stands_alone(lines: list[Line], first: Line) -> bool:
    """Return whether a line is a headline of two words above an empty line: not a section, not an outlet."""
    after = next((below for line, below in pairwise(lines) if line is first), first)
    words = first.text.casefold().split()
    named = _ROLES.search(words[-1]) or all(word in _SECTIONS for word in words)
    return not after.text and not named and _is_headline(first.text, MIN_WORDS_ALONE)


def _is_headline(text: str, least_words: int = MIN_TITLE_WORDS) -> bool:
    """Return whether a line looks like a headline: a few words, and not a sentence, dateline, date or address."""
    words = text.split()
    return (
        len(text) <= MAX_TITLE_CHARS
        and len(words) >= least_words
        and not NOT_A_HEADLINE.search(text)
        and iso_date(text) is None
    )


def _key(text: str) -> str:
    """Return a title without case and typographic quotes, in which two spellings of one title differ."""
    return text.casefold().replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
