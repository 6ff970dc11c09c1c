"""Any question-answering model of transformers as an answer reader, by a tiny one with random weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import ConfigError
from rag.models.base import AnswerReader, AnswerSpans
from rag.models.registry import load_answer_reader

QUESTION = "How many people work at the plant?"
SENTENCES = ["The plant employs 1,200 workers.", "Rain.", "", "People who live beside the plant complain of its noise."]
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the plant people rain who how work ##ers . ? , 1 200".split()


def save_model(folder: Path, kind: str) -> None:
    """Save a BERT of two layers, with or without a head for answers."""
    import torch
    import transformers

    (folder / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        initializer_range=1.0,
    )
    torch.manual_seed(1)
    getattr(transformers, kind)(config).eval().save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader")
    save_model(path, "BertForQuestionAnswering")
    return path


@pytest.fixture(scope="module")
def reader(folder: Path) -> AnswerReader:
    return load_answer_reader(str(folder))


def scores_of(folder: Path, sentence: str) -> tuple[Any, Any, Any]:
    """The scores of one pair, its offsets and which text each token is from, as transformers gives them."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    given = AutoTokenizer.from_pretrained(folder)(QUESTION, sentence, return_offsets_mapping=True, return_tensors="pt")
    offsets = given.pop("offset_mapping")[0].numpy()
    with torch.inference_mode():
        scores = AutoModelForQuestionAnswering.from_pretrained(folder).eval()(**given)
    return torch.stack([scores.start_logits[0], scores.end_logits[0]], -1).numpy(), offsets, given.sequence_ids(0)


def test_it_reads_what_the_model_says(folder: Path, reader: AnswerReader) -> None:
    read = reader.read(QUESTION, SENTENCES)
    assert reader.name == str(folder)
    for row in (0, 1, 3):
        scores, offsets, texts = scores_of(folder, SENTENCES[row])
        inside = [place for place, text in enumerate(texts) if text == 1]
        chances = np.exp(scores[inside]) / np.exp(scores[inside]).sum(axis=0)
        none = np.exp(scores[0]) / (np.exp(scores[0]) + np.exp(scores[inside]).sum(axis=0))
        assert read[row].spans.tolist() == offsets[inside].tolist()
        assert np.exp(read[row].begins) == pytest.approx(chances[:, 0], rel=1e-4)
        assert np.exp(read[row].ends) == pytest.approx(chances[:, 1], rel=1e-4)
        assert np.exp(read[row].absent) == pytest.approx(none.prod(), rel=1e-4)
        assert read[row].answers == read[row].present


def test_spans_are_characters_of_the_sentence(reader: AnswerReader) -> None:
    first, second, empty, _ = reader.read(QUESTION, SENTENCES)
    assert [SENTENCES[0][a:b] for a, b in first.spans][:2] == ["The", "plant"]
    start, end = second.likeliest
    assert SENTENCES[1][start:end] in ("Rain", ".", "Rain.")
    assert (empty.spans.shape, empty.likeliest, empty.absent) == ((0, 2), (0, 0), 0.0)
    assert empty.answers < -10


def test_a_text_too_long_for_the_model_is_cut(reader: AnswerReader) -> None:
    (spans,) = reader.read(QUESTION, ["plant " * 200])
    assert 0 < len(spans.spans) < 40
    assert reader.read(QUESTION, []) == []


def test_a_sentence_reads_the_same_in_any_company_and_thread(folder: Path, reader: AnswerReader) -> None:
    fresh = load_answer_reader(str(folder))
    with ThreadPoolExecutor(4) as pool:
        results: list[list[AnswerSpans]] = list(pool.map(lambda _: fresh.read(QUESTION, SENTENCES), range(8)))
    for row, sentence in enumerate(SENTENCES):
        (alone,) = load_answer_reader(str(folder)).read(QUESTION, [sentence])
        for result in results:
            assert result[row].absent == pytest.approx(alone.absent, abs=1e-4)
            assert result[row].begins == pytest.approx(alone.begins, abs=1e-4)


def test_a_model_that_finds_no_answers_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, "BertModel")
    with pytest.raises(ConfigError, match=r"cannot load the answer reader .*it lacks qa_outputs.*or use `embedded`"):
        load_answer_reader(str(tmp_path))


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot load the answer reader .*or use `embedded`"):
        load_answer_reader(str(tmp_path / "none"))


def test_the_embedded_one_has_a_name_too() -> None:
    assert load_answer_reader().name == load_answer_reader("embedded").name == "embedded"
