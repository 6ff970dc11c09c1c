"""The commands `calibration` and `fit`: measure the confidence, and fit the weights of evidence and confidence."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from eval.commands.common import Commands, add_result_options, count, finish, index_of, own_seeds
from eval.datasets.qrels import read_retrieval_set
from eval.product import open_product
from rag.cli.output import bars
from rag.config import load_settings
from rag.evaluation.questions import EvalError, read_set
from rag.evaluation.report import Reporter
from rag.evaluation.runs import ROOT
from rag.index.reader import Index
from rag.models.registry import load_encoder

if TYPE_CHECKING:
    from eval.datasets.confidence_rows import ConfidenceRow

REFUSED_SHARE = "on the tuning halves at most {:.0%} of the questions with an answer, of any source, lie below"


def add_calibration(commands: Commands) -> None:
    """Add the parser of `calibration`."""
    parser = commands.add_parser(
        "calibration",
        help="measure the calibration of the confidence",
        description="Ask the seeds' questions and those of other archives, and measure the confidence of the answers.",
    )
    _add_sources(parser)
    parser.add_argument("--no-seeds", action="store_true", help="leave out the seeds' own questions")
    parser.add_argument(
        "--rows",
        type=Path,
        nargs="+",
        default=[],
        metavar="RESULT.json",
        help="measure the rows of these results again",
    )
    add_result_options(parser)
    parser.set_defaults(run=_calibration)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--squad", type=Path, metavar="DIR", help="a SQuAD 2.0 sample: queries.json, ground_truth.json")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="a retrieval set with choices: see retrieval")
    parser.add_argument("--index", type=Path, metavar="DIR", help="the archive's index, instead of building one")
    parser.add_argument("--limit", type=count, default=100, metavar="N", help="of questions of each qrels (100)")


def _calibration(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.calibration import measured, tables
    from eval.datasets.confidence_rows import read_rows

    reporter = Reporter(as_json=arguments.json)
    rows = [row for path in arguments.rows for row in read_rows(path)] or _read_sources(arguments, reporter)
    result = measured(rows, "development", load_settings().refuse_below)
    threshold = result["threshold"]
    threshold_note = (
        f"{REFUSED_SHARE.format(threshold['refused_answerable'])} {threshold['value']:.3f} "
        f"({threshold['low']:.3f} to {threshold['high']:.3f})"
    )
    shown = {key: value for key, value in result.items() if key != "rows"}
    return finish(arguments, reporter, "calibration", result, tables(result), [threshold_note], shown)


def _read_sources(arguments: argparse.Namespace, reporter: Reporter) -> list[ConfidenceRow]:
    """Read every source that was given, and print which were not."""
    from eval.datasets.confidence_rows import archive_rows, seeds_rows, squad_rows

    encoder = load_encoder(load_settings().encoder)
    with bars() as progress:
        rows = [] if arguments.no_seeds else list(seeds_rows(ROOT / "seeds", progress))
        if arguments.squad:
            rows += squad_rows(arguments.squad, ROOT / ".cache" / "calibration", encoder, progress)
        if arguments.archive:
            of = read_retrieval_set(arguments.archive)
            index = arguments.index or index_of(of.articles, ROOT / ".cache" / "retrieval" / of.name, encoder, reporter)
            rows += archive_rows(of, Index.open(index, encoder), encoder, arguments.limit, progress)
    for name in ("squad", "archive"):
        if getattr(arguments, name) is None:
            reporter.note(f"no --{name}: its questions are left out")
    return [row for row in rows if row is not None]


def add_fit(commands: Commands) -> None:
    """Add the parser of `fit`."""
    parser = commands.add_parser(
        "fit",
        help="fit the weights of evidence, short answers and confidence on tuning halves",
        description="Fit the weights in rag/models/data/evidence.json: of sentences on the tuning half of a set with "
        "gold quotes; of confidence with --rows; of short answers with --squad and --archive. The others stay.",
    )
    parser.add_argument("set", metavar="SET", help="a name under eval/sets")
    parser.add_argument(
        "--rows", type=Path, nargs="+", default=[], metavar="RESULT.json", help="results of calibration"
    )
    parser.add_argument("--squad", type=Path, metavar="DIR", help="a SQuAD 2.0 sample")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="a retrieval set with choices and evidence")
    parser.set_defaults(run=_fit)


def _fit(arguments: argparse.Namespace) -> int:
    from eval.datasets.confidence_rows import read_rows, short_groups
    from eval.training.fit import fit_confidence, fit_sentences, fit_short

    questions = read_set(arguments.set)
    tune = tuple(q for q in questions.questions if q.half == "tune")
    folder = own_seeds(questions)
    if not tune or folder is None:
        raise EvalError(f"{arguments.set} has no tuning half or no articles of its own: nothing to fit on")
    if bool(arguments.squad) != bool(arguments.archive):
        raise EvalError("short answers are fitted on both: give --squad and --archive")
    reporter = Reporter(as_json=False)
    path = ROOT / "rag" / "models" / "data" / "evidence.json"
    weights = json.loads(path.read_text(encoding="utf-8"))
    with open_product(load_settings(seeds=folder), fresh=True) as app:
        weights["sentence"] = fit_sentences(app, tune, reporter.note)
    if arguments.squad:
        groups = short_groups(arguments.squad, arguments.archive, load_encoder(load_settings().encoder))
        weights["short"] = fit_short(groups, reporter.note)
    else:
        reporter.note("no --squad and --archive: the weights of short answers stay as they are")
    if arguments.rows:
        weights["confidence"], threshold = fit_confidence(
            [row for path in arguments.rows for row in read_rows(path)], reporter.note
        )
        reporter.note(f"refuse below {threshold:.3f} (refuse_below in rag/config.py)")
    else:
        reporter.note("no --rows: the weights of confidence stay as they are")
    path.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    return 0
