"""The archive page: articles in a table, articles on their way in and out again, work on the index."""

from __future__ import annotations

import gzip
import json
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from rag.cli import chat_server
from rag.config import Settings
from rag.errors import SourceError
from rag.filters import Filters
from rag.index.build import build
from rag.index.staging import Progress
from rag.index.statistics import list_articles
from rag.ingest.drafts import Draft, add, draft_file, draft_page, draft_text, safe_name, undo_add
from rag.ingest.loaders import endings, find_files
from rag.ingest.web import FetchedPage
from rag.models.base import Encoder
from tests.helpers.waiting import PATIENCE_SECONDS, wait_for_end
from ui.parts import add_articles, maintenance
from ui.parts.settings import restriction
from ui.state.jobs import INTERNAL_ERROR, NO_PROBLEM, Jobs, build_lines, index_work

LAW = "OTTAWA - Parliament passed the budget on Monday.\n\nLeave a Reply\n"


def put(folder: Path, *records: dict[str, str]) -> None:
    lines = [json.dumps({"id": str(n), "text": "Rain fell.", **r}) for n, r in enumerate(records)]
    (folder / "all.jsonl").write_text("\n".join(lines), encoding="utf-8")


class TestListing:
    def test_the_latest_come_first_and_filters_hold(
        self, archive: Path, index_path: Path, hash_encoder: Encoder
    ) -> None:
        put(
            archive,
            {"title": "Été", "publisher": "The Gazette", "published": "2024-05-01"},
            {"title": "Rain again", "publisher": "the gazette", "published": "2025-01-02"},
            {"text": "Snow fell all night on the hills above the town."},
        )
        build(archive, index_path, hash_encoder)

        def titles(*arguments: object) -> list[str]:
            return [row["title"] for row in list_articles(index_path, *arguments)[0]]  # type: ignore[arg-type]

        assert titles() == ["Rain again", "Été", "Snow fell all night on the hills above…"]
        assert titles("été") == ["Été"]
        assert titles("GAZETTE rain") == ["Rain again"]
        assert titles("", Filters(publisher="THE GAZETTE")) == ["Rain again", "Été"]
        assert titles("", Filters(since="2025", until="2025")) == ["Rain again"]
        assert list_articles(index_path, limit=1, offset=1) == (
            [
                {
                    "id": "0",
                    "title": "Été",
                    "publisher": "The Gazette",
                    "published": "2024-05-01",
                    "path": "all.jsonl",
                    "characters": 10,
                    "removed": 0,
                }
            ],
            3,
        )


class TestAdding:
    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("story.txt", "story.txt"),
            ("../../etc/passwd.txt", "passwd.txt"),
            ("C:\\folder\\Story One.HTML", "Story-One.html"),
            (".hidden.md", "hidden.md"),
            ("con.txt", "article-con.txt"),
            ("<img src=x onerror=alert(1)>.txt", "img-src-x-onerror-alert-1.txt"),
            (".txt", "article.txt"),
            ("été.jsonl.gz", "été.jsonl.gz"),
            ("a" * 300 + ".txt", "a" * 80 + ".txt"),
            ("a\x00b\u202egpj.txt", "a-b-gpj.txt"),
        ],
    )
    def test_names_are_made_safe(self, name: str, safe: str) -> None:
        assert safe_name(name) == safe

    @given(st.text(max_size=40), st.sampled_from(sorted(endings())))
    def test_any_name_becomes_one_plain_file(self, name: str, ending: str) -> None:
        safe = safe_name(name + ending)
        assert Path(safe).name == safe
        assert not safe.startswith(".")
        assert safe_name(safe) == safe

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(SourceError, match="unsupported file type"):
            safe_name("run.exe")
        assert draft_file("run.exe", b"x").failures[0].reason.startswith("unsupported file type")

    def test_a_draft_is_what_a_build_would_make(self) -> None:
        draft = draft_text(LAW, title="The budget: passed!", publisher=" ", published="3 March 2025")
        (article,) = draft.articles
        assert (draft.name, article.title) == ("the-budget-passed.jsonl", "The budget: passed!")
        assert (article.publisher, article.published) == (None, "2025-03-03")
        assert article.text == "OTTAWA - Parliament passed the budget on Monday."
        assert [(r.text, r.reason) for r in article.removed if r.reason == "comment form"] == [
            ("Leave a Reply", "comment form")
        ]

    def test_of_a_long_file_only_the_beginning_is_read(self) -> None:
        lines = "\n".join(json.dumps({"id": n, "text": "Rain fell."}) for n in range(30))
        draft = draft_file("many.jsonl.gz", gzip.compress(lines.encode()))
        assert (len(draft.articles), draft.failures, draft.more) == (20, (), True)

    def test_what_cannot_be_read_is_said(self) -> None:
        assert [f.reason for f in draft_file("empty.txt", b"  \n").failures] == ["empty file"]

    def test_a_fetched_page_is_a_file_that_says_where_it_is_from(self) -> None:
        told = "Une pluie fine est tombée sur les collines lundi matin, et le maire parle d’une année très sèche."
        body = f"<html><head><title>Été</title></head><body><article><p>{told}</p></article></body></html>"
        draft = draft_page(
            FetchedPage("https://www.news.example/2025/a%20b/?q=1", "html", body.encode("cp1252"), "windows-1252")
        )
        (article,) = draft.articles
        assert (draft.name, article.title) == ("news-example-2025-a-b.html", "Été")
        assert article.text == told
        assert (article.url, article.provenance["url"]) == ("https://www.news.example/2025/a%20b/?q=1", "saved page")

    @pytest.mark.parametrize("charset", ["", "no-such-encoding", "ascii"])
    def test_a_fetched_text_keeps_its_address(self, charset: str) -> None:
        draft = draft_page(FetchedPage("https://news.example/", "text", "Rain fell in Évian.\n".encode(), charset))
        (article,) = draft.articles
        assert (draft.name, article.url) == ("news-example.jsonl", "https://news.example/")
        assert article.text == "Rain fell in Évian."

    def test_a_fetched_page_that_is_no_article_says_why(self) -> None:
        assert draft_page(FetchedPage("https://news.example/", "text", b"\0\1")).failures[0].reason.startswith("binary")
        empty = draft_page(FetchedPage("https://news.example/", "html", b"<p></p>"))
        assert empty.failures[0].reason == "no article text found in the HTML"

    def test_nothing_is_overwritten_and_only_what_was_added_is_taken_back(self, archive: Path) -> None:
        (archive / "the-budget.txt").write_text("mine")
        draft = draft_file("the budget.txt", LAW.encode())
        added = add(archive, [draft, draft])
        assert list(added) == ["the-budget-2.txt", "the-budget-3.txt"]
        (archive / "the-budget-3.txt").write_text("changed since")
        assert undo_add(archive, added) == ["the-budget-3.txt"]
        assert sorted(path.name for path in archive.iterdir()) == ["the-budget-3.txt", "the-budget.txt"]
        assert (archive / "the-budget.txt").read_text() == "mine"

    def test_a_folder_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("")
        with pytest.raises(SourceError, match="cannot write to "):
            add(blocked, [Draft("a.txt", b"x", (), ())])


