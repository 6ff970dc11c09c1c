"""Speakers held against annotations: the form is read, verbs are matched, pronouns are left aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.__main__ import main
from eval.speaking import Annotated, measured, read_annotated
from rag.evaluation.questions import EvalError

TEXT = "Mark Carney said talks go on. He added that steel matters. Donald Trump thinks not."
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
)


def write(folder: Path, lines: tuple[str, ...] = LINES) -> Path:
    for part in ("train", "dev"):
        for kind, name, text in (("text", "a[1].txt", TEXT), ("attributions", "a[1]_0f.ann", "\n".join(lines))):
            (folder / part / kind).mkdir(parents=True)
            (folder / part / kind / name).write_text(text, encoding="utf-8")
    return folder


def test_attributions_with_a_verb_and_a_source_are_read(tmp_path: Path) -> None:
    ((text, found),) = read_annotated(write(tmp_path) / "dev")
    assert text == TEXT
    assert found == [
        Annotated((12, 16), (0, 11), pronoun=False),
        Annotated((33, 38), (30, 32), pronoun=True),
        Annotated((72, 78), (59, 71), pronoun=False),
    ]


def test_speakers_are_measured_by_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    halves = measured(write(tmp_path))
    assert halves["tune"] == halves["test"]
    assert halves["test"] == {
        "articles": 1,
        "attributions": 3,
        "verb found": pytest.approx(2 / 3),  # "thinks" is none of ours
        "of these, source no pronoun": 1,
        "speaker within the source": 1.0,
    }
    assert main(["speakers", str(tmp_path), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["halves"] == halves


def test_what_is_not_in_that_form_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"has no text/\*\.txt"):
        measured(tmp_path)
    with pytest.raises(EvalError, match=r"a\[1\]_0f\.ann is not in brat's stand-off form"):
        measured(write(tmp_path, (*LINES, "E5\tAttribution:T9 Cue:T8 Source:T6")))
