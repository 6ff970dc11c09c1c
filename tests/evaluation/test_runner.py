"""The answers harness: reading sets, asking, result files, comparing, and the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.__main__ import main
from rag.config import Settings
from rag.errors import GeneratorError
from rag.evaluation.compare import compare
from rag.evaluation.messages import visible
from rag.evaluation.questions import EvalError, check_gold, read_set
from rag.evaluation.runner import Asker, run
from rag.evaluation.runs import ROOT, Run, groups, outcome_from_json, outcome_json, read_run
from rag.evaluation.types import CitationCheck, Gold, Outcome, Question
from rag.types import Answer, Article, Citation, Claim, Status, Turn

STEEL = Article("a1", "steel.txt", "The duty on steel is 25 per cent. It began in May.")
LUMBER = Article("a2", "lumber.txt", "The duty on lumber is 10 per cent.")
BEGAN = (34, 50)


def answered(question: str, *citations: Citation, status: Status = "answered", confidence: float = 0.9) -> Answer:
    """An answer with a claim for every citation."""
    claims = tuple(Claim(c.quote, "verbatim", 1.0, (c.n,)) for c in citations)
    text = " ".join(f"{c.quote} [{c.n}]" for c in citations) or "The archive does not say."
    return Answer(question, question, status, text, confidence, claims, citations, (), "fake", 1)


def abstained(question: str) -> Answer:
    return answered(question, status="abstained", confidence=0.1)


class Fake:
    """Answers from a table by the question's text; refuses what is not in it, fails on "boom"."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []

    def ask(self, question: str, *, history: Sequence[Turn]) -> Answer:
        self.asked.append((question, tuple(history)))
        if question == "boom":
            raise GeneratorError("the model does not answer: start it")
        return self.answers.get(question) or abstained(question)

    @contextmanager
    def opener(self, settings: Settings, fresh: bool) -> Iterator[Asker]:
        yield self


def write_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# --- reading sets


def test_a_line_of_json_becomes_a_question(tmp_path: Path) -> None:
    row = {
        "id": "s1",
        "kind": "followup",
        "question": "And May?",
        "history": ["What began?"],
        "gold": [{"path": "steel.txt", "quote": "It began in May."}],
        "need": 1,
        "answer": "May",
        "half": "tune",
    }
    path = write_lines(tmp_path / "mine.jsonl", row, {"question": " Why? ", "note": "x"})
    found = read_set(str(path))
    assert (found.name, found.path, found.unused) == ("mine", path, ("note",))
    gold = (Gold("steel.txt", "It began in May."),)
    assert found.questions == (
        Question("s1", "And May?", "followup", ("What began?",), gold, 1, ("May",), "tune"),
        Question("2", "Why?"),
    )


@pytest.mark.parametrize(
    ("row", "need"),
    [
        ({}, None),
        ({"answer": None}, None),
        ({"answer": "May"}, 1),
        ({"gold": [{"path": "a.txt", "quote": "q"}]}, 1),
        ({"kind": "unanswerable_ontopic"}, 0),
        ({"kind": "false_premise", "answer": "It did not."}, 0),
        ({"need": 0}, 0),
    ],
)
def test_need_follows_from_what_the_row_has(tmp_path: Path, row: dict[str, Any], need: int | None) -> None:
    path = write_lines(tmp_path / "q.jsonl", {"question": "When?"} | row)
    assert read_set(str(path)).questions[0].need == need


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_from_a_spreadsheet(tmp_path: Path, separator: str) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator)
    writer.writerow(["Question", "Answer ", "history", "gold", "need", "Remark"])
    writer.writerow(["When, then; or\tnot?\nSay.", "May", "And steel?", "", "1", "x"])
    writer.writerow([""] * 6)
    writer.writerow(["Who?", "", '["One?", "Two?"]', '[{"path": "steel.txt", "quote": "It began"}]', "", ""])
    path = tmp_path / "pairs.csv"
    path.write_text("\ufeff" + stream.getvalue(), encoding="utf-8", newline="")
    found = read_set(str(path))
    assert found.questions == (
        Question("1", "When, then; or\tnot?\nSay.", history=("And steel?",), need=1, answers=("May",)),
        Question("2", "Who?", history=("One?", "Two?"), gold=(Gold("steel.txt", "It began"),), need=1),
    )
    assert found.unused == ("remark",)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=20)
