"""What several commands share: their options, the index of a set, and the end of a run."""

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
    """Where the result goes, and whether it is printed as JSON."""
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
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
    """Write the result whole, print what is `shown` of it (all but its single questions unless told), and say the
    notes and where it is.
    """
    file = write_result(result, result_name(command, result["set"]), arguments.out)
    reporter.data((without_rows(result) if shown is None else shown) | {"file": str(file)}, tables)
    for note in (*notes, f"written to {file}"):
        reporter.note(note)
    return 0


def without_rows(result: Json) -> Json:
    """A result without its single questions."""
    return {key: value for key, value in result.items() if key != "results"}


def index_of(articles: Path, cache: Path, encoder: Encoder, reporter: Reporter) -> Path:
    """Bring the set's own index up to date and say what could not be read."""
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
    """The folder of articles that a set under eval/sets was made for: the one of its name in the checkout."""
    folder = ROOT / questions.name
    return folder if questions.path.resolve().is_relative_to(SETS) and folder.is_dir() else None
