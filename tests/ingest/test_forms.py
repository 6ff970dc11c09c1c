"""Articles in the forms in which people have them: from PDFs, databases, interfaces, and through a wrong encoding."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from rag.ingest.boilerplate import boilerplate
from rag.ingest.cleaning import articles_of, clean
from rag.ingest.layout import join_cut_words
from rag.ingest.loaders import Source, SourceFile
from rag.ingest.publish_dates import date_line, dateline
from rag.types import Article

BODY = "The mill at Tarn will close in June, its owner said.\n\nOwner Ida Moe said that 40 people work there."


def cleaned(text: str) -> Article:
    return clean(Source("a", "a.txt", "text", text))


def articles(path: Path, text: str) -> list[Article]:
    path.write_text(text, encoding="utf-8")
    found = list(articles_of(SourceFile(path.name, path)))
    assert all(isinstance(article, Article) for article in found)
    return [article for article in found if isinstance(article, Article)]


# Characters


def test_ligatures_entities_and_composed_letters() -> None:
    article = cleaned("The ﬁre oﬃce said:&nbsp;&ldquo;Cafe\u0301 &amp;amp; bar&rdquo; AT&T it&#8217;s on.")
    assert article.text == "The fire office said: “Café & bar” AT&T it’s on."


def test_mojibake_is_repaired_and_noted() -> None:
    text = "The mayor of Łódź – Zoë Dupré – said: “It’s over.”"
    article = cleaned("Zoë said: “It’s over.”".encode().decode("cp1252", "replace").replace("\ufffd", "\x9d"))
    assert article.text == "Zoë said: “It’s over.”"
    assert article.provenance["text"] == "mojibake repaired"
    assert cleaned(text).text == text
    assert "text" not in cleaned("« Ça alors », dit-elle à Málaga, São Paulo et Ålborg.").provenance


def test_html_in_a_text_is_read_as_html() -> None:
    article = clean(Source("a", "a.jsonl", "record", "<p>The mill closes.</p><p>Nobody &amp; nothing stays.</p>"))
    assert article.text == "The mill closes.\nNobody & nothing stays."


def test_utf_16_without_a_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("The mill closes.".encode("utf-16-le"))
    (article,) = articles_of(SourceFile("a.txt", tmp_path / "a.txt"))
    assert isinstance(article, Article)
    assert article.text == "The mill closes."


# Words cut at line ends


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["ten mil-", "lion kroner"], ["ten million", "kroner"]),
        (["a short-", "term loan"], ["a short-term", "loan"]),
        (["two-", "and three-year loans"], ["two-", "and three-year loans"]),
        (["the Kvalby-", "Oslo line"], ["the Kvalby-", "Oslo line"]),
        (["the snor\xad", "keldorf, he said"], ["the snorkeldorf,", "he said"]),
        (["govern-", "ments", "of all"], ["governments", "of all"]),
    ],
)
def test_words_cut_at_line_ends(lines: list[str], joined: list[str]) -> None:
    assert [line for _, line in join_cut_words(list(enumerate(lines)))[0]] == joined


# Tables


@pytest.mark.parametrize("divider", ["\t", "    ", " | "])
def test_tables_in_a_text(divider: str) -> None:
    rows = [["Ward", "For", "Against"], ["Elm End", "12", "30"], ["Tarn", "4", "2"]]
    lines = [divider.join(row) for row in rows]
    lines = [f"| {line} |" for line in lines] if "|" in divider else lines
    article = cleaned("They voted.\n\n" + "\n".join(lines))
    assert article.text == "They voted.\n\nElm End 12 for, 30 against\nTarn 4 for, 2 against"


# Dates


@pytest.mark.parametrize(
    "line",
    [
        "May 12, 2024, 9:14 a.m. ET",
        "Sunday 12 May 2024 09.14 BST",
        "Posted: 11:42 PM, May 12, 2024",
        "12 May 2024, 10:15",
        "Published 12 May 2024 | Updated 14 May 2024",
        "Hill Post · 12 May 2024 · 3 min read",
        "2024-05-12 10:15 UTC",
    ],
)
def test_lines_that_hold_a_date(line: str) -> None:
    found = date_line(line)
    assert found is not None
    assert (found.published or "")[:10] == "2024-05-12"
    article = cleaned(f"Mill at Tarn to close\nIda Moe, Staff Writer\n{line}\n\n{BODY}")
    assert (article.authors, article.text) == (("Ida Moe",), BODY)


@pytest.mark.parametrize("line", ["05/12/2024", "12.05.2024", "On 12 May 2024 the mill closed", "May 2024", "12 mills"])
def test_lines_without_a_certain_date(line: str) -> None:
    assert date_line(line) is None


def test_a_dateline_and_an_address_give_the_date() -> None:
    assert dateline("OSLO, May 3, 2024 (Hill Post) — The ferry sank.") == "2024-05-03"
    assert dateline("OSLO — The ferry sank on May 3, 2024.") is None
    article = clean(Source("a", "a.jsonl", "record", BODY, {"url": "https://news.example/2024/05/03/ferry"}))
    assert (article.published, article.provenance["published"]) == ("2024-05-03", "url")


# Exports of databases

NEXIS = """1 of 2 DOCUMENTS