ROWS = st.fixed_dictionaries(
    {"question": TEXTS.filter(str.strip)},
    optional={"answer": TEXTS, "history": st.lists(TEXTS, max_size=2), "need": st.integers(0, 2)},
)


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_csv_and_json_lines_read_alike(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("sets")
    with (folder / "q.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["question", "answer", "history", "need"])
        writer.writeheader()
        writer.writerows(row | {"history": json.dumps(row.get("history", []))} for row in rows)
    by_json = read_set(str(write_lines(folder / "q.jsonl", *rows)))
    assert read_set(str(folder / "q.csv")).questions == by_json.questions


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"answer": "x"}', "has no 'question'"),
        ('{"question": 5}', "question is 5: give a text"),
        ('{"question": "a", "half": "train"}', "half is 'train'"),
        ('{"question": "a", "need": -1}', "need is -1"),
        ('{"question": "a", "need": true}', "need is True"),
        ('{"question": "a", "gold": "x"}', "gold is 'x'"),
        ('{"question": "a", "gold": [{"path": "p", "quote": " "}]}', "is not {'path', 'quote'}"),
        ('{"question": "a", "need": 2, "gold": [{"path": "p", "quote": "q"}]}', "need is 2, but its gold is from 1"),
        (
            '{"question": "a", "need": 2, "gold": [{"path": "p", "quote": "q"}, {"path": "p", "quote": "r"}]}',
            "need is 2, but its gold is from 1",
        ),
        ('{"question": "a", "need": 0, "gold": [{"path": "p", "quote": "q"}]}', "need is 0, but its gold is from 1"),
        ('{"question": "a", "history": [1]}', "history is [1]: give texts"),
        ('{"question": "a", "id": "1"}', "id '1' is given twice"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(f'{{"question": "fine"}}\n\n{line}\n', encoding="utf-8")
    with pytest.raises(EvalError) as caught:
        read_set(str(path))
    assert str(caught.value).startswith(f"{path}:3 ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "q.csv:1 has no column 'question', only nothing"),
        (b"frage,antwort\na,b\n", "q.csv:1 has no column 'question', only frage, antwort"),
        (b"question,answer\na,b\nc,d,e\n", "q.csv:3 has 3 cells for 2 columns"),
        (b'question\n"a\n', "q.csv:2 is not CSV"),
        (b"question\n\xff\n", "save the set as UTF-8"),
        (b"question\n", "holds no questions"),
    ],
)
def test_wrong_csv_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "q.csv").write_bytes(content)
    with pytest.raises(EvalError) as caught:
        read_set(str(tmp_path / "q.csv"))
    assert message in str(caught.value)


def test_a_set_is_found_by_name_folder_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = tmp_path / "sets"
    (sets / "seeds").mkdir(parents=True)
    named = write_lines(sets / "seeds" / "questions.jsonl", {"question": "named"})
    (tmp_path / "seeds").mkdir()  # the articles: a name under `sets` comes first
    monkeypatch.chdir(tmp_path)
    assert (read_set("seeds", sets).path, read_set("seeds", sets).name) == (named, "seeds")
    write_lines(sets / "seeds" / "other.jsonl", {"question": "other"})
    assert read_set(str(sets / "seeds")).path == named
    with pytest.raises(EvalError, match="no question set 'sead': give a path, or one of seeds"):
        read_set("sead", sets)
    with pytest.raises(EvalError, match="holds 0"):
        read_set(str(tmp_path / "seeds"), sets)
    (tmp_path / "q.txt").touch()
    with pytest.raises(EvalError, match=r"q\.txt is no question set"):
        read_set("q.txt", sets)


