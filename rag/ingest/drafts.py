"""Add files to the articles folder: preview them as a build would read them, write them, and undo that.

No file is overwritten. Only files that were added here, and have not changed since, are removed.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from rag.errors import SourceError
from rag.ingest.cleaning import articles_of
from rag.ingest.decoding import decode_text
from rag.ingest.loaders import Failure, endings, find_files
from rag.ingest.web import FetchedPage
from rag.types import Article

PREVIEWED_ARTICLES = 20  # of one file
MAX_STEM_CHARS = 80  # of a file name, without its ending
NAME_WORDS = 8  # of a pasted text, in its file name
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)  # names of devices on Windows


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is not yet in the articles folder.

    Attributes:
        name: its name in the folder.
        data: its content.
        articles: what a build would read from it, at most `PREVIEWED_ARTICLES`.
        failures: the parts of it that cannot be read, and why.
        more: whether it holds more than was read.
    """

    name: str
    data: bytes
    articles: tuple[Article, ...]
    failures: tuple[Failure, ...]
    more: bool = False


def safe_name(name: str) -> str:
    """Return a file name of letters, digits, dots and dashes, without a folder, that is valid on every system.

    Raises:
        SourceError: the ending is not one of an article file.
    """
    base = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    stem, ending = _split(base)
    if not ending:
        raise SourceError(f"unsupported file type (supported: {', '.join(endings())})")
    stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:MAX_STEM_CHARS].strip("-.")
    if not stem or _RESERVED.match(stem):
        stem = f"article-{stem}".strip("-")
    return stem + ending


def _split(name: str) -> tuple[str, str]:
    """Return a file name without its ending, and the ending, which is empty unless it is one of an article file."""
    ending = next((e for e in sorted(endings(), key=len, reverse=True) if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)], ending


def draft_file(name: str, data: bytes) -> Draft:
    """Read a file as a build would, without putting it into the articles folder."""
    try:
        safe = safe_name(name)
    except SourceError as error:
        return Draft(name, data, (), (Failure(name, str(error)),))
    with TemporaryDirectory(prefix="onrecord-") as folder:
        Path(folder, safe).write_bytes(data)
        files, failures = find_files(Path(folder))
        items = list(islice((item for file in files for item in articles_of(file)), PREVIEWED_ARTICLES + 1))
    articles = [item for item in items if not isinstance(item, Failure)]
    failures += [item for item in items if isinstance(item, Failure)]
    more = len(articles) + len(failures) > PREVIEWED_ARTICLES
    return Draft(safe, data, tuple(articles[:PREVIEWED_ARTICLES]), tuple(failures), more)


def draft_text(text: str, **fields: str) -> Draft:
    """Draft a JSON Lines file of a text that was typed or pasted; `fields` are title, publisher and published."""
    text = text.strip()
    words = re.findall(r"\w+", fields.get("title") or text)[:NAME_WORDS]
    known = {name: value.strip() for name, value in fields.items() if value.strip()}
    return _draft_record("-".join(words).lower(), {"id": _id("pasted", text), **known, "text": text})


def draft_page(page: FetchedPage) -> Draft:
    """Draft a file of a page that was fetched: HTML as a browser saves it, plain text as a record."""
    name = " ".join(re.findall(r"[^\W_]+", unquote(re.sub(r"^https?://(www\.)?", "", page.url).partition("?")[0])))
    stem = name[:MAX_STEM_CHARS].rstrip() or "page"
    data = page.data
    if page.charset and not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(LookupError, UnicodeError):  # the server names an unknown encoding, or the wrong one
            data = data.decode(page.charset).encode()
    if page.kind == "html":
        origin = f"<!-- saved from url=({len(page.url):04}){page.url} -->\n"
        return draft_file(f"{stem}.html", origin.encode() + data.removeprefix(codecs.BOM_UTF8))
    try:
        text = decode_text(data)
    except SourceError as error:
        return Draft(stem, data, (), (Failure(page.url, str(error)),))
    return _draft_record(stem, {"id": _id("page", page.url), "url": page.url, "text": text.strip()})


def _draft_record(stem: str, record: Mapping[str, str]) -> Draft:
    return draft_file(f"{stem}.jsonl", json.dumps(record, ensure_ascii=False).encode())


def _id(prefix: str, content: str) -> str:
    return f"{prefix}-{_digest(content.encode())[:16]}"


def add(seeds: Path, drafts: Sequence[Draft]) -> dict[str, str]:
    """Write drafts into the articles folder, each under a free name; return name -> SHA-256.

    Raises:
        SourceError: the folder cannot be written to; the drafts written before are removed again.
    """
    added: dict[str, str] = {}
    try:
        seeds.mkdir(parents=True, exist_ok=True)
        for draft in drafts:
            added[_written(seeds, draft)] = _digest(draft.data)
    except OSError as error:
        undo_add(seeds, added)
        raise SourceError(f"cannot write to {seeds}: {(error.strerror or str(error)).lower()}") from error
    return added


def _written(seeds: Path, draft: Draft) -> str:
    """Write one draft and return the name it got."""
    stem, ending = _split(draft.name)
    for number in count(1):
        name = draft.name if number == 1 else f"{stem}-{number}{ending}"
        try:
            with (seeds / name).open("xb") as file:
                file.write(draft.data)
        except FileExistsError:
            continue
        return name
    raise AssertionError("there is always a further number")


def undo_add(seeds: Path, added: Mapping[str, str]) -> list[str]:
    """Remove the files that `add` wrote; leave those that have changed since, and return their names."""
    changed = []
    for name, digest in added.items():
        path = seeds / name
        try:
            if _digest(path.read_bytes()) == digest:
                path.unlink()
            else:
                changed.append(name)
        except FileNotFoundError:
            continue
        except OSError:
            changed.append(name)
    return changed


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
