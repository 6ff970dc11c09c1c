"""How a tree is measured, and two files of answers compared."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from eval.__main__ import main
from eval.benchmarks.structure import Structure, earlier_tree, measure_structure
from eval.identical import BatchDifference, compare_batches, read_batch
from rag.evaluation.questions import EvalError

TREE = {
    "README.md": "Four words in all.\n",
    "rag/__init__.py": "from rag.top import one\n",
    "rag/top.py": (
        '"""A module."""\n'
        "from typing import TYPE_CHECKING\n"
        "from rag.part.a import A\n"
        "if TYPE_CHECKING:\n"
        "    from rag.other import x\n"
        "def one():\n"
        '    """Return 1.\n\n    Raises:\n        ValueError: never.\n    """\n'
        "    return 1\n"
        "def _hidden(): return 1\n"
    ),
    "rag/other.py": "def bare():\n    from rag import top\n    import rag.part.b\n    return top\n",
    "rag/part/__init__.py": "",
    "rag/part/a.py": 'class A:\n    """A class."""\n    @property\n    def x(self):\n        return 1\n',
    "rag/part/b.py": "from rag.part.a import A\n",
    "tests/test_a.py": "\n\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_small_tree_is_measured(tree: Path) -> None:
    assert measure_structure(tree) == Structure(
        largest_folder=2,
        median_function=3.5,  # of 1, 3, 4 and 7 lines
        longest_function=7,
        documented=2 / 4,  # `one` and `A`, not `bare` and `x`
        raising=1 / 2,
        readme_words=4,
        lines={"rag": 24, "tests": 2},
        boxes=3,  # top, other and part
        arrows=3,  # top to part, other to top, other to part
    )


def test_an_earlier_commit_is_measured_beside(tree: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], cwd=tree, check=True)
    (tree / "rag" / "new.py").write_text("")
    with earlier_tree(tree, "HEAD") as folder:
        assert measure_structure(folder).boxes == 3
    assert not folder.exists()
    assert measure_structure(tree).boxes == 4
    with pytest.raises(EvalError, match="no tree of 'none'"), earlier_tree(tree, "none"):
        pass


def test_what_is_no_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="has no Python files"):
        measure_structure(tmp_path)


def test_structure_prints_a_row_for_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["structure", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["now"]
    assert list(found["now"]["lines"]) == ["rag", "ui", "eval", "tests"]


def write_answers(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_answers_are_compared_by_id_without_their_timings(tmp_path: Path) -> None:
    a = write_answers(
        tmp_path / "a.jsonl",
        {"id": 1, "text": "A", "confidence": 1, "timings_ms": {"encode": 1.0}},
        {"id": 2, "text": "B", "hits": [{"rank": 1}]},
        {"id": "x", "text": "C"},
        {"id": None, "text": "D"},
        {"id": None, "text": "E"},
    )
    b = write_answers(
        tmp_path / "b.jsonl",
        {"id": 2, "text": "b", "hits": [{"rank": 2}], "timings_ms": {}},
        {"id": 1, "text": "A", "confidence": 1, "timings_ms": {"encode": 2.0}},
        {"id": None, "text": "D"},
        {"id": None, "text": "E", "notice": None},
        {"id": 3, "text": "F"},
    )
    assert compare_batches(read_batch(a), read_batch(a)) == []
    assert compare_batches(read_batch(a), read_batch(b)) == [
        BatchDifference(2, ("hits", "text")),
        BatchDifference("x", ("only in A",)),
        BatchDifference(None, ("notice",)),
        BatchDifference(3, ("only in B",)),
    ]


def test_a_whole_number_is_not_a_fraction_nor_a_truth() -> None:
    answers: list[dict[tuple[str | int | None, int], dict[str, Any]]] = [
        {(1, 0): {"id": 1, "n": value}} for value in (1, 1.0, True)
    ]
    assert [len(compare_batches(answers[0], other)) for other in answers] == [0, 1, 1]


def test_the_exit_status_says_whether_any_answer_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_answers(tmp_path / "a.jsonl", {"id": 7, "text": "A"}, {"id": 8, "text": "B"})
    b = write_answers(tmp_path / "b.jsonl", {"id": 7, "text": "A"}, {"id": 8, "text": "C"})
    assert main(["identical", str(a), str(a)]) == 0
    assert "0 of 2 answers differ" in capsys.readouterr().out
    assert main(["identical", str(a), str(b)]) == 1
    out = capsys.readouterr().out
    assert "1 of 2 answers differ" in out
    assert out.split()[-2:] == ["8", "text"]
    assert main(["identical", str(a), str(b), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "answers": 2,
        "differ": 1,
        "differences": [{"id": 8, "fields": ["text"]}],
    }
    assert main(["identical", str(a), str(tmp_path / "none.jsonl")]) == 1
    assert "none.jsonl cannot be read" in capsys.readouterr().err
