"""`onrecord status`: shows what the index holds."""

from __future__ import annotations

import argparse

from rag.cli.options import Commands, add_command
from rag.cli.output import print_json, printable, value_text
from rag.config import Settings


def add(commands: Commands) -> None:
    """Add the parser of `status`."""
    add_command(commands, "status", run, "what the index holds")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the counts and versions, and return the exit status."""
    from rag.index.check import status

    facts = status(settings.index)
    if options.json:
        print_json(facts)
    else:
        for name, value in facts.items():
            print(f"{name:>12}  {printable(value_text(value))}")
    return 0
