"""`onrecord eval`: asks a set of questions, measures the answers, and shows what got worse since the set's last run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.cli.options import Commands, add_command, add_seeds_option
from rag.cli.startup import open_archive
from rag.config import Settings

if TYPE_CHECKING:
    from rag.evaluation.compare import Comparison
    from rag.evaluation.questions import QuestionSet
    from rag.evaluation.report import Reporter
    from rag.evaluation.runs import Run
    from rag.evaluation.thresholds import Threshold


def add(commands: Commands) -> None:
    """Add the parser of `eval`."""
    parser = add_command(commands, "eval", run, "ask a set of questions and measure the answers")
    parser.add_argument(
        "set",
        metavar="SET",
        help="a .csv or .jsonl file with columns question, answer and, as you have them, id, kind, history, gold, "
        "need, half; or the name of a set that was uploaded in the chat",
    )
    parser.add_argument("--llm", metavar="SPEC", help="what writes the answers; see `onrecord ask --help`")
    add_seeds_option(parser)
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="ask only this half of the set")
    parser.add_argument("--show-misses", action="store_true", help="print every question that went wrong")
    parser.add_argument(
        "--compare", action="store_true", help="print every measure beside that of the last run of the same set"
    )
    parser.add_argument(
        "--fail-under",
        type=_threshold,
        action="append",
        default=[],
        metavar="MEASURE=VALUE",
        help="exit 1 when a measure over all questions asked is worse (a ceiling where lower is better); give it again "
        "for each measure; a wrong name prints all names",
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Ask the set, keep the run beside the index, print it, and return the exit status."""
    from rag.evaluation.questions import read_set, run_name
    from rag.evaluation.report import Reporter, wrong_outcomes
    from rag.evaluation.runs import evaluations_folder, run_files, summary, write_run

    folder = evaluations_folder(settings)
    questions = read_set(_set_path(options.set, folder / "sets"))
    questions = replace(questions, name=run_name(questions))
    reporter = Reporter(as_json=options.json)
    reporter.unused_columns(questions)
    earlier = run_files(folder, questions.name)
    made, answers = _ask(questions, options, settings, reporter)
    comparison = _comparison(earlier, made, reporter)
    file = write_run(made, folder, answers)
    numbers = summary(made)
    if options.compare and comparison is not None and not options.json:
        reporter.comparison(comparison)
    reporter.run(numbers, wrong_outcomes(made.outcomes) if options.show_misses else None, str(file), comparison)
    reporter.notices(made.outcomes)
    reporter.note(f"written to {file}")
    return reporter.thresholds(options.fail_under, numbers)


def _threshold(text: str) -> Threshold:
    from rag.evaluation.thresholds import parse_threshold

    return parse_threshold(text)


def _set_path(given: str, sets: Path) -> str:
    """Return the file of the uploaded set of that name, else what was given."""
    uploaded = sorted(path for path in sets.iterdir() if path.stem == given) if sets.is_dir() else []
    return str(uploaded[0]) if uploaded and not Path(given).exists() else given


def _ask(
    questions: QuestionSet, options: argparse.Namespace, settings: Settings, reporter: Reporter
) -> tuple[Run, dict[str, Any]]:
    """Ask the questions; return the run, and the answers as they are kept, by question id."""
    from rag.evaluation.questions import check_gold, questions_of_half
    from rag.evaluation.runner import run
    from rag.evaluation.runs import new_run, run_answer_json

    asked = questions_of_half(questions, options.half)
    # An index that is named alone may have been built from any folder.
    seeds = settings.seeds if (options.seeds or not options.index) and settings.seeds.is_dir() else None
    if seeds is None:
        reporter.note("no --seeds: quotes are not looked up in their files")
    else:
        check_gold(asked, seeds)
    archive = open_archive(settings)
    answers: dict[str, Any] = {}
    reporter.note(f"asking {len(asked)} questions of {questions.path}")
    with reporter.progress() as progress:
        outcomes = run(archive, asked, seeds, progress, lambda q, a: answers.update({q.id: run_answer_json(a)}))
    return new_run(questions, options.half, settings, False, outcomes), answers


def _comparison(earlier: Sequence[Path], made: Run, reporter: Reporter) -> Comparison | None:
    """Compare the last run of the set with this one; None where there is none, or it cannot be compared."""
    from rag.evaluation.compare import compare
    from rag.evaluation.questions import EvalError
    from rag.evaluation.runs import read_run

    if not earlier:
        reporter.note("this is the set's first run over this index: the next one is compared with it")
        return None
    try:
        return compare(read_run(earlier[0]), made)
    except EvalError as error:
        reporter.note(f"not compared with the last run: {error}")
        return None
