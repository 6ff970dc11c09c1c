"""The commands `bench` and `scale`: time and memory of the whole product, and of vector indexes."""

from __future__ import annotations

import argparse
from pathlib import Path

from eval.commands.common import Commands, add_result_options, count, finish
from rag.cli.output import bars
from rag.config import load_settings
from rag.evaluation.report import Reporter
from rag.models.registry import load_encoder


def add_bench(commands: Commands) -> None:
    """Add the parser of `bench`."""
    parser = commands.add_parser(
        "bench",
        help="measure time and memory beside the bare encoder, bare FAISS and a peer",
        description="Measure time and memory over an archive: all of it with random vectors, some of it encoded.",
    )
    parser.add_argument(
        "archive", nargs="?", type=Path, metavar="ARCHIVE", help="a folder or file; else synthetic articles"
    )
    parser.add_argument("--articles", type=count, default=200, metavar="N", help="number of articles to encode (200)")
    parser.add_argument("--questions", type=Path, metavar="FILE", help="JSON lines with question; else titles")
    parser.add_argument("--peer", choices=("txtai",), help="compare with this system; needs its package")
    add_result_options(parser)
    parser.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.speed import SpeedOptions, bench
    from eval.benchmarks.speed_report import bench_table

    reporter = Reporter(as_json=arguments.json)
    options = SpeedOptions(**{key: getattr(arguments, key) for key in ("archive", "articles", "questions", "peer")})
    with bars() as progress:
        result = bench(options, load_encoder(load_settings().encoder), reporter.note, progress)
    return finish(arguments, reporter, "bench", result, [bench_table(result)])


def add_scale(commands: Commands) -> None:
    """Add the parser of `scale`."""
    parser = commands.add_parser(
        "scale",
        help="measure vector indexes of any size against exact search",
        description="Measure size, time and recall of the vectors of an index, and of synthetic ones of any number "
        "drawn from them.",
    )
    parser.add_argument("index", type=Path, metavar="INDEX", help="an index folder, built with vectors")
    parser.add_argument("--sizes", type=_counts, default=(), metavar="N,M", help="numbers of synthetic vectors")
    parser.add_argument("--questions", type=Path, metavar="FILE", help="JSON lines with question; else titles")
    parser.add_argument("--queries", type=count, default=200, metavar="N", help="number of questions to ask (200)")
    add_result_options(parser)
    parser.set_defaults(run=_scale)


def _scale(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.vector_scale import scale, scale_table

    reporter = Reporter(as_json=arguments.json)
    encoder = load_encoder(load_settings().encoder)
    result = scale(
        arguments.index, encoder, arguments.sizes, arguments.questions, reporter.note, asked=arguments.queries
    )
    return finish(arguments, reporter, "scale", result, [scale_table(result)])


def _counts(text: str) -> tuple[int, ...]:
    return tuple(count(number) for number in text.replace("_", "").split(","))
