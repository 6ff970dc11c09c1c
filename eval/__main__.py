"""`python -m eval`: run question sets and benchmarks. Data on stdout, messages on stderr; exit 0, 1 or 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from eval.commands.answers import add_answers
from eval.commands.common import Commands
from eval.commands.confidence import add_calibration, add_fit
from eval.commands.conversation import add_disagreement, add_followups, add_speakers
from eval.commands.faithfulness import add_faithfulness
from eval.commands.retrieval import add_retrieval
from eval.commands.short_answers import add_choices, add_explainers, add_squad
from eval.commands.source import add_identical, add_structure
from eval.commands.speed import add_bench, add_scale
from eval.product import Opener, open_product
from rag.errors import OnRecordError
from rag.evaluation.messages import visible

COMMANDS: tuple[Callable[[Commands], None], ...] = (  # in the order of --help
    add_answers,
    add_fit,
    add_squad,
    add_explainers,
    add_choices,
    add_calibration,
    add_retrieval,
    add_bench,
    add_scale,
    add_disagreement,
    add_followups,
    add_speakers,
    add_faithfulness,
    add_identical,
    add_structure,
)


def main(argv: Sequence[str] | None = None, opener: Opener = open_product) -> int:
    """Run one subcommand; `opener` opens the product that is asked."""
    parser = argparse.ArgumentParser(prog="python -m eval", description=__doc__)
    parser.set_defaults(opener=opener)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    arguments = parser.parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], int] = arguments.run
        return command(arguments)
    except OnRecordError as error:
        sys.stderr.write(f"error: {visible(str(error))}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
