"""The chat: what its pages are given to draw, the thread that answers, and a conversation with the real product."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from rag.cli import chat_server
from rag.config import Settings
from rag.index.build import build
from rag.index.catalog import CATALOG_FILE
from rag.models.base import Encoder, Models
from rag.models.registry import load_answer_reader
from rag.pipeline import OnRecord
from rag.query.analysis import MAX_QUESTION_CHARS
from rag.types import Answer, Article, Citation, Claim, Hit, Passage, Removed, Status, Support
from tests.helpers.waiting import PATIENCE_SECONDS, wait_for_end
from ui import wording
from ui.parts import maintenance
from ui.server import settle
from ui.state.answering import Asking
from ui.state.archive import build_command, holdings, open_desk
from ui.state.session import KEY
from ui.views import answer as answer_view
from ui.views import article as article_view
from ui.views.article import Json, Mark
from ui.views.sources import strip, timeline

EXPORTS = "What percentage of Canada's exports go to the United States?"
TITLED = Article("t", "titled.txt", "Rain fell.\n\nRoads stay open, the minister said.", title="Rain *and* [roads]")
UNTITLED = Article("u", "untitled.txt", "Snow fell all night on the hills above the town.", publisher="The Gazette")


def make_answer(text: str, *claims: Claim, citations: tuple[Citation, ...] = (), hits: tuple[Hit, ...] = ()) -> Answer:
    status: Status = "answered" if claims else "abstained"
    return Answer("q", "q", status, text, 0.9, claims, citations, hits, "extractive", 1, timings_ms={"total": 24.9})


def cite(n: int, article: Article, words: str, speaker: str | None = None) -> Citation:
    start = article.text.index(words)
    return Citation(n, article, start, start + len(words), speaker)


def words_of(line: Json) -> str:
    return "".join(part["text"] for part in line["parts"])


class TestAnswerView:
    def test_claims_stand_alone_and_the_words_between_them_are_kept(self) -> None:
        text = "The articles disagree.\n- Roads stay open. [1]\n- Snow fell. [2] [1]\n\nNo article has a date."
        claims = Claim("Roads stay open.", "supported", 0.9, (1,)), Claim("Snow fell.", "verbatim", 1.0, (2, 1))
        citations = cite(1, TITLED, "Roads stay open"), cite(2, UNTITLED, "Snow fell")
        lines = answer_view.answer_lines(make_answer(text, *claims, citations=citations))
        assert [(words_of(line), line["citations"]) for line in lines] == [
            ("The articles disagree.", []),
            ("Roads stay open.", [1]),
            ("Snow fell.", [2, 1]),
            ("No article has a date.", []),
        ]
        assert [line["support"] and (line["support"]["sign"], line["support"]["word"]) for line in lines] == [
            None,
            ("≈", "supported"),
            ("✓", "verbatim"),
            None,
        ]

    def test_a_claim_that_the_text_lacks_is_still_shown(self) -> None:
        lines = answer_view.answer_lines(make_answer("Snow fell.", Claim("Rain fell.", "unsupported", 0.1, ())))
        assert [words_of(line) for line in lines] == ["Rain fell.", "Snow fell."]

    def test_claims_out_of_order_are_shown_once_and_as_the_text_has_them(self) -> None:
        text = "Rain fell. [2]\nLater, on 2 March: Rain fell. Snow fell. [1]"
        claims = Claim("Rain fell. Snow fell.", "verbatim", 1.0, (1,)), Claim("Rain fell.", "verbatim", 1.0, (2,))
        citations = cite(1, UNTITLED, "Snow fell"), cite(2, TITLED, "Rain fell.")
        lines = answer_view.answer_lines(make_answer(text, *claims, citations=citations))
        assert [(words_of(line), line["citations"]) for line in lines] == [
            ("Rain fell.", [2]),
            ("Later, on 2 March: Rain fell. Snow fell.", [1]),
        ]

    def test_a_marker_without_a_citation_stays_text(self) -> None:
        answer = make_answer("Nearest: roads stay open. [1] [7]", citations=(cite(1, TITLED, "Roads stay open"),))
        (line,) = answer_view.answer_lines(answer)
        assert (words_of(line), line["citations"]) == ("Nearest: roads stay open. [7]", [1])

    def test_only_the_title_of_a_cited_article_loses_its_asterisks(self) -> None:
        claim = Claim("*Rain *and* [roads]*: two * two * four.", "verbatim", 1.0, (1,))
        (line,) = answer_view.answer_lines(
            make_answer(claim.text + " [1]", claim, citations=(cite(1, TITLED, "Rain fell."),))
        )
        assert line["parts"] == [
            {"text": "Rain *and* [roads]", "role": "title"},
            {"text": ": two * two * four.", "role": "plain"},
        ]

    @pytest.mark.parametrize("claimed", ["Over 75%.", "**Over 75%.**"])
    def test_a_short_answer_leads_in_bold_type(self, claimed: str) -> None:
        claims = Claim(claimed, "verbatim", 1.0, (1,)), Claim("Rain **fell**.", "supported", 0.9, (1,))
        text = "**Over 75%.** [1]\nRain **fell**. [1]"
        lines = answer_view.answer_lines(make_answer(text, *claims, citations=(cite(1, TITLED, "Rain fell."),)))
        assert [line["parts"] for line in lines] == [
            [{"text": "Over 75%.", "role": "lead"}],
            [{"text": "Rain **fell**.", "role": "plain"}],
        ]
        assert [line["citations"] for line in lines] == [[1], [1]]

    def test_a_source_says_what_is_known_and_what_is_not(self) -> None:
        citations = cite(1, UNTITLED, "Snow fell all night"), cite(2, TITLED, "Roads stay open", "the minister")
        shown = answer_view.answer_view(make_answer("", citations=citations), searched="")
        assert shown["citations"] == [
            {
                "n": 1,
                "headline": "untitled: “Snow fell all night on the hills above…”",
                "byline": "The Gazette · publish date unknown",
                "speaker": None,
                "quote": "Snow fell all night",
                "lost": "",
            },
            {
                "n": 2,
                "headline": "Rain *and* [roads]",
                "byline": "publish date unknown",
                "speaker": "the minister",
                "quote": "Roads stay open",
                "lost": "",
            },
        ]
        assert (shown["sources"], shown["made"]) == (
            "2 citations in 2 articles",
            "The articles’ own words · 25 ms in all",
        )

    def test_a_refusal_lists_the_nearest_passages_and_an_answer_does_not(self) -> None:
        hits = (Hit(1, 0.5, Passage(TITLED, 0, 10)),)
        refusal = answer_view.answer_view(
            make_answer("The archive does not say.", hits=hits), searched="3 passages of 2 articles"
        )
        assert refusal["searched"] == "3 passages of 2 articles"
        assert [(p["rank"], p["text"], p["also"]) for p in refusal["nearest"]] == [(1, "Rain fell.", "")]
        repeated = (Hit(1, 0.5, Passage(TITLED, 0, 10), also=(Passage(UNTITLED, 0, 4), Passage(UNTITLED, 5, 9))),)
        told = answer_view.answer_view(make_answer("The archive does not say.", hits=repeated), searched="3 passages")
        assert told["nearest"][0]["also"] == (
            "untitled: “Snow fell all night on the hills above…” · The Gazette · publish date unknown"
        )
        claim = Claim("Rain fell.", "verbatim", 1.0, ())
        answered = answer_view.answer_view(
            make_answer(claim.text, claim, hits=hits), searched="3 passages of 2 articles"
        )
        assert (answered["searched"], answered["nearest"]) == ("", [])

    @pytest.mark.parametrize("support", ["verbatim", "supported", "unsupported"])
    def test_support_has_a_sign_and_a_word(self, support: Support) -> None:
        sign, word, _ = answer_view.SUPPORT_SIGNS[support]
        assert (len(sign), word) == (1, support)


def told_by(*sources: tuple[str | None, str | None, str]) -> tuple[Citation, ...]:
    """A citation of the whole of an article for each publisher, day and text."""
    articles = [Article(str(n), f"{n}.txt", text, None, name, day) for n, (name, day, text) in enumerate(sources)]
    return tuple(Citation(n, article, 0, len(article.text)) for n, article in enumerate(articles, start=1))


class TestStanding:
    @pytest.mark.parametrize(
        ("sources", "told"),
        [
            ([("The Gazette", "2025-03-01", "Rain.")], []),
            (
                [("The Gazette", "2025-03-01", "Rain."), ("the gazette ", "2025-03-02T01:00", "Snow.")],
                ["2 articles", "1 outlet", "as of 2025-03-02"],
            ),
            (
                [("The Gazette", "2025-03-01", "Rain."), ("The Post", None, "Snow."), (None, None, "Hail.")],
                ["3 articles", "2 independent outlets, and some not named", "as of 2025-03-01, where dates are known"],
            ),
            (  # the same words in three outlets are one source, and the fourth is another
                [
                    ("A", None, "Rain  fell."),
                    ("B", None, "rain fell."),
                    ("C", None, "Rain fell."),
                    ("D", None, "Snow."),
                ],
                [
                    "4 articles",
                    "2 independent outlets",
                    "the same words in 3 outlets count once",
                    "publish dates unknown",
                ],
            ),
            (
                [("A", None, "Rain."), ("B", None, "Rain.")],
                ["2 articles", "1 outlet", "the same words in 2 outlets count once", "publish dates unknown"],
            ),
            (  # one word of ten changed, and a dash for a comma
                [
                    ("A", None, "The port of Telwick stays closed until April, officials said."),
                    ("B", None, "The port of Telwick stays closed until April — officials announced."),
                ],
                ["2 articles", "1 outlet", "the same words in 2 outlets count once", "publish dates unknown"],
            ),
            (
                [("A", None, "The port of Telwick is closed."), ("B", None, "The port of Marrowby is closed.")],
                ["2 articles", "2 independent outlets", "publish dates unknown"],
            ),
            (
                [(None, None, "Rain."), (" ", None, "Snow.")],
                ["2 articles", "outlets not named", "publish dates unknown"],
            ),
        ],
    )
    def test_outlets_that_say_the_same_words_count_once(
        self, sources: list[tuple[str | None, str | None, str]], told: list[str]
    ) -> None:
        assert strip(told_by(*sources)) == told

    def test_the_timeline_runs_from_the_first_to_the_latest(self) -> None:
        shown = timeline(
            told_by(
                ("A", "2025-03-20", "Snow."),
                (None, None, "Hail."),
                ("B", "2025-03-01", "Rain."),
                ("C", "2025-06", "Sun."),
            )
        )
        assert shown is not None
        assert [(s["day"], s["since"], s["outlet"], s["citations"]) for s in shown["stops"]] == [
            ("2025-03-01", "", "B", [3]),
            ("2025-03-20", "3 weeks later", "A", [1]),
            ("2025-06", "", "C", [4]),
        ]
        assert shown["undated"] == "1 cited article without a publish date"

    @pytest.mark.parametrize("days", [(None, None), ("2025-03-01", None), ("2025-03-01", "2025-03-01T09:00")])
    def test_without_two_days_there_is_no_timeline(self, days: tuple[str | None, str | None]) -> None:
        assert timeline(told_by(*(("A", day, f"{n}") for n, day in enumerate(days)))) is None


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Mark]]:
    text = draw(st.text(st.sampled_from("ab \n😀é"), min_size=1, max_size=60))
    article = Article("a", "a.txt", text)
    places = st.integers(0, len(text))
    spans = draw(st.lists(st.tuples(places, places).filter(lambda s: s[0] < s[1]), min_size=1, max_size=5))
    return text, [Mark("citation", n, article, *span) for n, span in enumerate(spans, start=1)]


class TestArticleView:
    @given(marked_texts())
    def test_the_pieces_are_the_text_and_the_marked_ones_the_quote(self, marked: tuple[str, list[Mark]]) -> None:
        text, marks = marked
        for current in marks:
            lines = article_view.paragraphs(text, marks, current)
            assert "\n".join("".join(piece["text"] for piece in line) for line in lines) == text
            quote = "".join(piece["text"] for line in lines for piece in line if piece["role"] == "current")
            assert quote == text[current.start : current.end].replace("\n", "")

    def test_the_open_mark_knows_its_neighbours_in_other_articles(self) -> None:
        citations = (
            cite(1, TITLED, "Rain fell."),
            cite(2, UNTITLED, "Snow fell"),
            cite(3, TITLED, "Roads", "the minister"),
        )
        marks = article_view.marks(make_answer("", citations=citations))
        shown = article_view.article_view(marks, marks[0])
        assert (shown["position"], shown["previous"], shown["next"]) == (
            "Citation 1 of 3",
            None,
            {"kind": "citation", "n": 2},
        )
        assert [[(p["text"], p["role"]) for p in line] for line in shown["paragraphs"]] == [
            [("Rain fell.", "current")],
            [],
            [("Roads", "other"), (" stay open, the minister said.", "plain")],
        ]
        assert article_view.attributed(marks[2]) == (
            "“Roads” (the minister, Rain *and* [roads], publish date unknown; titled.txt)"
        )

    def test_what_was_removed_is_listed(self) -> None:
        article = Article("r", "r.txt", "Rain fell.", removed=(Removed(3, "Leave a Reply", "comment form"),))
        marks = article_view.marks(make_answer("", citations=(cite(1, article, "Rain"),)))
        assert article_view.article_view(marks, marks[0])["removed"] == [
            {"line": 3, "text": "Leave a Reply", "reason": "comment form"}
        ]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("the index is damaged", "The index is damaged"),
        ("index/catalog.sqlite is damaged", "index/catalog.sqlite is damaged"),
        ("story.txt is empty", "story.txt is empty"),
        ("no index here.", "No index here."),
        ("", ""),
    ],
)
def test_a_message_begins_with_a_capital_and_a_file_keeps_its_name(message: str, shown: str) -> None:
    assert wording.capitalised(message) == shown


def test_a_label_shows_its_text_and_no_markdown() -> None:
    assert wording.plain_label("*a* [b](c) :red[d] $e$ <f> #1\n- g") == (
        r"\*a\* \[b\]\(c\) \:red\[d\] \$e\$ \<f\> \#1 \- g"
    )


class TestDesk:
    def test_another_archive_has_questions_of_its_own_titles_and_a_rebuild_is_seen(
        self, archive: Path, index_path: Path, hash_encoder: Encoder
    ) -> None:
        def put(name: str, **fields: str) -> None:
            (archive / name).write_text(json.dumps({"id": name, "text": "Rain fell on the hills.", **fields}))
            build(archive, index_path, hash_encoder)

        put("a.jsonl", title="Rain *again*", publisher="The Gazette", published="2025-03-04")
        settings = Settings(index=index_path, seeds=archive)
        product = OnRecord(index_path, settings, Models(hash_encoder, load_answer_reader()))
        first = open_desk(settings, product)
        assert first.examples == ("What do the articles say about “Rain *again*”?",)
        assert holdings(first.status) == ["1 article", "1 passage", "1 outlet", "published 2025-03-04"]
        put("b.jsonl", text="Snow fell in the town.")
        assert holdings(open_desk(settings, product).status) == [
            "2 articles",
            "2 passages",
            "1 outlet",
            "published 2025-03-04, 1 date unknown",
        ]

    def test_the_command_names_the_folders_that_are_not_the_usual_ones(self) -> None:
        assert build_command(Settings()) == "onrecord build"
        assert build_command(Settings(seeds=Path("my news"))) == "onrecord build --seeds 'my news'"


def followed(asking: Asking[Any], tick: float = 5) -> Iterator[Any]:
    """The events alone, without their times and without the ticks between them."""
    return (event for _, event in asking.follow(tick) if event is not None)


class TestAsking:
    def test_whoever_follows_late_sees_everything_with_its_time(self) -> None:
        asking = Asking(lambda: iter("abc"))
        first, second = list(asking.follow(5)), list(asking.follow(5))
        assert [event for _, event in first] == ["a", "b", "c"]
        assert [pair for pair in second if pair[1]] == [pair for pair in first if pair[1]]

    def test_waiting_is_told(self) -> None:
        go = threading.Event()

        def slow() -> Iterator[str]:
            yield "a"
            go.wait()
            yield "b"

        following = (event for _, event in Asking(slow).follow(0.01))
        assert next(event for event in following if event is not None) == "a"
        assert (next(following), next(following)) == (None, None)
        go.set()
        assert [event for event in following if event is not None] == ["b"]

    def test_an_error_comes_after_the_events_before_it(self) -> None:
        def broken() -> Iterator[str]:
            yield "a"
            raise ValueError("broken")

        following = followed(Asking(broken))
        assert next(following) == "a"
        with pytest.raises(ValueError, match="broken"):
            list(following)

    def test_a_stopped_one_keeps_and_shows_no_further_event(self) -> None:
        go = threading.Event()
        kept: list[int] = []

        def endless() -> Iterator[int]:
            for n in range(1_000_000):
                yield n
                go.wait()

        asking = Asking(endless, kept.append)
        following = followed(asking)
        assert next(following) == 0
        asking.stop()
        go.set()
        assert list(following) == []
        assert kept == [0]

    def test_busy_ones_take_their_turns_and_a_waiting_one_does_not_hold_them_up(self) -> None:
        go, cores = threading.Event(), os.cpu_count() or 1
        begun: list[int] = []

        def slow(number: int) -> Iterator[int]:
            begun.append(number)
            yield number
            go.wait()

        asked = [Asking(partial(slow, number), busy=True) for number in range(cores + 2)]
        for asking in asked[:cores]:
            next(followed(asking))
        assert list(followed(Asking(lambda: iter("abc")))) == ["a", "b", "c"]
        assert sorted(begun) == list(range(cores))
        go.set()
        assert [list(followed(asking)) for asking in asked] == [[number] for number in range(cores + 2)]

    def test_a_busy_one_that_is_stopped_before_its_turn_is_never_begun(self) -> None:
        go, cores = threading.Event(), os.cpu_count() or 1
        begun: list[str] = []

        def asked(name: str) -> Iterator[str]:
            begun.append(name)
            yield name
            go.wait()

        before = [Asking(partial(asked, "before"), busy=True) for _ in range(cores)]
        stopped = Asking(partial(asked, "stopped"), busy=True)
        stopped.stop()
        go.set()
        assert [list(followed(asking)) for asking in [*before, stopped]] == [["before"]] * cores + [[]]
        assert begun == ["before"] * cores


class TestServer:
    def test_what_is_loaded_once_is_not_looked_at_after_every_run_of_a_page(self) -> None:
        before = len(gc.get_objects())
        settle()
        try:
            assert gc.get_freeze_count() > 0.9 * before
            assert len(gc.get_objects()) < 0.1 * before
        finally:
            gc.unfreeze()

    def test_every_option_is_one_that_streamlit_knows(self) -> None:
        known = set(config.get_config_options())
        given = [argument[2:].partition("=")[0] for argument in chat_server.command(8501) if argument[:2] == "--"]
        assert set(given) - known == set()

    def test_it_serves_this_computer_alone_and_tells_nobody(self) -> None:
        command = chat_server.command(8765)
        assert command[1:4] == ["-m", "ui.server", "run"]
        assert Path(command[4]).name == "app.py"
        assert {
            "--server.address=127.0.0.1",
            "--server.port=8765",
            "--server.headless=true",
            "--browser.gatherUsageStats=false",
            "--client.showErrorDetails=none",
            "--server.allowedHosts=localhost",
        } <= set(command)

    def test_it_ends_with_the_command_that_started_it(self, seed_index: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        arguments = [
            sys.executable,
            "-m",
            "rag",
            "ui",
            "--headless",
            "--port",
            str(port),
            "--index",
            str(seed_index),
        ]
        started = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
        try:
            assert started.stderr is not None
            assert started.stderr.readline() == f"On Record answers at http://localhost:{port} (Ctrl+C ends it)\n"
        finally:
            started.terminate()
            started.wait(timeout=PATIENCE_SECONDS)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def page(seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The chat over the seed articles, drawn once."""
    monkeypatch.setenv("ONRECORD_INDEX", str(seed_index))
    monkeypatch.setenv("ONRECORD_CONVERSATIONS", str(tmp_path / "conversations.sqlite"))
    return opened()


