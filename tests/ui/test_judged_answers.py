"""Answers that a reader judges in the chat: what is right when they are asked again, and their export."""

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
from tests.helpers.waiting import PATIENCE_SECONDS
from ui.state import store as store_module
from ui.state.judged_answers import FILE, as_lines, delete, expect, judge, judged_answers, restore
from ui.state.saved_answers import answer_to_json
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
def saved(tmp_path: Path) -> Store:
    return Store(tmp_path / "conversations.sqlite")


def asked(saved: Store, question: str, answer: Answer, conversation: str | None = None) -> tuple[str, int]:
    id_, exchange = saved.begin(question, conversation)
    saved.settle(exchange, answer_to_json(answer))
    return id_, exchange


def read(saved: Store) -> tuple[Question, ...]:
    """The judged answers as `python -m eval answers FILE` reads their export."""
    return parse_set(Path(FILE), as_lines(judged_answers(saved)).encode()).questions


class TestJudgedAnswers:
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
        self, saved: Store, answer: Answer, good: bool, expected: str, refuse: bool, right: dict[str, Any]
    ) -> None:
        judge(saved, asked(saved, "What fell?", answer)[1], good)
        (case,) = judged_answers(saved)
        expect(saved, case.id, expected, refuse)
        assert read(saved) == (Question(f"case-{case.id}", "What fell?", **right),)
        assert judged_answers(saved)[0].decided == (right != {})

    def test_one_has_what_was_asked_before_and_what_was_answered(self, saved: Store) -> None:
        id_, _ = asked(saved, "What fell?", ANSWERED)
        saved.begin("Not answered", id_)
        _, exchange = asked(saved, "And then?", ANSWERED, id_)
        judge(saved, exchange, True)
        (row,) = map(json.loads, as_lines(judged_answers(saved)).splitlines())
        assert (row["kind"], row["history"], row["judged"], row["generation"]) == (
            "followup",
            ["What fell?"],
            "right",
            3,
        )
        assert (row["status"], row["said"]) == ("answered", "Rain fell. [1]")
        assert row["quotes"][0] == {"path": "rain.txt", "start": 0, "end": 10, "quote": "Rain fell."}
        assert row["when"] == judged_answers(saved)[0].judged.isoformat(timespec="seconds")

    def test_a_judgement_is_changed_and_taken_back(self, saved: Store) -> None:
        id_, exchange = asked(saved, "What fell?", ANSWERED)

        def known() -> bool | None:
            found = saved.load(id_)
            assert found is not None
            good: bool | None = found.exchanges[0].good
            return good

        seen = [known()]
        for good in (True, False, None, True):
            judge(saved, exchange, good)
            seen.append(known())
        assert seen == [None, True, False, None, True]
        assert len(judged_answers(saved)) == 1

    def test_what_was_not_answered_is_not_judged(self, saved: Store) -> None:
        judge(saved, saved.begin("What fell?")[1], False)
        assert judged_answers(saved) == []

    def test_asking_again_leaves_the_judged_answer_as_it_was(self, saved: Store) -> None:
        id_, exchange = asked(saved, "What fell?", ANSWERED)
        judge(saved, exchange, False)
        saved.begin_again(exchange, "What fell?")
        saved.settle(exchange, answer_to_json(REFUSED))
        found = saved.load(id_)
        assert found is not None
        assert found.exchanges[0].good is None
        judge(saved, exchange, True)
        assert [(case.good, case.answer["status"]) for case in judged_answers(saved)] == [
            (True, "abstained"),
            (False, "answered"),
        ]

    def test_one_outlasts_its_conversation_and_is_gone_a_day_after_it_is_deleted(
        self, saved: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "UNDO_PERIOD", timedelta())
        id_, exchange = asked(saved, "What fell?", ANSWERED)
        judge(saved, exchange, True)
        saved.delete(id_)
        saved.purge()
        (case,) = judged_answers(saved)
        delete(saved, case.id)
        assert judged_answers(saved) == []
        restore(saved, case.id)
        assert judged_answers(saved) == [case]
        delete(saved, case.id)
        saved.purge()
        restore(saved, case.id)
        assert judged_answers(saved) == []

    def test_a_file_of_the_format_before_is_brought_up_to_date(self, saved: Store) -> None:
        with closing(sqlite3.connect(saved.path)) as connection:
            for statement in MIGRATIONS[0]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {store_module.APPLICATION_ID}")
            connection.execute("PRAGMA user_version = 1")
        judge(saved, asked(saved, "What fell?", ANSWERED)[1], True)
        assert [case.question for case in judged_answers(saved)] == ["What fell?"]


def click(page: AppTest, key: str) -> None:
    next(button for button in page.button if str(button.key).startswith(key)).click().run()
    assert not page.exception


def test_a_thumb_saves_a_judgement_in_one_click_and_undo_takes_it_back(
    seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "conversations.sqlite"
    monkeypatch.setenv("ONRECORD_INDEX", str(seed_index))
    monkeypatch.setenv("ONRECORD_CONVERSATIONS", str(path))
    page = AppTest.from_file(chat_server.page(), default_timeout=PATIENCE_SECONDS).run()
    page.chat_input[0].set_value(EXPORTS).run()
    click(page, "judge-wrong-")
    (case,) = judged_answers(Store(path))
    assert (case.good, case.question, case.decided) == (False, EXPORTS, False)
    assert case.answer == answer_to_json(page.session_state[KEY].exchanges[0].answer)
    assert any("Type the right answer on the Evaluation page" in text.value for text in page.main.text)
    click(page, "judge-undo-")
    assert judged_answers(Store(path)) == []
    click(page, "judge-right-")
    assert [case.good for case in judged_answers(Store(path))] == [True]
    click(page, "again-")
    assert page.session_state[KEY].exchanges[0].good is None
    assert len(judged_answers(Store(path))) == 1
