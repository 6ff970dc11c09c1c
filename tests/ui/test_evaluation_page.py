"""The evaluation page: sets and their runs, curves, an answer that got worse, judged answers, hostile words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from rag.config import Settings
from rag.evaluation.calibration import Bin
from rag.evaluation.curves import Risk, reliability, risk_coverage
from rag.evaluation.questions import EvalError
from rag.evaluation.runs import provenance
from rag.evaluation.types import Gold, Outcome, Question
from rag.pipeline import OnRecord
from rag.types import Answer, Article, Citation, Claim, Turn
from tests.helpers.waiting import PATIENCE_SECONDS, wait_for_end
from ui.pages import evaluation
from ui.parts import charts, run_report
from ui.state.jobs import STOPPED, Jobs
from ui.state.judged_answers import judge, judged_answers
from ui.state.question_sets import (
    JUDGED,
    ConfiguredArchive,
    against,
    delete_files,
    evaluation_work,
    folder,
    load_run,
    question_sets,
    result_rows,
    runs,
    upload,
)
from ui.state.saved_answers import answer_to_json
from ui.state.store import Store
from ui.state.strictness import UNKNOWN, error_above, expected_error

RAIN = Article("r", "rain.txt", "Rain fell on the hills.")
EXPORTS = "What percentage of Canada's exports go to the United States?"
HOSTILE = "<img src=x onerror=alert(1)> ![b](http://203.0.113.1/b.png) $x^2$ :red[c] **d** `e`"


def near(value: float) -> Any:
    """The number, up to rounding."""
    return pytest.approx(value)


class TestCurves:
    def outcome(self, right: bool | None, confidence: float, status: str = "answered") -> Outcome:
        """An outcome of a question whose short answer was found or not; a refusal is right where nothing is held."""
        if status == "abstained":
            return Outcome(Question("q", "?", need=0 if right else 1, answers=("x",)), "abstained", confidence)
        known = Question("q", "?", need=None if right is None else 1, answers=("x",))
        return Outcome(known, "answered", confidence, answer_found=right)

    def test_risk_falls_to_the_surest_and_ends_at_the_run_itself(self) -> None:
        found = [
            self.outcome(True, 0.9),
            self.outcome(False, 0.8),
            self.outcome(True, 0.8),
            self.outcome(False, 0.5),
            self.outcome(True, 0.1, "abstained"),
            self.outcome(None, 0.95),
        ]
        assert risk_coverage(found) == [
            Risk(near(0.2), 0.0, 0.9),
            Risk(near(0.6), near(1 / 3), 0.8),
            Risk(near(0.8), 0.5, 0.5),
        ]
        assert risk_coverage(found[4:]) == []

    def test_reliability_is_held_against_what_the_archive_has_and_what_was_right(self) -> None:
        found = [
            self.outcome(True, 0.82),
            self.outcome(False, 0.88),
            self.outcome(True, 0.2, "abstained"),
            self.outcome(False, 0.4, "abstained"),
        ]
        assert reliability(found) == {
            "the archive holds the answer": [
                Bin(1, near(0.2), 0.0),
                Bin(1, near(0.4), 1.0),
                Bin(2, near(0.85), 1.0),
            ],
            "the answer given is right": [Bin(2, near(0.85), 0.5)],
        }

    def test_charts_hold_numbers_alone(self) -> None:
        """Vega-Lite takes texts of its data for nothing but texts; there is still none of a question in it."""
        found = [replace(self.outcome(True, 0.82), question=Question(HOSTILE, HOSTILE, need=1), text=HOSTILE)]
        specs = [charts.risk_spec(found), charts.reliability_spec(found)]
        assert "onerror" not in json.dumps(specs)
        assert charts.reliability_spec([]) is None


class TestSets:
    @pytest.mark.parametrize(
        ("name", "data", "message"),
        [
            ("q.txt", b"question\na\n", "q.txt is no question set: give a file of JSON lines (.jsonl) or a .csv file"),
            ("q.csv", b"\xff\xfe", "save the set as UTF-8 text"),
            ("q.csv", b"frage\na\n", "q.csv:1 has no column 'question', only frage"),
            ("q.jsonl", b'{"question": "a"}\n{"answer": "b"}\n', "q.jsonl:2 has no 'question'"),
            ("../../q.jsonl", b"{", "q.jsonl:1 is not JSON"),
        ],
    )
    def test_a_bad_upload_is_one_line_and_is_not_kept(
        self, tmp_path: Path, name: str, data: bytes, message: str
    ) -> None:
        settings = Settings(index=tmp_path / "index")
        with pytest.raises(EvalError) as caught:
            upload(settings, name, data)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not folder(settings).exists()

    def test_uploads_have_plain_names_of_their_own(self, tmp_path: Path) -> None:
        settings = Settings(index=tmp_path / "index")
        names = [upload(settings, name, b"question\na\n") for name in ("../../My set.CSV", "cases.csv", "seeds.csv")]
        assert names == ["My-set", "my-cases", "my-seeds"]
        assert upload(settings, "My set.jsonl", b'{"question": "b"}') == "My-set"
        found = question_sets(settings, Store(tmp_path / "conversations.sqlite"))
        assert [choice.name for choice in found] == ["seeds", "My-set", "my-cases", "my-seeds"]
        assert [q.question for q in found[1].read().questions] == ["b"]
        assert len(found[0].read().questions) == 178

    def test_the_cases_are_a_set_once_there_are_any(self, tmp_path: Path) -> None:
        settings, store = Settings(index=tmp_path / "index"), Store(tmp_path / "conversations.sqlite")
        _, exchange = store.begin("Rain?")
        store.settle(exchange, answer_to_json(answer("Rain?", True)))
        judge(store, exchange, True)
        found = {choice.name: choice for choice in question_sets(settings, store)}
        assert found[JUDGED].label == "1 answer that you judged in the chat"
        assert found[JUDGED].read().questions == (
            Question("case-1", "Rain?", gold=(Gold("rain.txt", "Rain fell"),), need=1),
        )


def answer(question: str, right: bool, confidence: float = 0.9) -> Answer:
    """Rain fell, or a refusal."""
    if not right:
        return Answer(question, question, "abstained", "The archive does not say.", 0.1, (), (), (), "fake", 1)
    claim, citation = Claim("Rain fell.", "verbatim", 1.0, (1,)), Citation(1, RAIN, 0, 9)
    return Answer(question, question, "answered", "Rain fell. [1]", confidence, (claim,), (citation,), (), "fake", 1)


class Fake:
    """An archive that answers what it is told to, and refuses the rest."""

    def __init__(self, *answered: str) -> None:
        self.answered = answered
        self.asked: list[tuple[str, Sequence[Turn], dict[str, Any]]] = []

    def stream(self, question: str, history: Sequence[Turn], **options: Any) -> Iterator[Answer]:
        self.asked.append((question, history, options))
        yield answer(question, question in self.answered)


def ran(settings: Settings, archive: Any, name: str, made: str) -> None:
    """Ask a set, and name its file as if it had been made then."""
    choice = next(c for c in question_sets(settings, Store(settings.index.parent / "c.sqlite")) if c.name == name)
    lines = evaluation_work(choice, ConfiguredArchive(cast(OnRecord, archive), "extractive", 0.6), settings)(
        lambda stage, done, total: None
    )
    assert lines[0].endswith("asked.")
    latest = runs(settings, name)[0]
    latest.rename(latest.with_name(f"{made}-answers-{name}.json"))


class TestRuns:
    def test_a_run_is_what_the_command_line_writes_with_its_whole_answers(self, tmp_path: Path) -> None:
        settings = Settings(index=tmp_path / "index", seeds=tmp_path / "none")
        upload(settings, "mine.csv", b"question,answer,history\nRain?,fell,And then?\nSnow?,fell,\n")
        archive = Fake("Rain?")
        ran(settings, archive, "mine", "2026-01-02T030405Z")
        upload(settings, "other-answers-mine.csv", b"question\nRain?\n")
        ran(settings, archive, "other-answers-mine", "2026-01-02T030406Z")
        assert archive.asked[0] == (
            "Rain?",
            [Turn("And then?")],
            {"llm": "extractive", "refuse_below": 0.6, "key": None},
        )
        (path,) = runs(settings, "mine")
        found = load_run(path)
        assert [o.right for o in found.run.outcomes] == [True, False]
        assert found.answers == {
            "1": answer_to_json(answer("Rain?", True)),
            "2": answer_to_json(answer("Snow?", False)),
        }
        assert (found.generation, found.measures["right"]["value"]) == (1, 0.5)
        assert found.run.record["set"]["name"] == "mine"
        assert found.run.record["settings"]["refuse_below"] == 0.6

    def test_regressions_come_first(self, tmp_path: Path) -> None:
        settings = Settings(index=tmp_path / "index", seeds=tmp_path / "none")
        lines = [{"id": name, "question": f"{name}?", "answer": "fell"} for name in ("same", "gone", "mended", "lost")]
        upload(settings, "mine.jsonl", "\n".join(map(json.dumps, lines)).encode())
        ran(settings, Fake("same?", "lost?"), "mine", "2026-01-02T030405Z")
        ran(settings, Fake("same?", "mended?"), "mine", "2026-01-02T030406Z")
        now, before = map(load_run, runs(settings, "mine"))
        comparison = against(before, now)
        assert comparison is not None
        found = result_rows(now, comparison)
        assert [(row.now.question.id, row.change) for row in found] == [
            ("lost", "worse"),
            ("gone", ""),
            ("mended", "better"),
            ("same", ""),
        ]
        assert found[0].before is not None
        assert found[0].before.right is True
        table = {row["measure"]: row for row in run_report.measures(now, comparison)}
        assert table["right outcome"] == {
            "measure": "right outcome",
            "value": "0.500",
            "95 %": "0.000–1.000",
            "of": 4,
            "target": "",
            "before": "0.500",
            "change": "+0.000",
            "": "",
        }
        assert table["refused, answerable"]["target"] == "≤ 0.100 ✗"

    def test_one_that_is_stopped_is_not_kept(self, tmp_path: Path) -> None:
        settings = Settings(index=tmp_path / "index", seeds=tmp_path / "none")
        upload(settings, "mine.csv", b"question\nRain?\nSnow?\n")
        jobs = Jobs()
        (choice,) = (c for c in question_sets(settings, Store(tmp_path / "c.sqlite")) if c.name == "mine")
        archive = Fake()
        asked = evaluation_work(choice, ConfiguredArchive(cast(OnRecord, archive), "extractive", 0.6), settings)

        def stopped(progress: Any) -> tuple[str, ...]:
            assert jobs.last is not None
            jobs.last.stop()
            return tuple(asked(progress))

        jobs.start("evaluation", stopped)
        wait_for_end(jobs)
        assert jobs.last is not None
        assert jobs.last.error == STOPPED
        assert (archive.asked, runs(settings, "mine")) == ([], [])

    def test_what_is_no_run_is_said(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        empty = {"format": 1, "set": {}, "settings": {}, "results": [], **provenance()}
        for content in ("{", json.dumps(empty)):
            path.write_text(content)
            with pytest.raises(EvalError, match=r"(run|ask) the set again"):
                load_run(path)


class TestStrictness:
    def outcome(self, right: bool | None, confidence: float, status: str = "answered") -> Outcome:
        return TestCurves().outcome(right, confidence, status)

    def test_the_error_is_that_of_the_answers_as_sure(self) -> None:
        found = [
            self.outcome(True, 0.9),
            self.outcome(False, 0.8),
            self.outcome(True, 0.7),
            self.outcome(False, 0.5),
            self.outcome(True, 0.1, "abstained"),
            self.outcome(None, 0.95),
        ]
        assert error_above(found, 0.7, 0.45) == "Expected: 33% of answers wrong, 3 of 5 questions answered"
        assert error_above(found, 0.81, 0.45) == "Expected: 0% of answers wrong, 1 of 5 questions answered"
        assert error_above(found, 0.2, 0.45) == "Expected: at least 50% of answers wrong, 4 of 5 questions answered"
        assert error_above(found, 1.0, 0.45) == "Expected: all of 5 questions refused"

    def test_it_is_told_of_the_last_run_once_there_is_one(self, tmp_path: Path) -> None:
        settings = Settings(index=tmp_path / "index", seeds=tmp_path / "none")
        assert expected_error(settings, 0.6) == UNKNOWN
        upload(settings, "mine.csv", b"question,answer\nRain?,fell\nSnow?,fell\n")
        ran(settings, Fake("Rain?"), "mine", "2026-01-02T030405Z")
        last = "(last evaluation, “mine”)"
        assert expected_error(settings, 0.6) == f"Expected: 0% of answers wrong, 1 of 2 questions answered {last}"


def test_files_are_deleted_for_good_and_a_failure_is_said(tmp_path: Path) -> None:
    first, second = tmp_path / "run.json", tmp_path / "folder.json"
    first.write_text("{}")
    second.mkdir()
    with pytest.raises(EvalError, match=r"folder\.json cannot be deleted"):
        delete_files([first, second])
    assert not first.exists()
    delete_files([first])


# The page


def draw() -> None:
    from ui.pages import evaluation

    evaluation.page()


@pytest.fixture
def page(seed_index: Path, seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The evaluation page over the seed articles, and nothing judged or asked before."""
    monkeypatch.setenv("ONRECORD_INDEX", str(seed_index))
    monkeypatch.setenv("ONRECORD_SEEDS", str(seeds))
    monkeypatch.setenv("ONRECORD_CONVERSATIONS", str(tmp_path / "conversations.sqlite"))
    return AppTest.from_function(draw, default_timeout=PATIENCE_SECONDS).run()


