"""Sets of questions that the page can ask, and the runs of them. No Streamlit here.

Runs and uploaded sets lie in `evaluations/` beside the conversations, as the files that `python -m eval answers` reads
and writes. What asks, judges and measures is `rag.evaluation`, as it is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rag.config import Settings
from rag.evaluation.compare import Comparison, compare
from rag.evaluation.questions import SETS, EvalError, QuestionSet, check_gold, parse_set, read_set
from rag.evaluation.runner import run
from rag.evaluation.runs import Run, new_run, read_run, write_run
from rag.evaluation.types import Outcome, Question
from rag.pipeline import OnRecord
from rag.types import Answer, Turn
from ui.state.cases import FILE, as_lines, cases
from ui.state.jobs import Work
from ui.state.saved_answers import kept_answer
from ui.state.store import Json, Store, store_path
from ui.wording import counted

CASES = Path(FILE).stem
MAX_STEM = 60  # characters of a set's name


@dataclass(frozen=True, slots=True)
class Choice:
    """A set that can be asked.

    Attributes:
        name: unique among the sets; names the files of its runs.
        label: what it is, for a list.
        own: whether a reader made it of the archive's own answers: its quotes may have gone since, and then that is
            what a run finds, not a fault of the set.
        file: of an uploaded set, which can be removed; None for another.
    """

    name: str
    label: str
    read: Callable[[], QuestionSet]
    own: bool = False
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A run, whole.

    Attributes:
        measures: key -> n, value, low, high over all its questions.
        answers: by question id, as `stored.kept_answer` has them; those of a run of the command line are not kept.
        generation: of the index at its beginning; None when not known.
    """

    path: Path
    run: Run
    measures: Json
    answers: Mapping[str, Json]
    generation: int | None


def folder(settings: Settings) -> Path:
    """Where runs and uploaded sets are kept."""
    return store_path(settings).parent / "evaluations"


# Sets


def choices(settings: Settings, store: Store) -> list[Choice]:
    """The sets that there are: those of the checkout, the cases of the chat, those that were uploaded."""
    found = [_file(path.name, path, "of this checkout") for path in _built_in()]
    kept = cases(store)
    if kept:
        label = f"{CASES}: {counted(len(kept), 'answer')} judged in the chat"
        found.append(Choice(CASES, label, lambda: parse_set(Path(FILE), as_lines(kept).encode()), own=True))
    uploaded = folder(settings) / "sets"
    files = sorted(uploaded.glob("*.*")) if uploaded.is_dir() else []
    return found + [replace(_file(path.stem, path, "uploaded"), file=path) for path in files]


def _built_in() -> list[Path]:
    return sorted(path for path in SETS.iterdir() if path.is_dir()) if SETS.is_dir() else []


def _file(name: str, path: Path, origin: str) -> Choice:
    return Choice(name, f"{name}: {origin}", lambda: read_set(str(path)))


def upload(settings: Settings, name: str, data: bytes) -> str:
    """Keep a file of questions among the sets, in place of an earlier one of its name; return the set's name.

    Raises:
        EvalError: it is no question set, and why; or it cannot be kept.
    """
    shown = Path(re.split(r"[/\\]", name)[-1] or "questions")
    parse_set(shown, data)
    stem = re.sub(r"[^\w-]+", "-", shown.stem)[:MAX_STEM].strip("-_") or "questions"
    if stem in (CASES, *(path.name for path in _built_in())):
        stem = f"my-{stem}"
    sets = folder(settings) / "sets"
    try:
        sets.mkdir(parents=True, exist_ok=True)
        for earlier in sets.glob(f"{stem}.*"):
            earlier.unlink()
        (sets / f"{stem}{shown.suffix.lower()}").write_bytes(data)
    except OSError as error:
        raise EvalError(f"{shown} cannot be kept in {sets} ({error.strerror}): see to the folder") from error
    return stem


# Runs


