"""What the commands share: how a parser is made, their common options, and the kinds of value that these take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rag.config import Settings
from rag.ingest.publish_dates import iso_date

if TYPE_CHECKING:
    from rag.filters import Filters

Command: TypeAlias = Callable[[argparse.Namespace, Settings], int]  # runs one command and returns the exit status
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(
    commands: Commands, name: str, run: Command, help: str, json_option: bool = True
) -> argparse.ArgumentParser:
    """Add the parser of one command, with the options that every command has.

    The parsed options carry `command`, which runs it, and `parser`, which reports wrong usage.
    """
    parser = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
    parser.add_argument("--index", type=Path, metavar="DIR", help="folder of the index (default index/)")
    if json_option:
        parser.add_argument("--json", action="store_true", help="print data as JSON")
    parser.set_defaults(command=run, parser=parser)
    return parser


def add_seeds_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the folder of the articles."""
    parser.add_argument("--seeds", type=Path, metavar="DIR", help="folder of the articles (default seeds/)")


def add_filter_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which passages count and how they are ranked; `read_filters` reads the first four."""
    parser.add_argument("--since", metavar="DATE", help="only articles published on or after this day (2025-03-31)")
    parser.add_argument("--until", metavar="DATE", help="only articles published on or before this day")
    parser.add_argument("--publisher", metavar="NAME", help="only articles of this outlet")
    parser.add_argument("--author", metavar="NAME", help="only articles by this author")
    parser.add_argument(
        "--asked-on",
        type=day,
        metavar="DATE",
        help='the day that "this week" or "last month" counts from (default today; in a batch, each row\'s own "date")',
    )
    parser.add_argument(
        "--reranker",
        metavar="NAME",
        help="embedded (default), none, or a cross-encoder of sentence-transformers by name",
    )


def read_filters(options: argparse.Namespace) -> Filters:
    """Return the filters that the options of `add_filter_options` name.

    Raises:
        ConfigError: `--since` or `--until` is not a date.
    """
    from rag.filters import Filters

    return Filters(since=options.since, until=options.until, publisher=options.publisher, author=options.author)


def day(text: str) -> date:
    """Return the day that an option names.

    Raises:
        argparse.ArgumentTypeError: the text is not a date.
    """
    iso = iso_date(text)
    if iso is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, as 2025-03-31 is")
    return date.fromisoformat(iso[:10])


def positive(text: str) -> int:
    """Return the whole number that an option gives.

    Raises:
        ValueError: the text is not a whole number.
        argparse.ArgumentTypeError: the number is less than 1.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return number
