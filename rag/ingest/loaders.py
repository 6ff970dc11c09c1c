"""Files of a folder to raw sources: what is an article, what is not, and why not.

A text, Markdown or HTML file is one article; every line of a JSON Lines file is one. Nothing here looks at what an
article says. Whatever cannot be read becomes a `Failure` with the reason, and the rest goes on.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

from rag.errors import SourceError
from rag.ingest.decoding import decode_json, decode_text, storable, with_line_ends

Kind = Literal["text", "markdown", "html", "record"]
Fields = Mapping[str, str | tuple[str, ...]]

KINDS: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "record",
    ".jsonl.gz": "record",
}
SUPPORTED = ", ".join(KINDS)

MAX_FILE_BYTES = 20_000_000  # of a text, Markdown or HTML file: the longest novels have 6,000,000
MAX_LINE_BYTES = 50_000_000  # of a JSON Lines file, decompressed
MAX_EXPANSION = 50  # times a .gz file may grow; articles grow five to tenfold
BLOCK_BYTES = 1 << 20  # read at once where the whole is not needed


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that holds articles.

    Attributes:
        path: relative to the seeds folder, with `/` between folders.
        absolute: where to read it.
    """

    path: str
    absolute: Path


@dataclass(frozen=True, slots=True)
class Source:
    """One article before cleaning.

    Attributes:
        id: the article id.
        path: of the file it stands in, relative to the seeds folder.
        text: decoded, with `\\n` between lines; for HTML and Markdown with the markup.
        fields: what a record says of itself, as given: title, publisher, published, url, and authors as a tuple.
    """

    id: str
    path: str
    kind: Kind
    text: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be read, and why, in one line. A line of a JSON Lines file is named as `file.jsonl:12`."""

    path: str
    reason: str


def article_id(path: str) -> str:
    """Return the id of the article in a file: opaque, and the same as long as the file keeps its name."""
    return "a" + hashlib.sha256(path.encode()).hexdigest()[:16]


# Finding


def find_files(seeds: Path) -> tuple[list[SourceFile], list[Failure]]:
    """Find the article files of a folder and its subfolders, sorted by path, without opening any.

    Hidden files and folders are passed over; whatever else cannot be an article is a failure.

    Raises:
        SourceError: `seeds` is missing or is not a folder.
    """
    if not seeds.is_dir():
        what = "is not a folder" if seeds.exists() else "does not exist"
        raise SourceError(f"the articles folder {seeds} {what}: create it and put articles there, or name another one")
    root = seeds.resolve()
    found: list[SourceFile] = []
    failures: list[Failure] = []
    for relative, path in _walk(root, failures):
        reason = _refusal(root, path)
        if reason:
            failures.append(Failure(_printable(relative), reason))
        else:
            absolute = Path(path)
            found.append(SourceFile(relative, absolute.resolve() if absolute.is_symlink() else absolute))
    return sorted(found, key=lambda file: file.path), sorted(failures, key=lambda failure: failure.path)


def _walk(root: Path, failures: list[Failure]) -> Iterator[tuple[str, str]]:
    """Yield all that is not hidden and is not a folder to go into, as (path relative to `root`, absolute path).

    Note the folders that cannot be listed. Paths are strings here: of thousands of files, `Path`s take a second.
    """

    def note(error: OSError) -> None:
        folder = Path(os.fsdecode(error.filename))
        if folder == root:
            raise SourceError(f"the articles folder {root} cannot be read: {_explain(error)}") from error
        failures.append(Failure(folder.relative_to(root).as_posix(), _explain(error)))

    for folder, subfolders, names in os.walk(root, onerror=note):
        visible = [name for name in subfolders if not name.startswith(".")]
        linked = [name for name in visible if os.path.islink(os.path.join(folder, name))]  # os.walk does not go there
        unnamable = [name for name in visible if storable(name) != name]
        subfolders[:] = [name for name in visible if name not in unnamable]
        files = [name for name in names if not name.startswith(".")]
        inside = Path(folder).relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        for name in dict.fromkeys(files + linked + unnamable):
            yield prefix + name, os.path.join(folder, name)


def _printable(path: str) -> str:
    """Return a path as text, although the bytes of a file name can be anything."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _refusal(root: Path, path: str) -> str:
    """Say why a file cannot be an article; empty when it can."""
    name = os.path.basename(path)
    if storable(name) != name:
        return "file name is not valid UTF-8: rename it"
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            target = Path(path).resolve(strict=True)
            if not target.is_relative_to(root):
                return "symbolic link to outside the articles folder"
            status = target.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        return _explain(error)
    if stat.S_ISDIR(status.st_mode):
        return "symbolic link to a folder, which is not followed"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    suffix = _suffix(name)
    if suffix not in KINDS:
        return f"{f'unsupported file type {suffix!r}' if suffix else 'no file type'} (supported: {SUPPORTED})"
    if KINDS[suffix] != "record" and status.st_size > MAX_FILE_BYTES:
        return _too_large(status.st_size)
    return "" if status.st_size else "empty file"


def _suffix(name: str) -> str:
    name = name.lower()
    return ".jsonl.gz" if name.endswith(".jsonl.gz") else os.path.splitext(name)[1]


