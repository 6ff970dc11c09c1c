"""Clean sources into articles: what is removed and why, what is read, and that nothing else changes."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import SourceError
from rag.ingest.boilerplate import boilerplate, breadcrumbs
from rag.ingest.characters import MOJIBAKE_REPAIRED, plain, repair_mojibake
from rag.ingest.cleaning import INVISIBLE, clean
from rag.ingest.layout import CUTS_JOINED
from rag.ingest.loaders import Fields, Kind, Source, SourceFile, read_file
from rag.types import Article, Removed

SEEDS = Path(__file__).parents[2] / "seeds"

BODY = """\
The ministers met on Monday to discuss tariffs on steel, according to an official in Ottawa.

They will meet again before the end of the month, the official said."""


def source(text: str, kind: Kind = "text", fields: Fields | None = None) -> Source:
    return Source("a", "a.txt", kind, text, fields or {})


def cleaned(text: str) -> Article:
    return clean(source(text))


def reasons(article: Article) -> list[tuple[int, str]]:
    return [(removed.line, removed.reason) for removed in article.removed]


def seed(number: str) -> tuple[Source, Article]:
    (path,) = SEEDS.glob(f"{number}_*.txt")
    (found,) = read_file(SourceFile(path.name, path))
    assert isinstance(found, Source)
    return found, clean(found)


# The seeds


def test_seed_000_loses_the_comment_form() -> None:
    _, article = seed("000")
    assert article.title is None
    assert article.authors == ()
    assert article.removed == (
        Removed(17, "By admin", "byline"),
        Removed(19, "Leave a Reply", "comment form"),
        Removed(21, "Your email address will not be published. Required fields are marked *", "comment form"),
    )
    assert article.text.startswith("Washington/Ottawa – Hopes for a potential U.S.–Canada auto trade deal")
    assert article.text.endswith("businesses on both sides may face continued uncertainty in the months ahead.")


@pytest.mark.parametrize("number", ["001", "002"])
def test_seeds_of_prose_alone_stay_as_they_are(number: str) -> None:
    raw, article = seed(number)
    assert (article.title, article.removed) == (None, ())
    assert article.text == raw.text.strip()


def test_seed_003_gives_its_repeated_title() -> None:
    _, article = seed("003")
    title = "Is a Canada-US trade deal inching closer?"
    assert article.title == title
    assert article.provenance == {"title": "repeated line"}
    assert article.removed == (Removed(1, title, "title"), Removed(5, title, "title"))
    assert article.text.startswith("Talks continue in Malaysia and South Korea amid tariff turmoil\n\nCanada and the")


def test_seed_004_gives_the_title_its_breadcrumbs_name() -> None:
    _, article = seed("004")
    title = "Carney Defends Canada’s Role in North American Auto Industry"
    assert article.title == title
    assert article.provenance == {"title": "breadcrumb"}
    assert article.removed == (
        Removed(1, "• Home/", "breadcrumb"),
        Removed(2, "• United States/", "breadcrumb"),
        Removed(3, f"• {title}", "breadcrumb"),
        Removed(5, title, "title"),
        Removed(9, "Advertisement · Scroll to continue", "advertisement"),
        Removed(10, "Advertisement · Scroll to continue", "advertisement"),
        Removed(11, title, "title"),
    )
    lines = [line for line in article.text.split("\n") if line]
    assert lines[0].startswith("Mark Carney told Trump that Canadian auto workers")
    assert [line for line in lines if len(line) < 60] == [
        "Canada’s Auto Industry Vital to US Competitiveness",
        "A Strategic Response to Asian Competition",
        "Trade Tensions Remain",
    ]


@pytest.mark.parametrize("number", ["000", "001", "002", "003", "004"])
def test_no_seed_has_a_date(number: str) -> None:
    _, article = seed(number)
    assert (article.published, article.publisher, article.url) == (None, None, None)


# Invariant: cleaning only removes


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", INVISIBLE.sub("", plain(text))).split())


def assert_only_removes(raw: str, article: Article) -> None:
    """Assert that every line of the article is in the source, in order.

    White space, invisible marks and the form of characters may differ; hyphens where cut words are noted as joined.
    """
    drop = "-\u2010¬" if CUTS_JOINED in article.provenance.get("text", "") else ""
    without = str.maketrans("", "", drop)
    if MOJIBAKE_REPAIRED in article.provenance.get("text", ""):
        raw = repair_mojibake(raw)
    at, whole = 0, "".join(map(squeezed, raw.split("\n"))).translate(without)
    for line in article.text.split("\n"):
        wanted = squeezed(line).translate(without)
        at = whole.index(wanted, at) + len(wanted)
    assert article.text == article.text.strip()
    assert not re.search(r"\n{3}|[^\S\n ]| {2}| $|^ ", article.text, re.MULTILINE)
    assert not INVISIBLE.search(article.text)


FURNITURE = ["Leave a Reply", "Advertisement", "By admin", "By Jane Doe", "• Home/", "Home > World", "Share", "___"]
PROSE = [
    "The ministers met.",
    "“No,” he said.",
    "Talks go on",
    "Published March 3, 2025",
    "\xa0a\t b\u200b \x07c",
    "ﬁ é 中",
]


@given(st.lists(st.sampled_from([*FURNITURE, *PROSE, "", " "]), max_size=30), st.sampled_from(["text", "record"]))
def test_lines_stand_in_the_source(lines: list[str], kind: Kind) -> None:
    raw = "\n".join(lines)
    try:
        article = clean(source(raw, kind))
    except SourceError:
        return
    assert_only_removes(raw, article)
    kept = {squeezed(line) for line in article.text.split("\n")}
    assert {squeezed(line) for line in lines if squeezed(line)} - kept <= {squeezed(r.text) for r in article.removed}


@given(st.text())
def test_any_text_is_cleaned_or_refused(raw: str) -> None:
    raw = "\n".join(raw.splitlines())
    try:
        article = cleaned(raw)
    except SourceError:
        return
    assert_only_removes(raw, article)


@pytest.mark.parametrize("number", ["000", "001", "002", "003", "004"])
def test_the_seeds_only_lose_lines(number: str) -> None:
    raw, article = seed(number)
    assert_only_removes(raw.text, article)
    kept = {line for line in article.text.split("\n") if line}
    assert kept <= {line.strip() for line in raw.text.split("\n")}


# White space and what nobody sees


def test_white_space_is_tidied() -> None:
    article = cleaned("  The\xa0ministers \t met.  \n\n \n\nThey   left. \nThey came.\n\n")
    assert article.text == "The ministers met.\n\nThey left.\nThey came."


def test_invisible_characters_go_and_are_counted() -> None:
    hidden = "\u200b\u202e\U000e0041\ufe0f\xad\ufeff\x07\x9b"
    article = cleaned(f"The ministers met.\n\nThey{hidden} left{hidden}.")
    assert article.text == "The ministers met.\n\nThey left."
    assert article.removed == (Removed(3, "16 characters", "invisible characters"),)


def test_nothing_invisible_hides_in_metadata() -> None:
    article = clean(
        source(BODY, "record", {"title": " Talks\u202e go \n on\x1b[31m ", "authors": ("Jane\u200b Doe", "\ufeff")})
    )
    assert (article.title, article.authors) == ("Talks go on[31m", ("Jane Doe",))


def test_text_broken_at_a_fixed_width_is_joined() -> None:
    wrapped = """\
