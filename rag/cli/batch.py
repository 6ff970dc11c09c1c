"""Batches: the rows of a JSON Lines file, the history of a conversation, the day a question is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rag.cli.output import print_json, print_message
from rag.errors import QuestionError, SourceError
from rag.ingest.publish_dates import iso_date
from rag.types import Turn

BOM = b"\xef\xbb\xbf"  # the byte order mark that some editors write at the start of a file

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a batch.

    Attributes:
        number: of the line, from 1.
        fields: what the line holds; empty where it is not a JSON object.
        fault: why the line cannot be read; empty where it can.
    """

    number: int
    fields: Json = field(default_factory=dict)
    fault: str = ""

    @property
    def id(self) -> Any:
        """The id that the line gives itself; None without one."""
        return self.fields.get("id")

    def text(self, name: str) -> str:
        """Return a field that has to be a text.

        Raises:
            QuestionError: the line cannot be read, or the field is missing or not a text.
        """
        self.check()
        if name not in self.fields:
            raise QuestionError(f'line {self.number} has no "{name}": give it as a text')
        value = self.fields[name]
        if not isinstance(value, str):
            raise QuestionError(f'"{name}" in line {self.number} is {value!r}: give it as a text')
        return value

    def text_or_empty(self, name: str) -> str:
        """Return a field, or an empty text where it is missing or not a text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def asked_on(self, default: date | None) -> date | None:
        """Return the day of the row's own "date", or the default where it gives none.

        Raises:
            QuestionError: the date is not a date.
        """
        value = self.fields.get("date")
        if value is None:
            return default
        iso = iso_date(value) if isinstance(value, str) else None
        if iso is None:
            raise QuestionError(
                f'"date" in line {self.number} is {value!r}: give the day it is asked, such as 2025-03-31'
            )
        return date.fromisoformat(iso[:10])

    def check(self) -> None:
        """Raise what is wrong with the line.

        Raises:
            QuestionError: the line cannot be read.
        """
        if self.fault:
            raise QuestionError(self.fault)


def run_batch(path: str, result: Callable[[Row], Json], failure: Callable[[Row, str], Json], summary: str) -> int:
    """Print one JSON row for each line of a batch, each as soon as it is done, and return the exit status.

    Args:
        path: the JSON Lines file; "-" is stdin.
        result: returns what is printed for a row; a QuestionError or SourceError means that the row is bad.
        failure: returns what is printed for a bad row and the reason.
        summary: what happened to the bad rows, for the line on stderr that counts them.

    Raises:
        SourceError: the file cannot be read.
    """
    rows = bad = 0
    for row in read_rows(path):
        rows += 1
        try:
            printed = result(row)
        except (QuestionError, SourceError) as error:
            bad += 1
            printed = failure(row, str(error))
        print_json(printed)
    if bad:
        print_message(f"onrecord: {bad} of {rows} {summary}")
    return 1 if bad else 0


def read_rows(path: str) -> Iterator[Row]:
    """Yield each line of a JSON Lines file that is not empty, as soon as it is there.

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        with ExitStack() as stack:
            lines = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
            for number, line in enumerate(lines, start=1):
                content = line.removeprefix(BOM) if number == 1 else line
                if content.strip():
                    yield _row(number, content)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _row(number: int, line: bytes) -> Row:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Row(number, fault=f"line {number} is not UTF-8 text: save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        return Row(number, fault=f"line {number} is not JSON ({error}): correct it")
    if not isinstance(value, dict):
        return Row(number, fault=f"line {number} is not a JSON object: correct it")
    return Row(number, value)


def read_history(path: str) -> list[Turn]:
    """Return the conversation that a JSON file holds.

    Raises:
        SourceError: the file cannot be read, or is not JSON.
        QuestionError: it holds something else than a conversation.
    """
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return turns(json.loads(content.decode("utf-8-sig")))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON ({error}): correct it") from error


def turns(history: Any) -> list[Turn]:
    """Return the turns of a conversation, given as questions or as {"role", "content"} messages; None has no turns.

    Raises:
        QuestionError: the history is not a list, or holds something else.
    """
    if history is None:
        return []
    if not isinstance(history, list):
        raise QuestionError(f'the history is {history!r}: give a list of questions, or of {{"role", "content"}}')
    conversation: list[Turn] = []
    for entry in history:
        match entry:
            case str():
                conversation.append(Turn(entry))
            case {"role": "user", "content": str(content)}:
                conversation.append(Turn(content))
            case {"role": "assistant", "content": str(content)}:
                if conversation:
                    conversation[-1] = Turn(conversation[-1].question, content)
            case {"role": str(), "content": str()}:
                pass  # what a system or a tool says is no part of the conversation
            case _:
                raise QuestionError(
                    f'the history holds {entry!r}: give questions, or objects with "role" and "content"'
                )
    return conversation
