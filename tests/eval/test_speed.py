"""What measures time and size: the vectors it draws, the articles it makes up, and a whole run over a few of them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from eval import __main__ as command
from eval.benchmarks import speed as bench_module
from eval.benchmarks.speed import Figure
from eval.benchmarks.speed_report import bench_table
from eval.benchmarks.vector_scale import as_it_is, nearest, openings, questions_of, scale, scale_table
from eval.datasets.rehearsal_encoders import Twice
from eval.datasets.synthetic_articles import write_made_up
from eval.datasets.synthetic_vectors import BLOCK, Drawn, real_blocks, real_vectors
from eval.systems import model_path
from rag.evaluation.questions import EvalError
from rag.index import build as build_module
from rag.ingest.loaders import Source, SourceFile, read_file
from rag.models.base import Encoder, Floats
from tests.conftest import SEEDS, HashEncoder


def unit(count: int, dimension: int) -> Floats:
    vectors = np.random.default_rng(0).normal(size=(count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


# Vectors


def test_drawn_vectors_are_the_same_every_time_and_lie_among_the_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    real = unit(200, 16)
    drawn = Drawn.of(real)
    assert drawn.neighbours[7].tolist() == np.argsort(-real @ real[7])[1:11].tolist()
    ((ids, vectors),) = drawn.blocks(1_000)
    assert ids.tolist() == list(range(1_000))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    ((_, again),) = Drawn.of(real).blocks(1_000)
    np.testing.assert_array_equal(vectors, again)
    ((_, other),) = Drawn.of(real, seed=21).blocks(1_000)
    assert not np.array_equal(vectors, other)
    blocks = [(ids[0], len(ids), len(vectors)) for ids, vectors in drawn.blocks(BLOCK + 5)]
    assert blocks == [(0, BLOCK, BLOCK), (BLOCK, 5, 5)]
    monkeypatch.setattr("eval.datasets.synthetic_vectors.NOISE", 0.0)
    ((_, between),) = Drawn.of(real).blocks(500)
    assert np.median((between @ real.T).max(axis=1)) > 0.9  # on the way from one to a neighbour


def test_an_index_is_measured_as_it_is(seed_index: Path, encoder: Encoder) -> None:
    queries = encoder.encode(openings(seed_index))
    blocks = real_blocks(seed_index)
    exact = nearest(queries, lambda: blocks)
    others = [{*list(wanted)[5:], *range(-5, 0)} for wanted in exact]
    found, missing = (as_it_is(seed_index, queries, wanted) for wanted in (exact, others))
    assert (found.vectors, found.cells, found.recall) == (sum(len(ids) for ids, _ in blocks), 0, 1)
    assert missing.recall == 0.5


def test_the_nearest_are_those_of_comparing_all() -> None:
    vectors, queries = unit(1_000, 16), unit(3, 16) + np.float32(0.1)
    ids = np.arange(1_000) * 7
    parts = [(ids[:4], vectors[:4]), (ids[4:600], vectors[4:600]), (ids[600:], vectors[600:])]
    expected = [set(ids[np.argsort(-vectors @ query)[:10]].tolist()) for query in queries]
    assert nearest(queries, lambda: parts) == expected


def test_scale_measures_what_is_there_and_what_is_drawn(seed_index: Path, encoder: Encoder, tmp_path: Path) -> None:
    reported: list[str] = []
    result = scale(seed_index, encoder, [3_000], None, reported.append)
    count = len(real_vectors(seed_index))
    assert [(cost["vectors"], cost["cells"], cost["drawn"]) for cost in result["costs"]] == [
        (count, 0, False), (count, 0, False), (count, math.isqrt(4 * count), False),
        (3_000, 0, True), (3_000, 109, True),
    ]  # fmt: skip
    assert [cost["recall"] for cost in result["costs"]] == [1, 1, 1, 1, 1]  # of so few cells, all are searched
    assert result["set"]["vectors"] == count
    assert [cost["build_s"] is None for cost in result["costs"]] == [True, False, False, False, False]
    assert len(reported) == 7
    kind, cells = (list(column.cells) for column in scale_table(result).columns[1:3])
    assert kind == ["as it is", "", "", "drawn", "drawn"]
    assert cells == ["scan", "scan", str(math.isqrt(4 * count)), "scan", "109"]


def test_questions_come_from_a_file_or_are_titles(seed_index: Path, tmp_path: Path) -> None:
    assert "Is a Canada-US trade deal inching closer?" in openings(seed_index)
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": 1, "question": "Who met?"}\n{"id": 2}\n')
    assert questions_of(path) == ["Who met?"]
    path.write_text('{"question": "Who met?"}\n{"question": "Who left?"}\n')
    assert sorted(questions_of(path)) == ["Who left?", "Who met?"]
    assert len(questions_of(path, 1)) == len(openings(seed_index, 1)) == 1
    path.write_text('{"id": 2}\n')
    with pytest.raises(EvalError, match="has no line with a question"):
        questions_of(path)
    with pytest.raises(EvalError, match="cannot be read"):
        questions_of(tmp_path / "missing")


# Articles


def test_made_up_articles_are_articles_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        write_made_up(20, SEEDS, tmp_path / name)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    sources = list(read_file(SourceFile("a.jsonl", tmp_path / "a.jsonl")))
    assert [source.id for source in sources if isinstance(source, Source)] == [f"made-up-{n}" for n in range(20)]


# A run


def test_the_bare_encoder_gets_what_the_build_gets() -> None:
    encoder = HashEncoder()
    twice = Twice(encoder)
    np.testing.assert_array_equal(twice.encode(["a", "b"]), HashEncoder().encode(["a", "b"]))
    assert (twice.texts, encoder.encoded) == (["a", "b"], ["a", "b", "a", "b"])
    assert (twice.name, twice.dimension) == ("hash", 32)
    assert twice.seconds > 0


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Figure("a", "large", 2.0, "s", 2), True),
        (Figure("a", "large", 2.1, "s", 2), False),
        (Figure("a", "large", 0.9, "", 0.9, least=True), True),
        (Figure("a", "large", 0.8, "", 0.9, least=True), False),
        (Figure("a", "large", None, "s", 2), None),
        (Figure("a", "large", 2.0), None),
    ],
)
def test_a_figure_meets_its_target_or_not(row: Figure, met: bool | None) -> None:
    assert row.met is met


@pytest.mark.slow
def test_a_run_over_a_few_articles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, name, value in (
        (bench_module, "MADE_UP", 12),
        (bench_module, "RUNS", 1),
        (bench_module, "QUERIES", 5),
        (build_module, "MANY_TEXTS", 50),
        (build_module, "ENCODE_WINDOW", 8),
    ):
        monkeypatch.setattr(module, name, value)
    assert command.main(["bench", "--articles", "1", "--out", str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    (file,) = tmp_path.glob("bench-made-up.json")
    written = json.loads(file.read_text())
    assert written | {"file": str(file)} == printed
    assert (printed["set"]["large"]["articles"], printed["set"]["small"]["articles"]) == (13, 1)
    found = {row["what"]: row["value"] for row in printed["rows"]}
    assert found["encoded again after a build was cut off"] == 0
    assert found["recall@10 of float16 against float32"] == 1
    assert [what for what, value in found.items() if value is None] == []
    assert bench_table(printed).row_count == len(found)


def test_what_cannot_be_measured_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["bench", str(tmp_path / "missing")]) == 1
    assert "does not exist: give a folder of articles" in capsys.readouterr().err


def test_a_peer_gets_the_folder_of_our_model() -> None:
    assert Path(model_path("minilm"), "model.safetensors").is_file()
    assert model_path("some/model") == "some/model"