@dataclass(frozen=True, slots=True)
class Chosen:
    """The archive asked with what a reader has set; an `Asker`."""

    archive: OnRecord
    llm: str
    refuse_below: float

    def ask(self, question: str, *, history: Sequence[Turn]) -> Answer:
        """Answer one question after those before it."""
        events = self.archive.stream(question, history, llm=self.llm, refuse_below=self.refuse_below)
        return next(event for event in events if isinstance(event, Answer))


def work(choice: Choice, chosen: Chosen, settings: Settings) -> Work:
    """What asks the set, and writes the run with its whole answers."""

    def ask(progress: Callable[[str, int, int], None]) -> tuple[str, ...]:
        questions = choice.read()
        seeds = settings.seeds if settings.seeds.is_dir() else None
        if seeds is not None and not choice.own:
            check_gold(questions.questions, seeds)
        answers: Json = {}

        def keep(question: Question, answer: Answer) -> None:
            row = kept_answer(answer)
            answers[question.id] = row if answer.status == "abstained" else {**row, "hits": []}

        progress("asking", 0, len(questions.questions))
        told: Callable[[int, int], None] = lambda done, total: progress("asking", done, total)  # noqa: E731
        outcomes = run(chosen, questions.questions, seeds, told, keep)
        used = replace(settings, llm=chosen.llm, refuse_below=chosen.refuse_below)
        # Named as it was chosen, so that its runs are found again.
        named = replace(questions, name=choice.name)
        write_run(new_run(named, "all", used, False, outcomes), folder(settings), answers)
        return (f"{counted(len(outcomes), 'question')} asked.",)

    return ask


def runs(settings: Settings, name: str) -> list[Path]:
    """The files of a set's runs, the latest first."""
    return _runs(settings, re.escape(name))


def latest(settings: Settings) -> Path | None:
    """The file of the latest run of all."""
    return next(iter(_runs(settings, ".+")), None)


def _runs(settings: Settings, name: str) -> list[Path]:
    """The files of the runs of sets whose names match, the latest first."""
    pattern = re.compile(rf"\d{{4}}-\d\d-\d\dT\d{{6}}Z-answers-{name}\.json")
    kept = folder(settings)
    files = kept.iterdir() if kept.is_dir() else iter(())
    return sorted((path for path in files if pattern.fullmatch(path.name)), reverse=True)


def load(path: Path) -> Result:
    """Read a run.

    Raises:
        EvalError: it cannot be read, or is none.
    """
    found = read_run(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        (*_, whole) = content["measures"].values()
        answers = dict(content.get("answers", {}))
        generations = {answer["generation"] for answer in answers.values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvalError(f"{path} is not a result of a run ({error!r}): run the set again") from error
    return Result(path, found, whole, answers, min(generations, default=None))


def against(before: Result, after: Result) -> Comparison | None:
    """The two runs side by side; None when they share no question."""
    try:
        return compare(before.run, after.run)
    except EvalError:
        return None


@dataclass(frozen=True, slots=True)
class Row:
    """A question of a run, and what became of it in the run before; None where that did not ask it."""

    now: Outcome
    before: Outcome | None = None
    change: Literal["regression", "mended", ""] = ""


def rows(result: Result, comparison: Comparison | None) -> list[Row]:
    """The questions of a run, regressions first, then what is wrong, what is mended, and the rest."""
    changed: dict[str, Row] = {}
    if comparison is not None:
        changed = {now.question.id: Row(now, before) for before, now in comparison.pairs}
        changed |= {now.question.id: Row(now, before, "regression") for before, now in comparison.regressions}
        changed |= {now.question.id: Row(now, before, "mended") for before, now in comparison.mended}
    found = [changed.get(outcome.question.id, Row(outcome)) for outcome in result.run.outcomes]
    return sorted(found, key=lambda row: (row.change != "regression", row.now.right is not False, row.change == ""))
