"""Is a sentence carried by a text? Verdicts, evidence spans, numbers, quotations, and input that means no good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.models.base import Encoder
from rag.text.quantities import missing, quantities
from rag.text.quotations import folded, located, quotations
from rag.verification.verifier import SourceText, Verifier

TEXT = (
    "“We’re making progress on this,” Dominic LeBlanc said on Tuesday.\n\n"
    "The tariffs of 25 per cent begin on November 1. They will cost 2 to 3 million jobs, said Mark Carney. "
    "Howard Lutnick does not expect a deal on autos this year."
)


@pytest.fixture(scope="module")
def verifier(encoder: Encoder) -> Verifier:
    return Verifier(encoder)


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("We're making  progress on this", "We’re making progress on this"),
        ("“The tariffs of 25 per cent begin on November 1.”", "The tariffs of 25 per cent begin on November 1."),
        ("Mark Carney, in *Jobs*: They will cost 2 to 3 million jobs", "They will cost 2 to 3 million jobs"),
    ],
)
def test_exact_words_are_verbatim_and_stand_where_the_evidence_says(
    verifier: Verifier, sentence: str, evidence: str
) -> None:
    verdict = verifier.check(sentence, [SourceText("Something else."), SourceText(TEXT)])
    assert (verdict.support, verdict.score, verdict.source) == ("verbatim", 1.0, 1)
    assert verdict.evidence is not None
    assert TEXT[slice(*verdict.evidence)] == evidence


@pytest.mark.parametrize(
    ("sentence", "support"),
    [
        ("Tariffs of 25% start on November 1.", "supported"),
        ("The tariffs, of 25 percent, begin November 1.", "supported"),
        ("Dominic LeBlanc said they are making progress.", "supported"),
        ("Carney said that they will cost 3 million jobs.", "supported"),
        ("Tariffs of 35% start on November 1.", "unsupported"),
        ("Tariffs of 25 million begin on November 1.", "unsupported"),
        ("The tariffs will cost 4 million jobs.", "unsupported"),
        ("Mark Carney owns a bakery in Winnipeg.", "unsupported"),
        ("Dominic LeBlanc said “we will never make any progress on this” on Tuesday.", "unsupported"),
        ("", "unsupported"),
        ("?!", "unsupported"),
    ],
)
def test_the_verdict(verifier: Verifier, sentence: str, support: str) -> None:
    verdict = verifier.check(sentence, [SourceText(TEXT)])
    assert verdict.support == support
    assert (verdict.evidence is None) == (support == "unsupported")
    assert (verdict.score >= 0.5) == (support != "unsupported")


def test_the_evidence_is_the_sentence_that_carries_it(verifier: Verifier) -> None:
    verdict = verifier.check("Tariffs of 25% start on November 1.", [SourceText("A first text."), SourceText(TEXT)])
    assert verdict.evidence is not None
    assert verdict.source == 1
    assert TEXT[slice(*verdict.evidence)] == "The tariffs of 25 per cent begin on November 1."


def test_the_least_supported_sentence_decides(verifier: Verifier) -> None:
    good, bad = "Tariffs of 25% start on November 1.", "Mark Carney owns a bakery in Winnipeg."
    alone = verifier.check(bad, [SourceText(TEXT)])
    assert verifier.check(f"{good} {bad}", [SourceText(TEXT)]) == alone
    assert verifier.check(f"{bad.lower()[:-1]} . {good}", [SourceText(TEXT)]).support == "unsupported"


def test_two_sources_carry_a_sentence_together(verifier: Verifier) -> None:
    one, two = SourceText("The tariffs begin on November 1."), SourceText("The tariffs are 25 per cent.")
    sentence = "The tariffs are 25 per cent and begin on November 1."
    assert verifier.check(sentence, [one]).support == "unsupported"
    assert verifier.check(sentence, [one, two]).support == "supported"


def test_the_context_tells_who_is_meant_and_gives_no_number(verifier: Verifier) -> None:
    said = "He expects no deal on autos this year."
    with_name, without = SourceText(said, "Howard Lutnick 2025-03-31"), SourceText(said)
    sentence = "Lutnick expects no deal on autos this year."
    assert verifier.check(sentence, [with_name]).score > verifier.check(sentence, [without]).score
    assert verifier.check("He expects no deal on autos in 2025.", [with_name]).support == "unsupported"


def test_a_long_source_is_read_where_it_speaks_of_the_sentence(verifier: Verifier) -> None:
    filler = "The harbour was quiet and the boats stayed in. " * 19
    text = "\n\n".join([filler] * 40 + [TEXT] + [filler] * 40)
    verdict = verifier.check("Tariffs of 25% start on November 1.", [SourceText(text)])
    assert verdict.evidence is not None
    assert text[slice(*verdict.evidence)] == "The tariffs of 25 per cent begin on November 1."


def test_a_source_is_encoded_once(encoder: Encoder) -> None:
    class Counting:
        name, dimension = encoder.name, encoder.dimension
        encode = encoder.encode
        texts: list[str] = []  # noqa: RUF012

        def encode_tokens(self, texts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            self.texts += texts
            return encoder.encode_tokens(texts)

    counting = Counting()
    verifier = Verifier(counting)
    for day in range(1, 6):
        verifier.check(f"The tariffs begin on day {day}.", [SourceText(TEXT)])
    verifier.check("The tariffs of 25 per cent begin", [SourceText(TEXT)])  # verbatim: nothing to encode
    assert counting.texts == [
        "The tariffs begin on day 1.",
        TEXT,
        *(f"The tariffs begin on day {day}." for day in range(2, 6)),
    ]


@pytest.mark.parametrize("source", ["", " \n", "?!", "。", "a", "٣²", "x" * 3000, "\ufffd\u200b"])
def test_no_source_breaks_it(verifier: Verifier, source: str) -> None:
    assert verifier.check("The tariffs begin.", [SourceText(source)]).support == "unsupported"
    assert verifier.check("The tariffs begin.", []).support == "unsupported"


@given(st.text(alphabet="aB ,.\n\"“”'’1%é", min_size=1, max_size=60), st.data())
def test_words_cut_from_a_text_are_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    cut = text[start : data.draw(st.integers(start, len(text)))]
    found = located(cut, text)
    if found is not None:
        assert folded(text[slice(*found)]) == folded(cut)
    elif folded(cut):  # it begins or ends inside a word everywhere
        assert not (f" {text} "[start].isspace() and f" {text} "[start + len(cut) + 1].isspace())


@pytest.mark.parametrize(("words", "text"), [("art", "a party"), ("", "text"), ("”", "“"), ("part y", "party")])
def test_parts_of_words_are_not_verbatim(words: str, text: str) -> None:
    assert located(words, text) is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("25 per cent, 25%, 25 percent", [(25, True)] * 3),
        ("$1.5 million, 1,500,000 and 1.5m", [(1.5e6, False)] * 3),
        ("two hundred and six; three thousand five hundred", [(206, False), (3500, False)]),
        ("twenty-five a dozen a million", [(25, False), (12, False), (1e6, False)]),
        ("2 to 3 million", [(2, False), (2e6, False), (3e6, False)]),
        ("from 20 to 25 per cent", [(20, False), (20, True), (25, True)]),
        ("a 23-year-old in the 1990s", [(23, False), (1990, False)]),
        ("the G20, an F-35 and B2B", [(35, False)]),
        ("no number", []),
    ],
)
def test_numbers_are_read_as_values(text: str, values: list[tuple[float, bool]]) -> None:
    assert [(q.value, q.percent) for q in quantities(text)] == values


@pytest.mark.parametrize(
    ("claimed", "given", "lacking"),
    [
        ("25%", "25 per cent", []),
        ("25%", "25 million", ["25%"]),
        ("25 workers", "25 per cent of workers", ["25"]),
        ("two million", "2 to 3 million", []),
        ("one of the first", "a few", []),
        ("in 2012 and 2013", "in 2012", ["2013"]),
        ("9" * 400, "9" * 400, []),
    ],
)
def test_a_number_is_missing_unless_its_value_is_given(claimed: str, given: str, lacking: list[str]) -> None:
    assert [claimed[q.start : q.end] for q in missing(quantities(claimed), quantities(given))] == lacking


def test_what_stands_in_quotation_marks() -> None:
    said = 'He called it “not on the table … right now, at all” and "very nearly done," not “dead”.'
    assert quotations(said) == ["not on the table", "right now, at all", "very nearly done"]
