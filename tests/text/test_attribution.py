"""Speakers of sentences, in the patterns of news English and in the five seeds."""

from __future__ import annotations

import pytest

from rag.ingest.cleaning import clean
from rag.ingest.loaders import Source, find_files, read_file
from rag.text.attribution import Attribution, attribute
from rag.text.names import people_in
from rag.text.sentences import sentences
from tests.conftest import SEEDS


def read(text: str) -> list[Attribution | None]:
    return attribute(text, sentences(text))


@pytest.mark.parametrize(
    ("text", "speaker", "quoted"),
    [
        ("“We need it now,” Brian Kingston said.", "Brian Kingston", "We need it now"),
        ("“It is not the right time,” said one trade analyst.", "one trade analyst", "It is not the right time"),
        ("Prime Minister Mark Carney told reporters that talks go on.", "Mark Carney", None),
        ("Marty Warren, national director of the union, warned against half-measures.", "Marty Warren", None),
        ("According to officials in Ottawa, both sides moved.", "officials", None),
        ("When asked about it, the source replied, “Not for now.”", "the source", "Not for now."),
        ("Industry leaders in Canada have expressed frustration.", "industry leaders", None),
        ("“It is fine,” said US president Joe Biden.", "Joe Biden", "It is fine"),
        ("“It is fine,” said spokeswoman Karine Jean-Pierre.", "Karine Jean-Pierre", "It is fine"),
        ("“It is fine,” said the union’s director Marty Warren on Monday.", "Marty Warren", "It is fine"),
        ("“It is fine,” said a spokesman for Joe Biden.", "a spokesman", "It is fine"),
        ("The bridge will close, said Brian Kingston, president of the group.", "Brian Kingston", None),
        ("A deal helps Mark Carney, said Mr. Marty Warren.", "Marty Warren", None),
        ("Mark Carney, the Canadian leader, said Dominic LeBlanc would stay.", "Mark Carney", None),
        ("Donald Trump attacked Mark Carney on Friday, saying that he was wrong.", "Donald Trump", None),
        ("In Ottawa, Mark Carney praised Dominic LeBlanc, adding that talks go on.", "Mark Carney", None),
        ("“It is fine,” said Marty Warren after meeting president Joe Biden.", "Marty Warren", "It is fine"),
        # quotation marks: straight, doubled apostrophes, of two kinds, in the middle of a report, none to close
        ('"It is fine," said Marty Warren, director of the union.', "Marty Warren", "It is fine"),
        ("''It is fine,'' said Marty Warren, director of the union.", "Marty Warren", "It is fine"),
        ('“It is fine," said Marty Warren, director of the union.', "Marty Warren", "It is fine"),
        ("The offer is “a step ahead,” said Marty Warren, director of the union.", "Marty Warren", "a step ahead"),
        ("Brian Kingston said: “It is fine.", "Brian Kingston", "It is fine."),
        # subjects that are neither a name nor a known role
        ("The campaign said the bridge will close.", "the campaign", None),
        ("Half of the members in the north say the bridge will close.", "Half of the members in the north", None),
        ("In a note, the group said the bridge will close.", "the group", None),
        ("Steel prices rose, and the authorities said they would act.", "the authorities", None),
        ("Mark Carney’s aides said the bridge will close.", "Mark Carney’s aides", None),
        ("“It is fine,” said one former aide, who asked for no more.", "one former aide", "It is fine"),
        ("The bridge will close, said several neighbours.", "several neighbours", None),
        ("The bridge will close, according to the latest survey.", "the latest survey", None),
        # what may stand between a subject and its verb, or around a name
        ("Senator Brian Kingston (D-Ohio) said talks go on.", "Brian Kingston", None),
        ("Brian Kingston on Tuesday said talks go on.", "Brian Kingston", None),
        ("The deal holds, and Mark Carney is urging calm.", "Mark Carney", None),
        ("Mark Carney toured the plant in Ohio and said that talks go on.", "Mark Carney", None),
        ("His lawyer, Marty Warren, said talks go on.", "Marty Warren", None),
        ("Finance Minister Mark Carney met steelworkers, warning that talks may fail.", "Mark Carney", None),
        ("Similarly, Marty Warren praised the deal, arguing that it helps.", "Marty Warren", None),
        # verbs
        ("Mark Carney accused Donald Trump of delay.", "Mark Carney", None),
        ("Mark Carney vowed that talks go on.", "Mark Carney", None),
        ("Mark Carney pointed out that talks go on.", "Mark Carney", None),
        ("A study by the group found that steel matters.", "a study", None),
    ],
)
def test_speaker_and_quotation(text: str, speaker: str, quoted: str | None) -> None:
    (attribution,) = read(text)
    assert attribution is not None
    assert attribution.speaker == speaker
    assert (attribution.quote_span and text[slice(*attribution.quote_span)]) == quoted


