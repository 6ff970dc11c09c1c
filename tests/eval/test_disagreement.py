"""The measures of disagreement and of follow-ups, by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from eval.benchmarks.disagreement import DisagreementOutcome, alarms, judge, measured
from eval.benchmarks.followups import (
    FollowUp,
    HumanRewriter,
    forms,
    overlap,
    read_followups,
    reasons,
    rewrites,
    write_pool,
)
from eval.datasets.ramdocs import RamdocsCase, read_cases
from rag.evaluation.questions import EvalError
from rag.types import Answer, Article, Citation, Disagreement, Turn

CASE = RamdocsCase("q000", "When did the bridge open?", ("It opened in 1997.", "It opened in 1998."), ("1997", "1998"))


def answer(sides: tuple[tuple[int, ...], ...]) -> Answer:
    citations = tuple(Citation(n, Article(f"a{n}", "a", text), 0, len(text)) for n, text in enumerate(CASE.texts, 1))
    status = "disputed" if sides else "answered"
    about = (Disagreement("", sides),) if sides else ()
    return Answer("?", "?", status, "", 0.9, (), citations, (), "extractive", 1, about)  # type: ignore[arg-type]


def test_a_side_holds_an_answer_as_whole_words() -> None:
    got = judge(CASE, answer(((1,), (2,))))
    assert (got.status, got.answers, got.sides, got.shown, got.apart) == ("disputed", 2, (1, 1), 2, True)
    assert judge(CASE, answer(())).sides == ()


def test_precision_and_recall() -> None:
    rows = [
        DisagreementOutcome("a", "tune", "disputed", 2, (1, 1), 2),
        DisagreementOutcome("b", "tune", "disputed", 1, (1, 0), 1),
        DisagreementOutcome("c", "tune", "answered", 3, (), 0),
        DisagreementOutcome("d", "tune", "answered", 1, (), 0),
    ]
    assert measured(rows) == {
        "questions": 4, "differ": 2, "disputed": 2, "precision": 0.5, "recall": 0.5,
        "apart_precision": 0.5, "apart_recall": 0.5, "answers_shown": 0.4,
    }  # fmt: skip
    assert measured([])["precision"] is None


def test_alarms_are_counted_by_half() -> None:
    rows = [
        {"half": "tune", "kind": "disagree", "status": "disputed"},
        {"half": "tune", "kind": "fact", "status": "disputed"},
        {"half": "test", "kind": "disagree", "status": "answered"},
    ]
    found = alarms(rows)
    assert (found["tune"]["precision"], found["tune"]["recall"]) == (0.5, 1.0)
    assert (found["test"]["precision"], found["test"]["recall"]) == (None, 0.0)


def test_a_set_is_read_and_a_wrong_line_named(tmp_path: Path) -> None:
    documents = [{"text": "It opened in 1997.", "answer": "1997"}, {"text": "It is long.", "answer": "unknown"}]
    file = tmp_path / "set.jsonl"
    file.write_text(json.dumps({"question": "When?", "documents": documents}), "utf-8")
    (case,) = read_cases(tmp_path)
    assert (case.id, case.answers, case.distinct) == ("q000", ("1997", None), frozenset({" 1997 "}))
    file.write_text('{"question": "When?"}', "utf-8")
    with pytest.raises(EvalError, match="line 1"):
        read_cases(file)
    with pytest.raises(EvalError, match="not a set"):
        read_cases(tmp_path / "none")


def follow_up(last: str, human: str) -> FollowUp:
    return FollowUp(f"c<::>{last}", ("Who met Howard Lutnick in Washington?",), last, human, frozenset())


def test_words_added_are_held_against_those_a_person_added() -> None:
    missed = follow_up("When was it?", "When was the meeting in Washington?")
    left = follow_up("Who is Claudia Sheinbaum?", "Who is Claudia Sheinbaum?")
    assert missed.ours == "When was it (Howard Lutnick, Washington)?"
    got = overlap([missed, left], forms([missed, left])["ours"])
    assert got == {"questions": 2, "precision": 1 / 3, "recall": 1.0, "alone": 1, "left_alone": 1.0}


def test_follow_ups_are_read_without_the_first_of_a_conversation(tmp_path: Path) -> None:
    domain = tmp_path / "retrieval_tasks" / "news"
    (domain / "qrels").mkdir(parents=True)
    (domain / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nc<::>2\td1\t1\n", "utf-8")
    rows = {
        "questions": [("c<::>1", "|user|: Who met?"), ("c<::>2", "|user|: Who met?\n|user|: When \nwas it?")],
        "rewrite": [("c<::>1", "|user|: Who met?"), ("c<::>2", "|user|: When was the meeting?")],
    }
    for name, lines in rows.items():
        text = "\n".join(json.dumps({"_id": id_, "text": text}) for id_, text in lines)
        (domain / f"news_{name}.jsonl").write_text(text, "utf-8")
    assert read_followups(tmp_path) == [
        FollowUp("c<::>2", ("Who met?",), "When was it?", "When was the meeting?", frozenset({"d1"}))
    ]
    with pytest.raises(EvalError, match="no documents"):
        write_pool(tmp_path, tmp_path / "pool.jsonl")
    with pytest.raises(EvalError, match="no follow-ups"):
        read_followups(domain)


def test_what_a_model_rewrites_is_counted_beside_what_the_rules_do() -> None:
    class Model:
        rewrites = True

        def rewrite(self, question: str, history: Sequence[Turn]) -> str:
            return {"When was it?": "When was it that Howard Lutnick met?", "Was it long?": "It was."}[question]

    asked = [
        follow_up("When was it?", "When did Howard Lutnick meet somebody?"),
        follow_up("Was it long?", "Was the meeting of Howard Lutnick long?"),
        follow_up("Who is Claudia Sheinbaum?", "Who is Claudia Sheinbaum?"),
    ]
    done = []
    made = rewrites(asked, lambda _: Model(), lambda n, of: done.append((n, of)))
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert reasons(list(made.values())) == {"asked": 2, "taken": 1, "not taken: not one question": 1}
    rows = forms(asked, made)
    assert list(rows) == ["last", "ours", "model", "human"]
    assert list(rows["model"].values()) == [
        "When was it that Howard Lutnick met?",
        "Was it long (Howard Lutnick, Washington)?",
        "Who is Claudia Sheinbaum?",
    ]
    assert [one.why for one in rewrites(asked, HumanRewriter, lambda n, of: None).values()] == [
        "a word from nowhere",
        "a word from nowhere",
        "not asked",
    ]
