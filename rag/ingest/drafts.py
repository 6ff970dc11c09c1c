"""Articles on their way into the articles folder: read first as a build would read them, then added, and taken back.

Nothing here overwrites a file, and nothing is removed but what was added here and has not been changed since.
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
from rag.ingest.cleaning import clean
from rag.ingest.decoding import decode_text
from rag.ingest.loaders import KINDS, SUPPORTED, Failure, find_files, read_file
from rag.ingest.web import Fetched
from rag.types import Article

SHOWN = 20  # articles of a file that are read to be looked at
MAX_STEM = 80  # characters of a file name before its ending
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)  # devices, on Windows


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is not yet in the articles folder.

    Attributes:
        name: what it will be called there.
        articles: what a build would make of it, at most `SHOWN`.
        failures: what of it cannot be read, and why.
        more: whether there is more in it than was read.
    """

    name: str
    data: bytes
    articles: tuple[Article, ...]
    failures: tuple[Failure, ...]
    more: bool = False


def safe_name(name: str) -> str:
    """A file name made of letters, digits, dots and dashes, without a folder, that no system takes for anything else.

    Raises:
        SourceError: its ending is none of an article's.
    """
    base = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    stem, ending = _split(base)
    if not ending:
        raise SourceError(f"unsupported file type (supported: {SUPPORTED})")
    stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:MAX_STEM].strip("-.")
    if not stem or _RESERVED.match(stem):
        stem = f"article-{stem}".strip("-")
    return stem + ending


def _split(name: str) -> tuple[str, str]:
    """A file name before its ending, and the ending in lower case; that is empty when it is none of an article's."""
    ending = next((e for e in sorted(KINDS, key=len, reverse=True) if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)], ending


def drafted(name: str, data: bytes) -> Draft:
    """Read a file as a build would, without putting it into the articles folder."""
    try:
        safe = safe_name(name)
    except SourceError as error:
        return Draft(name, data, (), (Failure(name, str(error)),))
    with TemporaryDirectory(prefix="onrecord-") as folder:
        Path(folder, safe).write_bytes(data)
        files, failures = find_files(Path(folder))
        found = islice((item for file in files for item in read_file(file)), SHOWN + 1)
        articles: list[Article] = []
        for item in found:
            if isinstance(item, Failure):
                failures.append(item)
                continue
            try:
                articles.append(clean(item))
            except SourceError as error:
                failures.append(Failure(item.path, str(error)))
    more = len(articles) + len(failures) > SHOWN
    return Draft(safe, data, tuple(articles[:SHOWN]), tuple(failures), more)


def pasted(text: str, **fields: str) -> Draft:
    """A text that was typed or pasted, with what is known of it (title, publisher, published), as a JSON Lines file."""
    text = text.strip()
    words = re.findall(r"\w+", fields.get("title") or text)[:8]
    known = {name: value.strip() for name, value in fields.items() if value.strip()}
    record = {"id": f"pasted-{_digest(text.encode())[:16]}", **known, "text": text}
    return drafted(f"{'-'.join(words).lower()}.jsonl", json.dumps(record, ensure_ascii=False).encode())


def from_page(page: Fetched) -> Draft:
    """A page that was fetched, as the file that it would be: HTML as a browser saves it, a text as a record."""
    name = " ".join(re.findall(r"[^\W_]+", unquote(re.sub(r"^https?://(www\.)?", "", page.url).partition("?")[0])))
    stem = name[:MAX_STEM].rstrip() or "page"
    data = page.data
    if page.charset and not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(LookupError, UnicodeError):  # of an encoding that nobody knows, or another one than is said
            data = data.decode(page.charset).encode()
    if page.kind == "html":
        origin = f"<!-- saved from url=({len(page.url):04}){page.url} -->\n"
        return drafted(f"{stem}.html", origin.encode() + data.removeprefix(codecs.BOM_UTF8))
    try:
        text = decode_text(data)
    except SourceError as error:
        return Draft(stem, data, (), (Failure(page.url, str(error)),))
    record = {"id": f"page-{_digest(page.url.encode())[:16]}", "url": page.url, "text": text.strip()}
    return drafted(f"{stem}.jsonl", json.dumps(record, ensure_ascii=False).encode())


def add(seeds: Path, drafts: Sequence[Draft]) -> dict[str, str]:
    """Write drafts into the articles folder, each under a name that is free; return name -> SHA-256.

    Raises:
        SourceError: the folder cannot be written to. What was written before stays out of it.
    """
    added: dict[str, str] = {}
    try:
        seeds.mkdir(parents=True, exist_ok=True)
        for draft in drafts:
            added[_written(seeds, draft)] = _digest(draft.data)
    except OSError as error:
        take_back(seeds, added)
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


def take_back(seeds: Path, added: Mapping[str, str]) -> list[str]:
    """Remove the files that `add` wrote, but for those that were changed since; return the names of these."""
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
