"""The commands `disagreement`, `followups` and `speakers`: run, print a table, write a result."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from eval.benchmarks.attribution import measured
from eval.benchmarks.disagreement import alarms, ask_cases, by_half, open_cases, over_questions
from eval.benchmarks.followups import (
    FollowUp,
    HumanRewriter,
    forms,
    overlap,
    read_followups,
    reasons,
    rewrites,
    searched,
    write_pool,
)
from eval.commands.common import Commands, add_result_options, finish
from eval.datasets.ramdocs import read_cases
from eval.product import open_product
from rag.cli.output import bars
from rag.config import load_settings
from rag.evaluation.messages import visible
from rag.evaluation.questions import EvalError, read_set
from rag.evaluation.report import Reporter, plain_table
from rag.evaluation.runs import ROOT, Json, provenance
from rag.generation.base import Rewriter
from rag.generation.registry import load_generator
from rag.generation.spec import model_only
from rag.index.build import build
from rag.index.reader import Index
from rag.models.registry import load_encoder
from rag.query.rewriting import Rewrite

FORMAT = 1


def add_disagreement(commands: Commands) -> None:
    """Add the parser of `disagreement`."""
    parser = commands.add_parser(
        "disagreement",
        help="measure whether sources that disagree are shown as sides",
        description="Ask questions whose documents answer differently, or the question set over the seeds.",
    )
    parser.add_argument("set", choices=("ramdocs", "seeds"), help="the form of the set")
    parser.add_argument("path", nargs="?", type=Path, metavar="DIR", help="of ramdocs: its folder or .jsonl file")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps the index (.cache/NAME)")
    add_result_options(parser)
    parser.set_defaults(run=_disagreement)


def add_followups(commands: Commands) -> None:
    """Add the parser of `followups`."""
    parser = commands.add_parser(
        "followups",
        help="measure how follow-ups are contextualised",
        description="Compare contextualised follow-ups with a person's rewrites, over MTRAG's folder.",
    )
    parser.add_argument("path", type=Path, metavar="DIR", help="MTRAG's folder, with retrieval_tasks/ in it")
    parser.add_argument(
        "--llm",
        metavar="SPEC",
        help="also rewrite with this language model, even a small one, or with `human`: the person's rewrites",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps the index (.cache/NAME)")
    add_result_options(parser)
    parser.set_defaults(run=_followups)


def add_speakers(commands: Commands) -> None:
    """Add the parser of `speakers`."""
    parser = commands.add_parser(
        "speakers",
        help="measure whether a sentence gets its speaker",
        description="Compare the speakers found with people's annotations, over PolNeAR's folder.",
    )
    parser.add_argument("path", type=Path, metavar="DIR", help="PolNeAR's folder, with train/ and dev/ in it")
    add_result_options(parser)
    parser.set_defaults(run=_speakers)


def _disagreement(arguments: argparse.Namespace) -> int:
    reporter = Reporter(as_json=arguments.json)
    if arguments.set == "seeds":
        with open_product(load_settings(seeds=ROOT / "seeds"), fresh=True) as app, reporter.progress() as progress:
            asked = [q for q in read_set("seeds").questions if not q.history]
            rows = over_questions(app, asked, progress)
        return _report(arguments, reporter, "disagreement", "seeds", alarms(rows), rows)
    if arguments.path is None:
        arguments.path = Path("ramdocs.jsonl")
    cases = read_cases(arguments.path)
    encoder = load_encoder(load_settings().encoder)
    with bars() as progress:
        product = open_cases(cases, arguments.cache or ROOT / ".cache" / "ramdocs", encoder, progress)
    with reporter.progress() as progress:
        judged = ask_cases(product, cases, progress)
    return _report(arguments, reporter, "disagreement", "ramdocs", by_half(judged), [asdict(j) for j in judged])


def _followups(arguments: argparse.Namespace) -> int:
    reporter = Reporter(as_json=arguments.json)
    asked = read_followups(arguments.path)
    cache = arguments.cache or ROOT / ".cache" / "followups"
    write_pool(arguments.path, cache / "articles" / "pool.jsonl")
    encoder = load_encoder(load_settings().encoder)
    with bars() as progress:
        build(cache / "articles", cache / "index", encoder, progress=progress)
    index = Index.open(cache / "index", encoder)
    made = None
    if arguments.llm:
        model = _rewriter(arguments.llm)
        with reporter.progress() as progress:
            made = rewrites(asked, model, progress)
    halves = {}
    for half in ("tune", "test"):
        mine = [one for one in asked if one.half == half]
        found = searched(mine, forms(mine, made), index, encoder)
        flat = {
            f"{system}, {form}, {name}": value
            for system, forms in found.items()
            for form, values in forms.items()
            for name, value in values.items()
            if name != "questions"
        }
        halves[half] = (
            _added(mine, made, arguments.llm) | {"searched": next(iter(found["bm25"].values()))["questions"]} | flat
        )
    return _report(arguments, reporter, "followups", "mtrag", halves, [])


def _rewriter(spec: str) -> Callable[[FollowUp], Rewriter]:
    if spec == "human":
        return HumanRewriter
    model = load_generator(spec)
    if not isinstance(model, Rewriter):
        raise EvalError(f"{spec} is no language model: leave --llm out, or name one")
    return lambda _: model


def _added(mine: Sequence[FollowUp], made: Mapping[str, Rewrite] | None, spec: str) -> Json:
    """Return measures of the words that the rules and the model added, and how often the model was taken."""
    rows = forms(mine, made)
    model = {**reasons([made[one.id] for one in mine]), **overlap(mine, rows["model"])} if made else {}
    same = ("questions", "alone")
    return overlap(mine, rows["ours"]) | {
        f"{model_only(spec)}, {name}": n for name, n in model.items() if name not in same
    }


def _speakers(arguments: argparse.Namespace) -> int:
    return _report(arguments, Reporter(as_json=arguments.json), "speakers", "polnear", measured(arguments.path), [])


def _report(
    arguments: argparse.Namespace,
    reporter: Reporter,
    command: str,
    name: str,
    halves: Mapping[str, Json],
    rows: Sequence[Json],
) -> int:
    """Print a table of halves and write the result: ids and numbers, no text."""
    result = {"format": FORMAT, "command": command, "set": {"name": name}, **provenance(), "halves": dict(halves)}
    table = _table(f"{command}: {name}", halves)
    return finish(arguments, reporter, command, result | {"results": list(rows)}, [table])


def _table(title: str, halves: Mapping[str, Json]) -> Table:
    table = plain_table(visible(title), "measure")
    for half in halves:
        table.add_column(half, justify="right")
    for name in next(iter(halves.values())):
        table.add_row(visible(name), *(_cell(values[name]) for values in halves.values()))
    return table


def _cell(value: float | int | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
