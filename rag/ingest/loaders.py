"""Load the files of a folder as sources, and say which files are not articles and why.

A text, Markdown or HTML file is one article; every line of a JSON Lines file is one. Nothing here depends on what an
article says. Whatever cannot be read becomes a `Failure` with the reason, and loading goes on.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

from rag.errors import SourceError
from rag.ingest import exports, metadata
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
    ".json": "record",
    ".jsonl": "record",
    ".jsonl.gz": "record",
}

MAX_FILE_BYTES = 20_000_000  # of a text, Markdown or HTML file; the longest novels have 6,000,000
MAX_LINE_BYTES = 50_000_000  # of a JSON Lines file, decompressed
MAX_EXPANSION = 50  # decompressed size of a .gz file over its size; articles have 5 to 10
LIST_KEYS = ("articles", "results", "items", "data", "docs", "documents", "hits", "entries", "stories", "posts")
BLOCK_BYTES = 1 << 20  # read at once where the whole file is not needed


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that holds articles.

    Attributes:
        path: relative to the articles folder, with `/` between folders.
        absolute: the path to read it from.
    """

    path: str
    absolute: Path


@dataclass(frozen=True, slots=True)
class Source:
    r"""One article before cleaning.

    Attributes:
        id: the article id.
        path: of its file, relative to the articles folder.
        text: decoded, with `\n` between lines; for HTML and Markdown with the markup.
        fields: the metadata of a record: title, publisher, published, url, and authors as a tuple.
        first_line: the number of its first line in the file; of a record, 1.
    """

    id: str
    path: str
    kind: Kind
    text: str
    fields: Fields = field(default_factory=dict)
    first_line: int = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or line that cannot be read, and why, in one line. The path of a line is `file.jsonl:12`."""

    path: str
    reason: str


# Loaders of your own, by the ending of a file name in lower case: each takes a file and its bytes, and yields its
# articles. A `SourceError` that it raises becomes the failure of the file.
LOADERS: dict[str, Callable[[SourceFile, bytes], Iterator[Source | Failure]]] = {}


def endings() -> tuple[str, ...]:
    """Return the endings of the file names that can be articles."""
    return (*KINDS, *LOADERS)


def article_id(path: str) -> str:
    """Return the id of the article in a file: a digest of the path."""
    return "a" + hashlib.sha256(path.encode()).hexdigest()[:16]


# Finding


def find_files(seeds: Path) -> tuple[list[SourceFile], list[Failure]]:
    """Find the article files of a folder and its subfolders, sorted by path, without opening any.

    Hidden files and folders are skipped. Every other file that cannot be an article is a failure.

    Raises:
        SourceError: `seeds` does not exist, is not a folder or cannot be listed.
    """
    if not seeds.is_dir():
        what = "is not a folder" if seeds.exists() else "does not exist"
        raise SourceError(f"the articles folder {seeds} {what}: create it and put articles there, or name another one")
    root = seeds.resolve()
    files: list[SourceFile] = []
    failures: list[Failure] = []
    for relative, path in _walk(root, failures):
        reason = _refusal(root, path)
        if reason:
            failures.append(Failure(_printable(relative), reason))
        else:
            absolute = Path(path)
            files.append(SourceFile(relative, absolute.resolve() if absolute.is_symlink() else absolute))
    return sorted(files, key=lambda file: file.path), sorted(failures, key=lambda failure: failure.path)


def _walk(root: Path, failures: list[Failure]) -> Iterator[tuple[str, str]]:
    """Yield (path relative to `root`, absolute path) of everything that is not hidden and not a folder to list.

    Add a failure for each folder that cannot be listed. Paths are strings: `Path` objects of thousands of files take a
    second.
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
    """Return a path as text; the bytes of a file name may not be UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _refusal(root: Path, path: str) -> str:
    """Return why a file cannot be an article; empty when it can."""
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
    return _refusal_of_file(name, status) if stat.S_ISREG(status.st_mode) else "not a regular file"


def _refusal_of_file(name: str, status: os.stat_result) -> str:
    """Return why a regular file cannot be an article by its type or size; empty when it can."""
    suffix = _suffix(name)
    if suffix not in endings():
        supported = ", ".join(endings())
        return f"{f'unsupported file type {suffix!r}' if suffix else 'no file type'} (supported: {supported})"
    if KINDS.get(suffix) != "record" and status.st_size > MAX_FILE_BYTES:
        return _too_large(status.st_size)
    return "" if status.st_size else "empty file"


def _suffix(name: str) -> str:
    name = name.lower()
    return ".jsonl.gz" if name.endswith(".jsonl.gz") else os.path.splitext(name)[1]


def _too_large(size: int) -> str:
    return f"{size:,} bytes; an article has at most {MAX_FILE_BYTES:,}: split it, or make a .jsonl file of it"


def _explain(error: Exception) -> str:
    """Return in one line why the system refused to read a file, without the absolute path."""
    if isinstance(error, FileNotFoundError):
        return "file not found: it vanished, or is a broken link"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower().splitlines()[0]


# Reading


def digest(file: SourceFile) -> str:
    """Return the SHA-256 of the file's bytes in hexadecimal.

    Raises:
        SourceError: the file cannot be read.
    """
    sha = hashlib.sha256()
    try:
        handle = _handle(file)
        try:
            while block := os.read(handle, BLOCK_BYTES):  # faster than a Python stream for each of many files
                sha.update(block)
        finally:
            os.close(handle)
    except OSError as error:
        raise SourceError(_explain(error)) from error
    return sha.hexdigest()


def read_file(file: SourceFile) -> Iterator[Source | Failure]:
    """Yield the articles of a file, and a failure for each part that is not one, in the order of the file.

    Nothing is raised. A JSON Lines file is read line by line, so it may have any length.
    """
    suffix = _suffix(file.path)
    kind = KINDS.get(suffix)
    try:
        if kind is None:
            yield from LOADERS[suffix](file, _read_bytes(file))
        elif kind == "record":
            yield from _read_records(file)
        else:
            text = decode_text(_read_bytes(file), declared=kind == "html")
            if not text.strip():
                raise SourceError("empty file")
            yield from _read_text(file.path, kind, text)
    except SourceError as error:
        yield Failure(file.path, str(error))


def _read_text(path: str, kind: Kind, text: str) -> Iterator[Source]:
    """Yield the article of a file, or each article of a database's export, with the paths "x.txt", "x.txt#2"."""
    parts = exports.split(text) if kind == "text" else [(1, text)]
    for number, (first_line, part) in enumerate(parts, start=1):
        name = path if number == 1 else f"{path}#{number}"
        yield Source(article_id(name), name, kind, part, first_line=first_line)


