"""Sets of questions that the page can ask, and their runs. No Streamlit here.

Runs and sets that somebody added are in `evaluations/` beside the conversations, in the format of
`python -m eval answers`. `rag.evaluation` asks the questions, judges the answers and measures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from rag.config import Settings
from rag.evaluation.compare import Comparison, compare
from rag.evaluation.questions import (
    SETS,
    EvalError,
    QuestionSet,
    built_in_sets,
    check_gold,
    file_name,
    parse_set,
    read_set,
)
from rag.evaluation.runner import run
from rag.evaluation.runs import Run, evaluations_folder, new_run, read_run, run_answer_json, run_files, write_run
from rag.evaluation.types import Outcome, Question
from rag.pipeline import OnRecord
from rag.types import Answer, Turn
from ui.state.jobs import Work
from ui.state.judged_answers import FILE, as_lines, judged_answers
from ui.state.store import Json, Store
from ui.wording import counted

JUDGED = Path(FILE).stem  # the set of the judged answers


@dataclass(frozen=True, slots=True)
class QuestionSetChoice:
    """A set that can be asked.

    Attributes:
        name: unique among the sets; names the files of its runs.
        label: what it is, for a list.
        own: whether it consists of judged answers. Their quotes may have left the archive since; then a run finds
            that, and it is not a fault of the set.
        file: of a set that somebody added, which can be deleted; None for another.
    """

    name: str
    label: str
    read: Callable[[], QuestionSet]
    own: bool = False
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run with its answers.

    Attributes:
        measures: key -> n, value, low, high over all its questions.
        answers: question id -> answer, made by `run_answer_json`. A run of `python -m eval answers` has none.
        generation: of the index at its beginning; None when it is not known.
    """

    path: Path
    run: Run
    measures: Json
    answers: Mapping[str, Json]
    generation: int | None


def folder(settings: Settings) -> Path:
    """Return the folder of the runs and of the sets that somebody added."""
    return evaluations_folder(settings)


# Sets


def question_sets(settings: Settings, store: Store) -> list[QuestionSetChoice]:
    """Return all sets: those that come with the program, the judged answers, those that somebody added."""
    found = [_file(path.name, path, "comes with On Record") for path in map(SETS.joinpath, built_in_sets())]
    judged = judged_answers(store)
    if judged:
        label = f"{counted(len(judged), 'answer')} that you judged in the chat"
        read: Callable[[], QuestionSet] = lambda: parse_set(Path(FILE), as_lines(judged).encode())  # noqa: E731
        found.append(QuestionSetChoice(JUDGED, label, read, own=True))
    uploaded = folder(settings) / "sets"
    files = sorted(uploaded.glob("*.*")) if uploaded.is_dir() else []
    return found + [replace(_file(path.stem, path, "added by you"), file=path) for path in files]


def _file(name: str, path: Path, origin: str) -> QuestionSetChoice:
    return QuestionSetChoice(name, f"{name}: {origin}", lambda: read_set(str(path)))


def upload(settings: Settings, name: str, data: bytes) -> str:
    """Save a file of questions as a set, in place of an earlier one of its name; return the set's name.

    Raises:
        EvalError: it is no question set, or it cannot be saved.
    """
    shown = Path(re.split(r"[/\\]", name)[-1] or "questions")
    parse_set(shown, data)
    stem = file_name(shown.stem, (JUDGED, *built_in_sets()))
    sets = folder(settings) / "sets"
    try:
        sets.mkdir(parents=True, exist_ok=True)
        for earlier in sets.glob(f"{stem}.*"):
            earlier.unlink()
        (sets / f"{stem}{shown.suffix.lower()}").write_bytes(data)
    except OSError as error:
        raise EvalError(f"{shown} cannot be saved in {sets} ({error.strerror}): check the folder") from error
    return stem


def delete_files(paths: Iterable[Path]) -> None:
    """Delete files of sets and runs for good.

    Raises:
        EvalError: one of them cannot be deleted.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise EvalError(f"{path} cannot be deleted ({error.strerror}): check the folder") from error


# Runs


@dataclass(frozen=True, slots=True)
class ConfiguredArchive:
    """The archive with what a reader has set; an `Asker`."""

    archive: OnRecord
    llm: str
    refuse_below: float
    key: str | None = field(default=None, repr=False)

    def ask(self, question: str, *, history: Sequence[Turn]) -> Answer:
        """Answer one question after those before it."""
        events = self.archive.stream(question, history, llm=self.llm, refuse_below=self.refuse_below, key=self.key)
        return next(event for event in events if isinstance(event, Answer))


def evaluation_work(choice: QuestionSetChoice, archive: ConfiguredArchive, settings: Settings) -> Work:
    """Return the work that asks a set and writes the run with its answers."""

    def ask(progress: Callable[[str, int, int], None]) -> tuple[str, ...]:
        questions = choice.read()
        seeds = settings.seeds if settings.seeds.is_dir() else None
        if seeds is not None and not choice.own:
            check_gold(questions.questions, seeds)
        answers: Json = {}

        def keep(question: Question, answer: Answer) -> None:
            answers[question.id] = run_answer_json(answer)

        progress("asking", 0, len(questions.questions))
        report: Callable[[int, int], None] = lambda done, total: progress("asking", done, total)  # noqa: E731
        outcomes = run(archive, questions.questions, seeds, report, keep)
        used = replace(settings, llm=archive.llm, refuse_below=archive.refuse_below)
        # The run has the name of the choice, so that it is found again.
        named = replace(questions, name=choice.name)
        write_run(new_run(named, "all", used, False, outcomes), folder(settings), answers)
        return (f"{counted(len(outcomes), 'question')} asked.",)

    return ask


def runs(settings: Settings, name: str) -> list[Path]:
    """Return the files of a set's runs, the latest first."""
    return run_files(folder(settings), name)


def latest(settings: Settings) -> Path | None:
    """Return the file of the latest run of all sets; None when there is none."""
    return next(iter(run_files(folder(settings))), None)


def load_run(path: Path) -> RunResult:
    """Read a run.

    Raises:
        EvalError: it cannot be read, or is no run.
    """
    found = read_run(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        (*_, whole) = content["measures"].values()
        answers = dict(content.get("answers", {}))
        generations = {answer["generation"] for answer in answers.values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvalError(f"{path} is not a result of a run ({error!r}): ask the set again") from error
    return RunResult(path, found, whole, answers, min(generations, default=None))


def against(before: RunResult, after: RunResult) -> Comparison | None:
    """Compare two runs; None when they share no question."""
    try:
        return compare(before.run, after.run)
    except EvalError:
        return None


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A question of a run, with its outcome in the run before; None where that did not ask it."""

    now: Outcome
    before: Outcome | None = None
    change: Literal["worse", "better", ""] = ""


def result_rows(result: RunResult, comparison: Comparison | None) -> list[ResultRow]:
    """Return the questions of a run: first those that got worse, then the wrong ones, those that got better, others."""
    changed: dict[str, ResultRow] = {}
    if comparison is not None:
        changed = {now.question.id: ResultRow(now, before) for before, now in comparison.pairs}
        changed |= {now.question.id: ResultRow(now, before, "worse") for before, now in comparison.regressions}
        changed |= {now.question.id: ResultRow(now, before, "better") for before, now in comparison.mended}
    found = [changed.get(outcome.question.id, ResultRow(outcome)) for outcome in result.run.outcomes]
    return sorted(found, key=lambda row: (row.change != "worse", row.now.right is not False, row.change == ""))
