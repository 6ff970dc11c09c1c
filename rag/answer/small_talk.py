"""Replies to what people say to a chatbot that asks nothing of the archive: short, and with what can be asked here."""

from __future__ import annotations

from dataclasses import replace

from rag.answer.archive_answers import example_questions
from rag.index.reader import Snapshot
from rag.types import Answer

_OPENINGS = {
    "greeting": "Hello. {what}",
    "thanks": "You are welcome.",
    "help": "{what}",
    "identity": "I am On Record, a program and not a person. {what}",
    "praise": "Thank you, that is good to hear.",
    "complaint": "I am sorry. I only say what the articles say: please check the words cited, or ask in other words.",
    "goodbye": "Goodbye.",
    "acknowledgement": "All right.",
}
_WITHOUT_EXAMPLES = {"goodbye"}


def small_talk_reply(snapshot: Snapshot, kind: str, blank: Answer) -> Answer:
    """Return the reply to small talk of a kind of `rag.query.intents`.

    Args:
        snapshot: the archive.
        kind: what the user says.
        blank: the answer without its text.
    """
    count = snapshot.article_count()
    articles = "the one article" if count == 1 else f"the {count:,} articles"
    what = f"I answer from {articles} in this archive and show the exact words behind every sentence."
    text = _OPENINGS[kind].format(what=what)
    examples = [] if kind in _WITHOUT_EXAMPLES else example_questions(snapshot)
    if examples:
        text += f" You could ask: {', '.join(f'“{question}”' for question in examples)}"
        text += "" if text.endswith("?”") else "."
    return replace(blank, status="answered", text=text, confidence=1.0, hits=(), generator="extractive")
