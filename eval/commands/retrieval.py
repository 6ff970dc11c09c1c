"""The command `retrieval`: measure how well articles are found, or compare two such results."""

from __future__ import annotations

import argparse
from pathlib import Path

from eval.benchmarks.retrieval import RetrievalOptions, benchmark, compare_results, read_result, without_questions
from eval.benchmarks.retrieval_report import comparison_tables, result_tables
from eval.commands.common import Commands, add_result_options, count, finish, index_of, names
from eval.datasets.qrels import read_retrieval_set
from eval.ranking import MEASURES
from eval.systems import SYSTEMS, USUAL
from rag.cli.output import bars
from rag.config import load_settings
from rag.evaluation.report import Reporter
from rag.evaluation.runs import ROOT
from rag.index.reader import Index
from rag.models.registry import load_encoder


def add_retrieval(commands: Commands) -> None:
    """Add the parser of `retrieval`."""
    parser = commands.add_parser(
        "retrieval",
        help="measure how well articles are found",
        description="Ask several systems the questions of a retrieval set and measure what they find, or compare "
        "two such results.",
        epilog=f"Systems: {', '.join(SYSTEMS)}. Measures: {', '.join(MEASURES)}.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "set",
        nargs="?",
        type=Path,
        metavar="SET",
        help="a folder with articles.jsonl[.gz], questions.jsonl and qrels*.tsv",
    )
    what.add_argument("--compare", nargs=2, type=Path, metavar=("A.json", "B.json"), help="two results of the same set")
    parser.add_argument("--systems", type=names, metavar="A,B", help=f"by default {','.join(USUAL)}")
    parser.add_argument(
        "--baseline", default="bm25", metavar="NAME", help="the system that the others are compared with (bm25)"
    )
    parser.add_argument("--qrels", metavar="NAME", help="only these qrels")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="only this half, by date")
    parser.add_argument("--limit", type=count, metavar="N", help="only the first N questions of each qrels")
    parser.add_argument(
        "--joined", action="store_true", help="ask two questions as one, and look for the articles of both"
    )
    parser.add_argument("--depth", type=count, default=100, metavar="K", help="passages a system returns (100)")
    parser.add_argument("--seed", type=int, default=20, metavar="N", help="of the bootstrap (20)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder of the index (.cache/retrieval/SET)")
    parser.add_argument("--index", type=Path, metavar="DIR", help="ask this index instead of building one")
    add_result_options(parser)
    parser.set_defaults(run=_retrieval)


def _retrieval(arguments: argparse.Namespace) -> int:
    reporter = Reporter(as_json=arguments.json)
    if arguments.compare:
        a, b = (read_result(path) for path in arguments.compare)
        found = compare_results(a, b, arguments.seed, arguments.systems or (), arguments.qrels)
        if not found["same_files"]:
            reporter.note("the two results are of different articles, questions or qrels")
        reporter.data(found, comparison_tables(found))
        return 0
    options = RetrievalOptions(
        systems=arguments.systems or USUAL,
        **{key: getattr(arguments, key) for key in ("baseline", "half", "limit", "joined", "depth", "seed")},
    )
    of = read_retrieval_set(arguments.set, arguments.qrels)
    cache = arguments.cache or ROOT / ".cache" / "retrieval" / of.name
    encoder = load_encoder(load_settings().encoder)
    index = arguments.index or index_of(of.articles, cache, encoder, reporter)
    with bars() as progress:
        result = benchmark(of, Index.open(index, encoder), encoder, cache, options, progress)
    shown = without_questions(result)
    notes = [
        f"{name}: {qrels['missing']} relevant articles are not in the index and cannot be found"
        for name, qrels in result["qrels"].items()
        if qrels["missing"]
    ]
    return finish(
        arguments,
        reporter,
        "retrieval-joined" if options.joined else "retrieval",
        result,
        result_tables(shown),
        notes,
        shown,
    )
