"""Conversations that are saved: the file, what is read back, and the chat that lists, opens and exports them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from rag.answer.writer import Event
from rag.cli import chat_server
from rag.config import Settings
from rag.types import Answer, Article, Citation, Claim, Disagreement, Hit, Passage
from tests.helpers.waiting import PATIENCE_SECONDS
from ui.parts import settings, sidebar
from ui.state import store
from ui.state.saved_answers import answer_from_json, answer_to_json, conversation_to_json, conversation_to_markdown
from ui.state.session import KEY, STOPPED, Conversation, conversation_from_store
from ui.state.store import ListedConversation, Store, StoredConversation, StoredExchange, StoreError, store_path
from ui.views import answer as answer_view
from ui.views import article as article_view

EXPORTS = "What percentage of Canada's exports go to the United States?"
MEXICO = "Whom is Carney meeting in Mexico City?"
RAIN = Article("r", "rain.txt", "Rain fell. Roads stay open, the minister said.", "Rain", "The Gazette", "2025-03-04")
SNOW = Article("s", "snow.txt", "Snow fell.", url="https://example.org/snow")
ANSWER = Answer(
    question="Rain?",
    standalone_question="Did rain fall?",
    status="disputed",
    text="**Rain fell.** [1]\n*Snow*: Snow fell. [2]",
    confidence=0.75,
    claims=(Claim("Rain fell.", "verbatim", 1.0, (1,)), Claim("*Snow*: Snow fell.", "supported", 0.5, (2,))),
    citations=(Citation(1, RAIN, 0, 10, "the minister"), Citation(2, SNOW, 0, 10)),
    hits=(Hit(1, 0.5, Passage(RAIN, 11, 46), {"bm25": (1, 2.5), "dense": (None, 0.25)}, (Passage(SNOW, 0, 10),)),),
    generator="extractive",
    generation=3,
    disagreements=(Disagreement("the weather", ((1,), (2,))),),
    notice="a notice",
    timings_ms={"total": 24.5},
)
ARTICLES = {article.id: article for article in (RAIN, SNOW)}


@pytest.fixture
def saved(tmp_path: Path) -> Store:
    return Store(tmp_path / "conversations.sqlite")


class TestStore:
    def test_a_question_and_its_answer_come_back_after_a_restart(self, saved: Store) -> None:
        id_, exchange = saved.begin("Rain  or\nsnow?")
        saved.settle(exchange, answer_to_json(ANSWER), "2 passages of 2 articles")
        saved.begin("And hail?", id_)
        found = Store(saved.path).load(id_)
        assert found is not None
        assert (found.title, [e.question for e in found.exchanges]) == (
            "Rain or snow?",
            ["Rain  or\nsnow?", "And hail?"],
        )
        assert [(e.answer, e.searched, e.error) for e in found.exchanges] == [
            (answer_to_json(ANSWER), "2 passages of 2 articles", ""),
            (None, "", ""),
        ]
        assert saved.load("no-such-id") is None

    def test_an_answer_that_is_there_is_not_lost_to_a_late_error(self, saved: Store) -> None:
        id_, exchange = saved.begin("Rain?")
        saved.settle(exchange, answer_to_json(ANSWER))
        saved.settle(exchange, None, error=STOPPED)
        found = saved.load(id_)
        assert found is not None
        assert (found.exchanges[0].answer is not None, found.exchanges[0].error) == (True, "")

    def test_words_are_found_in_titles_questions_and_answers(self, saved: Store) -> None:
        ids = [saved.begin(question)[0] for question in ("ÉTÉ in Rome", "Snow?", "100% of it")]
        saved.settle(saved.begin("And then?", ids[1])[1], {"text": "Straße frei [1]"})
        saved.rename(ids[2], "Shares")
        found = {
            words: [e.id for e in saved.listing(words)[0]] for words in ("été", "STRASSE snow", "100%", "shares", "%")
        }
        assert found == {
            "été": [ids[0]],
            "STRASSE snow": [],
            "100%": [ids[2]],
            "shares": [ids[2]],
            "%": [ids[2]],
        }
        assert [e.id for e in saved.listing("strasse frei")[0]] == [ids[1]]
        assert saved.listing(limit=1)[1] == 3

    def test_a_deleted_one_comes_back_until_it_is_purged_a_day_later(
        self, saved: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        id_, _ = saved.begin("a very private question")
        saved.delete(id_)
        assert (saved.load(id_), saved.listing()) == (None, ([], 0))
        saved.purge()
        saved.restore(id_)
        assert saved.listing()[1] == 1
        saved.delete(id_)
        monkeypatch.setattr(store, "UNDO_PERIOD", timedelta())
        saved.purge()
        saved.restore(id_)
        assert (saved.load(id_), saved.listing()) == (None, ([], 0))
        with closing(sqlite3.connect(saved.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"private question" not in saved.path.read_bytes()

    def test_asking_on_brings_a_deleted_one_back_and_begins_anew_where_it_is_gone(self, saved: Store) -> None:
        id_, _ = saved.begin("Rain?")
        saved.delete(id_)
        assert saved.begin("And then?", id_)[0] == id_
        assert saved.listing()[1] == 1
        anew, _ = saved.begin("And then?", "gone-for-good")
        assert anew != "gone-for-good"
        assert [e.title for e in saved.listing()[0]] == ["And then?", "Rain?"]

    def test_a_fork_has_what_came_before_and_leaves_the_old_one_as_it_was(self, saved: Store) -> None:
        id_, first = saved.begin("Rain?")
        saved.settle(first, answer_to_json(ANSWER))
        _, second = saved.begin("And then?", id_)
        fork = saved.load(saved.fork(id_, second))
        old = saved.load(id_)
        assert fork is not None
        assert old is not None
        assert [(e.question, e.answer) for e in fork.exchanges] == [("Rain?", answer_to_json(ANSWER))]
        assert [e.question for e in old.exchanges] == ["Rain?", "And then?"]
        assert {e.id for e in fork.exchanges} & {e.id for e in old.exchanges} == set()

    def test_threads_may_write_at_once(self, saved: Store) -> None:
        def write() -> None:
            for _ in range(5):
                saved.begin("Rain?")

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert saved.listing()[1] == 20

    def test_nobody_else_may_read_it(self, saved: Store) -> None:
        saved.begin("Rain?")
        assert saved.path.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        ("statements", "reason"),
        [
            (["PRAGMA user_version = 99", f"PRAGMA application_id = {store.APPLICATION_ID}"], "a later version"),
            (["CREATE TABLE mine (x)"], "another program"),
        ],
    )
    def test_a_file_that_is_not_ours_is_refused_and_left_alone(
        self, saved: Store, statements: list[str], reason: str
    ) -> None:
        with closing(sqlite3.connect(saved.path)) as connection:
            for statement in statements:
                connection.execute(statement)
        before = saved.path.read_bytes()
        with pytest.raises(StoreError, match=reason):
            saved.begin("Rain?")
        assert saved.path.read_bytes() == before

    def test_what_is_no_database_is_refused(self, saved: Store) -> None:
        saved.path.write_bytes(b"no database at all" * 100)
        with pytest.raises(StoreError, match="cannot be saved in "):
            saved.listing()

    def test_it_lies_beside_the_index_unless_a_setting_says_where(self) -> None:
        assert store_path(Settings(index=Path("/a/index"))) == Path("/a/conversations.sqlite")
        assert store_path(Settings(conversations=Path("/b/talk.db"))) == Path("/b/talk.db")


class TestRestored:
    def test_all_of_an_answer_comes_back(self) -> None:
        assert answer_from_json(json.loads(json.dumps(answer_to_json(ANSWER))), ARTICLES.get) == ANSWER

    def test_of_a_vanished_article_the_quoted_words_are_left(self) -> None:
        answer = answer_from_json(answer_to_json(ANSWER), {"s": SNOW}.get)
        assert answer.citations[1] == ANSWER.citations[1]
        gone = answer.citations[0]
        assert (gone.quote, gone.article.title, gone.article.text) == ("Rain fell.", "Rain", "Rain fell.")
        assert [article_view.why_lost(c.article) for c in answer.citations] == [article_view.GONE, ""]
        shown = answer_view.answer_view(answer, "")["citations"][0]
        assert shown["lost"] == "The article is no longer in the archive"

    @pytest.mark.parametrize(
        ("text", "start", "lost"),
        [
            ("New: Rain fell. And more.", 5, ""),
            ("Rain stopped.", 0, article_view.CHANGED),
            ("More rain: Rain fell. Rain fell.", 0, article_view.CHANGED),
        ],
    )
    def test_words_are_found_again_in_a_changed_article_or_said_to_be_lost(
        self, text: str, start: int, lost: str
    ) -> None:
        changed = {"r": replace(RAIN, text=text), "s": SNOW}
        citation = answer_from_json(answer_to_json(ANSWER), changed.get).citations[0]
        assert (citation.quote, citation.start, article_view.why_lost(citation.article)) == ("Rain fell.", start, lost)

    @given(st.text(st.sampled_from("ab "), max_size=20), st.integers(0, 20), st.integers(0, 20))
    def test_a_quotation_is_always_of_the_words_that_were_quoted(self, text: str, start: int, end: int) -> None:
        article = Article("r", "r.txt", "ab ba ab b a")
        citation = Citation(1, article, min(start, end, 11), min(max(start, end), 12))
        row = answer_to_json(replace(ANSWER, citations=(citation,), hits=()))
        found = answer_from_json(row, {"r": Article("r", "r.txt", text)}.get).citations[0]
        assert found.quote == found.article.text[found.start : found.end] == citation.quote

    def test_an_archive_that_cannot_be_opened_is_not_taken_for_an_empty_one(self) -> None:
        lost = [article_view.why_lost(c.article) for c in answer_from_json(answer_to_json(ANSWER), None).citations]
        assert lost == [article_view.CLOSED, article_view.CLOSED]


ASKED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


class TestExport:
    def test_markdown(self) -> None:
        exchanges = (
            StoredExchange(1, ASKED, "Rain?", "", answer_to_json(ANSWER), ""),
            StoredExchange(2, ASKED, "# ![x](http://203.0.113.1/x)", "", None, "It broke."),
        )
        assert conversation_to_markdown(
            StoredConversation("c", "*Weather*", exchanges), datetime(2026, 1, 3, 4, 5)
        ) == (
            "# \\*Weather\\*\n\n"
            "Exported from On Record on 2026-01-03 04:05.\n\n"
            "## 1. Rain?\n\n"
            "> Note: a notice\n\n"
            "**Rain fell.** [1]  \n"
            "\\*Snow\\*: Snow fell. [2]\n\n"
            "The sources disagree about the weather: [1] against [2]\n\n"
            "- [1] “Rain fell.” (the minister, Rain, The Gazette, 2025-03-04; rain.txt, characters 0–10)\n"
            "- [2] “Snow fell.” (untitled, publish date unknown; snow.txt, characters 0–10)\n"
            "  https://example.org/snow\n\n"
            "## 2. \\# \\!\\[x\\](http://203.0.113.1/x)\n\n"
            "*Not answered.* It broke.\n"
        )

    def test_json_has_every_citation(self) -> None:
        exported = conversation_to_json(
            StoredConversation("c", "Weather", (StoredExchange(1, ASKED, "Rain?", "", answer_to_json(ANSWER), ""),))
        )
        (exchange,) = exported["exchanges"]
        assert exchange["asked"] == "2026-01-02T03:04:00+00:00"
        assert [(c["article_id"], c["start"], c["end"], c["quote"]) for c in exchange["answer"]["citations"]] == [
            ("r", 0, 10, "Rain fell."),
            ("s", 0, 10, "Snow fell."),
        ]


class TestSession:
    def test_a_conversation_goes_on_when_it_cannot_be_kept(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("not a folder")
        talk = Conversation(Store(blocked / "conversations.sqlite"))
        talk.ask("Rain?")
        assert [e.question for e in talk.exchanges] == ["Rain?"]
        assert talk.trouble.startswith("conversations cannot be saved in ")

    def test_a_stopped_question_says_so_after_a_restart(self, saved: Store) -> None:
        talk = Conversation(saved)
        talk.ask("Rain?")
        talk.stop(talk.exchanges[0])
        row = saved.load(str(talk.id))
        assert row is not None
        assert [e.error for e in conversation_from_store(row, saved, ARTICLES.get).exchanges] == [STOPPED]

    def test_an_answer_is_kept_although_nobody_looks(self, saved: Store) -> None:
        talk = Conversation(saved)
        talk.ask("Rain?")
        asking = talk.begin(talk.exchanges[0], lambda: iter([ANSWER]), "2 passages")
        assert [event for _, event in asking.follow(5) if event] == [ANSWER]
        row = saved.load(str(talk.id))
        assert row is not None
        (exchange,) = conversation_from_store(row, saved, ARTICLES.get).exchanges
        assert (exchange.answer, exchange.searched) == (ANSWER, "2 passages")

    def test_one_that_is_still_being_made_is_followed_from_another_window(self, saved: Store) -> None:
        go = threading.Event()

        def slow() -> Iterator[Event]:
            go.wait()
            yield ANSWER

        talk = Conversation(saved)
        talk.ask("Rain?")
        talk.begin(talk.exchanges[0], slow, "")
        row = saved.load(str(talk.id))
        assert row is not None
        (exchange,) = conversation_from_store(row, saved, ARTICLES.get).exchanges
        assert exchange.asking is talk.exchanges[0].asking
        assert not exchange.settled
        go.set()


def test_days_have_names() -> None:
    today = date.today()
    noon = datetime.combine(today, datetime.min.time()).astimezone() + timedelta(hours=12)
    entries = [ListedConversation(str(n), "", noon - timedelta(days=days)) for n, days in enumerate((0, 0, 1, 400))]
    before = today - timedelta(days=400)
    assert [(day, [e.id for e in group]) for day, group in sidebar._by_day(entries, today)] == [
        ("Today", ["0", "1"]),
        ("Yesterday", ["2"]),
        (f"{before.day} {before:%B %Y}", ["3"]),
    ]


# The chat


@pytest.fixture
def page(seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The chat over the seed articles with no conversations yet, drawn once."""
    monkeypatch.setenv("ONRECORD_INDEX", str(seed_index))
    monkeypatch.setenv("ONRECORD_CONVERSATIONS", str(tmp_path / "conversations.sqlite"))
    return opened()


