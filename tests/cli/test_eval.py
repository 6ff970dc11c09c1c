"""`onrecord eval`: a set of questions, its measures, and what got worse since the last run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from rag import pipeline
from rag.cli import main
from rag.models.base import Encoder
from tests.conftest import SEEDS

# The second answer is wrong: the articles say nothing of the kind.
PAIRS = """question,answer
Who is Brian Kingston?,president
How many people live in Toronto?,1906
Who is the prime minister of Canada?,Mark Carney
"""


@pytest.fixture(autouse=True)
def one_encoder(encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The embedded encoder, loaded once for all commands; no onrecord.toml or environment of the machine."""
    monkeypatch.setattr(pipeline, "load_encoder", lambda name: encoder)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def index(seed_index: Path, tmp_path: Path) -> Path:
    """A copy of the index over the five seeds: runs are kept beside it."""
    return Path(shutil.copytree(seed_index, tmp_path / "index"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "my pairs.csv"
    path.write_text(PAIRS, encoding="utf-8")
    return path


def run(capsys: pytest.CaptureFixture[str], index: Path, *arguments: str) -> tuple[int, str, str]:
    exit_status = main.main(["eval", *arguments, "--index", str(index)])
    out, err = capsys.readouterr()
    return exit_status, out, err


def run_json(capsys: pytest.CaptureFixture[str], index: Path, *arguments: str) -> Any:
    exit_status, out, _ = run(capsys, index, *arguments, "--json")
    assert exit_status == 0
    return json.loads(out)


def test_the_measures_of_three_pairs(capsys: pytest.CaptureFixture[str], index: Path, pairs: Path) -> None:
    found = run_json(capsys, index, str(pairs), "--show-misses", "--seeds", str(SEEDS))
    measures = found["measures"]["all"]
    assert (measures["right"]["n"], round(measures["right"]["value"], 4)) == (3, 0.6667)
    assert measures["byte_equal"]["value"] == 1.0
    assert [miss["question"] for miss in found["misses"]] == ["How many people live in Toronto?"]
    assert found["set"]["name"] == "my-pairs"
    file = Path(found["file"])
    assert file.parent == index.parent / "evaluations"
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert list(kept["answers"]) == ["1", "2", "3"]
    assert kept["answers"]["1"]["question"] == "Who is Brian Kingston?"
    assert [row["right"] for row in kept["results"]] == [True, False, True]


def test_what_got_worse_since_the_last_run(capsys: pytest.CaptureFixture[str], index: Path, pairs: Path) -> None:
    exit_status, out, err = run(capsys, index, str(pairs))
    assert (exit_status, "right outcome" in out, "got worse" in out) == (0, True, False)
    assert "the set's first run" in err
    (first,) = (index.parent / "evaluations").iterdir()
    last = json.loads(first.read_text(encoding="utf-8"))
    row = last["results"][1]
    row["answer_found"], row["status"], row["claims"] = True, "answered", ["1906 people live in Toronto."]
    last["made"] = "2026-01-02T03:04:05Z"
    first.unlink()
    first.with_name("2026-01-02T030405Z-answers-my-pairs.json").write_text(json.dumps(last), encoding="utf-8")

    _, out, err = run(capsys, index, str(pairs))
    assert "1 of 3 questions got worse since my-pairs 2026-01-02T03:04:05Z" in out
    worse = out[out.index("got worse") :]
    assert "2 (question) How many people live in Toronto?" in worse
    assert worse.index("before: answered") < worse.index("answer: 1906 people live in Toronto.") < worse.index("now: ")
    assert "B - A" not in out
    assert len(list((index.parent / "evaluations").iterdir())) == 2

    found = run_json(capsys, index, str(pairs), "--compare")
    assert (found["comparison"]["shared"], found["comparison"]["regressions"]) == (3, [])


def test_every_measure_beside_the_last_run(capsys: pytest.CaptureFixture[str], index: Path, pairs: Path) -> None:
    run(capsys, index, str(pairs))
    _, out, _ = run(capsys, index, str(pairs), "--compare")
    assert "B - A" in out
    assert "no of 3 questions" not in out
    assert "none of 3 questions got worse" in out


@pytest.mark.parametrize(
    ("thresholds", "exit_status", "line"),
    [
        (("right=0.6", "failed=0"), 0, ""),
        (("right=0.7",), 1, "error: right is 0.6667, under 0.7"),
        (("latency_p95=0",), 1, ", over 0.0: "),
        (("hit_one=0.5",), 1, "error: hit_one has no value on this set"),
    ],
)
def test_a_missed_threshold_fails(
    capsys: pytest.CaptureFixture[str],
    index: Path,
    pairs: Path,
    thresholds: tuple[str, ...],
    exit_status: int,
    line: str,
) -> None:
    options = [part for threshold in thresholds for part in ("--fail-under", threshold)]
    found, _, err = run(capsys, index, str(pairs), *options)
    assert found == exit_status
    assert line in err
    assert ("error: " in err) == bool(exit_status)


@pytest.mark.parametrize("threshold", ["wrong=1", "right", "right=much"])
def test_a_wrong_threshold_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], index: Path, pairs: Path, threshold: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(capsys, index, str(pairs), "--fail-under", threshold)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.csv", "frage\nWer?\n", "bad.csv:1 has no column 'question', only frage"),
        ("bad.jsonl", '{"question": "a"}\n{', "bad.jsonl:2 is not JSON"),
        ("bad.txt", "a", "bad.txt is no question set: give a file of JSON lines (.jsonl) or a .csv file"),
        ("none.csv", None, "none.csv': give a path"),
    ],
)
def test_a_set_that_cannot_be_read_is_one_line(
    capsys: pytest.CaptureFixture[str], index: Path, tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    exit_status, out, err = run(capsys, index, str(tmp_path / name))
    assert (exit_status, out, err.count("\n")) == (1, "", 1)
    assert message in err


def test_an_uploaded_set_by_its_name(capsys: pytest.CaptureFixture[str], index: Path, pairs: Path) -> None:
    sets = index.parent / "evaluations" / "sets"
    sets.mkdir(parents=True)
    pairs.rename(sets / "my-pairs.csv")
    assert run_json(capsys, index, "my-pairs")["set"]["name"] == "my-pairs"


def test_only_one_half_is_asked(capsys: pytest.CaptureFixture[str], index: Path, tmp_path: Path) -> None:
    path = tmp_path / "halves.jsonl"
    rows = [{"question": "Who is Brian Kingston?", "half": half} for half in ("tune", "test")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = run_json(capsys, index, str(path), "--half", "test")
    assert (found["set"]["half"], found["set"]["questions"]) == ("test", 1)
