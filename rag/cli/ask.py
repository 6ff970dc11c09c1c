"""`onrecord ask`: answers one question, or each question of a batch."""

from __future__ import annotations

import argparse

from rag.cli.batch import Json, Row, read_history, run_batch, turns
from rag.cli.options import Commands, add_command, add_filter_options, read_filters
from rag.cli.output import print_answer, print_json
from rag.cli.startup import open_archive
from rag.config import Settings
from rag.errors import QuestionError
from rag.serialization import answer_json


def add(commands: Commands) -> None:
    """Add the parser of `ask`."""
    parser = add_command(commands, "ask", run, "answer a question from the archive, every sentence cited")
    parser.add_argument("question", nargs="?", metavar="QUESTION")
    parser.add_argument(
        "--batch", metavar="FILE", help="JSON lines: id, question, and optionally history and date; - for stdin"
    )
    parser.add_argument(
        "--llm",
        metavar="SPEC",
        help="extractive (default), local[:FILE], {openai,anthropic,google,ollama}:MODEL[@ADDRESS]",
    )
    parser.add_argument(
        "--history", metavar="FILE", help="earlier questions: a JSON list, of texts or of role and content"
    )
    add_filter_options(parser)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Answer, and return the exit status."""
    if (options.question is None) == (options.batch is None):
        options.parser.error("give a QUESTION or --batch FILE, one of them")
    app = open_archive(settings)
    filters = read_filters(options)

    def answer_row(row: Row) -> Json:
        question, history = row.text("question"), turns(row.fields.get("history"))
        return answer_json(app.ask(question, history, filters, asked_on=row.asked_on(options.asked_on)), row.id)

    def unasked_row(row: Row, reason: str) -> Json:
        return answer_json(app.unasked(row.text_or_empty("question"), QuestionError(reason)), row.id)

    if options.batch is not None:
        summary = "questions were not asked: the text in each row says why"
        return run_batch(options.batch, answer_row, unasked_row, summary)
    history = read_history(options.history) if options.history else []
    answer = app.ask(options.question, history, filters, asked_on=options.asked_on)
    if options.json:
        print_json(answer_json(answer))
    else:
        print_answer(answer)
    return 0
