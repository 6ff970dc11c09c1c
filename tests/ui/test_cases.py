"""Answers that a reader judges in the chat: cases, what they ask for when they are asked again, and their export."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rag.cli import chat_server
from rag.evaluation.questions import parse_set
from rag.evaluation.types import Gold, Question
from rag.types import Answer, Article, Citation, Claim
from ui.state import store as store_module
from ui.state.cases import FILE, as_lines, cases, delete, expect, judge, restore
from ui.state.saved_answers import kept_answer
from ui.state.session import KEY
from ui.state.store import MIGRATIONS, Store

EXPORTS = "What percentage of Canada's exports go to the United States?"
RAIN = Article("r", "rain.txt", "Rain fell. Roads stay open, the minister said.")
SNOW = Article("s", "snow.txt", "Snow fell.")
CITATIONS = (Citation(1, RAIN, 0, 10), Citation(2, SNOW, 0, 10))
CLAIM = Claim("Rain fell.", "verbatim", 1.0, (1,))
ANSWERED = Answer("q", "q", "answered", "Rain fell. [1]", 0.9, (CLAIM,), CITATIONS, (), "extractive", 3)
REFUSED = replace(ANSWERED, status="abstained", text="The archive does not say.", claims=(), citations=())
GOLD = (Gold("rain.txt", "Rain fell."), Gold("snow.txt", "Snow fell."))


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "conversations.sqlite")


def asked(kept: Store, question: str, answer: Answer, conversation: str | None = None) -> tuple[str, int]:
    id_, exchange = kept.begin(question, conversation)
    kept.settle(exchange, kept_answer(answer))
    return id_, exchange


def read(kept: Store) -> tuple[Question, ...]:
    """The cases as `python -m eval answers FILE` reads their export."""
    return parse_set(Path(FILE), as_lines(cases(kept)).encode()).questions


class TestCases:
    @pytest.mark.parametrize(
        ("answer", "good", "expected", "refuse", "right"),
        [
            (ANSWERED, True, "", False, {"gold": GOLD, "need": 1}),
            (replace(ANSWERED, status="disputed"), True, "", False, {"gold": GOLD, "need": 2}),
            (REFUSED, True, "", False, {"need": 0}),
            (ANSWERED, True, " Snow ", False, {"answers": ("Snow",), "need": 1}),
            (REFUSED, True, "Snow", False, {"answers": ("Snow",), "need": 1}),
            (ANSWERED, False, "", False, {}),
            (REFUSED, False, "", False, {}),
            (ANSWERED, False, "Snow", False, {"answers": ("Snow",), "need": 1}),
            (ANSWERED, False, "", True, {"need": 0, "kind": "unanswerable"}),
        ],
    )
    def test_what_is_right_is_what_the_reader_said(
        self, kept: Store, answer: Answer, good: bool, expected: str, refuse: bool, right: dict[str, Any]
    ) -> None:
        judge(kept, asked(kept, "What fell?", answer)[1], good)
        (case,) = cases(kept)
        expect(kept, case.id, expected, refuse)
        assert read(kept) == (Question(f"case-{case.id}", "What fell?", **right),)
        assert cases(kept)[0].decided == (right != {})

    def test_a_case_has_what_was_asked_before_and_what_was_said(self, kept: Store) -> None:
        id_, _ = asked(kept, "What fell?", ANSWERED)
        kept.begin("Not answered", id_)
        _, exchange = asked(kept, "And then?", ANSWERED, id_)
        judge(kept, exchange, True)
        (row,) = map(json.loads, as_lines(cases(kept)).splitlines())
        assert (row["kind"], row["history"], row["judged"], row["generation"]) == (
            "followup",
            ["What fell?"],
            "right",
            3,
        )
        assert (row["status"], row["said"]) == ("answered", "Rain fell. [1]")
        assert row["quotes"][0] == {"path": "rain.txt", "start": 0, "end": 10, "quote": "Rain fell."}
        assert row["when"] == cases(kept)[0].judged.isoformat(timespec="seconds")

    def test_a_judgement_is_changed_and_taken_back(self, kept: Store) -> None:
        id_, exchange = asked(kept, "What fell?", ANSWERED)

        def known() -> bool | None:
            found = kept.load(id_)
            assert found is not None
            good: bool | None = found.exchanges[0].good
            return good

        seen = [known()]
        for good in (True, False, None, True):
            judge(kept, exchange, good)
            seen.append(known())
        assert seen == [None, True, False, None, True]
        assert len(cases(kept)) == 1

    def test_what_was_not_answered_is_no_case(self, kept: Store) -> None:
        judge(kept, kept.begin("What fell?")[1], False)
        assert cases(kept) == []

    def test_asking_again_leaves_the_case_as_it_was(self, kept: Store) -> None:
        id_, exchange = asked(kept, "What fell?", ANSWERED)
        judge(kept, exchange, False)
        kept.begin_again(exchange, "What fell?")
        kept.settle(exchange, kept_answer(REFUSED))
        found = kept.load(id_)
        assert found is not None
        assert found.exchanges[0].good is None
        judge(kept, exchange, True)
        assert [(case.good, case.answer["status"]) for case in cases(kept)] == [
            (True, "abstained"),
            (False, "answered"),
        ]

    def test_a_case_outlasts_its_conversation_and_is_gone_a_day_after_it_is_deleted(
        self, kept: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "KEPT_DELETED", timedelta())
        id_, exchange = asked(kept, "What fell?", ANSWERED)
        judge(kept, exchange, True)
        kept.delete(id_)
        kept.purge()
        (case,) = cases(kept)
        delete(kept, case.id)
        assert cases(kept) == []
        restore(kept, case.id)
        assert cases(kept) == [case]
        delete(kept, case.id)
        kept.purge()
        restore(kept, case.id)
        assert cases(kept) == []

    def test_a_file_of_the_format_before_is_brought_up_to_date(self, kept: Store) -> None:
        with closing(sqlite3.connect(kept.path)) as connection:
            for statement in MIGRATIONS[0]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {store_module.APPLICATION_ID}")
            connection.execute("PRAGMA user_version = 1")
        judge(kept, asked(kept, "What fell?", ANSWERED)[1], True)
        assert [case.question for case in cases(kept)] == ["What fell?"]


def click(page: AppTest, key: str) -> None:
    next(button for button in page.button if str(button.key).startswith(key)).click().run()
    assert not page.exception


def test_a_thumb_makes_a_case_in_one_click_and_undo_takes_it_back(
    seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "conversations.sqlite"
    monkeypatch.setenv("ONRECORD_INDEX", str(seed_index))
    monkeypatch.setenv("ONRECORD_CONVERSATIONS", str(path))
    page = AppTest.from_file(chat_server.page(), default_timeout=60).run()
    page.chat_input[0].set_value(EXPORTS).run()
    click(page, "judge-wrong-")
    (case,) = cases(Store(path))
    assert (case.good, case.question, case.decided) == (False, EXPORTS, False)
    assert case.answer == kept_answer(page.session_state[KEY].exchanges[0].answer)
    assert any("The Evaluation page takes the right answer" in text.value for text in page.main.text)
    click(page, "judge-undo-")
    assert cases(Store(path)) == []
    click(page, "judge-right-")
    assert [case.good for case in cases(Store(path))] == [True]
    click(page, "again-")
    assert page.session_state[KEY].exchanges[0].good is None
    assert len(cases(Store(path))) == 1