class TestJobs:
    def test_one_at_a_time_with_its_progress_and_what_it_came_to(self) -> None:
        go, jobs = threading.Event(), Jobs()

        def wait(progress: Progress) -> tuple[str, ...]:
            progress("reading", 1, 2)
            go.wait()
            return ("done",)

        jobs.start("build", wait)
        first = jobs.last
        jobs.start("repair", wait)
        assert first is not None
        assert jobs.last is first
        while first.total == 0:
            time.sleep(0.01)
        assert maintenance._progress(first) == "Building the index: reading files, 1 of 2"
        go.set()
        wait_for_end(jobs)
        assert (first.lines, first.error) == (("done",), "")

    def test_what_breaks_is_said_without_its_words(self) -> None:
        def broken(progress: Progress) -> tuple[str, ...]:
            raise RuntimeError("a key that nobody should see")

        jobs = Jobs()
        jobs.start("build", broken)
        wait_for_end(jobs)
        assert jobs.last is not None
        assert jobs.last.error == INTERNAL_ERROR

    def test_a_damaged_index_is_found_and_mended(self, archive: Path, index_path: Path, encoder: Encoder) -> None:
        put(archive, {"title": "Rain"})
        report = build(archive, index_path, encoder)
        assert build_lines(report) == ("Articles: 1 added. New or changed: 1 of 1 passage.",)
        settings = Settings(index=index_path, seeds=archive)
        next(index_path.glob("derived-*/*.faiss")).write_bytes(b"")

        def quiet(stage: str, done: int, total: int) -> None: ...

        assert index_work("check", settings)(quiet)[0].startswith("Problem: ")
        assert "wrote the vector and lexical files again" in " ".join(index_work("repair", settings)(quiet))
        assert index_work("check", settings)(quiet) == (NO_PROBLEM,)
        assert index_work("build", settings)(quiet) == ("Articles: 1 unchanged. New or changed: 0 of 1 passage.",)


def test_filters_are_told_in_words() -> None:
    assert restriction(Filters()) == ""
    assert restriction(Filters("2025-01-01", "2025-02-01", "The Gazette")) == (
        "of The Gazette, from 2025-01-01, until 2025-02-01"
    )


# The page


def draw() -> None:
    from ui.pages import archive

    archive.page()


