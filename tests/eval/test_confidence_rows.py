"""What confidence, short answers and choices are measured on: sets as they are read, false premises, scores by hand."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from eval.benchmarks.calibration import measured, tables
from eval.benchmarks.multiple_choice import ChoiceQuestion, choose_questions, pick, read_quiz, support
from eval.benchmarks.multiple_choice import summed as summed_choices
from eval.benchmarks.squad import summed
from eval.datasets.confidence_rows import ConfidenceRow, read_rows
from eval.datasets.false_premises import names_in, swapped
from eval.datasets.squad import SquadQuestion, exact, f1, half_of, read_squad
from eval.training.fit import fit_confidence, fit_short
from rag.evaluation.questions import EvalError
from rag.evidence.confidence import ANSWERABILITY_NAMES
from rag.evidence.scoring import FEATURE_NAMES, Features, ScoredSentence
from rag.evidence.short_answers import CANDIDATE_FEATURES as SHORT_NAMES
from rag.models.answer_reader import answer_reader
from rag.models.linear import sigmoid
from rag.text.document import Sentence
from rag.types import Article, Evidence, Hit, Passage


def test_f1_counts_words_without_case_marks_and_articles() -> None:
    assert exact("The 25%", "25") == 1.0
    assert f1("over 75% of it", "over 75%") == pytest.approx(2 * 2 / (4 + 2))
    assert (f1("", "x"), f1("the", ""), f1("a b", "c d")) == (0.0, 1.0, 0.0)


def test_a_squad_sample_is_read_and_halved_by_paragraph(tmp_path: Path) -> None:
    queries = [{"id": "1", "question": "Who  spoke?", "context": "A spoke."}]
    (tmp_path / "queries.json").write_text(json.dumps({"queries": queries}))
    (tmp_path / "ground_truth.json").write_text(json.dumps({"1": {"answers": [""], "is_impossible": True}}))
    (one,) = read_squad(tmp_path)
    assert one == SquadQuestion("1", "Who spoke?", "A spoke.", ())
    assert [half_of(text) for text in ("a", "b", "c")] == ["tune", "tune", "tune"]
    with pytest.raises(EvalError, match="give a SQuAD 2"):
        read_squad(tmp_path / "none")
    (tmp_path / "ground_truth.json").write_text("{}")
    with pytest.raises(EvalError, match="no SQuAD 2"):
        read_squad(tmp_path)


def test_a_refusal_is_right_where_there_is_no_answer() -> None:
    rows = [
        {"kind": "who", "answerable": True, "em": 1.0, "f1": 1.0, "confidence": 0.9},
        {"kind": "who", "answerable": True, "em": 0.0, "f1": 0.5, "confidence": 0.1},
        {"kind": "when", "answerable": False, "em": 0.0, "f1": 0.0, "confidence": 0.2},
    ]
    found = summed(rows, refuse_below=0.5)
    assert found["answerable"] == {"n": 2, "em": 0.5, "f1": 0.75}
    assert found["all, refusals counted"] == {"n": 3, "em": 2 / 3, "f1": 2 / 3}
    assert found["has an answer, AUROC"] == {"n": 3, "auroc": 0.5}


@pytest.mark.parametrize(
    ("question", "false"),
    [
        ("What did Brian Kingston say?", "What did Mark Carney say?"),
        ("Who is the president?", "Who is the prime minister?"),
        ("What happened in the 51 towns?", "What happened in the 53 towns?"),
        ("What happened?", None),
    ],
)
def test_a_false_premise_swaps_one_thing(question: str, false: str | None) -> None:
    names = names_in(["What of Mark Carney?", "What of Brian Kingston?", "And in Mexico City?"])
    assert names == ["Mark Carney", "Brian Kingston", "Mexico City"]
    assert swapped(question, names, "He went to Mexico City.", Random(20)) == false


def sentence(text: str, score: float) -> tuple[Hit, ScoredSentence]:
    article = Article(id=text, path="", text=text)
    features = Features(**dict.fromkeys(FEATURE_NAMES, 0.0))
    return Hit(1, 1.0, Passage(article, 0, len(text))), ScoredSentence(
        Evidence(article, 0, len(text), score), Sentence(text, 0, len(text)), features, (), ()
    )


def test_the_choice_that_stands_in_the_best_sentence_is_picked() -> None:
    (one, seven), (other, five) = sentence("Seven plants closed in Canada.", 0.8), sentence("Five opened.", 0.4)
    hits, judged = [one, other], [seven, five]
    asked = "How many plants closed?"
    found = support(asked, ["Five", "7", "Nine"], hits, judged)
    (places,) = answer_reader().read(asked, ["Five opened."])
    chance = float(np.exp(places.scores(np.array([0]), np.array([4]))[0]))
    assert 0 < chance <= 1
    assert found == pytest.approx([0.4 + 0.2 + 0.4 * chance, 0.8 + 0.4, 0.0])
    best, lead = pick(found)
    assert best == 1
    assert lead == pytest.approx(1 - found[0] / found[1])
    assert pick([0.0, 0.0]) == (0, 0.0)
    assert pick(support("Which?", ["Iceland"], (), ())) == (0, 0.0)


def test_a_quiz_is_read_halved_and_spread(tmp_path: Path) -> None:
    rows = [
        {"id": n, "question": "Which?", "choices": ["a", "b"], "answer": ["1"], "date": f"2022/06/{n:02}"}
        for n in range(1, 10)
    ]
    (tmp_path / "articles.jsonl").write_text("")
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    articles, quiz = read_quiz(tmp_path)
    assert articles.name == "articles.jsonl"
    assert quiz[0] == ChoiceQuestion("1", "Which?", ("a", "b"), frozenset({1}), "2022-06-01")
    assert [q.id for q in choose_questions(quiz, "tune", None)] == ["1", "2", "3", "4", "5"]
    assert [q.id for q in choose_questions(quiz, "all", 3)] == ["1", "4", "7"]
    (tmp_path / "questions.jsonl").write_text(json.dumps(rows[0] | {"answer": ["2"]}))
    with pytest.raises(EvalError, match="no question with choices"):
        read_quiz(tmp_path)
    with pytest.raises(EvalError, match="does not hold"):
        read_quiz(tmp_path / "none")


def test_abstentions_count_as_wrong() -> None:
    rows = [{"right": True, "lead": 0.9}, {"right": True, "lead": 0.0}, {"right": False, "lead": 0.5}]
    found = summed_choices(rows)
    assert {name: value if name == "n" else value["value"] for name, value in found.items()} == {
        "n": 3,
        "accuracy": 1 / 3,
        "answered": 2 / 3,
        "accuracy when answered": 1 / 2,
        "accuracy without abstaining": 2 / 3,
    }


def rows() -> list[ConfidenceRow]:
    """Twenty questions, of which every second has an answer and features to match."""
    return [
        ConfidenceRow(
            source="seeds" if n % 4 < 2 else "squad",
            id=str(n),
            half="tune" if n < 12 else "test",
            kind="answerable" if n % 2 else "unanswerable",
            answerable=bool(n % 2),
            right=bool(n % 2),
            features=tuple(float(n % 2) + n / 100 for _ in ANSWERABILITY_NAMES),
        )
        for n in range(20)
    ]


def test_a_result_of_calibration_is_read_back(tmp_path: Path) -> None:
    result = measured(rows(), "development", 0.5)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result))
    assert read_rows(path) == rows()
    assert set(result["measures"]) == {
        f"{source}, {half}" for source in ("seeds", "squad", "all") for half in ("tune", "test")
    }
    assert result["measures"]["all, test"]["auroc"] == 1.0
    assert len(tables(result)) == 4
    path.write_text(json.dumps({"command": "answers"}))
    with pytest.raises(EvalError, match="result of calibration"):
        read_rows(path)


def test_fitting_is_the_same_each_time_and_tells_the_two_apart() -> None:
    weights, threshold = fit_confidence(rows(), lambda note: None)
    assert fit_confidence(rows(), lambda note: None) == (weights, threshold)
    assert list(weights) == [*ANSWERABILITY_NAMES, "intercept"]
    sure = {r.id: sigmoid(float(r.vector() @ list(weights.values())[:-1]) + weights["intercept"]) for r in rows()}
    assert max(sure[r.id] for r in rows() if not r.answerable) < 0.2
    assert min(sure[r.id] for r in rows() if r.answerable) == pytest.approx(threshold, abs=0.01)
    assert threshold > 0.8


def test_short_answers_are_learned_from_the_best_runs() -> None:
    features = np.zeros((3, len(SHORT_NAMES)), dtype=np.float32)
    features[1, 0] = 1.0
    weights = fit_short([(features, np.array([0.0, 1.0, 0.0], dtype=np.float32))] * 4, lambda note: None)
    assert max(weights, key=lambda name: weights[name]) == SHORT_NAMES[0]
    assert {name for name, weight in weights.items() if weight} == {SHORT_NAMES[0]}
