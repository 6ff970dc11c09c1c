"""`onrecord article`: shows an article as it was cleaned."""

from __future__ import annotations

import argparse

from rag.cli.options import Commands, add_command
from rag.cli.output import print_json, print_message, printable
from rag.config import Settings
from rag.errors import SourceError
from rag.serialization import article_json


def add(commands: Commands) -> None:
    """Add the parser of `article`."""
    parser = add_command(commands, "article", run, "show an article as it was cleaned")
    parser.add_argument("id_or_path", metavar="ID_OR_PATH")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the article, and return the exit status."""
    from rag.index.reader import Index

    with Index.open(settings.index).snapshot() as snapshot:
        article = snapshot.article(options.id_or_path)
    if article is None:
        raise SourceError(f"no article {options.id_or_path!r} in {settings.index}: give its id or its path under seeds")
    if options.json:
        print_json(article_json(article))
    else:
        print(printable(f"{article.label}\n{article.byline}\n\n{article.text}", keep="\n"))
        print_message(f"removed {len(article.removed)} lines; see them with --json")
    return 0
