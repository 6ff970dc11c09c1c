"""The embedded span reader: the same in ONNX Runtime as in PyTorch, and what it learns from."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from safetensors.numpy import save

from eval.datasets.ramdocs import read_cases
from eval.datasets.ranking_examples import RankingGroup, TitledSentence
from eval.datasets.span_examples import (
    SpanExample,
    cloze_examples,
    disagreement_examples,
    quiz_examples,
    squad_examples,
)
from eval.datasets.squad import half_of
from rag.models.answer_reader import EmbeddedAnswerReader
from rag.models.base import MAX_ANSWER_TOKENS, MIN_LOG_PROBABILITY, AnswerReader, AnswerSpans
from rag.models.registry import load_answer_reader

QUESTION = "How many people work at the plant?"
SENTENCES = ["The plant employs 1,200 workers in three shifts.", "People beside the plant complain."]


@pytest.fixture(scope="module")
def reader() -> AnswerReader:
    return load_answer_reader()


def test_it_computes_what_pytorch_trained() -> None:
    import torch
    from transformers import AutoTokenizer

    from eval.training.answer_reader import AnswerReaderModel
    from rag.models.minilm import embedded_folder

    torch.manual_seed(1)
    model, tokenizer = AnswerReaderModel().eval(), AutoTokenizer.from_pretrained(str(embedded_folder()))
    given = tokenizer([QUESTION] * 2, SENTENCES, padding=True, return_tensors="pt")
    with torch.inference_mode():
        odds, answers = model(given)
    for row, spans in enumerate(EmbeddedAnswerReader(save(model.kept())).read(QUESTION, SENTENCES)):
        own = odds[row, given["token_type_ids"][row] * given["attention_mask"][row] == 1]
        expected = own.log_softmax(dim=0).numpy()[:-1]  # the special token at the end has no span
        absent = odds[row, 0] - torch.cat([odds[row, :1], own]).logsumexp(dim=0)
        assert spans.absent == pytest.approx(float(absent.sum()), abs=0.1)  # 8 bits
        assert spans.answers == pytest.approx(float(answers[row]), abs=0.1)
        assert spans.begins == pytest.approx(expected[:, 0], abs=0.1)
        assert spans.ends == pytest.approx(expected[:, 1], abs=0.1)


def test_it_finds_the_answer_and_that_there_is_none(reader: AnswerReader) -> None:
    answers, other = reader.read(QUESTION, SENTENCES)
    start = SENTENCES[0].index("1,200")
    assert SENTENCES[0][slice(*answers.spans[0])] == "The"
    right, wrong = answers.scores(np.array([start, 0]), np.array([start + 5, 9]))
    assert right > np.log(0.5) > wrong
    assert np.exp(answers.absent) < 0.5 < np.exp(other.absent)
    assert answers.answers > other.answers


def test_a_sentence_reads_the_same_in_any_batch_and_what_is_cut_off_is_unlikely(reader: AnswerReader) -> None:
    long = " ".join(["word"] * 300)
    alone, _ = reader.read(QUESTION, [SENTENCES[0], long])
    assert np.array_equal(alone.begins, reader.read(QUESTION, SENTENCES)[0].begins)
    (cut,) = reader.read(QUESTION, [long])
    assert cut.scores(np.array([len(long) - 4]), np.array([len(long)])) == [2 * MIN_LOG_PROBABILITY]
    assert reader.read(QUESTION, []) == []


def test_a_sentence_is_read_once_for_a_question(reader: AnswerReader) -> None:
    first, _ = reader.read(QUESTION, SENTENCES)
    (again,) = reader.read(QUESTION, SENTENCES[:1])
    (other,) = reader.read("Who runs the plant?", SENTENCES[:1])
    assert again is first
    assert other is not first


def test_the_likeliest_answer_is_a_run_of_tokens_that_is_not_long(reader: AnswerReader) -> None:
    (answer,) = reader.read(QUESTION, SENTENCES[:1])
    assert SENTENCES[0][slice(*answer.likeliest)] == "1,200"
    spans = np.array([[n, n + 1] for n in range(MAX_ANSWER_TOKENS + 2)])
    begins, ends = np.full(len(spans), -9.0, np.float32), np.full(len(spans), -9.0, np.float32)
    begins[[0, 4]] = -0.1, -0.5  # the likelier beginning is too far before the end, and no answer ends before it begins
    ends[[2, len(spans) - 1]] = -8.5, -0.1
    assert AnswerSpans(spans, begins, ends, -1.0, 0.0).likeliest == (4, len(spans))
    assert AnswerSpans(spans[:0], begins[:0], ends[:0], -1.0, 0.0).likeliest == (0, 0)


@pytest.mark.parametrize(
    ("absent", "present"),
    [(np.log(0.5), 0.0), (np.log(0.2), np.log(4)), (2 * MIN_LOG_PROBABILITY, -2 * MIN_LOG_PROBABILITY)],
)
def test_present_is_the_log_odds_of_a_short_answer(absent: float, present: float) -> None:
    nowhere = np.zeros((0, 2), dtype=np.int64)
    none = np.zeros(0, dtype=np.float32)
    assert AnswerSpans(nowhere, none, none, float(absent), 0.0).present == pytest.approx(present)
    assert AnswerSpans(nowhere, none, none, 0.0, 0.0).present < -13


def test_made_questions_ask_for_words_of_their_sentence() -> None:
    article = (
        "The Norwegian government said on Monday that 4,200 soldiers would leave the town of Narvik before the summer. "
        "The mayor, who has led the town council since 2011, asked the ministry in Oslo for 30 per cent more money now."
    )
    made = cloze_examples([article] * 40, 30, Random(3))
    assert len(made) == 30
    assert made == cloze_examples([article] * 40, 30, Random(3))
    asked_for = {example.sentence[slice(*example.answer)] for example in made if example.answer}
    assert {"Narvik", "Oslo"} & asked_for
    for example in made:
        assert example.question.endswith("?")
        assert example.sentence in article
    assert any(example.answer is None for example in made)


def test_real_questions_have_their_answer_where_it_stands(tmp_path: Path) -> None:
    group = RankingGroup(
        "Who won?",
        (TitledSentence("The cup went to Ghana."),),
        (TitledSentence("It rained."), TitledSentence("Nobody came.")),
    )
    questions = tmp_path / "questions.jsonl"
    row = {"question": "Who won?", "date": "2023/01/06", "choices": ["Mali", "ghana"], "answer": ["1"]}
    questions.write_text(json.dumps(row) + "\n", encoding="utf-8")
    none = [SpanExample("Who won?", "It rained.", None), SpanExample("Who won?", "Nobody came.", None)]
    assert quiz_examples([group], questions, "2023") == [
        SpanExample("Who won?", "The cup went to Ghana.", (16, 21)),
        *none,
    ]
    assert quiz_examples([group], questions, "2022") == []


def test_squad_gives_its_tuning_half_with_and_without_an_answer(tmp_path: Path) -> None:
    paragraphs = [f"The fort of Ulm is {n} years old. It rained. A duke built it." for n in (1, 3)]
    assert [half_of(paragraph) for paragraph in paragraphs] == ["tune", "test"]
    rows = [
        {"id": f"{n}{kind}", "question": question, "context": paragraph}
        for n, paragraph in enumerate(paragraphs)
        for kind, question in (("a", "Who built it?"), ("b", "Who sold it?"))
    ]
    truth = {row["id"]: {"answers": ["A duke", "duke"] if row["id"][1] == "a" else []} for row in rows}
    (tmp_path / "queries.json").write_text(json.dumps({"queries": rows}), encoding="utf-8")
    (tmp_path / "ground_truth.json").write_text(json.dumps(truth), encoding="utf-8")
    first, second, third = "The fort of Ulm is 1 years old.", "It rained.", "A duke built it."
    assert squad_examples(tmp_path) == [
        SpanExample("Who built it?", third, (2, 6)),
        SpanExample("Who built it?", first, None),
        SpanExample("Who built it?", second, None),
        SpanExample("Who sold it?", first, None),
        SpanExample("Who sold it?", second, None),
    ]


def test_each_document_gives_the_sentence_with_its_answer(tmp_path: Path) -> None:
    documents = [
        {"text": "Nobody knows the town well. The fort was built in 1740 by a duke.", "answer": "1740"},
        {"text": "The weather in the town is fair. It rained.", "answer": "unknown"},
    ]
    questions = [f"When was fort {n} built?" for n in range(2)]
    lines = [json.dumps({"question": question, "documents": documents}) for question in questions]
    (tmp_path / "set.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (asked,) = (case.question for case in read_cases(tmp_path) if case.half == "tune")
    assert disagreement_examples(tmp_path) == [
        SpanExample(asked, "The fort was built in 1740 by a duke.", (22, 26)),
        SpanExample(asked, "The weather in the town is fair.", None),
    ]


@pytest.mark.slow
def test_a_few_examples_and_groups_are_learned() -> None:
    from eval.training.answer_reader import train

    start = SENTENCES[0].index("1,200")
    real = [SpanExample(QUESTION, SENTENCES[0], (start, start + 5)), SpanExample(QUESTION, SENTENCES[1], None)] * 160
    asked, complaint = (
        RankingGroup("Why?", (TitledSentence(SENTENCES[0]),), (TitledSentence("It rained."),)),
        "People beside it are unhappy.",
    )
    section = RankingGroup(
        "Is everybody content?", tuple(map(TitledSentence, (SENTENCES[1], complaint))), (TitledSentence(SENTENCES[0]),)
    )
    reader = EmbeddedAnswerReader(save(train(real[:2], real, [section], [asked]).kept()))
    answers, other = reader.read(QUESTION, SENTENCES)
    assert answers.scores(np.array([start]), np.array([start + 5]))[0] > np.log(0.9)
    assert np.exp(answers.absent) < 0.1 < 0.9 < np.exp(other.absent)
    wrong, *right = reader.read(section.question, [SENTENCES[0], SENTENCES[1], complaint])
    assert max(spans.answers for spans in right) > 0 > wrong.answers