Hill Post

May 12, 2024 Sunday

Mill at Tarn to close

BYLINE: Ida Moe

LENGTH: 88 words

{}

LOAD-DATE: May 12, 2024

Copyright 2024 Hill Media
2 of 2 DOCUMENTS

Hill Post

May 13, 2024 Monday

Mill stays

BYLINE: Lars Ek

{}
"""
NEWER = """Mill at Tarn to close

Hill Post

May 12, 2024 Sunday

Copyright 2024 Hill Media All Rights Reserved

Section: NEWS; Pg. 4

Length: 88 words

Byline: Ida Moe

Body

{}

Load-Date: May 12, 2024

End of Document
"""
FACTIVA = """Mill at Tarn to close

By Ida Moe
88 words
12 May 2024
Hill Post
HILPST
4
English
(c) 2024 Hill Media

{}

Document HILPST0020240512ek5c0000x
"""
PROQUEST = """Document 1 of 1

Mill at Tarn to close

Author: Moe, Ida

Publication info: Hill Post ; Tarn [Tarn]. 12 May 2024: A.4.

Full text: {}

Title: Mill at Tarn to close
Publication title: Hill Post
Publication date: May 12, 2024
Last updated: 2024-05-14
"""


@pytest.mark.parametrize("form", [NEXIS, NEWER, NEWER * 2, FACTIVA, FACTIVA * 2, PROQUEST])
def test_exports_of_databases(tmp_path: Path, form: str) -> None:
    first, *others = articles(tmp_path / "x.txt", form.replace("{}", BODY))
    assert (first.title, first.publisher) == ("Mill at Tarn to close", "Hill Post")
    assert (first.published, first.authors, first.text) == ("2024-05-12", ("Ida Moe",), BODY)
    assert [article.text for article in others] == [BODY] * len(others)
    assert [article.path for article in others] == ["x.txt#2"] * len(others)
    assert first.removed


# Records


def test_records_by_the_usual_names(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "id": 1,
            "headline": "Mill",
            "pubDate": "2024-05-12",
            "byline": "By Ida Moe",
            "outlet": "Hill Post",
            "body": BODY,
        },
        {
            "url": "https://a.example/2",
            "title": "Mill",
            "published_at": 1715472000,
            "author": {"name": "Ida Moe"},
            "source": {"name": "Hill Post"},
            "content": BODY,
        },
        {
            "_id": 3,
            "title": {"rendered": "Mill"},
            "date": "12 May 2024",
            "authors": [{"name": "Ida Moe"}],
            "publication": "Hill Post",
            "article": BODY.split("\n\n"),
        },
    ]
    found = articles(tmp_path / "a.json", json.dumps({"status": "ok", "articles": rows}, indent=1))
    assert [article.text for article in found] == [BODY] * len(rows)
    for article in found:
        assert (article.title, article.publisher, article.authors) == ("Mill", "Hill Post", ("Ida Moe",))
        assert (article.published or "")[:10] == "2024-05-12"


# Boilerplate and titles


@pytest.mark.parametrize(
    "line",
    [
        "You have read 2 of 3 free articles this month.",
        "Subscribe for £1 a week to keep reading.",
        "Already have an account? Log in",
        "This article is for subscribers only.",
        "We value your privacy",
        "Powered by Taboola",
        "This site is protected by reCAPTCHA and the Google Terms of Service apply.",
    ],
)
def test_lines_that_sell_or_ask(line: str) -> None:
    assert boilerplate(line)


@pytest.mark.parametrize(
    "line",
    [
        "Try to live on $5 a day, the minister told them.",
        "You have read the articles, the judge said.",
        "We and our partners will use the device, she said.",
    ],
)
def test_sentences_that_sound_alike_stay(line: str) -> None:
    assert boilerplate(line) == ""


@pytest.mark.parametrize(
    ("line", "title"), [("Miller fired", "Miller fired"), ("World News", None), ("Hill Post", None)]
)
def test_a_headline_of_two_words(line: str, title: str | None) -> None:
    assert cleaned(f"{line}\n\n{BODY}").title == title


# Hostile input


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000 + "-\nb", "[[" * 100_000, "a-\n" * 60_000, "Ã" * 50_000 + "©", "| a " * 50_000, "&" * 200_000,
     "x  " * 60_000, "1 of 1 DOCUMENTS\n" * 5_000 + "text", "0:" * 70, "we and our " * 20_000, "\t" * 100_000 + "a"],
)  # fmt: skip
def test_hostile_text_takes_no_time(text: str) -> None:
    started = time.monotonic()
    clean(Source("a", "a.txt", "text", f"{text}\n\nThe mill closes."))
    assert time.monotonic() - started < 5
