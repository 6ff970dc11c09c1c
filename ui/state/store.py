"""The conversations, in one SQLite file, so that they outlast the server. No Streamlit here.

The file belongs to one person on one computer: every browser that can reach the chat sees all of them.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.errors import OnRecordError

Json = dict[str, Any]

APPLICATION_ID = 0x4F6E4368  # "OnCh", in the file's header: says whose SQLite file it is
BUSY_SECONDS = 5.0  # how long a connection waits for another one's lock
UNDO_PERIOD = timedelta(hours=24)  # how long a deleted conversation can be brought back
TITLE_CHARS = 80

# The statements that bring a file from each format to the next; its user_version counts them. Only add to the end.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            updated TEXT NOT NULL,  -- ISO 8601, UTC
            deleted TEXT            -- when; NULL while it is not
        ) WITHOUT ROWID""",
        """CREATE TABLE exchanges (
            id INTEGER PRIMARY KEY,
            conversation TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
            asked TEXT NOT NULL,
            question TEXT NOT NULL,
            searched TEXT NOT NULL DEFAULT '',  -- what the archive held
            answer TEXT,                        -- as JSON; NULL until there is one
            said TEXT NOT NULL DEFAULT '',      -- the answer's text alone, to search in
            error TEXT NOT NULL DEFAULT ''
        )""",
        "CREATE INDEX exchanges_of ON exchanges (conversation)",
    ),
    (
        """CREATE TABLE cases (  -- answers that a reader judged: see `cases`
            id INTEGER PRIMARY KEY,
            exchange INTEGER UNIQUE REFERENCES exchanges ON DELETE SET NULL,  -- a case outlasts its conversation
            judged TEXT NOT NULL,               -- when
            good INTEGER NOT NULL,              -- 1 for right, 0 for wrong
            question TEXT NOT NULL,
            history TEXT NOT NULL,              -- the earlier questions, as JSON
            answer TEXT NOT NULL,               -- as it was given, as JSON
            expected TEXT NOT NULL DEFAULT '',  -- the right answer, once somebody typed it
            refuse INTEGER NOT NULL DEFAULT 0,  -- 1 where the archive does not hold the answer
            deleted TEXT
        )""",
    ),
)
_KNOWN = """FROM conversations AS c WHERE deleted IS NULL AND (holds(c.title) OR EXISTS (
    SELECT 1 FROM exchanges AS e WHERE e.conversation = c.id AND holds(e.question || ' ' || e.said)))"""


class StoreError(OnRecordError):
    """Conversations that cannot be read or saved."""


@dataclass(frozen=True, slots=True)
class ListedConversation:
    """A conversation as it is listed."""

    id: str
    title: str
    updated: datetime


@dataclass(frozen=True, slots=True)
class StoredExchange:
    """A question with its answer or its error.

    Attributes:
        searched: what the archive held then.
        answer: as JSON; None when there is none.
        good: whether a reader judged it right; None when nobody did.
    """

    id: int
    asked: datetime
    question: str
    searched: str
    answer: Json | None
    error: str
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """A conversation with its exchanges, oldest first."""

    id: str
    title: str
    exchanges: tuple[StoredExchange, ...]


def store_path(settings: Settings) -> Path:
    """Return the file of the conversations; a relative one counts from the folder that holds the index."""
    return settings.index.parent / settings.conversations


