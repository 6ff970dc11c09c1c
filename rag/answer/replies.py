"""Replies that need no search: to small talk, and to questions about the archive itself."""

from __future__ import annotations

from datetime import date

from rag.answer.archive_answers import archive_answer
from rag.answer.small_talk import small_talk_reply
from rag.answer.writer import Stage, Writing
from rag.filters import Filters
from rag.generation.base import Piece
from rag.index.reader import Snapshot
from rag.models.base import Encoder
from rag.query.archive_questions import read_archive_question
from rag.query.intents import small_talk, without_greeting
from rag.types import Answer
from rag.verification.citations import with_markers


def find_reply(snapshot: Snapshot, encoder: Encoder, message: str, filters: Filters, today: date) -> Answer | None:
    """Return the reply to a message; None when the articles have to be searched for it.

    Args:
        snapshot: the archive.
        encoder: makes the vector of the message.
        message: as it was typed.
        filters: the articles that a question about the archive counts.
        today: the day that "last week" counts from.
    """
    asked = without_greeting(message)
    blank = Answer(message, asked, "answered", "", 1.0, (), (), (), "extractive", snapshot.generation)
    question = read_archive_question(asked, today)
    if question and (answer := archive_answer(snapshot, question, filters, blank)):
        return answer
    kind = small_talk(message, encoder)
    return small_talk_reply(snapshot, kind, blank) if kind else None


def write_reply(answer: Answer) -> Writing:
    """Yield the lines of a reply and the claim in each, and return it."""
    yield Stage("writing")
    claims = iter(answer.claims)
    claim = next(claims, None)
    for line in answer.text.split("\n"):
        yield Piece(f"{line}\n", ends_claim=True)
        if claim and line.startswith(f"- {with_markers(claim.text, claim.citations)}"):
            yield claim
            claim = next(claims, None)
    return answer
