"""Sentences and passages: where they begin and end, and that they lose nothing of the text."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest.chunking import PASSAGE_CHARS, split
from rag.ingest.cleaning import clean
from rag.ingest.loaders import Source, SourceFile, read_file
from rag.text.sentences import Span, sentences
from rag.types import Article

SEEDS = sorted((Path(__file__).parents[2] / "seeds").glob("*.txt"))


def article(text: str) -> Article:
    return Article("a", "a.txt", text)


def seed(path: Path) -> Article:
    (source,) = read_file(SourceFile(path.name, path))
    assert isinstance(source, Source)
    return clean(source)


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def assert_covers(text: str, spans: list[Span]) -> None:
    """Check that the spans are trimmed and in order, with only white space between them."""
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    gaps = pairwise([0, *(offset for span in spans for offset in span), len(text)])
    assert all(not text[start:end].strip() for start, end in list(gaps)[::2])


# Prose, scraped pages, and arbitrary text.
SENTENCES = [
    "The ministers met.",
    "“We made progress,” he said.",
    "Why?",
    "No.",
    "The U.S. won’t",
    "Trade talks",
    "3.5 %",
]
texts = st.one_of(
    st.text(),
    st.text(alphabet=" \n\t\xa0ab.A“”\"'?!…é中"),
    st.lists(st.sampled_from([*SENTENCES, "\n", "\n\n", " ", "  ", "x" * 60]), max_size=60).map(" ".join),
    st.lists(st.sampled_from([*SENTENCES, "\n"]), max_size=60).map("".join),
)


# Sentences


@pytest.mark.parametrize(
    "sentences_of_text",
    [
        ["The sector is a cornerstone of the Canada–U.S. economic relationship.", "It supports millions of jobs."],
        ["He met Mr. Trump at 5 p.m. Monday in Washington, D.C.", "The talks failed."],
        ["He works for the U.S. Department of Commerce.", "She does not."],
        ["Massachusetts Lt. Gov. Kerry Healey and Reps. Jared Golden and Mo Brooks met.", "They spoke."],
        ["“Mr. Trump said so,” he added.", "“Dr. Smith agreed.”"],
        ["“We’re making progress,” he said.", "“We still have work to do.”", "He left."],
        ["“Is it fair?” she asked.", "“No.”", "He left."],
        ['"It is fair," she said.', '"Is it?"', "He left."],
        ["(It was close.)", "Then… nothing."],
        ["“This is unsustainable.", "We need agreement and we need it now.”", "Kingston left."],
        ["Prices rose 3.5 per cent a year.", "iPhone sales fell.", "“eBay did well.”"],
        ["“Why now?” asked the minister, who had come from St. John’s.", "Nobody answered!"],
        ["Talks went on ...", "He left."],
    ],
)
def test_one_line_is_cut_into_its_sentences(sentences_of_text: list[str]) -> None:
    assert cut(" ".join(sentences_of_text)) == sentences_of_text


def test_a_closing_quotation_mark_stays_with_its_sentence() -> None:
    assert cut("“Yes.”He left. She did not.” They met.") == ["“Yes.”", "He left.", "She did not.”", "They met."]


def test_marks_alone_are_no_sentence() -> None:
    assert cut("Required fields are marked. * Yes. … No. “…”") == ["Required fields are marked. *", "Yes. …", "No. “…”"]
    assert cut("* * *") == ["* * *"]


def test_a_line_end_ends_a_sentence() -> None:
    assert cut("Trade tensions remain\n\ndespite the talks\n \xa0\nof Mr.\nTrump") == [
        "Trade tensions remain",
        "despite the talks",
        "of Mr.",
        "Trump",
    ]


@pytest.mark.parametrize(("path", "count"), list(zip(SEEDS, [16, 26, 23, 19, 15], strict=True)))
def test_the_sentences_of_the_seeds(path: Path, count: int) -> None:
    found = cut(seed(path).text)
    assert len(found) == count
    assert all(sentence[0] in "“" or sentence[0].isupper() for sentence in found)
    headings = [sentence for sentence in found if sentence[-1] not in ".”"]
    assert headings == {
        "003": ["Talks continue in Malaysia and South Korea amid tariff turmoil"],
        "004": [
            "Canada’s Auto Industry Vital to US Competitiveness",
            "A Strategic Response to Asian Competition",
            "Trade Tensions Remain",
        ],
    }.get(path.name[:3], [])


@given(texts)
def test_sentences_cover_the_text(text: str) -> None:
    spans = sentences(text)
    assert_covers(text, spans)
    assert all("\n" not in text[start:end] for start, end in spans)


@pytest.mark.parametrize("unit", ["Word word. ", "x", "?!", "? ! . ", "a.b.", "“Mr. ", "A. ", "1.2. ", "…", "(“"])
def test_long_lines_take_linear_time(unit: str) -> None:
    text = (unit * 200_000)[:200_000]
    started = time.process_time()
    spans = sentences(text)
    assert time.process_time() - started < 5
    assert_covers(text, spans)
    assert max(end - start for start, end in spans) <= 5000


def test_a_long_line_is_split_where_a_short_one_is() -> None:
    line = "The minister from St. John’s said that the U.S. “would not” do it. “Why?” he asked. "
    assert cut(line * 300) == cut(line) * 300


# Passages


@pytest.mark.parametrize("path", SEEDS)
def test_the_passages_of_the_seeds_end_with_paragraphs(path: Path) -> None:
    text = seed(path).text
    passages = split(seed(path))
    spans = [(passage.start, passage.end) for passage in passages]
    assert_covers(text, spans)
    assert all("\n" in text[before[1] : after[0]] for before, after in pairwise(spans))
    assert all(len(passage.text) <= PASSAGE_CHARS for passage in passages)


def test_the_passages_of_one_seed() -> None:
    spans = [(passage.start, passage.end) for passage in split(seed(SEEDS[4]))]
    assert spans == [(0, 827), (829, 1449), (1451, 1823)]


def test_a_heading_is_in_one_passage_with_the_next_paragraph() -> None:
    paragraph = "The ministers met again. " * 3
    text = f"{paragraph.strip()}\n\nWhat comes next\n\n{paragraph.strip()}"
    assert [passage.text for passage in split(article(text), 100)] == [
        paragraph.strip(),
        f"What comes next\n\n{paragraph.strip()}",
    ]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = " ".join(f"The ministers met for the {n}th time." for n in range(10, 40))
    passages = split(article(text), 200)
    assert [passage.text.count("met") for passage in passages] == [5] * 6
    assert all(passage.text.startswith("The ") and passage.text.endswith("time.") for passage in passages)


def test_a_long_sentence_stays_whole_up_to_twice_the_size() -> None:
    sentence = "word " * 39 + "end."
    assert len(sentence) == 199
    assert [passage.text for passage in split(article(sentence), 100)] == [sentence]
    longer = "word " + sentence
    assert [len(passage.text) for passage in split(article(longer), 100)] == [99, 104]  # 99, 99 and a tiny one


def test_text_without_spaces_is_cut_at_the_size() -> None:
    assert [len(passage.text) for passage in split(article("x" * 450), 100)] == [100, 100, 100, 100, 50]


def test_repeated_sentences_have_their_own_spans() -> None:
    text = "\n".join(["We need agreement and we need it now."] * 50)
    passages = split(article(text), 100)
    assert [(passage.start, passage.end) for passage in passages] == [(n * 76, n * 76 + 75) for n in range(25)]


def test_a_tiny_last_passage_joins_the_one_before() -> None:
    long, short = "x" * 880 + ".", "y" * 100 + "."
    assert [len(passage.text) for passage in split(article(f"{long}\n{short}"))] == [983]
    assert [len(passage.text) for passage in split(article(f"{long}\n{short * 2}"))] == [881, 202]
    longest = "x" * 1100 + "."
    assert [len(passage.text) for passage in split(article(f"{longest}\n{short}"))] == [1101, 101]


@pytest.mark.parametrize("text", ["", "\n", " \t\n"])
def test_an_empty_text_has_no_passages(text: str) -> None:
    assert split(article(text)) == []
    assert sentences(text) == []


@given(texts, st.integers(1, 300))
def test_passages_cover_the_article(text: str, size: int) -> None:
    passages = split(article(text), size)
    assert_covers(text, [(passage.start, passage.end) for passage in passages])
    assert all(passage.text == text[passage.start : passage.end] for passage in passages)
    for passage in passages[:-1]:
        assert len(passage.text) <= size or (len(sentences(passage.text)) == 1 and len(passage.text) <= 2 * size)
