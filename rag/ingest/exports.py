"""Read the text exports of news databases (Nexis, Factiva, ProQuest): their articles, and the fields of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rag.ingest.layout import Line
from rag.ingest.metadata import people
from rag.ingest.publish_dates import date_line

MAX_HEAD_LINES = 30  # lines that are not empty, above the text of an article
MAX_LINE_CHARS = 300  # of a line of the export; a longer one is text
MIN_LABELS = 2  # of an article without a mark of an export

_NUMBER_OF = re.compile(r"(?:document )?\d{1,6} of \d{1,6}(?: documents?)?", re.IGNORECASE)
_END = re.compile(r"End of Document|Document [A-Z]{2,12}\d{8,}[a-z0-9]{0,20}")
_LABEL = re.compile(r"([A-Z][A-Za-z /()-]{2,40}?): ?(.*)")
_LENGTH = re.compile(r"\d[\d,.]{0,9} words?", re.IGNORECASE)
_COPYRIGHT = re.compile(r"(?:copyright\b|©|\(c\) ).{0,200}|(?:.{0,100} )?all rights reserved\.?", re.IGNORECASE)
_CODE = re.compile(r"[A-Z0-9]{2,12}|\d{1,4}|English|(?:page|pg\.?) .{1,20}|\d\d?:\d\d(?: [A-Z]{2,4})?", re.IGNORECASE)
_BY = re.compile(r"by:? +", re.IGNORECASE)
_INVERTED = re.compile(r"([^\W\d_][\w'’-]{1,40}), ([^\W\d_][\w.'’ -]{1,40})")
_ISSUE = re.compile(r"([^;:\[\]]{2,100}?)(?:, | ;| ?\[).{0,150}")

_FIELDS = {
    "headline": "title",
    "title": "title",
    "byline": "authors",
    "author": "authors",
    "authors": "authors",
    "publication title": "publisher",
    "publication date": "published",
    "publication info": "issue",
    "document url": "url",
}
_OTHER_LABELS = frozenset(
    """abstract|acc-no|city|classification|company|company / organization|copyright|correction-date|country
country of publication|credit|database|dateline|distribution|document type|document-type|edition|first page|geographic
graphic|highlight|identifier|identifier / keyword|industry|issn|issue|journal code|journal-code|language
language of publication|last updated|length|links|load-date|location|notes|number of pages|organization|page|pages
people|person|place of publication|proquest document id|publication subject|publication year|publication-type
publisher|section|source type|state|subject|ticker|type|volume|word count""".replace("\n", "|").split("|")
)
_TEXT_LABELS = frozenset(("body", "full text", "text"))
_NEXIS_LABELS = frozenset(("byline", "section", "length", "load-date", "publication-type", "headline", "dateline"))


@dataclass(slots=True)
class Export:
    """What an export says about an article.

    Attributes:
        fields: title, publisher and published as written, and authors as a tuple.
        removed: line -> why it is not text of the article.
        shortened: line -> its part that is text.
    """

    fields: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    removed: dict[Line, str] = field(default_factory=dict)
    shortened: dict[Line, str] = field(default_factory=dict)

    def set(self, name: str, value: str) -> None:
        """Set a field to its first value that is not empty."""
        if value and name not in self.fields:
            self.fields[name] = _people(value) if name == "authors" else value


def split(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, text) for every article of an export; any other text comes back whole."""
    lines = text.split("\n")
    starts = {n for n, line in enumerate(lines) if "of" in line and _is_number_of(line.strip())}
    ends = {n for n, line in enumerate(lines) if "Document" in line and _END.fullmatch(line.strip())}
    if len(starts) + len(ends) <= 1:
        yield 1, text
        return
    cuts = starts or {n + 1 for n in ends}
    cuts.discard(min(cuts) if starts else -1)  # what stands above the first article belongs to it
    edges = [0, *sorted(cuts), len(lines)]
    for start, end in pairwise(edges):
        part = "\n".join(lines[start:end])
        if part.strip():
            yield start + 1, part


def _is_number_of(line: str) -> bool:
    return "document" in line.lower() and _NUMBER_OF.fullmatch(line) is not None


