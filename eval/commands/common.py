"""Options, the index of a set and the end of a run, for several commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from rich.table import Table

from eval.product import build_index
from rag.cli.output import bars
from rag.evaluation.questions import SETS, QuestionSet
from rag.evaluation.report import Reporter
from rag.evaluation.runs import RESULTS, ROOT, Json, result_name, write_result
from rag.models.base import Encoder

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Add the options `--out` and `--json`."""
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="folder of the results (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def finish(
    arguments: argparse.Namespace,
    reporter: Reporter,
    command: str,
    result: Json,
    tables: Sequence[Table],
    notes: Sequence[str] = (),
    shown: Json | None = None,
) -> int:
    """Write the result, print it and the notes, and return the exit status.

    Args:
        arguments: with the options of `add_result_options`.
        reporter: prints.
        command: names the file of the result.
        result: as it is written.
        tables: of the result.
        notes: messages for stderr.
        shown: what is printed of the result as JSON; by default all but its single questions.
    """
    file = write_result(result, result_name(command, result["set"]), arguments.out)
    reporter.data((without_rows(result) if shown is None else shown) | {"file": str(file)}, tables)
    for note in (*notes, f"written to {file}"):
        reporter.note(note)
    return 0


def without_rows(result: Json) -> Json:
    """Return a result without its single questions."""
    return {key: value for key, value in result.items() if key != "results"}


def index_of(articles: Path, cache: Path, encoder: Encoder, reporter: Reporter) -> Path:
    """Bring the set's own index up to date, print what could not be read, and return the index folder."""
    reporter.note(f"bringing the index in {cache} up to date")
    with bars() as progress:
        index, report = build_index(articles, cache, encoder, progress)
    if report.failures:
        first = report.failures[0]
        reporter.note(f"{report.failed} articles cannot be read, the first: {first.path}: {first.reason}")
    return index


def names(text: str) -> tuple[str, ...]:
    """Return the names of an option, separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def count(text: str) -> int:
    """Return the whole number of an option, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a whole number from 1 up")
    return number


def own_seeds(questions: QuestionSet) -> Path | None:
    """Return the folder of articles of a set under eval/sets: the one of its name in the checkout; None without one."""
    folder = ROOT / questions.name
    return folder if questions.path.resolve().is_relative_to(SETS) and folder.is_dir() else None
