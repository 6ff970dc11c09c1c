"""`onrecord search`: lists the passages nearest to one query, or to each query of a batch."""

from __future__ import annotations

import argparse
from datetime import date

from rag.cli.batch import Json, Row, run_batch
from rag.cli.options import Commands, add_command, add_filter_options, positive, read_filters
from rag.cli.output import print_hit, print_json
from rag.cli.startup import open_archive
from rag.config import Settings
from rag.serialization import hit_json


def add(commands: Commands) -> None:
    """Add the parser of `search`."""
    parser = add_command(commands, "search", run, "list the passages nearest to a query")
    parser.add_argument("query", nargs="?", metavar="QUERY")
    parser.add_argument("--batch", metavar="FILE", help="JSON lines with id, query and optional date; - for stdin")
    parser.add_argument("-k", type=positive, default=10, metavar="N", help="how many passages (default 10)")
    parser.add_argument("--explain", action="store_true", help="show each stage's rank and score")
    add_filter_options(parser)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Search, and return the exit status."""
    if (options.query is None) == (options.batch is None):
        options.parser.error("give a QUERY or --batch FILE, one of them")
    app = open_archive(settings)
    filters = read_filters(options)

    def hits_json(query: str, day: date | None) -> Json:
        hits = app.search(query, options.k, filters, day)
        return {"query": query, "hits": [hit_json(hit, options.explain) for hit in hits]}

    def hits_row(row: Row) -> Json:
        return {"id": row.id, **hits_json(row.text("query"), row.asked_on(options.asked_on))}

    if options.batch is not None:
        summary = "queries were not searched: the error in each row says why"
        return run_batch(options.batch, hits_row, _failed_row, summary)
    if options.json:
        print_json(hits_json(options.query, options.asked_on))
    else:
        for hit in app.distinct(options.query, options.k, filters, options.asked_on):
            print_hit(hit, options.explain)
    return 0


def _failed_row(row: Row, reason: str) -> Json:
    return {"id": row.id, "query": row.text_or_empty("query"), "hits": [], "error": reason}
