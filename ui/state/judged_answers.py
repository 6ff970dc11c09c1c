"""Answers that a reader judged right or wrong. They are a set of questions that can be asked again. No Streamlit here.

They are in the file of the conversations and outlast them. What is right comes from the reader: after an answer that
was judged right, its words must be cited again; after a wrong one, somebody types the right answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ui.state.store import Json, Store, now

FILE = "cases.jsonl"  # the name of an export, and of the set of questions


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A question whose answer was judged.

    Attributes:
        good: whether the answer was judged right.
        history: the answered questions before it, oldest first.
        answer: as it was given, made by `saved_answers.answer_to_json`; its `generation` is that of the index.
        expected: the right answer; empty until somebody types it.
        refuse: whether a refusal is right, because the archive does not hold the answer.
    """

    id: int
    judged: datetime
    good: bool
    question: str
    history: tuple[str, ...]
    answer: Json
    expected: str
    refuse: bool

    @property
    def decided(self) -> bool:
        """Whether it is known what a right answer is."""
        return self.good or self.refuse or bool(self.expected)


def judge(store: Store, exchange: int, good: bool | None) -> None:
    """Save the judgement of an answered exchange, in place of an earlier one; None takes it back."""
    with store.writing() as connection:
        if good is None:
            connection.execute("UPDATE cases SET deleted = ? WHERE exchange = ?", (now(), exchange))
            return
        connection.execute(
            """INSERT INTO cases (exchange, judged, good, question, history, answer)
            SELECT id, ?, ?, question, (
                SELECT json_group_array(question) FROM (
                    SELECT question FROM exchanges AS earlier
                    WHERE earlier.conversation = e.conversation AND earlier.id < e.id AND answer IS NOT NULL ORDER BY id
                )
            ), answer FROM exchanges AS e WHERE id = ? AND answer IS NOT NULL
            ON CONFLICT (exchange) DO UPDATE SET judged = excluded.judged, good = excluded.good, deleted = NULL""",
            (now(), good, exchange),
        )


def judged_answers(store: Store) -> list[JudgedAnswer]:
    """Return all judged answers, the latest first."""
    query = """SELECT id, judged, good, question, history, answer, expected, refuse FROM cases
        WHERE deleted IS NULL ORDER BY id DESC"""
    with store.connected() as connection:
        rows = connection.execute(query).fetchall()
    return [
        JudgedAnswer(
            id_, datetime.fromisoformat(judged), bool(good), question, tuple(json.loads(history)),
            json.loads(answer), expected, bool(refuse),
        )
        for id_, judged, good, question, history, answer, expected, refuse in rows
    ]  # fmt: skip


def expect(store: Store, id_: int, expected: str, refuse: bool) -> None:
    """Save the right answer to a question, or that it should be refused."""
    with store.writing() as connection:
        connection.execute("UPDATE cases SET expected = ?, refuse = ? WHERE id = ?", (expected.strip(), refuse, id_))


def delete(store: Store, id_: int) -> None:
    """Delete a judged answer; `restore` brings it back until the first `Store.purge` after a day."""
    with store.writing() as connection:
        connection.execute("UPDATE cases SET deleted = ? WHERE id = ?", (now(), id_))


def restore(store: Store, id_: int) -> None:
    """Bring back a judged answer that was deleted."""
    with store.writing() as connection:
        connection.execute("UPDATE cases SET deleted = NULL WHERE id = ?", (id_,))


def as_lines(judged: Iterable[JudgedAnswer]) -> str:
    """Write judged answers as JSON lines that `python -m eval answers` reads, the oldest first."""
    ordered = sorted(judged, key=lambda one: one.id)
    return "".join(json.dumps(_row(one), ensure_ascii=False) + "\n" for one in ordered)


def _row(one: JudgedAnswer) -> Json:
    """Return the question with its right answer, and a record of the judged answer, which no reader needs."""
    answer = one.answer
    kind = "unanswerable" if one.refuse else "followup" if one.history else "question"
    row: Json = {"id": f"case-{one.id}", "kind": kind, "question": one.question, "history": list(one.history)}
    return {
        **row,
        **_right_answer(one),
        "judged": "right" if one.good else "wrong",
        "when": one.judged.isoformat(timespec="seconds"),
        "generation": answer["generation"],
        "status": answer["status"],
        "said": answer["text"],
        "quotes": [{key: c[key] for key in ("path", "start", "end", "quote")} for c in answer["citations"]],
    }


def _right_answer(one: JudgedAnswer) -> Json:
    """Return what a right answer has: what was typed, or else what the answer that was judged right had."""
    if one.refuse or (one.good and not one.expected and one.answer["status"] == "abstained"):
        return {"need": 0}
    if one.expected:
        return {"answer": one.expected}
    gold = [{"path": c["path"], "quote": c["quote"]} for c in one.answer["citations"]]
    if not one.good or not gold:
        return {}
    articles = len({g["path"] for g in gold})  # a disagreement is only shown when two articles are cited
    return {"gold": gold, "need": min(2, articles) if one.answer["status"] == "disputed" else 1}
