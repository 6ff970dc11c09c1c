"""Read metadata as programs write it: the names they give to fields, and values in lists and objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import islice

# field -> the names that programs give to it, the surest first, without case and punctuation
NAMES = {
    "title": "title headline fulltitle articletitle webtitle heading head",
    "published": (
        "published datepublished publishedat publisheddate publishdate publisheddatetime publishedon publishedtime"
        " publicationdate pubdate webpublicationdate articledate firstpublished dateline date datetime isodate posted"
        " postedat postdate"
    ),
    "authors": "authors author byline by writer writers creator creators dccreator reporter reporters articleauthor",
    "publisher": (
        "publisher publishername outlet outletname publication publicationname publicationtitle newspaper sitename"
        " site website newsoutlet newssource sourcename mediaoutlet media provider journal source"
    ),
    "url": "url link permalink weburl articleurl sourceurl canonicalurl canonical originalurl href source",
    "text": (
        "text body content article articlebody fulltext articletext articlecontent maintext bodytext story storytext"
        " contents plaintext contenttext"
    ),
    "id": "id articleid docid documentid uuid guid uid",
}
MAX_DEPTH = 5  # of values in lists and objects
MAX_VALUES = 50  # of one field
NAME_KEYS = ("name", "fullname", "full_name", "displayName", "display_name", "rendered", "title", "label", "value")
FIRST_SECOND = 1_000_000_000  # September 2001; smaller numbers are no seconds since 1970
LAST_SECOND = 4_102_444_800  # the year 2100
MILLISECONDS = 1000

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]{1,200}\|)?([^\[\]|]{1,200})\]\]")
_MARKED_LINK = re.compile(r"\[([^\[\]]{1,200})\]\([^()\s]{1,500}\)")
_BY = re.compile(r"by:? +", re.IGNORECASE)
_BETWEEN_NAMES = re.compile(r" *[,;&] *(?:and )?| and ", re.IGNORECASE)


def by_field(record: Mapping[object, object]) -> dict[str, object]:
    """Return field -> value for each field of `NAMES` that a record gives, under the surest of its names."""
    given = {re.sub(r"[\W_]", "", str(key)).casefold(): value for key, value in record.items()}
    found: dict[str, object] = {}
    for name, aliases in NAMES.items():
        values = (given[alias] for alias in aliases.split() if given.get(alias) not in (None, "", [], {}))
        value = next((v for v in values if name not in ("url", "publisher") or _fits(name, v)), None)
        if value is not None:
            found[name] = value
    return found


def _fits(name: str, value: object) -> bool:
    """Return whether a value is an address where one is wanted, and none where the name of an outlet is."""
    first = next(texts(value), "")
    return bool(first) and bool(_ADDRESS.match(first)) == (name == "url")


def texts(value: object) -> Iterator[str]:
    """Yield the texts in a value: in a list, or the name in an object. A number is no text."""
    return islice(_texts(value, 0), MAX_VALUES)


def _texts(value: object, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, datetime | date):
        yield value.isoformat()
    elif isinstance(value, list | tuple):
        for item in islice(value, MAX_VALUES):
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict):
        named = next((value[key] for key in NAME_KEYS if value.get(key)), None)
        if named is None:
            parts = (value.get(key) for key in ("first_name", "firstName", "first", "last_name", "lastName", "last"))
            named = " ".join(part for part in parts if isinstance(part, str))
        yield from _texts(named, depth + 1)


def people(value: object) -> list[str]:
    """Return the names in a value: without "By", without the brackets of links, one for each person."""
    names: list[str] = []
    for text in texts(value):
        shown = _BY.sub("", without_links(text).strip(), count=1) if _BY.match(text.strip()) else without_links(text)
        parts = [part.strip() for part in _BETWEEN_NAMES.split(shown.strip()) if part.strip()]
        several = len(parts) > 1 and all(" " in part for part in parts)
        names += parts if several else [shown.strip()]
    return list(dict.fromkeys(filter(None, names)))


def without_links(text: str) -> str:
    """Return a text with each link of a note as its words: "[[Ona Petrie]]", "[Ona Petrie](https://…)"."""
    return _MARKED_LINK.sub(r"\1", _WIKI_LINK.sub(r"\1", text)) if "[" in text else text


def moment(value: object) -> str:
    """Return a publish date as text; a large number counts the seconds or milliseconds since 1970, in UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / MILLISECONDS if value >= FIRST_SECOND * MILLISECONDS else value
        if FIRST_SECOND <= seconds <= LAST_SECOND:
            return f"{datetime.fromtimestamp(seconds, UTC).strftime('%Y-%m-%dT%H:%M:%S')}Z"
    return next(texts(value), "")


# Front matter

MAX_FRONT_MATTER_LINES = 100


