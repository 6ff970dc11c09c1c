"""The command `faithfulness`: measure whether the verifier separates supported from unsupported sentences."""

from __future__ import annotations

import argparse
from pathlib import Path

from eval.commands.common import Commands, add_result_options, finish, names, without_rows
from rag.config import load_settings
from rag.evaluation.questions import SETS, EvalError
from rag.evaluation.report import Reporter
from rag.evaluation.runs import ROOT
from rag.models.registry import load_encoder


def add_faithfulness(commands: Commands) -> None:
    """Add the parser of `faithfulness`."""
    parser = commands.add_parser(
        "faithfulness",
        help="measure whether the verifier finds what a text supports",
        description="Check the sentences of QAGS, FRANK and WiCE, sentences changed by rule, and citations moved "
        "beside the right place, and measure the verdicts.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="the folder with the sets as they were published")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="only this half, by source")
    parser.add_argument("--only", type=names, default=(), metavar="A,B", help="only these sets, as frank-bbc")
    parser.add_argument("--fit", action="store_true", help="first fit the verifier's weights on the tuning half")
    parser.add_argument("--seed", type=int, default=20, metavar="N", help="of the bootstrap and the changes (20)")
    add_result_options(parser)
    parser.set_defaults(run=_faithfulness)


def _faithfulness(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.faithfulness import fit, run, tables
    from eval.datasets.claims import claim_examples

    reporter = Reporter(as_json=arguments.json)
    known = claim_examples(arguments.set, SETS / "seeds", ROOT / "seeds", arguments.seed)
    encoder = load_encoder(load_settings().encoder)
    if arguments.fit:
        tune = [example for example in known if example.half == "tune"]
        with reporter.progress("fitting") as progress:
            fit(encoder, tune, ROOT / "rag" / "models" / "data" / "verifier.json", progress)
    asked = [e for e in known if arguments.half in ("all", e.half) and (not arguments.only or e.of in arguments.only)]
    if not asked:
        raise EvalError(f"{arguments.set} has no such examples: leave --half and --only out")
    with reporter.progress("checking") as progress:
        result = run(encoder, asked, arguments.set.resolve().name, arguments.half, arguments.seed, progress)
    return finish(arguments, reporter, "faithfulness", result, tables(without_rows(result)))