def opened(**address: str) -> AppTest:
    page = AppTest.from_file(chat_server.page(), default_timeout=PATIENCE_SECONDS)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def ask(page: AppTest, question: str) -> None:
    page.chat_input[0].set_value(question).run()
    assert not page.exception


def address(page: AppTest, name: str) -> str:
    """A part of the page's address; AppTest gives a list of what was set from outside, a text of what the page set."""
    value = page.query_params[name]
    return value if isinstance(value, str) else value[0]


def questions(page: AppTest) -> list[str]:
    return [exchange.question for exchange in page.session_state[KEY].exchanges]


def click(page: AppTest, key: str) -> None:
    next(button for button in page.button if button.key == key).click().run()
    assert not page.exception


def test_a_conversation_is_opened_by_its_address_searched_deleted_and_brought_back(page: AppTest) -> None:
    assert "chat" not in page.query_params
    ask(page, EXPORTS)
    id_ = address(page, "chat")
    first = page.session_state[KEY].exchanges[0].answer
    click(page, "new")
    assert "chat" not in page.query_params
    ask(page, MEXICO)

    again = opened(chat=id_)
    assert questions(again) == [EXPORTS]
    assert again.session_state[KEY].exchanges[0].answer.citations == first.citations

    page.text_input(key="find").set_value("percentage exports").run()
    keys = [button.key for button in page.sidebar.button if str(button.key).startswith("open-")]
    assert keys == [f"open-{id_}"]
    click(page, f"open-{id_}")
    assert questions(page) == [EXPORTS]

    page.text_input(key=f"title-{id_}").set_value("Exports").run()
    click(page, "delete")
    assert questions(page) == []
    assert any(text.value == "Deleted “Exports”." for text in page.sidebar.text)
    assert [t.value for t in opened(chat=id_).main.text][:1] == [
        "There is no conversation at this address. It may have been deleted."
    ]
    click(page, "undo-delete")
    assert (questions(page), page.session_state[KEY].title) == ([EXPORTS], "Exports")


