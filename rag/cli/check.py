"""`onrecord check` verifies the index; `onrecord repair` mends what the check finds."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rag.cli.options import Commands, add_command, add_seeds_option
from rag.cli.output import bars, print_json, print_message, printable
from rag.config import Settings

if TYPE_CHECKING:
    from rag.index.check import Problem


def add(commands: Commands) -> None:
    """Add the parsers of `check` and `repair`."""
    add_command(commands, "check", run_check, "verify every checksum and invariant of the index")
    repair = add_command(commands, "repair", run_repair, "mend what check finds, from the catalog and the articles")
    add_seeds_option(repair)


def run_check(options: argparse.Namespace, settings: Settings) -> int:
    """Check the index, and return 1 when something is wrong with it."""
    from rag.index.check import check

    problems = check(settings.index, settings.encoder)
    if options.json:
        print_json({"ok": not problems, "problems": [{"what": p.what, "repair": p.repair} for p in problems]})
    elif not problems:
        print(f"{settings.index}: every checksum and invariant holds")
    _print_problems(problems)
    return 1 if problems else 0


def run_repair(options: argparse.Namespace, settings: Settings) -> int:
    """Repair the index, and return 1 when something remains wrong with it."""
    from rag.index.repair import repair

    with bars() as progress:
        report = repair(settings.seeds, settings.index, settings.encoder, progress)
    if options.json:
        print_json(report.to_json())
    else:
        for problem in report.problems:
            print(f"wrong: {printable(problem.what)}")
        for line in report.done:
            print(f"done: {printable(line)}")
        if not report.problems:
            print(f"{settings.index}: every checksum and invariant holds; nothing to repair")
    _print_problems(report.remaining)
    return 1 if report.remaining else 0


def _print_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        print_message(f"onrecord: {printable(problem.what)}; repair: {problem.repair}")
