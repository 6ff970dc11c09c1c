"""The faithfulness suite: sets read as published, halves by source, changes by rule, measures by hand."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

from eval.__main__ import main
from eval.benchmarks.faithfulness import ClaimVerdict, measures, regression
from eval.datasets.claims import cited, read_claims, source_half
from eval.datasets.sentence_edits import capitalised_names, changed_sentences, shortened
from rag.evaluation.questions import SETS, EvalError, read_set
from rag.verification.alignment import ALIGNMENT_FEATURES
from rag.verification.contradiction import contradicts

ROOT = Path(__file__).resolve().parents[2]
ARTICLE = "The harbour opened in 1912, officials said. King George of Halifax was not there, and nobody minded much."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One row of each set, as its authors publish it."""
    path = tmp_path / "sets"
    (path / "qags").mkdir(parents=True)
    (path / "wice/entailment_retrieval/claim").mkdir(parents=True)
    frank = {"hash": "h", "model_name": "m", "dataset": "bbc", "factuality": 0.5, "article": ARTICLE, "summary": "No ."}
    (path / "frank-valid.jsonl.gz").write_bytes(gzip.compress(json.dumps(frank).encode()))
    said = [{"sentence": "It opened.", "responses": [{"response": r} for r in ("yes", "no", "yes")]}]
    (path / "qags/mturk_xsum.jsonl").write_text(json.dumps({"article": ARTICLE, "summary_sentences": said}), "utf-8")
    wice = {
        "meta": {"id": "w"},
        "claim": "It opened in 1912.",
        "label": "supported",
        "evidence": ["(meta data) TITLE: a b c d e", "It opened in 1912.", "Short.", "Nobody was there on that day."],
        "supporting_sentences": [[1], [1, 2]],
    }
    (path / "wice/entailment_retrieval/claim/dev.jsonl").write_text(json.dumps(wice), encoding="utf-8")
    return path


def test_the_sets_are_read_as_they_were_published(folder: Path) -> None:
    found = read_claims(folder)
    assert [(e.id, e.of, e.sentence, e.supported, e.kind) for e in found] == [
        ("h-m", "frank-bbc", "No .", False, ""),
        ("qags-xsum-0-0", "qags-xsum", "It opened.", True, ""),
        ("w", "wice", "It opened in 1912.", True, ""),
        ("w-gold", "wice-gold", "It opened in 1912.", True, "gold"),
        ("w-next", "wice-gold", "It opened in 1912.", False, "neighbour"),
    ]
    assert (found[3].source, found[4].source) == ("It opened in 1912.", "Nobody was there on that day.")
    assert {e.half for e in found[2:]} == {source_half(found[2].source)}


def test_a_folder_without_sets_and_a_damaged_file_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="holds none of"):
        read_claims(tmp_path)
    (folder / "frank-valid.jsonl.gz").write_bytes(b"no")
    with pytest.raises(EvalError, match="frank-valid"):
        read_claims(folder)


def test_sentences_are_changed_by_one_thing() -> None:
    short = shortened("The port of Halifax was opened by King George in 1912 before the war, officials said.")
    assert short == "The port of Halifax was opened by King George in 1912 before the war."
    made = dict(changed_sentences(short, ["Boston"], random.Random(1)))
    assert made["order"] == "The port of King George was opened by Halifax in 1912 before the war."
    assert made["denial"] == "The port of Halifax was not opened by King George in 1912 before the war."
    assert made["direction"] == "The port of Halifax was opened by King George in 1912 after the war."
    assert made["name"] in (short.replace("Halifax", "Boston"), short.replace("King George", "Boston"))
    before, after = short.split("1912")
    assert made["number"] != short
    assert re.fullmatch(rf"{re.escape(before)}[1-9]\d{{3}}{re.escape(after)}", made["number"])
    assert shortened("Too little is left, officials said.") is None
    assert capitalised_names(ARTICLE) == ["George", "Halifax"]


@pytest.mark.parametrize(
    ("sentence", "evidence", "contrary"),
    [
        ("The port was not opened.", "The port was opened.", True),
        ("The port opened.", "The port didn’t open.", True),
        ("The port did n't open .", "The port never opened.", False),
        ("The port opened.", "The port opened; nobody came.", False),
        ("Prices rise.", "Prices fall.", True),
        ("Prices rise.", "Prices rise and fall.", False),
        ("He arrived after her.", "He arrived before her.", True),
        ("Mark Carney is president.", "Prime Minister Mark Carney met President Donald Trump.", True),
        ("Mark Carney, the prime minister, left.", "Prime Minister Mark Carney met President Donald Trump.", False),
        ("President Trump left.", "Donald Trump, the U.S. president, left.", False),
        ("", "", False),
    ],
)
def test_what_is_plainly_contrary(sentence: str, evidence: str, contrary: bool) -> None:
    assert contradicts(sentence, evidence) == contrary
    assert contradicts(evidence, sentence) == contrary


def test_the_measures() -> None:
    rows = [
        (True, "supported", 0.9),
        (True, "unsupported", 0.3),
        (False, "supported", 0.6),
        (False, "unsupported", 0.1),
    ]
    judged = [
        ClaimVerdict(str(n), "s", "gold" if label else "neighbour", "tune", label, support, score, float(n), 9)  # type: ignore[arg-type]
        for n, (label, support, score) in enumerate(rows)
    ]
    found = measures(judged, seed=1)["s"]
    assert (found["n"], found["supported"], found["auroc"]) == (4, 0.5, 0.75)
    assert (found["precision"], found["recall"]) == (0.5, 0.5)
    assert found["accepted"]["neighbour, to be refused"] == {"n": 2, "share": 0.5}
    assert found["ms"]["p50"] == 1.5
    assert found["interval"] == measures(judged, seed=1)["s"]["interval"]


def test_the_weights_tell_apart_within_a_set_and_not_one_set_from_another() -> None:
    questions = read_set(str(SETS / "seeds")).questions
    examples = list(cited(questions, ROOT / "seeds"))
    rng = np.random.default_rng(3)
    features = rng.random((len(examples), len(ALIGNMENT_FEATURES))).astype(np.float32)
    pairs = ALIGNMENT_FEATURES.index("pairs")
    features[:, pairs] += [2.0 * example.supported for example in examples]
    weights = regression(features, examples)
    assert set(weights) == {*ALIGNMENT_FEATURES, "intercept"}
    assert weights["pairs"] > 5 * max(abs(weights[name]) for name in ("anywhere", "names"))


def test_the_command_writes_what_it_prints(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["faithfulness", str(folder), "--only", "frank-bbc,wice-gold", "--out", str(tmp_path / "out"), "--json"]
    assert main(call) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads(Path(printed["file"]).read_text("utf-8"))
    assert printed["sets"] == written["sets"]
    assert [row["id"] for row in written["results"]] == ["h-m", "w-gold", "w-next"]
    assert printed["sets"]["wice-gold"]["auroc"] == 1.0
    assert "opened" not in Path(printed["file"]).read_text("utf-8")
    assert main([*call[:2], "--only", "none"]) == 1