def opened() -> AppTest:
    return AppTest.from_file(chat_server.page(), default_timeout=PATIENCE_SECONDS).run()


def drawn(page: AppTest, component: str) -> list[dict[str, Any]]:
    """The data of every `component` on the page, in order."""
    protos = [element.proto for element in page.get("bidi_component")]
    return [json.loads(proto.json)[0] for proto in protos if proto.component_name == f"onrecord.{component}"]


def ask(page: AppTest, question: str) -> dict[str, Any]:
    """Ask in the chat; what the last answer shows."""
    page.chat_input[0].set_value(question).run()
    assert not page.exception
    answer: dict[str, Any] = drawn(page, "answer")[-1]["answer"]
    return answer


def shown(page: AppTest) -> list[str]:
    """The plain texts of the page without its sidebar, in order."""
    return [element.value for element in page.main.text]


class TestConversation:
    def test_the_empty_page_says_what_the_archive_holds(self, page: AppTest) -> None:
        assert not page.exception
        assert page.title[0].value == "On Record"
        assert any(
            text.startswith("The archive: 5 articles · ") and "publish dates unknown" in text for text in shown(page)
        )
        assert [button.key for button in page.main.button] == ["example-0", "example-1", "example-2", "example-3"]

    def test_a_question_and_its_follow_up(self, page: AppTest) -> None:
        answer = ask(page, EXPORTS)
        assert answer["status"] == "answered"
        assert any("over 75% of Canadian exports" in citation["quote"] for citation in answer["citations"])
        assert answer["lines"][0]["citations"] == [1]
        ask(page, "Who said that?")
        exchanges = page.session_state[KEY].exchanges
        assert [exchange.question for exchange in exchanges] == [EXPORTS, "Who said that?"]
        assert exchanges[1].answer.standalone_question != "Who said that?"
        assert [data["question"] for data in drawn(page, "question")] == [EXPORTS, "Who said that?"]

    def test_an_example_is_asked_at_a_click(self, page: AppTest) -> None:
        page.button(key="example-0").click().run()
        assert not page.exception
        assert [data["question"] for data in drawn(page, "question")] == [EXPORTS]
        assert not page.title

    def test_a_refusal_shows_what_was_searched_and_what_came_nearest(self, page: AppTest) -> None:
        answer = ask(page, "How old is Dominic LeBlanc?")
        assert (answer["status"], answer["citations"]) == ("abstained", [])
        assert answer["searched"].endswith(" passages of 5 articles")
        assert [passage["rank"] for passage in answer["nearest"]] == [1, 2, 3]

    def test_opening_a_citation_shows_its_article_and_asks_nothing_again(self, page: AppTest) -> None:
        ask(page, EXPORTS)
        talk = page.session_state[KEY]
        answer = talk.exchanges[0].answer
        talk.open(talk.exchanges[0], "citation", 1)
        page.run()
        assert not page.exception
        (pane,) = drawn(page, "article")
        marked = [p["text"] for line in pane["article"]["paragraphs"] for p in line if p["role"] == "current"]
        assert "".join(marked) == answer.citations[0].quote
        assert page.session_state[KEY].exchanges[0].answer is answer
        assert drawn(page, "answer")[0]["opened"] == 1
        talk.close()
        assert drawn(page.run(), "article") == []

    @pytest.mark.parametrize("target", [("citation", 99), ("passage", 1), ("file", 1), (None, None), ("citation", "1")])
    def test_a_mark_that_the_answer_lacks_opens_nothing(self, page: AppTest, target: tuple[object, object]) -> None:
        ask(page, EXPORTS)
        talk = page.session_state[KEY]
        talk.open(talk.exchanges[0], *target)
        assert talk.opened is None

    def test_why_these_passages(self, page: AppTest) -> None:
        ask(page, EXPORTS)
        assert not page.dataframe
        page.session_state[f"why-{page.session_state[KEY].exchanges[0].number}"] = True
        page.run()
        (table,) = page.dataframe
        told = "Their scores: words: how well the words match those of the question; meaning: how close"
        assert any(told in text.value for text in page.text)
        assert list(table.value.columns) == [
            "rank",
            "score",
            "words",
            "meaning",
            "article",
            "published",
            "passage",
        ]
        assert list(table.value["rank"]) == list(range(1, len(table.value) + 1))
        assert list(table.value["score"]) == sorted(table.value["score"], reverse=True)
        assert table.value["passage"][0].startswith("The USMCA continues to serve as the foundation for trade")

    def test_a_new_conversation_is_empty(self, page: AppTest) -> None:
        ask(page, EXPORTS)
        page.button(key="new").click().run()
        assert drawn(page, "question") == []
        assert page.title[0].value == "On Record"