The ministers of both countries met on Monday to discuss tariffs on
steel, and said that they would meet again before the end of the month,
although no date has been set for the next round of the negotiations in
the capital.

Officials in Ottawa said that the talks would go on for as long as it
takes, and that a deal on lumber was closer than one on cars or on
copper, which are the hardest of the three.
Advertisement
They left."""
    article = cleaned(wrapped)
    assert article.text == (
        "The ministers of both countries met on Monday to discuss tariffs on steel, and said that they would meet again"
        " before the end of the month, although no date has been set for the next round of the negotiations in the"
        " capital.\n\n"
        "Officials in Ottawa said that the talks would go on for as long as it takes, and that a deal on lumber was"
        " closer than one on cars or on copper, which are the hardest of the three.\n"
        "They left."
    )
    assert reasons(article) == [(9, "advertisement")]
    assert_only_removes(wrapped, article)


def test_a_list_is_not_joined() -> None:
    items = "\n".join(f"The {name} meeting of ministers was held on a Monday in the capital" for name in "abcdefgh")
    assert cleaned(f"They met:\n{items}\nAnd left.").text == f"They met:\n{items}\nAnd left."


def test_a_source_of_boilerplate_alone_is_refused() -> None:
    with pytest.raises(SourceError, match="no text left: 2 lines of boilerplate and nothing else"):
        cleaned("Leave a Reply\n\nAdvertisement\n")


def test_a_source_of_too_many_lines_is_refused() -> None:
    with pytest.raises(SourceError, match="500,001 lines; an article has at most 500,000: split it"):
        cleaned("a" + "\n" * 500_001)


# Boilerplate


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("comment form", "LEAVE A COMMENT"),
        ("comment form", "Your e-mail address will not be published."),
        ("comment form", "Save my name, email, and website in this browser for the next time I comment."),
        ("comment form", "Post Comment »"),
        ("comment form", "Comments are closed."),
        ("comment form", "12 Comments"),
        ("comment form", "Email *"),
        ("byline", "By staff"),
        ("byline", "By: Editor"),
        ("byline", "By News Desk"),
        ("advertisement", "ADVERTISEMENT"),
        ("advertisement", "Advertisement – Continue reading below"),
        ("advertisement", "Story continues below"),
        ("advertisement", "Article continues below this ad"),
        ("advertisement", "Sponsored content"),
        ("share bar", "Share this:"),
        ("share bar", "Facebook Twitter"),
        ("share bar", "Share on X | Email | Copy link"),
        ("share bar", "Click to share on Facebook (Opens in new window)"),
        ("share bar", "Tweet"),
        ("share bar", "Follow us on Twitter and Instagram"),
        ("newsletter", "Sign up for our newsletter"),
        ("newsletter", "Subscribe to The Morning Post newsletter and never miss a story."),
        ("newsletter", "(You can get “5 Things” delivered to your inbox daily. Sign up here.)"),
        ("newsletter", "Subscribe now"),
        ("related", "Read more: Five things to know about tariffs"),
        ("related", "Related: Steel prices rise"),
        ("related", "You may also like"),
        ("related", "MORE FROM WORLD"),
        ("related", "Most popular"),
        ("cookie notice", "We use cookies to improve your experience on our site."),
        ("cookie notice", "By continuing to use this site, you agree to our terms."),
        ("cookie notice", "Accept all cookies"),
        ("credit", "Photo: The Example Post"),
        ("credit", "(Image credit: Getty Images)"),
        ("credit", "The Example Agency/AFP via Getty Images"),
        ("copyright", "Copyright © 2025 The Example Post"),
        ("copyright", "© 2025 The Example Post. All rights reserved."),
        ("copyright", "The Example Post 2025 All Rights Reserved"),
        ("navigation", "Skip to main content"),
        ("navigation", "4 min read"),
        ("ornament", "* * *"),
        ("ornament", "_____"),
    ],
)
def test_a_line_of_boilerplate(reason: str, line: str) -> None:
    assert boilerplate(line) == reason
    article = cleaned(f"{BODY}\n{line}")
    assert (article.text, reasons(article)) == (BODY, [(4, reason)])


@pytest.mark.parametrize(
    "line",
    [
        "No comment.",
        "Share prices fell.",
        "Share on profits fell.",
        "Copyright law must change, the minister said.",
        "The advertisement ran for a week.",
        "By Monday, the deal was done.",
        "By using tariffs the government hopes to win better terms of trade.",
        "Subscribe to the theory of value, the premier said.",
        "“Read more: it helps,” the minister said.",
        "“We use cookies,” the company said.",
        "More on that later, he said.",
        "The photo shows the premier.",
        "Facebook bought Instagram.",
        "Related industries will suffer.",
        "Comments by the minister drew fire.",
        "He asked readers to leave a reply.",
        "The inbox of the minister was full of newsletters to sign up for.",
        "Follow-up talks are planned.",
        "Trump",
        "X",
        "1.",
    ],
)
def test_a_line_of_the_article_stays(line: str) -> None:
    assert boilerplate(line) == ""
    assert cleaned(f"{BODY}\n{line}\n{BODY}").text == f"{BODY}\n{line}\n{BODY}"


@given(st.text(min_size=221, max_size=400))
def test_a_long_line_is_no_boilerplate(line: str) -> None:
    assert boilerplate(line) == ""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["• Home/", "• World/", "• Talks go on", "", "Text."], (3, "Talks go on")),
        (["Home/", "World/", "Talks go on", "Text."], (3, "Talks go on")),
        (["* World >", "* Canada", ""], (2, "Canada")),
        (["Home > World > Talks go on", "Text."], (1, "Talks go on")),
        (["Home / News / World"], (1, "World")),
        (["Home » World"], (1, "World")),
        (["Homes sold > last year"], (0, "")),
        (["• Tariffs go up", "• Talks go on"], (0, "")),
        (["Washington/Ottawa – Hopes for a deal"], (0, "")),
        (["Text."], (0, "")),
        ([], (0, "")),
    ],
)
def test_breadcrumbs(lines: list[str], expected: tuple[int, str]) -> None:
    assert breadcrumbs(lines) == expected


# Masthead


def test_a_masthead_is_read_and_removed() -> None:
    article = cleaned(
        f"""\
