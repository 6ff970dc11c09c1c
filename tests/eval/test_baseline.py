"""The plain way to answer that the product is held against."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from eval.__main__ import main
from eval.baseline import PlainBaseline
from rag.models.registry import load_encoder
from rag.types import Article, Turn

PLANT = Article("1", "1.txt", "The plant employs 1,200 workers in three shifts. Neighbours complain of noise. Oh no.")
TOWN = Article("2", "2.txt", "The town has a new mayor since May. Rain is expected on Sunday.")


def test_it_cites_the_three_best_sentences_and_refuses_nothing() -> None:
    answer = PlainBaseline([PLANT, TOWN], load_encoder()).ask("How many workers does the plant employ?", history=[])
    assert answer.status == "answered"
    assert [citation.quote for citation in answer.citations] == [
        "The plant employs 1,200 workers in three shifts.",
        "The town has a new mayor since May.",
        "Neighbours complain of noise.",
    ]
    assert answer.text.startswith("The plant employs 1,200 workers in three shifts. [1]\n")
    assert [claim.citations for claim in answer.claims] == [(1,), (2,), (3,)]


def test_its_score_is_a_tenth_of_bm25_and_the_cosine() -> None:
    encoder = load_encoder()
    question = "How many workers are in the shifts?"
    answer = PlainBaseline([PLANT, TOWN], encoder).ask(question, history=[])
    first, asked = encoder.encode([PLANT.text[:48], question])
    lengths = [6, 3, 4, 3]  # content words of the four sentences
    norm = 1 + 1.2 * (0.25 + 0.75 * lengths[0] / np.mean(lengths))
    bm25 = 2 * math.log(1 + (4 - 1 + 0.5) / (1 + 0.5)) * 2.2 / norm
    assert answer.citations[0].quote == PLANT.text[:48]
    assert answer.confidence == pytest.approx(1 / (1 + math.exp(-(0.1 * bm25 + float(first @ asked)))), abs=1e-4)


def test_nothing_that_was_said_before_counts() -> None:
    plain = PlainBaseline([PLANT, TOWN], load_encoder())
    assert plain.ask("And the mayor?", history=[Turn("Who works?")]) == plain.ask("And the mayor?", history=[])


@pytest.mark.slow
def test_over_the_seeds_it_cites_what_the_readme_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["answers", "seeds", "--plain", "--json", "--out", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    found = {half: row["hit_one"]["value"] for half, row in printed["measures"].items()}
    assert found == {"tune": pytest.approx(34 / 39), "test": pytest.approx(34 / 39), "all": pytest.approx(68 / 78)}
    assert printed["settings"]["llm"] == "plain"