def read_export(lines: Sequence[Line]) -> Export | None:
    """Read the heading and the end that a database puts around an article; None for any other text."""
    written = [line for line in lines if line.text and len(line.text) <= MAX_LINE_CHARS]
    marks = [line for line in written if _is_number_of(line.text) or _END.fullmatch(line.text)]
    labels = {line: label for line in written if (label := _label(line.text))}
    names = {name for name, _ in labels.values()}
    factiva = any(_LENGTH.fullmatch(line.text) for line in written[:MAX_HEAD_LINES]) and bool(marks)
    if not marks and len(names & _NEXIS_LABELS) < MIN_LABELS:
        return None
    export = Export()
    head = _head([line for line in lines if line.text], labels, factiva)
    export.removed |= dict.fromkeys(marks, "export heading")
    for line, (name, value) in labels.items():
        _read_label(export, line, name, value)
    _read_head(export, [line for line in head if line not in export.removed and line not in export.shortened])
    for line in written:
        if line not in export.removed and (_COPYRIGHT.fullmatch(line.text) or line.text == "ProQuest document link"):
            export.removed[line] = "copyright" if line.text[:1] != "P" else "export heading"
    return export


def _label(text: str) -> tuple[str, str] | None:
    """Return the label of a line in lower case, and its value."""
    if text in ("Body", "Classification", "BODY"):
        return text.lower(), ""
    match = _LABEL.match(text)
    name = match[1].lower() if match else ""
    known = name in _FIELDS or name in _OTHER_LABELS or name in _TEXT_LABELS
    return (name, match[2].strip()) if match and known else None


def _read_label(export: Export, line: Line, name: str, value: str) -> None:
    if name in _TEXT_LABELS and value:
        export.shortened[line] = value
        return
    export.removed[line] = "byline" if _FIELDS.get(name) == "authors" else "export heading"
    if name == "publication info" and (issue := _ISSUE.fullmatch(value)):
        export.set("publisher", issue[1].strip())
    elif name in _FIELDS:
        export.set(_FIELDS[name], value)


def _head(lines: Sequence[Line], labels: dict[Line, tuple[str, str]], factiva: bool) -> list[Line]:
    """Return the lines above the text: down to the last label there, or to the last line of Factiva's list."""
    top = lines[:MAX_HEAD_LINES]
    last = 0
    for n, line in enumerate(top):
        name = labels.get(line, ("", ""))[0]
        if name in ("load-date", "classification") or len(line.text) > MAX_LINE_CHARS:
            break
        if name and name not in _TEXT_LABELS:
            last = n
        elif name or (factiva and (_COPYRIGHT.fullmatch(line.text) or _LENGTH.fullmatch(line.text))):
            last = n
            if name or _COPYRIGHT.fullmatch(line.text):
                break
    return list(top[: last + 1])


def _read_head(export: Export, head: Sequence[Line]) -> None:
    """Read the outlet, the date and the title from the lines that have no label."""
    for line in head:
        if _COPYRIGHT.fullmatch(line.text):
            export.removed[line] = "copyright"
        elif _BY.match(line.text):
            export.removed[line] = "byline"
            export.set("authors", line.text)
    open_lines = [line for line in head if line not in export.removed]
    dated = next((n for n, line in enumerate(open_lines) if date_line(line.text)), None)
    length = next((n for n, line in enumerate(open_lines) if _LENGTH.fullmatch(line.text)), None)
    names = [line for line in open_lines if not _CODE.fullmatch(line.text) and not _LENGTH.fullmatch(line.text)]
    if dated is not None:
        day = open_lines[dated]
        found = date_line(day.text)
        export.set("published", found.published or "" if found else "")
        above = [line for line in open_lines[:dated] if line in names]
        below = [line for line in open_lines[dated + 1 :] if line in names]
        if length is not None and length < dated and below:  # Factiva: title, length, date, outlet
            title, outlet = above[-1:], below[:1]
        elif below and above:  # Nexis, older: outlet, date, title
            title, outlet = below[-1:], above[-1:]
        else:  # Nexis, newer: title, outlet, date
            title, outlet = above[-2:-1] or below[-1:], above[-1:]
        for name, lines in (("title", title), ("publisher", outlet)):
            if lines:
                export.set(name, lines[0].text)
    elif names:
        export.set("title", names[0].text)
    export.removed |= {
        line: "title" if line.text == export.fields.get("title") else "export heading" for line in open_lines
    }


def _people(value: str) -> tuple[str, ...]:
    """Return the names of a byline; "Petrie, Ona" is turned round."""
    parts = [part.strip() for part in re.split(r" ?; ?", _BY.sub("", value, count=1) if _BY.match(value) else value)]
    turned = [f"{match[2]} {match[1]}" if (match := _INVERTED.fullmatch(part)) else part for part in parts if part]
    return tuple(name for part in turned for name in people(part))