def _too_large(size: int) -> str:
    return f"{size:,} bytes; an article has at most {MAX_FILE_BYTES:,}: split it, or make a .jsonl file of it"


def _explain(error: Exception) -> str:
    """Say in one line why the system would not let us read; never with the absolute path."""
    if isinstance(error, FileNotFoundError):
        return "file not found: it vanished, or is a broken link"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower().splitlines()[0]


# Reading


def digest(file: SourceFile) -> str:
    """Return the SHA-256 of the file's bytes in hexadecimal: the same digest, the same articles.

    Raises:
        SourceError: the file cannot be read.
    """
    sha = hashlib.sha256()
    try:
        handle = _handle(file)
        try:
            while block := os.read(handle, BLOCK_BYTES):  # a Python stream for each of many files costs more than this
                sha.update(block)
        finally:
            os.close(handle)
    except OSError as error:
        raise SourceError(_explain(error)) from error
    return sha.hexdigest()


def read_file(file: SourceFile) -> Iterator[Source | Failure]:
    """Yield the articles of a file and what of it cannot be one, in the order of the file; raises nothing.

    A JSON Lines file of any length is read line by line and never held as a whole.
    """
    kind = KINDS[_suffix(file.path)]
    try:
        if kind == "record":
            yield from _read_records(file)
        else:
            text = decode_text(_read_bytes(file), declared=kind == "html")
            if not text.strip():
                raise SourceError("empty file")
            yield Source(article_id(file.path), file.path, kind, text)
    except SourceError as error:
        yield Failure(file.path, str(error))


@contextmanager
def _opened(file: SourceFile) -> Iterator[IO[bytes]]:
    """Open for reading what is certainly a regular file; what goes wrong until it is closed is a `SourceError`."""
    try:
        with open(_handle(file), "rb") as stream:
            yield stream
    except OSError as error:
        raise SourceError(_explain(error)) from error


def _handle(file: SourceFile) -> int:
    """Open for reading what is certainly a regular file; the caller closes it.

    Raises:
        SourceError: it is something else.
        OSError: it cannot be opened.
    """
    # A pipe or a link can have taken the file's place meanwhile: neither wait for one nor follow the other.
    handle = os.open(file.absolute, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise SourceError("not a regular file")
    return handle


def _read_bytes(file: SourceFile) -> bytes:
    with _opened(file) as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:  # it grew since it was found
            raise SourceError(_too_large(os.fstat(stream.fileno()).st_size))
        return data


# Records


def _read_records(file: SourceFile) -> Iterator[Source | Failure]:
    number = 0
    seen: set[str] = set()
    empty = True
    try:
        for number, line in enumerate(_lines(file), start=1):
            if not line.strip():
                continue
            empty = False
            try:
                source = _record(file.path, line.rstrip(b"\r\n"))
                if source.id in seen:
                    raise SourceError(f"id {source.id!r} again: the first article that has it is kept")
            except SourceError as error:
                yield Failure(f"{file.path}:{number}", str(error))
            else:
                seen.add(source.id)
                yield source
    except SourceError as error:
        if not number:  # not one line could be read
            raise
        yield Failure(f"{file.path}:{number + 1}", f"{error}; the file is not read from here on")
    else:
        if empty:
            raise SourceError("empty file")


def _lines(file: SourceFile) -> Iterator[bytes]:
    """Yield the lines, decompressed, without ever holding more than one or expanding without end."""
    with _opened(file) as stream:
        if _suffix(file.path).endswith(".gz"):
            allowance = MAX_LINE_BYTES + MAX_EXPANSION * os.fstat(stream.fileno()).st_size
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=stream))
        else:
            allowance = sys.maxsize
        try:
            while line := stream.readline(MAX_LINE_BYTES + 1):
                allowance -= len(line)
                if len(line) > MAX_LINE_BYTES:
                    raise SourceError(f"line of more than {MAX_LINE_BYTES:,} bytes")
                if allowance < 0:
                    raise SourceError(f"expands to more than {MAX_EXPANSION} times its size")
                yield line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceError(f"damaged gzip data ({error})") from error


def _record(path: str, line: bytes) -> Source:
    """Make a source of a line of JSON; metadata of a type that does not fit counts as not given.

    Raises:
        SourceError: not a JSON object, or one without an id or a text.
    """
    record = decode_json(line)
    if not isinstance(record, dict):
        raise SourceError(f"not a JSON object but {type(record).__name__}")
    own_id = record.get("id")
    if isinstance(own_id, bool) or not isinstance(own_id, str | int) or not str(own_id).strip():
        raise SourceError(f'no id: "id" must be a text or a whole number, not {own_id!r:.40}')
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise SourceError('no text: "text" must be a text that is not empty')
    fields: dict[str, str | tuple[str, ...]] = {
        name: storable(value)
        for name in ("title", "publisher", "published", "url")
        if isinstance(value := record.get(name), str)
    }
    authors = record.get("authors")
    if isinstance(authors, str | list):
        listed = [authors] if isinstance(authors, str) else authors
        fields["authors"] = tuple(storable(name) for name in listed if isinstance(name, str))
    return Source(storable(str(own_id)), path, "record", with_line_ends(storable(text)), fields)