@pytest.fixture
def page(archive: Path, index_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The archive page over an empty folder of articles, without an index."""
    monkeypatch.setenv("ONRECORD_INDEX", str(index_path))
    monkeypatch.setenv("ONRECORD_SEEDS", str(archive))
    page = AppTest.from_function(draw, default_timeout=PATIENCE_SECONDS).run()
    assert not page.exception
    return page


def wait(page: AppTest, index: Path) -> None:
    wait_for_end(maintenance.jobs(str(index)))
    page.run()
    assert not page.exception


def test_a_text_is_looked_at_added_indexed_and_taken_back(page: AppTest, archive: Path, index_path: Path) -> None:
    assert page.text[0].value.startswith("There is no index yet.")
    page.text_input(key="paste-title-0").set_value("The *budget*")
    page.text_area(key="paste-0").set_value(LAW).run()
    texts = [text.value for text in page.text]
    assert "the-budget.jsonl" in texts
    assert "OTTAWA - Parliament passed the budget on Monday." in texts
    assert not list(archive.iterdir())

    page.button(key="add").click().run()
    wait(page, index_path)
    assert [file.path for file in find_files(archive)[0]] == ["the-budget.jsonl"]
    assert page.dataframe[0].value["title"].tolist() == ["The *budget*"]
    assert page.text_area(key="paste-1").value == ""

    page.button(key="undo-add").click().run()
    wait(page, index_path)
    assert not list(archive.iterdir())
    assert "0 articles" in page.text[0].value


def test_an_address_is_fetched_at_a_click_and_looked_at_before_it_is_added(
    page: AppTest, archive: Path, index_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> FetchedPage:
        fetched.append(url)
        return FetchedPage(url, "text", LAW.encode())

    page.text_input(key="address-0").set_value("http://127.0.0.1:1/").run()
    page.button(key="fetch").click().run()
    refused = "Not fetched: 127.0.0.1 is in this computer or its own network"
    assert any(text.value.startswith(refused) for text in page.text)

    monkeypatch.setattr(add_articles, "fetch", fetch)
    page.text_input(key="address-0").set_value("https://news.example/law").run()
    assert fetched == []
    page.button(key="fetch").click().run()
    assert fetched == ["https://news.example/law"]
    texts = [text.value for text in page.text]
    assert "news-example-law.jsonl" in texts
    assert "OTTAWA - Parliament passed the budget on Monday." in texts
    assert not list(archive.iterdir())

    page.button(key="leave-0").click().run()
    assert "news-example-law.jsonl" not in [text.value for text in page.text]
    page.button(key="fetch").click().run()
    page.button(key="add").click().run()
    wait(page, index_path)
    assert [file.path for file in find_files(archive)[0]] == ["news-example-law.jsonl"]
    assert page.text_input(key="address-1").value == ""


def test_what_cannot_be_read_is_listed_with_its_reason(page: AppTest, archive: Path, index_path: Path) -> None:
    put(archive, {"title": "Rain", "published": "2025-01-02", "publisher": "The Gazette"}, {"text": ""})
    page.button(key="build-").click().run()
    wait(page, index_path)
    failures, articles = (table.value for table in page.dataframe)
    assert failures["path"].tolist() == ["all.jsonl:2"]
    assert articles["published"].tolist() == ["2025-01-02"]
    page.text_input(key="article-words").set_value("snow").run()
    assert page.caption[-1].value == "0 articles"
    page.text_input(key="article-words").set_value("").run()
    page.selectbox(key="article-year").set_value("2025").run()
    assert page.caption[-1].value == "1 article"


def test_the_chat_offers_to_build_a_missing_index_and_then_answers(
    archive: Path, index_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, {"title": "Rain", "text": "Rain fell on the hills."})
    monkeypatch.setenv("ONRECORD_INDEX", str(index_path))
    monkeypatch.setenv("ONRECORD_SEEDS", str(archive))
    page = AppTest.from_file(chat_server.page(), default_timeout=PATIENCE_SECONDS).run()
    page.button(key="build-").click().run()
    wait_for_end(maintenance.jobs(str(index_path)))
    page.run()
    assert not page.exception
    assert any(text.value == "The archive: 1 article · 1 passage · publish dates unknown" for text in page.main.text)


def test_the_chat_offers_to_repair_a_damaged_index(
    archive: Path, index_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, {"title": "Rain", "text": "Rain fell on the hills."})
    build(archive, index_path, encoder)
    next(index_path.glob("derived-*/*.faiss")).write_bytes(b"")
    monkeypatch.setenv("ONRECORD_INDEX", str(index_path))
    monkeypatch.setenv("ONRECORD_SEEDS", str(archive))
    page = AppTest.from_file(chat_server.page(), default_timeout=PATIENCE_SECONDS).run()
    page.button(key="repair-sidebar").click().run()
    wait_for_end(maintenance.jobs(str(index_path)))
    (index_path / "catalog.sqlite").write_bytes(b"no database at all" * 1000)
    page.run()
    assert page.main.subheader[0].value == "The index is damaged"
    page.button(key="repair-").click().run()
    wait_for_end(maintenance.jobs(str(index_path)))
    page.run()
    assert not page.exception
    assert any(text.value == "The archive: 1 article · 1 passage · publish dates unknown" for text in page.main.text)
