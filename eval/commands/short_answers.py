"""The commands `squad`, `choices` and `explainers`: short answers, multiple choice, and sections that answer."""

from __future__ import annotations

import argparse
from pathlib import Path

from eval.commands.common import Commands, add_result_options, count, finish, index_of
from rag.config import load_settings
from rag.evaluation.questions import EvalError
from rag.evaluation.report import Reporter
from rag.evaluation.runs import ROOT
from rag.evidence.scoring import SentenceScorer
from rag.index.reader import Index
from rag.models.registry import load_answer_reader, load_encoder


def add_squad(commands: Commands) -> None:
    """Add the parser of `squad`."""
    parser = commands.add_parser(
        "squad",
        help="measure short answers on SQuAD 2.0",
        description="Answer SQuAD 2.0 questions in the words of their paragraphs: exact match, F1, and the AUROC of "
        "the confidence.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="a folder with queries.json and ground_truth.json")
    add_result_options(parser)
    parser.set_defaults(run=_squad)


def _squad(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.squad import run, tables
    from eval.datasets.squad import read_squad

    settings = load_settings()
    reporter = Reporter(as_json=arguments.json)
    with reporter.progress() as progress:
        result = run(read_squad(arguments.set), load_encoder(settings.encoder), settings.refuse_below, progress)
    return finish(arguments, reporter, "squad", result, tables(result))


def add_choices(commands: Commands) -> None:
    """Add the parser of `choices`."""
    parser = commands.add_parser(
        "choices",
        help="measure multiple choice",
        description="Choose the answer that the retrieved articles support, or none, for questions with choices.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="a folder with articles.jsonl[.gz] and questions.jsonl")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="only this half, by date")
    parser.add_argument("--limit", type=count, metavar="N", help="only N questions, evenly spread")
    parser.add_argument("--index", type=Path, metavar="DIR", help="ask this index instead of building one")
    add_result_options(parser)
    parser.set_defaults(run=_choices)


def _choices(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.multiple_choice import choose_questions, read_quiz, run, tables

    settings = load_settings()
    reporter = Reporter(as_json=arguments.json)
    articles, quiz = read_quiz(arguments.set)
    asked = choose_questions(quiz, arguments.half, arguments.limit)
    if not asked:
        raise EvalError(f"{arguments.set} has no question of half {arguments.half!r}: leave --half out")
    encoder = load_encoder(settings.encoder)
    name = arguments.set.resolve().name
    index = arguments.index or index_of(articles, ROOT / ".cache" / "retrieval" / name, encoder, reporter)
    with reporter.progress() as progress:
        result = run(asked, name, Index.open(index, encoder), encoder, settings.passages, progress)
    result["set"]["half"] = arguments.half
    return finish(arguments, reporter, "choices", result, tables(result))


def add_explainers(commands: Commands) -> None:
    """Add the parser of `explainers`."""
    parser = commands.add_parser(
        "explainers",
        help="measure answers to questions that articles ask themselves",
        description="Ask the questions that explainers contain over their own articles: are the sentences cited from "
        "the section under the question? Only articles that the qrels name are asked: no model learns from them.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="a folder with articles.jsonl[.gz], questions and qrels")
    parser.add_argument("--index", type=Path, metavar="DIR", help="ask this index instead of building one")
    add_result_options(parser)
    parser.set_defaults(run=_explainers)


def _explainers(arguments: argparse.Namespace) -> int:
    from eval.benchmarks.explainers import questions_in, run, tables
    from eval.datasets.qrels import read_retrieval_set

    reporter = Reporter(as_json=arguments.json)
    of = read_retrieval_set(arguments.set)
    encoder = load_encoder(load_settings().encoder)
    index = arguments.index or index_of(of.articles, ROOT / ".cache" / "retrieval" / of.name, encoder, reporter)
    with Index.open(index, encoder).snapshot() as snap, reporter.progress() as progress:
        asked = questions_in(snap, of.relevant)
        if not asked:
            raise EvalError(f"no article that the qrels of {arguments.set} name asks a question: nothing to measure")
        result = run(SentenceScorer(encoder, load_answer_reader()), asked, of.name, progress)
    return finish(arguments, reporter, "explainers", result, tables(result))