def test_a_question_is_edited_in_place_or_in_a_new_conversation(page: AppTest) -> None:
    ask(page, EXPORTS)
    ask(page, "Who said that?")
    old = address(page, "chat")
    first, last = page.session_state[KEY].exchanges

    click(page, f"edit-{last.number}")
    page.text_area(key=f"text-{last.number}").set_value(MEXICO)
    click(page, f"FormSubmitter:edit-form-{last.number}-Ask")
    assert questions(page) == [EXPORTS, MEXICO]
    assert page.session_state[KEY].exchanges[1].answer.question == MEXICO

    click(page, f"edit-{first.number}")
    page.text_area(key=f"text-{first.number}").set_value("How close is a deal on autos?")
    click(page, f"FormSubmitter:edit-form-{first.number}-Ask")
    assert questions(page) == ["How close is a deal on autos?"]
    assert address(page, "chat") != old
    assert questions(opened(chat=old)) == [EXPORTS, MEXICO]


def test_an_answer_is_asked_for_again_with_other_settings(page: AppTest) -> None:
    ask(page, EXPORTS)
    exchange = page.session_state[KEY].exchanges[0]
    assert exchange.answer.status == "answered"
    page.slider(key="refuse-below").set_value(1.0).run()
    assert exchange.answer.status == "answered"
    click(page, f"again-{exchange.number}")
    assert questions(page) == [EXPORTS]
    assert page.session_state[KEY].exchanges[0].answer.status == "abstained"


