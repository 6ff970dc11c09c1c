"""Speakers held against annotations: the form is read, verbs are matched, pronouns are left aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.__main__ import main
from eval.benchmarks.attribution import Annotated, measured, read_annotated
from rag.evaluation.questions import EvalError

TEXT = (
    "Mark Carney said talks go on. He added that steel matters. Donald Trump thinks not. "
    "“We met. We left,” Marty Warren said."
)
LINES = (
    "T1\tSource 0 4;5 11\tMark Carney",
    "T2\tCue 12 16\tsaid",
    "T3\tContent 17 28\ttalks go",
    "The rest of words that go over two lines.",
    "E1\tAttribution:T9 Content:T3 Cue:T2 Source:T1 Source2:T4",
    "T4\tSource 30 32\tHe",
    "T5\tCue 33 38\tadded",
    "E2\tAttribution:T9 Cue:T5 Source:T4",
    "T6\tSource 59 71\tDonald Trump",
    "T7\tCue 72 78\tthinks",
    "E3\tAttribution:T9 Cue:T7 Source:T6",
    "E4\tAttribution:T9 Cue:T7",
    "T10\tSource 103 115\tMarty Warren",
    "T11\tCue 116 120\tsaid",
    "T12\tContent 84 102\t“We met. We left,”",
    "E5\tAttribution:T9 Content:T12 Cue:T11 Source:T10",
)


def write(folder: Path, lines: tuple[str, ...] = LINES) -> Path:
    for part in ("train", "dev"):
        for kind, name, text in (("text", "a[1].txt", TEXT), ("attributions", "a[1]_0f.ann", "\n".join(lines))):
            (folder / part / kind).mkdir(parents=True)
            (folder / part / kind / name).write_text(text, encoding="utf-8")
    return folder


def test_attributions_with_a_verb_are_read(tmp_path: Path) -> None:
    ((text, found),) = read_annotated(write(tmp_path) / "dev")
    assert text == TEXT
    assert found == [
        Annotated((12, 16), (0, 11), (17, 28), pronoun=False),
        Annotated((33, 38), (30, 32), None, pronoun=True),
        Annotated((72, 78), (59, 71), None, pronoun=False),
        Annotated((72, 78), None, None, pronoun=False),
        Annotated((116, 120), (103, 115), (84, 102), pronoun=False),
    ]


def test_speakers_are_measured_by_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    halves = measured(write(tmp_path))
    assert halves["tune"] == halves["test"]
    assert halves["test"] == {
        "articles": 1,
        "attributions": 4,
        "verb found": 0.75,  # "thinks" is none of ours
        "of these, source no pronoun": 2,
        "speaker within the source": 1.0,
        "sentences with a verb annotated": 4,
        "of these, speaker named": 0.75,
        "other sentences of what is said": 1,  # “We met.
        "of these, speaker named too": 1.0,
        "sentences named by a verb": 3,
        "of these, verb annotated": 1.0,
        "sentences named as more of a quotation": 1,
        "of these, within what is said": 1.0,
    }
    assert main(["speakers", str(tmp_path), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["halves"] == halves


def test_a_speaker_of_a_sentence_without_attribution_is_counted_against_us(tmp_path: Path) -> None:
    without_the_last = measured(write(tmp_path, LINES[:-1]))["test"]
    assert without_the_last["of these, verb annotated"] == pytest.approx(2 / 3)
    assert without_the_last["of these, within what is said"] == 0.0


def test_what_is_not_in_that_form_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"has no text/\*\.txt"):
        measured(tmp_path)
    with pytest.raises(EvalError, match=r"a\[1\]_0f\.ann is not in brat's stand-off form"):
        measured(write(tmp_path, (*LINES, "E6\tAttribution:T9 Cue:T8 Source:T6")))