def test_a_surname_and_a_pronoun_mean_the_person_named_before() -> None:
    found = read("Flavio Volpe leads the group. Volpe said it was good. “I am happy,” he added. “We were there.”")
    assert [a and a.speaker for a in found] == [None, "Flavio Volpe", "Flavio Volpe", "Flavio Volpe"]


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        ("“We met. We talked,” Marty Warren said.", ["Marty Warren"] * 2),
        ('"We met. We talked. We left," Marty Warren said.', ["Marty Warren"] * 3),
        ("''We met,'' Marty Warren said. ''We talked. We left.''", ["Marty Warren"] * 3),
        ("Marty Warren said: “We met. We talked.” It rained.", ["Marty Warren"] * 2 + [None]),
        ("Marty Warren said: “We met.\n\n“We talked.”", ["Marty Warren"] * 2),
        ("Marty Warren said yes.\n\n“We met. We left,” Mark Carney said.", ["Marty Warren"] + ["Mark Carney"] * 2),
        ("Marty Warren said yes.\n\n“We met. We left.”", ["Marty Warren", None, None]),
        ("Marty Warren said yes. “Yes” is the name of a group in Ottawa.", ["Marty Warren", None]),
    ],
)
def test_a_quotation_of_several_sentences_has_one_speaker(text: str, speakers: list[str | None]) -> None:
    assert [found and found.speaker for found in read(text)] == speakers


@pytest.mark.parametrize(
    "text",
    [
        "The auto industry has faced challenges.",
        "Talks follow a period of tariffs.",
        "The offer was rejected by Mark Carney.",
        "Marty Warren reported from Ottawa.",
        "Donald Trump won in Ohio, adding to his lead.",
        "Donald Trump continued to rise.",
        "Coastal states matter.",
        "The self-described winner left.",
        "They must say no.",
        "Mark Carney did not say why.",
        "Mark Carney wants a deal.",
        "Mark Carney thinks that a deal is near.",
        "Mark Carney found steel.",
    ],
)
def test_sentences_of_the_reporter_have_no_speaker(text: str) -> None:
    assert read(text) == [None]


def test_marks_that_never_close_take_linear_time() -> None:
    marks = "“" * 100_000
    assert attribute(marks, [(0, len(marks))]) == [None]


def test_spans_are_those_of_the_names_and_the_verbs() -> None:
    text = "Dominic LeBlanc said the talks go on."
    (attribution,) = read(text)
    assert attribution is not None
    assert attribution.cue_span is not None
    assert text[slice(*attribution.speaker_span)] == "Dominic LeBlanc"
    assert text[slice(*attribution.cue_span)] == "said"


def test_speakers_of_the_seeds() -> None:
    spoken = {}
    for file in find_files(SEEDS)[0]:
        for source in read_file(file):
            assert isinstance(source, Source)
            article = clean(source)
            spans = sentences(article.text)
            for (start, end), attribution in zip(spans, attribute(article.text, spans), strict=True):
                if attribution is not None:
                    spoken[article.text[start:end]] = attribution.speaker
    said = {begin: [s for text, s in spoken.items() if text.startswith(begin)] for begin in EXPECTED}
    assert said == {begin: [speaker] for begin, speaker in EXPECTED.items()}


EXPECTED = {
    "Sources say Lutnick": "Howard Lutnick",
    "“The Americans are focused": "one trade analyst",
    "“Lutnick’s comments signal": "one trade analyst",
    "A senior Canadian government official": "a senior Canadian government official",
    "LeBlanc noted": "Dominic LeBlanc",
    "“I think that’s a positive sign": "Jamie Tronnes",
    "The Canadian government source": "the Canadian government source",
    "“I don’t expect": "Brian Kingston",
    "We need agreement": "Brian Kingston",
    "We were there last week": "Flavio Volpe",
    "“Having some clarity": "Lucas Malinowski",
    "“He’s raised": "Marty Warren",
    "“We’re in ongoing discussions": "Mark Carney",
    "“We’re making progress": "Dominic LeBlanc",
    "“We’re into a level": "Dominic LeBlanc",
    "US commerce secretary": "Howard Lutnick",
    "He argued": "Mark Carney",
    "“So we will continue": "Mark Carney",
}


def test_people_of_a_text() -> None:
    assert people_in("Marty Warren met Carney. Mark Carney left for Mexico City with JD Vance.") == [
        "Marty Warren", "Mark Carney", "JD Vance",
    ]  # fmt: skip


def test_two_spaces_inside_a_name_are_part_of_its_span() -> None:
    text = "Mr. Dominic  LeBlanc said talks went on."
    (found,) = attribute(text, [(0, len(text))])
    assert found is not None
    assert text[slice(*found.speaker_span)] == "Dominic  LeBlanc"
