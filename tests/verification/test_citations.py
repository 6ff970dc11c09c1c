"""From evidence to claims: introduced, cited, verified."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ConfigError
from rag.generation.base import Task
from rag.generation.extractive import Extractive
from rag.generation.registry import load_generator
from rag.generation.streaming import finished_claims
from rag.models.base import Encoder
from rag.types import Article, Citation, Evidence
from rag.verification.citations import Citer, with_markers
from rag.verification.verifier import Verifier, sources_of

TEXT = (
    "“We’re making progress on this,” Dominic LeBlanc said. Canada wants “clarity” first. "
    "The tariffs of 25 per cent begin on November 1."
)
ARTICLE = Article(id="a", path="a.txt", text=TEXT, title="Is a deal closer?")


def evidence(start: str, end: str, speaker: str | None = None, quote: str | None = None) -> Evidence:
    a, b = TEXT.index(start), TEXT.index(end) + len(end)
    span = (TEXT.index(quote), TEXT.index(quote) + len(quote)) if quote else None
    return Evidence(ARTICLE, a, b, 0.9, speaker, span)


SAID = evidence("“We", "LeBlanc said.", "Dominic LeBlanc", "We’re making progress on this")
WANTS = evidence("Canada wants", "first.", None, "clarity")
RATE = evidence("The tariffs", "November 1.")


def test_extractive_claims_say_who_and_where() -> None:
    pieces = list(Extractive().generate(Task("?", [SAID, WANTS])))
    assert [p.text for p in pieces] == [
        "Dominic LeBlanc, in *Is a deal closer?*: “We’re making progress on this” [1]\n",
        "*Is a deal closer?*: Canada wants “clarity” first. [2]\n",
    ]
    assert all(p.ends_claim for p in pieces)


def test_citations_are_numbered_by_first_appearance_and_keep_their_number() -> None:
    citer = Citer([SAID, WANTS, RATE])
    assert citer.resolve("One thing [3]") == ("One thing", (1,))
    assert citer.resolve("Two [1, 3][9] things.") == ("Two things.", (2, 1))
    assert [(c.n, c.quote) for c in citer.citations] == [(1, RATE.text), (2, SAID.text)]
    assert citer.unknown == 1


@given(st.text(alphabet="ab [],0123456789٣²", max_size=60))
def test_markers_never_cite_what_is_not_there(text: str) -> None:
    citer = Citer([SAID, WANTS])
    _, numbers = citer.resolve(text)
    assert set(numbers) <= {c.n for c in citer.citations}
    assert all(c.article.text[c.start : c.end] == c.quote for c in citer.citations)


@given(st.integers(1, 9))
def test_a_stream_is_cut_into_sentences_wherever_its_tokens_break(size: int) -> None:
    text = "He said so. [1] They met in the U.S. in May [2]. “Done.” It was 3.5 per cent.\nNew line [3, 4]"
    tokens = [text[i : i + size] for i in range(0, len(text), size)]
    claims = [""]
    for piece in finished_claims(tokens):
        claims[-1] += piece.text
        claims += [""] * piece.ends_claim
    assert claims == ["He said so. [1] ", "They met in the U.S. in May [2]. ", "“Done.” ", "It was 3.5 per cent.\n",
                      "New line [3, 4]", ""]  # fmt: skip


def cited(*sentences: Evidence) -> list[Citation]:
    return [Citation(n, e.article, e.start, e.end, e.speaker) for n, e in enumerate(sentences, start=1)]


@pytest.mark.parametrize(
    ("sentence", "found", "verdict"),
    [
        ("Dominic LeBlanc, in *Is a deal closer?*: “We’re making progress on this”", [SAID], "verbatim"),
        ("The tariffs of 25 per cent  begin on November 1.", [RATE], "verbatim"),
        ("Tariffs of 25% begin November 1.", [RATE], "supported"),
        ("Tariffs of 35% begin November 1.", [RATE], "unsupported"),
        ("The tariffs of 25 per cent begin on November 1.", [WANTS], "unsupported"),
        ("The tariffs of 25 per cent begin on November 1.", [], "unsupported"),
        ("", [RATE], "unsupported"),
    ],
)
def test_support(encoder: Encoder, sentence: str, found: list[Evidence], verdict: str) -> None:
    assert Verifier(encoder).check(sentence, sources_of(cited(*found))).support == verdict


def test_markers_are_put_back() -> None:
    assert with_markers("So it is.", (1, 2)) == "So it is. [1] [2]"


@pytest.mark.parametrize("spec", ["gpt", "extractive:x", ""])
def test_an_unknown_generator_is_refused_by_name(spec: str) -> None:
    with pytest.raises(ConfigError, match="unknown generator"):
        load_generator(spec)