def front_matter(text: str) -> tuple[dict[str, str | list[str]], str]:
    """Read the YAML between `---` at the top; return the known fields, and the text with those lines blank.

    Where the YAML is damaged, as by a title with a colon in it, its `key: value` lines are read one by one.
    """
    lines = text.split("\n")
    end = next((n for n, line in enumerate(lines[:MAX_FRONT_MATTER_LINES]) if n and line.rstrip() in ("---", "...")), 0)
    if lines[0].rstrip() != "---" or not end:
        return {}, text
    return _fields(_yaml(lines[1:end])), "\n".join([""] * (end + 1) + lines[end + 1 :])


def _yaml(lines: list[str]) -> Mapping[object, object]:
    import yaml

    try:
        loaded = yaml.safe_load("\n".join(lines))
    except (yaml.YAMLError, ValueError, RecursionError):
        return dict(_pairs(lines))
    return loaded if isinstance(loaded, dict) else {}


def _pairs(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield (key, values) of the lines `key: value`, and of the lines `- value` below a key."""
    key = ""
    values: list[str] = []
    for line in lines:
        name, colon, value = map(str.strip, line.partition(":"))
        if line.lstrip().startswith("- "):
            values.append(_unquoted(line.lstrip()[2:]))
        elif colon and line[0] not in " \t#":
            yield key, values
            key = name
            listed = value[1:-1].split(",") if value.startswith("[") and value.endswith("]") else [value]
            values = [_unquoted(item) for item in listed]
    yield key, values


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _fields(record: Mapping[object, object]) -> dict[str, str | list[str]]:
    fields: dict[str, str | list[str]] = {}
    for name, value in by_field(record).items():
        if name == "authors":
            fields[name] = people(value)
        elif name in ("title", "published", "publisher", "url"):
            fields[name] = moment(value) if name == "published" else without_links(next(texts(value), ""))
            if name == "title" and not fields[name] and isinstance(value, int | float):
                fields[name] = str(value)
    return {name: value for name, value in fields.items() if value}


# Marks of note-taking programs

_HIDDEN_NOTE = re.compile(r"%%[^%\n]{0,2000}%%")
_EMBED = re.compile(r"!\[\[[^\[\]\n]{1,300}\]\]")
_HIGHLIGHT = re.compile(r"==([^=\n]{1,2000})==")
_NOTE_MARK = re.compile(r"\[\^[\w-]{1,40}\]:?")
_HIGHLIGHT_LINK = re.compile(r" ?\(\[(?:View Highlight|Location \d{1,9}|Page \d{1,9})\]\([^()\s]{1,500}\)\)")
_BLOCK_ID = re.compile(r"(?<=\s)\^[\w-]{1,40}$")
_CALLOUT = re.compile(r"(?:> ?){1,5}\[![\w-]{1,40}\][-+]?.{0,200}")
_TAGS = re.compile(r"(?:#[^\W\d][\w/-]{0,80} *)+")
_LIST_FIELD = re.compile(r"[-*+] +(?:\*\*)?([A-Z][\w ]{1,30})(?:\*\*)?:+(?:\*\*)? +(\S.{0,999})")
_METADATA_HEADING = re.compile(r"#{1,6} +(?:Metadata|Properties)", re.IGNORECASE)
_HIGHLIGHTS_HEADING = re.compile(r"#{1,6} +(?:(?:New )?Highlights?(?: added .{1,60})?|Full Document)", re.IGNORECASE)


def without_marks(text: str) -> tuple[str, list[tuple[int, str, str]], dict[str, str | list[str]]]:
    """Remove the marks of note-taking programs from Markdown.

    Return the text with as many lines, the lines that are gone as (number, line, reason), and the fields in a list
    under the heading "Metadata".
    """
    lines = text.split("\n")
    removed: list[tuple[int, str, str]] = []
    listed: dict[object, object] = {}
    in_metadata = False
    for n, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(("# ", "## ")):
            in_metadata = False
        field = _LIST_FIELD.fullmatch(stripped) if in_metadata else None
        if field:
            listed[field[1]] = field[2]
        reason = _mark_reason(stripped, bool(field))
        in_metadata = in_metadata or reason == "metadata"
        cleaned = "" if reason else _without_marks(line)
        if reason:
            removed.append((n + 1, stripped, reason))
        lines[n] = cleaned
    return "\n".join(lines), removed, _fields(listed)


def _mark_reason(line: str, is_field: bool) -> str:
    """Return why a line of a note goes; empty when it stays."""
    if is_field or _METADATA_HEADING.fullmatch(line):
        return "metadata"
    if _HIGHLIGHTS_HEADING.fullmatch(line) or _CALLOUT.fullmatch(line):
        return "heading of a note"
    if _TAGS.fullmatch(line):
        return "tags"
    return "embedded file" if _EMBED.fullmatch(line) else ""


def _without_marks(line: str) -> str:
    if not any(mark in line for mark in ("[", "==", "%%", "^")):
        return line
    for pattern in (_HIDDEN_NOTE, _EMBED, _HIGHLIGHT_LINK, _NOTE_MARK):
        line = pattern.sub("", line)
    return _BLOCK_ID.sub("", _HIGHLIGHT.sub(r"\1", _WIKI_LINK.sub(r"\1", line)))
