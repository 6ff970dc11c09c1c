"""Questions from files: the rows of a batch, the history of a conversation, the day a question was asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from rag.errors import SourceError
from rag.ingest.publish_dates import iso_date
from rag.types import Turn


def rows_of(path: str, field: str) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file.

    Raises:
        SourceError: the file cannot be read, or a line is not an object with a text under `field`.
    """
    for number, row in _objects(path):
        if not isinstance(row, dict) or not isinstance(row.get(field), str):
            raise SourceError(f'{path}:{number} is not a JSON object with a text "{field}": mend the line')
        yield row


def objects_of(path: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, whatever they hold.

    Raises:
        SourceError: the file cannot be read, or a line is not an object.
    """
    for number, row in _objects(path):
        if not isinstance(row, dict):
            raise SourceError(f"{path}:{number} is not a JSON object: mend the line")
        yield row


def _objects(path: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield number, _json(line, f"{path}:{number}")


def asked_on(row: dict[str, Any], otherwise: date | None) -> date | None:
    """The day a question of a batch was asked: its own "date", or else as told.

    Raises:
        SourceError: the date is not one.
    """
    given = row.get("date")
    if given is None:
        return otherwise
    found = iso_date(given) if isinstance(given, str) else None
    if found is None:
        raise SourceError(f'"date" of {row.get("id")!r} is {given!r}: give the day it is asked, as 2025-03-31')
    return date.fromisoformat(found[:10])


def read_history(path: str) -> Any:
    """Return what a JSON file holds, which `turns` reads as a conversation.

    Raises:
        SourceError: the file cannot be read, or is not JSON.
    """
    return _json("\n".join(_lines(path)), path)


def turns(history: Any) -> list[Turn]:
    """Earlier questions, given as texts or as {"role", "content"} messages, as turns.

    Raises:
        SourceError: something else stands in the list.
    """
    told: list[Turn] = []
    for entry in history or []:
        if isinstance(entry, str):
            told.append(Turn(entry))
        elif isinstance(entry, dict) and isinstance(entry.get("content"), str):
            if entry.get("role") == "user":
                told.append(Turn(entry["content"]))
            elif entry.get("role") == "assistant" and told:
                told[-1] = Turn(told[-1].question, entry["content"])
        else:
            raise SourceError(f'history holds {entry!r}: give questions, or objects with "role" and "content"')
    return told


def _lines(path: str) -> Iterable[str]:
    if path == "-":
        return sys.stdin
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where} is not JSON ({error}): mend it") from error