def texts(page: AppTest) -> list[str]:
    return [text.value for text in page.text]


def put(page: AppTest, name: str, *lines: dict[str, Any]) -> None:
    data = "\n".join(map(json.dumps, lines)).encode()
    page.file_uploader[0].set_value((name, data, "text/plain")).run()
    assert not page.exception


def ask(page: AppTest, index: Path) -> None:
    page.button(key="run").click().run()
    wait_for_end(evaluation.evaluations(str(index)))
    page.run()
    assert not page.exception


def labels(page: AppTest, prefix: str) -> list[str]:
    return [button.label for button in page.button if str(button.key).startswith(prefix)]


def test_a_set_is_uploaded_asked_and_its_regression_comes_first(
    page: AppTest, seed_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = {"id": "e", "question": EXPORTS, "answer": "75%"}
    put(page, "mine.jsonl", {"id": "h", "question": HOSTILE, "kind": "unanswerable"}, export)
    assert page.selectbox(key="set").value == "mine"
    assert "These questions have not been asked yet." in texts(page)
    ask(page, seed_index)
    table = page.dataframe[0].value
    assert table["value"][table["measure"].tolist().index("right outcome")] == "1.000"
    assert labels(page, "outcome-all-")[1].startswith("✓ What percentage of Canada")

    (first,) = (tmp_path / "evaluations").glob("*-answers-mine.json")
    first.rename(first.with_name("2026-01-02T030405Z-answers-mine.json"))
    with monkeypatch.context() as patch:
        patch.setattr(OnRecord, "stream", lambda self, question, *_, **__: iter([answer(question, False)]))
        ask(page, seed_index)
    assert page.subheader[0].value == "1 answer got worse"
    assert [label[:5] for label in labels(page, "outcome-worse-")] == ["✓ → ✗"]
    page.button(key="outcome-worse-1").click().run()
    assert not page.exception
    words = texts(page)
    assert "Right answer: 75%" in words
    assert "Now: ✗ abstained, confidence 0.10" in words
    assert any(text.startswith("Before: ✓ answered, confidence ") for text in words)
    shown = [json.loads(e.proto.mixed.json or e.proto.json)[0] for e in page.get("bidi_component")]
    assert [view["answer"]["status"] for view in shown] == ["abstained", "answered"]
    assert any("over 75% of Canadian exports" in c["quote"] for c in shown[1]["answer"]["citations"])


def test_nothing_of_a_set_is_markdown(page: AppTest, seed_index: Path) -> None:
    row = {"id": HOSTILE, "kind": HOSTILE, "question": HOSTILE, "history": [HOSTILE], "answer": HOSTILE}
    put(page, "bad.jsonl", {"question": HOSTILE, "half": HOSTILE})
    assert any(HOSTILE in text for text in texts(page))
    put(page, "mine.jsonl", row, {"question": HOSTILE, HOSTILE: "x"})
    ask(page, seed_index)
    page.button(key="outcome-all-0").click().run()
    assert f"Asked after: {HOSTILE}" in "\n".join(texts(page))
    for element in [*page.markdown, *page.caption, *page.subheader, *page.title]:
        assert "onerror" not in element.value
    for label in labels(page, "outcome-all-"):
        assert r"\<img src\=x onerror\=alert\(1\)\> \!\[b\]\(http\:" in label


def test_a_bad_upload_and_a_wrong_gold_are_lines(page: AppTest, seed_index: Path) -> None:
    put(page, "bad.jsonl", {"answer": "75%"})
    assert "bad.jsonl:1 has no 'question'" in texts(page)
    put(page, "mine.jsonl", {"question": "?", "gold": [{"path": "003_ca2423bb0508c6d9.txt", "quote": "no such"}]})
    ask(page, seed_index)
    words = "\n".join(texts(page))
    assert "Evaluation: not finished" in words
    assert "Question 1: 'no such' is not in " in words


def test_a_judged_answer_is_given_the_right_one_asked_deleted_and_brought_back(
    page: AppTest, seed_index: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "conversations.sqlite")
    _, exchange = store.begin(EXPORTS)
    store.settle(exchange, answer_to_json(answer(EXPORTS, False)))
    judge(store, exchange, False)
    page.run()
    page.selectbox(key="set").set_value(JUDGED).run()
    assert "1 wrong answer still needs the right one. Until then it cannot be scored." in texts(page)
    page.text_input(key="expected-1").set_value("75%").run()
    assert [(case.expected, case.decided) for case in judged_answers(store)] == [("75%", True)]
    ask(page, seed_index)
    assert labels(page, "outcome-all-")[0].startswith("✓ What percentage")
    page.checkbox(key="refuse-1").check().run()
    assert judged_answers(store)[0].refuse
    assert page.text_input(key="expected-1").disabled
    page.button(key="delete-judged-1").click().run()
    assert (judged_answers(store), page.selectbox(key="set").value) == ([], "seeds")
    page.button(key="undo-judged").click().run()
    assert not page.exception
    assert len(judged_answers(store)) == 1


def delete(page: AppTest, key: str, answer: str = "confirm-delete") -> None:
    """Press a button that deletes, and answer the question whether to."""
    page.button(key=key).click().run()
    assert not page.exception
    page.button(key=answer).click().run()
    assert not page.exception


def test_a_set_and_its_runs_are_deleted_once_that_is_confirmed(page: AppTest, tmp_path: Path) -> None:
    assert labels(page, "delete-") == []  # a set of the program stays, and has no runs here
    put(page, "mine.jsonl", {"question": EXPORTS, "answer": "75%"})
    assert labels(page, "delete-") == ["Delete this set"]
    settings = Settings(index=tmp_path / "index", seeds=tmp_path / "none")
    for day in (2, 3, 4):
        ran(settings, Fake(EXPORTS), "mine", f"2026-01-0{day}T030405Z")

    def days() -> list[str]:
        return [path.name[:10] for path in runs(settings, "mine")]

    page.run()
    assert labels(page, "delete-") == ["Delete this set", "Delete this run", "Delete 2 older runs"]
    delete(page, "delete-run", "cancel-delete")
    assert days() == ["2026-01-04", "2026-01-03", "2026-01-02"]
    delete(page, "delete-run")
    assert days() == ["2026-01-03", "2026-01-02"]
    delete(page, "delete-older-runs")
    assert days() == ["2026-01-03"]
    assert labels(page, "delete-") == ["Delete this set", "Delete this run"]

    page.button(key="delete-set").click().run()
    assert "The set “mine” and its 1 run will be deleted. You cannot undo this." in texts(page)
    page.button(key="confirm-delete").click().run()
    assert not page.exception
    assert (page.selectbox(key="set").value, days()) == ("seeds", [])
    assert [path for path in (tmp_path / "evaluations").rglob("*") if path.is_file()] == []