class TestTrouble:
    def test_a_missing_index_is_a_message_with_the_command(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ONRECORD_INDEX", str(tmp_path / "none"))
        page = opened()
        assert not page.exception
        assert page.code[0].value == f"onrecord build --index {tmp_path / 'none'}"
        assert str(tmp_path / "none") in " ".join(shown(page))
        assert page.chat_input[0].disabled
        assert (page.button(key="build-").label, page.button(key="build-").disabled) == ("Build the index", False)

    def test_an_index_is_built_at_a_click_from_nothing_and_then_answers(
        self, seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ONRECORD_INDEX", str(tmp_path / "index"))
        monkeypatch.setenv("ONRECORD_SEEDS", str(seeds))
        page = opened()
        page.button(key="build-").click().run()
        assert page.subheader[0].value == "Working on the index"
        wait_for_end(maintenance.jobs(str(tmp_path / "index")))
        page.run()
        assert not page.exception
        assert ask(page, EXPORTS)["status"] == "answered"

    def test_a_damaged_index_is_mended_at_a_click(
        self, seeds: Path, seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        index = tmp_path / "index"
        shutil.copytree(seed_index, index)
        monkeypatch.setenv("ONRECORD_INDEX", str(index))
        monkeypatch.setenv("ONRECORD_SEEDS", str(seeds))
        catalog = index / CATALOG_FILE
        catalog.write_bytes(catalog.read_bytes()[:4096] + b"\xff" * 40_000)
        page = opened()
        assert not page.exception
        assert page.subheader[0].value == "The index is damaged"
        page.button(key="repair-").click().run()
        wait_for_end(maintenance.jobs(str(index)))
        page.run()
        assert not page.exception
        assert ask(page, EXPORTS)["status"] == "answered"

    def test_an_empty_index_says_what_to_do_and_what_came_of_it(
        self, archive: Path, index_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        article = archive / "rain.txt"
        article.write_text("Rain fell on the hills all night.")
        build(archive, index_path, encoder)
        article.unlink()
        build(archive, index_path, encoder)
        monkeypatch.setenv("ONRECORD_INDEX", str(index_path))
        monkeypatch.setenv("ONRECORD_SEEDS", str(archive))
        page = opened()
        assert any(f"put them into {archive} and build the index" in text for text in shown(page))
        page.button(key="build-empty").click().run()
        wait_for_end(maintenance.jobs(str(index_path)))
        page.run()
        assert "Articles: none. New or changed: 0 of 0 passages." in shown(page)
        page.button(key="to-archive").click().run()
        assert not page.exception
        assert page.title[0].value == "The archive"

    def test_a_wrong_setting_is_a_message(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ONRECORD_PASSAGES", "none")
        page = opened()
        assert not page.exception
        assert "Option passages in the environment is 'none'" in " ".join(shown(page))

    def test_a_question_too_long_is_said_and_kept(self, page: AppTest) -> None:
        ask(page, EXPORTS)
        long = "why " * MAX_QUESTION_CHARS
        page.chat_input[0].set_value(long).run()
        assert not page.exception
        assert str(MAX_QUESTION_CHARS) in shown(page)[-1].replace(",", "")
        assert [data["question"] for data in drawn(page, "question")] == [EXPORTS, long]
        assert len(drawn(page, "answer")) == 1

    def test_what_breaks_is_shown_without_its_words_and_can_be_tried_again(
        self, page: AppTest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> Iterator[Any]:
            raise RuntimeError("a key that nobody should see")

        with monkeypatch.context() as patch:
            patch.setattr(OnRecord, "stream", broken)
            page.chat_input[0].set_value(EXPORTS).run()
        assert not page.exception
        assert "a key that" not in " ".join(shown(page))
        assert "The question is saved" in shown(page)[-1]
        again = next(button for button in page.button if str(button.key).startswith("again-"))
        again.click().run()
        assert drawn(page, "answer")[0]["answer"]["status"] == "answered"


def test_no_script_of_the_page_parses_markup() -> None:
    parsing = r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|createContextualFragment|document\.write|\beval\b"
    scripts = sorted((Path(answer_view.__file__).parents[1] / "static").glob("*.js"))
    assert [script.name for script in scripts] == ["answer.js", "article.js", "dom.js", "parts.js", "question.js"]
    assert [script.name for script in scripts if re.search(parsing, script.read_text(encoding="utf-8"))] == []
