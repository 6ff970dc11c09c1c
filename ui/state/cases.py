"""Answers that a reader judged right or wrong, kept as questions to ask again. No Streamlit here.

They lie in the file of the conversations and outlast them. What is right is what the reader said: the words that a
right answer cited must be cited again, and a wrong one waits for the answer that somebody types.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ui.state.store import Json, Store, now

FILE = "cases.jsonl"  # what an export is called, and a set of cases


@dataclass(frozen=True, slots=True)
class Case:
    """A question whose answer was judged.

    Attributes:
        good: whether the answer was judged right.
        history: the answered questions before it, oldest first.
        answer: as it was given, as `stored.kept_answer` has it; its `generation` is that of the index.
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
    """Make a case of an answered exchange, or judge it anew; None takes the case back."""
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


def cases(store: Store) -> list[Case]:
    """All cases, the latest first."""
    query = """SELECT id, judged, good, question, history, answer, expected, refuse FROM cases
        WHERE deleted IS NULL ORDER BY id DESC"""
    with store.connected() as connection:
        rows = connection.execute(query).fetchall()
    return [
        Case(
            id_, datetime.fromisoformat(judged), bool(good), question, tuple(json.loads(history)),
            json.loads(answer), expected, bool(refuse),
        )
        for id_, judged, good, question, history, answer, expected, refuse in rows
    ]  # fmt: skip


def expect(store: Store, case: int, expected: str, refuse: bool) -> None:
    """Say what the right answer of a case is, or that it should be refused."""
    with store.writing() as connection:
        connection.execute("UPDATE cases SET expected = ?, refuse = ? WHERE id = ?", (expected.strip(), refuse, case))


def delete(store: Store, case: int) -> None:
    """Delete a case; `restore` brings it back until the first `Store.purge` after a day."""
    with store.writing() as connection:
        connection.execute("UPDATE cases SET deleted = ? WHERE id = ?", (now(), case))


def restore(store: Store, case: int) -> None:
    """Bring a deleted case back."""
    with store.writing() as connection:
        connection.execute("UPDATE cases SET deleted = NULL WHERE id = ?", (case,))


def as_lines(kept: Iterable[Case]) -> str:
    """Cases as JSON lines that `python -m eval answers` reads, the oldest first."""
    ordered = sorted(kept, key=lambda case: case.id)
    return "".join(json.dumps(_row(case), ensure_ascii=False) + "\n" for case in ordered)


def _row(case: Case) -> Json:
    """The question with what is right of it, and the record of how it came about, which no reader needs."""
    answer = case.answer
    kind = "unanswerable" if case.refuse else "followup" if case.history else "question"
    row: Json = {"id": f"case-{case.id}", "kind": kind, "question": case.question, "history": list(case.history)}
    return {
        **row,
        **_right(case),
        "judged": "right" if case.good else "wrong",
        "when": case.judged.isoformat(timespec="seconds"),
        "generation": answer["generation"],
        "status": answer["status"],
        "said": answer["text"],
        "quotes": [{key: c[key] for key in ("path", "start", "end", "quote")} for c in answer["citations"]],
    }


def _right(case: Case) -> Json:
    """What a right answer is: what was typed, or else what the answer that was judged right had."""
    if case.refuse or (case.good and not case.expected and case.answer["status"] == "abstained"):
        return {"need": 0}
    if case.expected:
        return {"answer": case.expected}
    gold = [{"path": c["path"], "quote": c["quote"]} for c in case.answer["citations"]]
    if not case.good or not gold:
        return {}
    sides = len({g["path"] for g in gold})  # a disagreement is only told when two articles are cited
    return {"gold": gold, "need": min(2, sides) if case.answer["status"] == "disputed" else 1}