def test_gold_is_looked_up_in_plain_text_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("The\r\nduty – it\u200b began".encode("utf-16"))
    question = Question("q7", "When?", gold=(Gold("a.txt", "duty – it began"), Gold("b.html", "not looked up")), need=1)
    check_gold((question,), tmp_path)
    with pytest.raises(EvalError, match=r"question q7: 'duty – it ended' is not in .*a\.txt"):
        check_gold((replace(question, gold=(Gold("a.txt", "duty – it ended"),)),), tmp_path)
    with pytest.raises(EvalError, match="is --seeds the right folder"):
        check_gold((replace(question, gold=(Gold("c.txt", "x"),)),), tmp_path)


# --- asking


def test_run_judges_every_answer(tmp_path: Path) -> None:
    (tmp_path / "steel.txt").write_text(STEEL.text, encoding="utf-8")
    (tmp_path / "lumber.txt").write_text("Another text altogether.", encoding="utf-8")
    citations = Citation(1, STEEL, *BEGAN), Citation(2, LUMBER, 0, 34)
    good = answered("When did it begin?", *citations)
    loose = replace(good, claims=(Claim("Loose. Two.", "supported", 0.5, (1, 3)), Claim("Bare.", "supported", 0.5, ())))
    fake = Fake({"When did it begin?": good, "Loose?": loose})
    gold = (Gold("steel.txt", "The duty on steel is 25 per cent."), Gold("steel.txt", "It began in May."))
    questions = (
        Question("1", "When did it begin?", history=("What is the duty?",), gold=gold, need=1, answers=("June",)),
        Question("2", "Loose?", answers=("may",), need=1),
        Question("3", "boom"),
        Question("4", "Who won?", need=0, answers=("nobody",)),
        Question("5", "What is a folder of articles?", need=1, answers=("archive",)),
    )
    seen: list[tuple[int, int]] = []
    one, two, three, four, five = run(fake, questions, tmp_path, lambda done, total: seen.append((done, total)))

    assert fake.asked[0] == ("When did it begin?", (Turn("What is the duty?"),))
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert one.citations == (
        CitationCheck("steel.txt", 34, 50, exact=True, on_gold=True),
        CitationCheck("lumber.txt", 0, 34, exact=False, on_gold=False),  # not what the file says
    )
    assert (one.cited, one.claims_cited, one.sentences, one.answer_found, one.right) == ((1,), 2, 2, None, True)
    assert (two.claims_cited, two.sentences, two.answer_found, two.right) == (0, 3, True, True)
    assert (three.status, three.error, three.right) == ("failed", "the model does not answer: start it", None)
    assert (four.status, four.confidence, four.answer_found, four.right) == ("abstained", 0.1, None, True)
    assert (five.text, five.answer_found, five.right) == ("The archive does not say.", False, False)


# --- result files

OUTCOMES = st.builds(
    Outcome,
    question=st.builds(
        Question,
        id=TEXTS,
        question=TEXTS,
        kind=TEXTS,
        history=st.lists(TEXTS, max_size=2).map(tuple),
        gold=st.tuples(st.builds(Gold, TEXTS, TEXTS), st.builds(Gold, TEXTS, TEXTS)),
        need=st.none() | st.integers(0, 3),
        answers=st.lists(TEXTS, max_size=2).map(tuple),
        half=st.sampled_from([None, "tune", "test"]),
    ),
    status=st.sampled_from(["answered", "abstained", "disputed", "failed"]),
    confidence=st.none() | st.integers(0, 100).map(lambda n: n / 100),
    standalone_question=TEXTS,
    text=TEXTS,
    claims=st.lists(TEXTS, max_size=2).map(tuple),
    claims_cited=st.integers(0, 2),
    citations=st.lists(
        st.builds(CitationCheck, TEXTS, st.integers(0, 9), st.integers(10, 20), st.booleans(), st.booleans()),
        max_size=2,
    ).map(tuple),
    cited=st.sampled_from([(), (0,), (1,), (0, 1)]),
    sentences=st.integers(0, 5),
    answer_found=st.none() | st.booleans(),
    generator=TEXTS,
    notice=TEXTS,
    ms=st.integers(0, 10_000).map(lambda n: n / 8),
    error=TEXTS,
)