class Store:
    """The conversations of one file. Safe to share between threads; every method raises `StoreError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, question: str, conversation: str | None = None) -> tuple[str, int]:
        """Save a question in a conversation, and return the ids of both.

        A deleted conversation comes back. A new one begins when none is named, or when it is gone for good.
        """
        with self.writing() as connection:
            change = "UPDATE conversations SET updated = ?, deleted = NULL WHERE id = ?"
            if not connection.execute(change, (now(), conversation)).rowcount:
                conversation = secrets.token_urlsafe(9)
                title = " ".join(question.split())[:TITLE_CHARS] or "Empty question"
                connection.execute("INSERT INTO conversations VALUES (?, ?, ?, NULL)", (conversation, title, now()))
            assert conversation is not None
            row = (conversation, now(), question)
            made = connection.execute("INSERT INTO exchanges (conversation, asked, question) VALUES (?, ?, ?)", row)
            assert made.lastrowid is not None
            return conversation, made.lastrowid

    def begin_again(self, exchange: int, question: str) -> None:
        """Replace a question, or ask it again; its answer is deleted."""
        change = "UPDATE exchanges SET question = ?, asked = ?, answer = NULL, said = '', error = '' WHERE id = ?"
        with self.writing() as connection:
            connection.execute(change, (question, now(), exchange))
            connection.execute("UPDATE cases SET exchange = NULL WHERE exchange = ?", (exchange,))

    def settle(self, exchange: int, answer: Json | None, searched: str = "", error: str = "") -> None:
        """Save the answer or the error of a question; an answer that is there is not replaced."""
        encoded, said = (None, "") if answer is None else (json.dumps(answer, ensure_ascii=False), answer["text"])
        change = "UPDATE exchanges SET answer = ?, said = ?, searched = ?, error = ? WHERE id = ? AND answer IS NULL"
        with self.writing() as connection:
            connection.execute(change, (encoded, said, searched, error, exchange))

    def listing(self, words: str = "", limit: int = 50) -> tuple[list[ListedConversation], int]:
        """Return the latest conversations with all `words` in titles, questions or answers; and how many there are."""
        with self.connected() as connection:
            wanted = words.casefold().split()
            connection.create_function("holds", 1, lambda text: all(w in text.casefold() for w in wanted))
            rows = connection.execute(f"SELECT id, title, updated {_KNOWN} ORDER BY updated DESC LIMIT ?", (limit,))
            found = [ListedConversation(id_, title, datetime.fromisoformat(updated)) for id_, title, updated in rows]
            return found, connection.execute(f"SELECT count(*) {_KNOWN}").fetchone()[0]

    def load(self, conversation: str) -> StoredConversation | None:
        """Return a conversation that was not deleted; None when there is none with this id."""
        with self.connected() as connection:
            query = "SELECT title FROM conversations WHERE id = ? AND deleted IS NULL"
            row = connection.execute(query, (conversation,)).fetchone()
            query = """SELECT e.id, asked, e.question, searched, e.answer, error, good FROM exchanges AS e
                LEFT JOIN cases AS c ON c.exchange = e.id AND c.deleted IS NULL WHERE conversation = ? ORDER BY e.id"""
            rows = connection.execute(query, (conversation,)).fetchall()
        return None if row is None else StoredConversation(conversation, row[0], tuple(map(_exchange, rows)))

    def fork(self, conversation: str, before: int) -> str:
        """Copy the part of a conversation before one of its exchanges into a new one; return the new one's id."""
        made = secrets.token_urlsafe(9)
        columns = "asked, question, searched, answer, said, error"
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO conversations SELECT ?, title, ?, NULL FROM conversations WHERE id = ?",
                (made, now(), conversation),
            )
            connection.execute(
                f"INSERT INTO exchanges (conversation, {columns}) SELECT ?, {columns} FROM exchanges "  # noqa: S608
                "WHERE conversation = ? AND id < ? ORDER BY id",
                (made, conversation, before),
            )
        return made

    def rename(self, conversation: str, title: str) -> None:
        """Give a conversation another title."""
        with self.writing() as connection:
            connection.execute("UPDATE conversations SET title = ? WHERE id = ?", (title[:TITLE_CHARS], conversation))

    def delete(self, conversation: str) -> None:
        """Delete a conversation; `restore` brings it back until the first `purge` after a day."""
        with self.writing() as connection:
            connection.execute("UPDATE conversations SET deleted = ? WHERE id = ?", (now(), conversation))

    def restore(self, conversation: str) -> None:
        """Bring back a conversation that was deleted."""
        with self.writing() as connection:
            connection.execute("UPDATE conversations SET deleted = NULL WHERE id = ?", (conversation,))

    def purge(self) -> None:
        """Remove from the file what was deleted a day ago or earlier."""
        with self.writing() as connection:
            connection.execute("DELETE FROM conversations WHERE deleted <= ?", (now(-UNDO_PERIOD),))
            connection.execute("DELETE FROM cases WHERE deleted <= ?", (now(-UNDO_PERIOD),))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction, which is committed when the block ends and undone when it raises."""
        with self.connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """Open a connection to the file, in the present format; every failure is a `StoreError`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                self.path.touch(mode=0o600)  # nobody else may read what was asked
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare(connection)
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError, ValueError) as error:
            raise StoreError(
                f"conversations cannot be saved in {self.path} ({error}): check the file, or name another one with "
                "`conversations` in onrecord.toml"
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Bring the file to the present format; refuse one of another program or of a later version."""
        connection.execute("BEGIN")  # read all at one moment: another process may be making the file now
        (format_,) = connection.execute("PRAGMA user_version").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        empty = not connection.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]
        connection.execute("COMMIT")
        if owner != APPLICATION_ID and not empty:
            raise ValueError("it is a file of another program")
        if format_ > len(MIGRATIONS):
            raise ValueError(f"a later version of On Record wrote it, in format {format_}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        if format_ < len(MIGRATIONS):
            with suppress(sqlite3.OperationalError):  # locked by another process that does the same
                connection.execute("PRAGMA journal_mode = WAL")
            self._migrate(connection)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")  # a second process waits here and finds it done
        (format_,) = connection.execute("PRAGMA user_version").fetchone()
        for statement in chain.from_iterable(MIGRATIONS[format_:]):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")


def now(after: timedelta = timedelta()) -> str:
    """Return the time `after` from now, as the file writes it: ISO 8601, UTC."""
    return (datetime.now(UTC) + after).isoformat(timespec="milliseconds")


def _exchange(row: tuple[int, str, str, str, str | None, str, int | None]) -> StoredExchange:
    id_, asked, question, searched, answer, error, good = row
    decoded = None if answer is None else json.loads(answer)
    known = None if good is None else bool(good)
    return StoredExchange(id_, datetime.fromisoformat(asked), question, searched, decoded, error, known)
