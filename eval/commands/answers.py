"""The command `answers`: ask a set of questions and measure the answers, or compare two such runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from eval.commands.common import Commands, add_result_options, own_seeds
from eval.product import Opener, open_plain
from rag.config import Settings, load_settings
from rag.evaluation.compare import compare
from rag.evaluation.measures import BY_KEY
from rag.evaluation.questions import EvalError, check_gold, questions_of_half, read_set
from rag.evaluation.report import Reporter, wrong_outcomes
from rag.evaluation.runner import run
from rag.evaluation.runs import Run, new_run, read_run, result_name, run_json, summary, write_result
from rag.evaluation.thresholds import parse_threshold


def add_answers(commands: Commands) -> None:
    """Add the parser of `answers`."""
    parser = commands.add_parser(
        "answers",
        help="ask a set of questions and measure the answers",
        description="Ask a set of questions and measure the answers, or compare two such runs.",
        epilog=f"Measures: {', '.join(BY_KEY)}.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "set",
        nargs="?",
        metavar="SET",
        help="a name under eval/sets, or a folder, .jsonl or .csv file with columns question, answer and, as you "
        "have them, id, kind, history, gold, need, half",
    )
    what.add_argument("--compare", nargs=2, type=Path, metavar=("A.json", "B.json"), help="two results of the same set")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="ask only this half of the set")
    parser.add_argument("--seeds", type=Path, metavar="DIR", help="folder of the articles")
    parser.add_argument(
        "--index",
        type=Path,
        metavar="DIR",
        help="ask this index; else one is built from --seeds or the set's own folder",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--llm", metavar="SPEC", help="what writes the answers")
    how.add_argument(
        "--plain", action="store_true", help="answer with the three best sentences by BM25 and cosine, to compare with"
    )
    add_result_options(parser)
    parser.add_argument("--show-misses", action="store_true", help="print every question that went wrong")
    parser.add_argument(
        "--fail-under",
        type=parse_threshold,
        action="append",
        default=[],
        metavar="MEASURE=VALUE",
        help="exit 1 when a measure over all questions asked is worse (a ceiling where lower is better); give it again "
        "for each measure",
    )
    parser.set_defaults(run=_answers)


def _answers(arguments: argparse.Namespace) -> int:
    if arguments.compare:
        return _compare(arguments)
    reporter = Reporter(as_json=arguments.json)
    finished = _run_set(arguments, reporter)
    numbers = summary(finished)
    file = write_result(run_json(finished), result_name("answers", finished.record["set"]), arguments.out)
    reporter.run(numbers, wrong_outcomes(finished.outcomes) if arguments.show_misses else None, str(file))
    reporter.notices(finished.outcomes)
    reporter.note(f"written to {file}")
    return reporter.thresholds(arguments.fail_under, numbers)


def _run_set(arguments: argparse.Namespace, reporter: Reporter) -> Run:
    questions = read_set(arguments.set)
    reporter.unused_columns(questions)
    asked = questions_of_half(questions, arguments.half)
    folder = arguments.seeds or own_seeds(questions)
    settings = load_settings(index=arguments.index, seeds=folder, llm="plain" if arguments.plain else arguments.llm)
    fresh = arguments.index is None and folder is not None
    seeds = _files_of(settings, known=folder is not None or arguments.index is None)
    if seeds is None:
        reporter.note("no --seeds: quotes are not looked up in their files")
    else:
        check_gold(asked, seeds)
    if fresh:
        reporter.note(f"building an index of {settings.seeds} for this run")
    opener: Opener = open_plain if arguments.plain else arguments.opener
    with opener(settings, fresh) as app, reporter.progress() as progress:
        outcomes = run(app, asked, seeds, progress)
    return new_run(questions, arguments.half, settings, fresh, outcomes)


def _compare(arguments: argparse.Namespace) -> int:
    if arguments.fail_under:
        raise EvalError("--fail-under is about one run: leave it out, or give a SET instead of --compare")
    a, b = (read_run(path) for path in arguments.compare)
    Reporter(as_json=arguments.json).comparison(compare(a, b, arguments.half))
    return 0


def _files_of(settings: Settings, known: bool) -> Path | None:
    """Return the folder that the index was built from; None when not known, as for an index given alone."""
    return settings.seeds if known and settings.seeds.is_dir() else None