Home > World

Ministers meet over tariffs
Talks will go on this month.
By Jane Doe and John van Roe, Business Reporter
Published March 3, 2025 at 9:30 a.m. | Updated March 4, 2025
Source: The Example Post
URL: https://news.example/1

{BODY}
"""
    )
    assert article.text == f"Talks will go on this month.\n\n{BODY}"
    assert article.title == "Ministers meet over tariffs"
    assert article.authors == ("Jane Doe", "John van Roe")
    assert article.published == "2025-03-03"
    assert article.publisher == "The Example Post"
    assert article.url == "https://news.example/1"
    assert article.provenance == {
        "title": "first line",
        "authors": "byline",
        "published": "published line",
        "publisher": "publisher line",
        "url": "url line",
    }
    assert reasons(article) == [
        (1, "breadcrumb"),
        (3, "title"),
        (5, "byline"),
        (6, "published line"),
        (7, "publisher line"),
        (8, "url line"),
    ]


@pytest.mark.parametrize(
    ("line", "published"),
    [
        ("Published: March 3, 2025", "2025-03-03"),
        ("First published on 3 March 2025", "2025-03-03"),
        ("Posted at 2025-03-03T10:00:00Z", "2025-03-03T10:00:00Z"),
        ("Date: 2025-03-03", "2025-03-03"),
        ("Updated: March 3, 2025", None),
        ("Last modified on March 3, 2025", None),
    ],
)
def test_dates_on_a_line_of_their_own(line: str, published: str | None) -> None:
    article = cleaned(f"{line}\n\n{BODY}")
    assert (article.text, article.published) == (BODY, published)
    assert article.provenance == ({"published": "published line"} if published else {})


@pytest.mark.parametrize(
    "line",
    [
        "Published March 3, 2025, the report finds that tariffs hurt.",
        "Published: 03/04/2025",
        "March 3, 2025 was a Monday",
        "Source: https://",
        "By Order of the Minister",
        "By land and sea",
        "Date: to be decided",
    ],
)
def test_lines_that_are_no_masthead_stay(line: str) -> None:
    article = cleaned(f"Ministers meet over tariffs\n{line}\n{BODY}")
    assert article.text == f"{line}\n{BODY}"
    assert (article.published, article.authors, article.publisher, article.url) == (None, (), None, None)


def test_a_masthead_ends_with_the_second_paragraph() -> None:
    facts = "Date: March 3, 2025\nBy Jane Doe\nSource: The Example Post"
    article = cleaned(f"{BODY}\n{facts}\n{BODY}")
    assert article.text == f"{BODY}\n{facts}\n{BODY}"


def test_a_byline_can_be_the_last_line() -> None:
    article = cleaned(f"{BODY}\n\nBy Jane Doe\n\nLeave a Reply")
    assert (article.text, article.authors) == (BODY, ("Jane Doe",))
    assert reasons(article) == [(5, "byline"), (7, "comment form")]


# Title


@pytest.mark.parametrize(
    ("top", "title", "provenance"),
    [
        ("Ministers meet over tariffs\n\n", "Ministers meet over tariffs", "first line"),
        ("Is a deal close?\n", "Is a deal close?", "first line"),
        ("Premier to visit the U.S.\n\n", "Premier to visit the U.S.", "first line"),
        ("World News\nMinisters meet\nNow\nMinisters meet\n", None, ""),
        ("World News\nMinisters meet today\nNow\nMinisters meet today\n", "Ministers meet today", "repeated line"),
        ("Home > Ministers meet\n\nMinisters meet\n", "Ministers meet", "breadcrumb"),
        ("Title: Ministers meet\n", "Ministers meet", "title line"),
        ("The ministers met.\n", None, ""),
        ("Ministers met in Ottawa,\n", None, ""),
        ("OTTAWA, Ont. (Reuters)\n", None, ""),
        ("New York Example Business —\n", None, ""),
        ("World News\n\n", None, ""),
        ("The ministers met " + "again and " * 20 + "again\n", None, ""),
    ],
)
def test_titles(top: str, title: str | None, provenance: str) -> None:
    article = cleaned(top + BODY)
    assert article.title == title
    assert article.provenance == ({"title": provenance} if title else {})
    assert not title or title not in article.text


def test_all_lines_of_the_title_go_however_they_are_spelt() -> None:
    article = cleaned(f"Canada’s talks go on\n\n{BODY}\n\nCANADA'S TALKS GO ON")
    assert (article.title, article.text) == ("Canada’s talks go on", BODY)


def test_a_text_that_is_its_title_stays() -> None:
    article = clean(source("Talks go on", "record", {"title": "Talks go on"}))
    assert (article.title, article.text, article.removed) == ("Talks go on", "Talks go on", ())


# Records


def test_the_fields_of_a_record_win() -> None:
    fields: Fields = {
        "title": "Talks go on",
        "publisher": "The Example Post",
        "published": "2022/02/07",
        "authors": ("Jane Doe",),
        "url": "https://news.example/1",
    }
    raw = f"Talks go on\nBy John Roe\nPublished March 3, 2025\n\n{BODY}\nAdvertisement"
    article = clean(source(raw, "record", fields))
    assert article == Article(
        id="a",
        path="a.txt",
        text=BODY,
        title="Talks go on",
        publisher="The Example Post",
        published="2022-02-07",
        authors=("Jane Doe",),
        url="https://news.example/1",
        removed=(
            Removed(1, "Talks go on", "title"),
            Removed(2, "By John Roe", "byline"),
            Removed(3, "Published March 3, 2025", "published line"),
            Removed(8, "Advertisement", "advertisement"),
        ),
        provenance=dict.fromkeys(("title", "publisher", "published", "authors", "url"), "record"),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("published", "soon"),
        ("published", "03/04/2025"),
        ("url", "javascript:alert(1)"),
        ("url", ""),
        ("title", " \u200b"),
        ("title", "x" * 1001),
    ],
)
def test_fields_of_no_value_are_unknown(field: str, value: str) -> None:
    article = clean(source(BODY, "record", {field: value}))
    assert getattr(article, field) is None
    assert article.provenance == {}