def test_an_address_names_a_question_and_long_conversations_have_an_index(page: AppTest) -> None:
    for question in (EXPORTS, MEXICO, "Who said that?"):
        ask(page, question)
    id_ = address(page, "chat")
    talk = opened(chat=id_, q="2").session_state[KEY]
    assert talk.shown is not None
    assert talk.shown[0] == talk.exchanges[1].number
    keys = [str(button.key) for button in page.sidebar.button if str(button.key).startswith("to-")]
    assert len(keys) == 3
    click(page, keys[0])
    assert address(page, "q") == "1"
    assert page.session_state[KEY].shown[0] == page.session_state[KEY].exchanges[0].number


def test_a_broken_file_is_said_and_stops_nothing(page: AppTest, tmp_path: Path) -> None:
    (tmp_path / "conversations.sqlite").write_bytes(b"no database at all" * 100)
    ask(page, EXPORTS)
    assert page.session_state[KEY].exchanges[0].answer.status == "answered"
    assert any(text.value.startswith("Conversations cannot be saved in ") for text in page.main.text)


def test_a_model_that_does_not_exist_is_said_and_the_usual_one_answers(page: AppTest) -> None:
    page.selectbox(key="generator").set_value(settings.OTHER).run()
    page.text_input(key="model").set_value("oracle").run()
    assert any(text.value.startswith("Unknown generator 'oracle'") for text in page.sidebar.text)
    ask(page, EXPORTS)
    assert page.session_state[KEY].exchanges[0].answer.generator == "extractive"