@contextmanager
def _opened(file: SourceFile) -> Iterator[IO[bytes]]:
    """Open a regular file for reading; turn any `OSError` in the block into a `SourceError`."""
    try:
        with open(_handle(file), "rb") as stream:
            yield stream
    except OSError as error:
        raise SourceError(_explain(error)) from error


def _handle(file: SourceFile) -> int:
    """Return the descriptor of a regular file, open for reading; the caller closes it.

    Raises:
        SourceError: it is not a regular file.
        OSError: it cannot be opened.
    """
    # A pipe or a link may have replaced the file since it was found: do not wait for a pipe, do not follow a link.
    handle = os.open(file.absolute, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise SourceError("not a regular file")
    return handle


def _read_bytes(file: SourceFile) -> bytes:
    with _opened(file) as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:  # the file grew since it was found
            raise SourceError(_too_large(os.fstat(stream.fileno()).st_size))
        return data


# Records


def _read_records(file: SourceFile) -> Iterator[Source | Failure]:
    number = 0
    ids: set[str] = set()
    empty = True
    try:
        for number, line in enumerate(_json_lines(file), start=1):
            if isinstance(line, bytes) and not line.strip():
                continue
            empty = False
            try:
                record = line.rstrip(b"\r\n") if isinstance(line, bytes) else line
                source = _record(file.path, record) if isinstance(record, bytes) else _source(file.path, record)
                if source.id in ids:
                    raise SourceError(f"id {source.id!r} again: the first article that has it is kept")
            except SourceError as error:
                yield Failure(f"{file.path}:{number}", str(error))
            else:
                ids.add(source.id)
                yield source
    except SourceError as error:
        if not number:  # no line could be read
            raise
        yield Failure(f"{file.path}:{number + 1}", f"{error}; the file is not read from here on")
    else:
        if empty:
            raise SourceError("empty file")


def _json_lines(file: SourceFile) -> Iterator[object]:
    """Yield the lines of a JSON Lines file as bytes; of a JSON file, the objects of its list."""
    if _suffix(file.path) != ".json":
        yield from _lines(file)
        return
    data = _read_bytes(file)
    if not data.strip():
        return
    try:
        whole = decode_json(data)
    except SourceError:  # JSON Lines under the name of JSON
        yield from data.splitlines()
        return
    if isinstance(whole, dict) and "text" not in metadata.by_field(whole):
        listed = [whole[key] for key in LIST_KEYS if isinstance(whole.get(key), list)]
        whole = listed[0] if listed else whole
    yield from whole if isinstance(whole, list) else [whole]


def _lines(file: SourceFile) -> Iterator[bytes]:
    """Yield the lines, decompressed, one at a time; stop when the file expands too far."""
    with _opened(file) as stream:
        lines, remaining = stream, sys.maxsize  # bytes that may still come
        if _suffix(file.path).endswith(".gz"):
            remaining = MAX_LINE_BYTES + MAX_EXPANSION * os.fstat(stream.fileno()).st_size
            lines = cast(IO[bytes], gzip.GzipFile(fileobj=stream))
        try:
            while line := lines.readline(MAX_LINE_BYTES + 1):
                remaining -= len(line)
                if len(line) > MAX_LINE_BYTES:
                    raise SourceError(f"line of more than {MAX_LINE_BYTES:,} bytes")
                if remaining < 0:
                    raise SourceError(f"expands to more than {MAX_EXPANSION} times its size")
                yield line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceError(f"damaged gzip data ({error})") from error


def _record(path: str, line: bytes) -> Source:
    """Read a source from a line of JSON.

    Raises:
        SourceError: the line is not a JSON object, or has no id or no text.
    """
    return _source(path, decode_json(line))


def _source(path: str, record: object) -> Source:
    """Read a source from a JSON object; take the usual names for its fields, and ignore metadata of a wrong type."""
    if not isinstance(record, dict):
        raise SourceError(f"not a JSON object but {type(record).__name__}")
    given = metadata.by_field(record)
    own_id = record.get("id", given.get("id", given.get("url")))
    if isinstance(own_id, bool) or not isinstance(own_id, str | int) or not str(own_id).strip():
        raise SourceError(f'no id: "id" must be a text or a whole number, not {own_id!r:.40}')
    text = "\n\n".join(metadata.texts(given.get("text")))
    if not text.strip():
        raise SourceError('no text: "text" must be a text that is not empty')
    fields: dict[str, str | tuple[str, ...]] = {}
    for name in ("title", "publisher", "published", "url"):
        value = metadata.moment(given.get(name)) if name == "published" else next(metadata.texts(given.get(name)), "")
        if value:
            fields[name] = storable(value)
    if authors := metadata.people(given.get("authors")):
        fields["authors"] = tuple(map(storable, authors))
    return Source(storable(str(own_id)), path, "record", with_line_ends(storable(text)), fields)