@settings(max_examples=50, deadline=None)
@given(OUTCOMES)
def test_an_outcome_survives_its_json(outcome: Outcome) -> None:
    assert outcome_from_json(json.loads(json.dumps(outcome_json(outcome)))) == outcome


def test_groups_are_the_halves_and_all() -> None:
    tune, test, none = (Outcome(Question(str(half), "?", half=half), "answered") for half in ("tune", "test", None))
    assert groups([tune, test]) == {"tune": [tune], "test": [test], "all": [tune, test]}
    assert groups([tune, none]) == {"tune": [tune], "all": [tune, none]}
    assert groups([test]) == {"test": [test]}
    assert groups([none]) == {"all": [none]}


# --- the command line


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder with two articles and a question set with both halves over them."""
    seeds = tmp_path / "articles"
    seeds.mkdir()
    for article in (STEEL, LUMBER):
        (seeds / article.path).write_text(article.text, encoding="utf-8")
    gold = [{"path": "steel.txt", "quote": "It began in May."}]
    write_lines(
        tmp_path / "mine.jsonl",
        {"id": "t1", "kind": "date", "question": "When?", "gold": gold, "half": "tune"},
        {"id": "t2", "kind": "false_premise", "question": "When did it end?", "half": "tune"},
        {"id": "t3", "kind": "date", "question": "[b]Month[/b]?\x1b[31m", "gold": gold, "half": "test"},
    )
    return tmp_path


def answers(archive: Path, fake: Fake, *options: str) -> int:
    arguments = ["answers", str(archive / "mine.jsonl"), "--seeds", str(archive / "articles")]
    return main([*arguments, "--out", str(archive / "results"), *options], fake.opener)


def result(archive: Path) -> Path:
    (path,) = (archive / "results").iterdir()
    return path


def folded_lines(text: str) -> set[str]:
    """The lines of a table, columns one space apart."""
    return {" ".join(line.split()) for line in text.splitlines()}


def knows_when() -> Fake:
    return Fake({"When?": answered("When?", Citation(1, STEEL, *BEGAN))})


def test_a_run_is_printed_and_written(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(archive, knows_when()) == 0
    out, err = capsys.readouterr()
    assert {
        "evidence cited, one source ≥ 0.920 1 1.000 ✓ 1.000–1.000 1 0.000 ✗ 0.000–0.000",
        "refused, answerable ≤ 0.100 1 0.000 ✓ 0.000–0.000 1 1.000 ✗ 1.000–1.000",
        "false_premise 1 1.000 1.000–1.000",
    } <= folded_lines(out)
    assert err.splitlines()[-1].startswith(f"written to {archive}")

    path = result(archive)
    assert path.name == "answers-mine.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["set"] | {"sha256": ""} == {
        "name": "mine",
        "path": str(archive / "mine.jsonl"),
        "sha256": "",
        "half": "all",
        "questions": 3,
    }
    assert content["settings"]["llm"] == "extractive"
    assert content["settings"]["index"] is None
    assert set(content) == {
        *("format", "made", "set", "settings", "versions", "git", "machine", "measures", "kinds", "results"),
    }
    assert content["measures"]["all"]["right"]["value"] == pytest.approx(2 / 3)
    assert content["results"][0]["citations"] == [
        {"path": "steel.txt", "start": 34, "end": 50, "exact": True, "on_gold": True}
    ]
    assert read_run(path).outcomes[0].right is True


def test_what_answered_instead_is_told(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spare = replace(answered("When?", Citation(1, STEEL, *BEGAN)), notice="no model: the articles' own words instead")
    assert answers(archive, Fake({"When?": spare})) == 0
    err = capsys.readouterr().err
    assert "1 answers carry a notice, the first: no model: the articles' own words instead\n" in err


def test_json_is_one_object(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(archive, knows_when(), "--json", "--half", "test", "--show-misses") == 0
    content = json.loads(capsys.readouterr().out)
    assert list(content["measures"]) == ["test"]
    assert content["measures"]["test"]["right"] == {"n": 1, "value": 0.0, "low": 0.0, "high": 0.0, "target": None}
    assert [row["id"] for row in content["misses"]] == ["t3"]
    assert content["file"] == str(result(archive))
    assert "results" not in content


def test_misses_are_shown_as_they_are(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(archive, knows_when(), "--show-misses") == 0
    out = capsys.readouterr().out
    assert "✗ t3 (date, test) [b]Month[/b]?\\x1b[31m\n  abstained, confidence 0.10\n" in out
    assert "  not cited: steel.txt: It began in May.\n" in out
    assert "t1 (" not in out


def test_a_failed_question_is_a_miss_and_the_rest_goes_on(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(archive / "mine.jsonl", {"question": "boom"}, {"question": "When?"})
    assert answers(archive, knows_when(), "--show-misses", "--fail-under", "failed=0.5") == 0
    out = capsys.readouterr().out
    assert "failed questions 2 0.500 0.000–1.000" in folded_lines(out)
    assert out.endswith("✗ 1 (question) boom\n  failed: the model does not answer: start it\n")


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("hit_one=0.5", None),
        ("hit_one=0.51", "hit_one is 0.5, under 0.51"),
        ("refused_answerable=0.5", None),
        ("refused_answerable=0.4", "refused_answerable is 0.5, over 0.4"),
        ("hit_several=0.1", "hit_several has no value on this set"),
    ],
)
def test_fail_under(archive: Path, capsys: pytest.CaptureFixture[str], threshold: str, message: str | None) -> None:
    assert answers(archive, knows_when(), "--fail-under", threshold) == (1 if message else 0)
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {message}" if message else "written to")
    assert result(archive).exists()


def test_every_measure_under_its_floor_has_a_line(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    floors = [f"--fail-under={floor}" for floor in ("hit_one=0.6", "right=0.5", "refused_answerable=0.4")]
    assert answers(archive, knows_when(), *floors) == 1
    written, *lines = capsys.readouterr().err.splitlines()[-3:]
    assert written.startswith("written to ")
    assert [line.partition(":")[2].partition(":")[0] for line in lines] == [
        " hit_one is 0.5, under 0.6",
        " refused_answerable is 0.5, over 0.4",
    ]


def test_an_unknown_measure_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["answers", "mine.jsonl", "--fail-under", "luck=1"], knows_when().opener)
    assert caught.value.code == 2
    assert "no measure 'luck'; there are right, hit_one, hit_several, " in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [[], ["mine.jsonl", "--compare", "a", "b"], ["mine.jsonl", "--fail-under", "luck=1"], ["x", "--half", "train"]],
)
def test_wrong_usage_exits_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["answers", *wrong], knows_when().opener)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_bad_input_is_one_line_and_exit_1(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (archive / "articles" / "steel.txt").write_text("It began in June.", encoding="utf-8")
    assert answers(archive, knows_when()) == 1
    assert main(["answers", str(archive / "no\x1b[2Jset")], knows_when().opener) == 1
    write_lines(archive / "none.jsonl", {"question": "?"})
    assert main(["answers", str(archive / "none.jsonl"), "--half", "test"], knows_when().opener) == 1
    one, two, three = capsys.readouterr().err.splitlines()
    assert one.startswith("error: question t1: 'It began in May.' is not in ")
    assert two.startswith("error: no question set '")
    assert "\x1b" not in two
    assert three.endswith("none.jsonl has no question of half 'test': leave --half out")
    assert not (archive / "results").exists()


def test_an_index_given_is_not_built_anew(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[tuple[Settings, bool]] = []

    @contextmanager
    def opener(settings: Settings, fresh: bool) -> Iterator[Asker]:
        opened.append((settings, fresh))
        yield knows_when()

    common = ["answers", str(archive / "mine.jsonl"), "--out", str(archive / "results"), "--json"]
    seeds, index = archive / "articles", archive / "index"
    assert main([*common, "--seeds", str(seeds)], opener) == 0
    assert main([*common, "--seeds", str(seeds), "--index", str(index), "--llm", "local"], opener) == 0
    assert [fresh for _, fresh in opened] == [True, False]
    assert opened[1][0] == Settings(index=index, seeds=seeds, llm="local")


def test_compare_shows_regressions_first(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    month = "[b]Month[/b]?\x1b[31m"
    assert answers(archive, knows_when()) == 0
    before = result(archive).rename(archive / "a.json")
    assert answers(archive, Fake({month: answered(month, Citation(1, STEEL, *BEGAN))})) == 0
    after = result(archive).rename(archive / "b.json")
    capsys.readouterr()

    assert main(["answers", "--compare", str(before), str(after)]) == 0
    out = capsys.readouterr().out
    assert "right outcome 0.667 0.667 +0.000 -1.000 to +1.000" in folded_lines(out)
    assert out.index("Regressions: 1") < out.index("t1 (date, tune) When?") < out.index("Mended: 1")
    assert out.index("Mended: 1") < out.index("t3 (date, test) [b]Month[/b]?\\x1b[31m")

    assert main(["answers", "--compare", str(before), str(after), "--json", "--half", "tune"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["shared"], content["only_a"], content["only_b"]) == (2, 0, 0)
    assert [pair["a"]["id"] for pair in content["regressions"]] == ["t1"]
    assert content["mended"] == []
    assert content["measures"]["hit_one"] == {"a": 1.0, "b": 0.0, "low": -1.0, "high": -1.0, "change": -1.0}


def test_runs_are_paired_by_the_whole_question() -> None:
    record = {"set": {"name": "x"}, "made": "now"}
    moved = Outcome(Question("1", "When?", need=0, half="tune"), "abstained")
    a = Run(record, (moved, Outcome(Question("2", "Why?"), "answered")))
    b = Run(record, (replace(moved, question=replace(moved.question, half="test")),))
    found = compare(a, b)
    assert (found.shared, found.only_a, found.only_b) == (1, 1, 0)
    reworded = Run(record, (replace(moved, question=replace(moved.question, question="When, then?")),))
    with pytest.raises(EvalError, match="share no question"):
        compare(a, reworded)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "is not a result of"),
        ("[]", "is not a result of"),
        ('{"format": 99}', "has format 99, this version reads 1"),
        ('{"format": 1, "results": [{}]}', "is not a result of"),
    ],
)
def test_what_is_no_result_cannot_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main(["answers", "--compare", str(path), str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@given(st.text(max_size=30))
def test_visible_is_one_printable_line(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert text.isprintable() is False or shown == " ".join(text.split())


def test_an_error_of_the_product_is_one_line(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["answers", str(archive / "mine.jsonl"), "--index", str(archive / "none")]) == 1
    note, error = capsys.readouterr().err.splitlines()
    assert note == "no --seeds: quotes are not looked up in their files"
    assert error.startswith("error: ")
    assert str(archive / "none") in error


def test_the_product_itself_over_the_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gold = {
        "path": "003_ca2423bb0508c6d9.txt",
        "quote": "With over 75% of Canadian exports destined for the U.S. market",
    }
    export = "What percentage of Canada's exports go to the United States?"
    path = write_lines(
        tmp_path / "two.jsonl",
        {"question": export, "gold": [gold]},
        {"question": "How old is Dominic LeBlanc?", "kind": "unanswerable_ontopic"},
    )
    promises = [f"--fail-under={key}=1" for key in ("hit_one", "refused_unanswerable", "byte_equal", "claims_cited")]
    assert (
        main(["answers", str(path), "--seeds", str(ROOT / "seeds"), "--out", str(tmp_path), "--json", *promises]) == 0
    )
    content = json.loads(capsys.readouterr().out)
    assert content["settings"] | {"seeds": "seeds", "index": None} == content["settings"]
    assert content["measures"]["all"]["right"]["n"] == 2
