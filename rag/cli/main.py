"""The command line: data on stdout, words and progress on stderr, exit 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import __version__
from rag.cli.batch import asked_on, objects_of, read_history, rows_of, turns
from rag.cli.output import byline, plain, print_answer, print_hit, print_json, print_verdict, printable, say
from rag.config import Settings, load_settings
from rag.errors import OnRecordError, QuestionError, SourceError
from rag.ingest.publish_dates import iso_date
from rag.serialization import answer_json, article_json, hit_json

if TYPE_CHECKING:
    from rag.filters import Filters
    from rag.index.build import BuildReport
    from rag.index.check import Problem
    from rag.pipeline import OnRecord

Command = Callable[[argparse.Namespace, Settings], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is returned, and also raised by argparse for wrong usage (2)."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        settings = load_settings(
            index=options.index,
            seeds=getattr(options, "seeds", None),
            llm=getattr(options, "llm", None),
            reranker=getattr(options, "reranker", None),
        )
        status = command(options, settings)
        sys.stdout.flush()
        return status
    except OnRecordError as error:
        say(f"onrecord: {printable(str(error))}")
        return 1
    except KeyboardInterrupt:
        say("onrecord: interrupted; nothing that was committed is lost")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        say(f"onrecord: the system refuses: {printable(str(error))}; see to the free space and the permissions")
        with suppress(OSError):  # what could not be written is not tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _build(options: argparse.Namespace, settings: Settings) -> int:
    if options.watch:
        return _watch(options, settings)
    report = _built(settings, options.force)
    if options.json:
        print_json(report.to_json())
        return 0
    print(_summary(report))
    for failure in report.failures:
        say(f"not indexed: {printable(failure.path)}: {printable(failure.reason)}")
    return 0


def _watch(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index.build import BuildReport
    from rag.index.watch import watch

    def build() -> BuildReport:
        report = _built(settings, options.force)
        options.force = False  # once
        return report

    def told(news: BuildReport | OnRecordError) -> None:
        if not isinstance(news, BuildReport):
            say(f"onrecord: {printable(str(news))}")
        elif options.json:
            print_json(news.to_json())
        else:
            line = _summary(news)
            if news.failures:
                line += f"; not indexed: {news.failures[0].path}: {news.failures[0].reason}"
            if len(news.failures) > 1:
                line += f", and {len(news.failures) - 1} more: see `onrecord status`"
            say(printable(line))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        watch(settings.seeds, settings.index, build, told)
    except KeyboardInterrupt:
        say("onrecord: no longer watching; nothing that was committed is lost")
    return 0


def _built(settings: Settings, force: bool) -> BuildReport:
    from rag.cli.output import bars
    from rag.index.build import build

    with bars() as progress:
        return build(settings.seeds, settings.index, settings.encoder, force=force, progress=progress)


def _summary(report: BuildReport) -> str:
    counts = report.to_json()["articles"]
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return (
        f"generation {report.generation}: {told or 'no change'}; {report.passages} passages, "
        f"{report.encoded} encoded in {report.seconds:.1f} s"
    )


def _opened(settings: Settings) -> OnRecord:
    """Open the product; the encoder is loaded while everything else is imported and read, which takes as long."""
    from concurrent.futures import ThreadPoolExecutor

    from rag.index.reader import Index
    from rag.models.registry import load_encoder

    Index.open(settings.index, settings.encoder)  # what is wrong with it is told without waiting for an encoder
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load_encoder, settings.encoder)
        from rag.pipeline import OnRecord

        return OnRecord.open(settings, loading.result)


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    if (options.question is None) == (options.batch is None):
        options.parser.error("give a QUESTION or --batch FILE, one of them")
    app = _opened(settings)
    filters = _filters(options)
    if options.batch is not None:
        for row in rows_of(options.batch, "question"):
            try:
                answer = app.ask(
                    row["question"], turns(row.get("history")), filters, asked_on=asked_on(row, options.asked_on)
                )
            except QuestionError as error:
                answer = app.unasked(row["question"], error)
            print_json(answer_json(answer, row.get("id")))
        return 0
    history = turns(read_history(options.history)) if options.history else []
    answer = app.ask(options.question, history, filters, asked_on=options.asked_on)
    if options.json:
        print_json(answer_json(answer))
    else:
        print_answer(answer)
    return 0


def _search(options: argparse.Namespace, settings: Settings) -> int:
    if (options.query is None) == (options.batch is None):
        options.parser.error("give a QUERY or --batch FILE, one of them")
    app = _opened(settings)
    filters = _filters(options)

    def found(query: str, day: date | None) -> dict[str, Any]:
        hits = app.search(query, options.k, filters, day)
        return {"query": query, "hits": [hit_json(hit, options.explain) for hit in hits]}

    if options.batch is not None:
        for row in rows_of(options.batch, "query"):
            print_json({"id": row.get("id"), **found(row["query"], asked_on(row, options.asked_on))})
    elif options.json:
        print_json(found(options.query, options.asked_on))
    else:
        for hit in app.distinct(options.query, options.k, filters, options.asked_on):
            print_hit(hit, options.explain)
    return 0


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    from rag.cli.verify import Checker, read_source
    from rag.models.registry import load_encoder
    from rag.pipeline import OnRecord

    if (options.sentence is None) == (options.batch is None):
        options.parser.error("give a SENTENCE or --batch FILE, one of them")
    if options.batch is not None and options.source is not None:
        options.parser.error("each row of a batch names its own source: leave --source out")
    checker = Checker(lambda: load_encoder(settings.encoder), lambda: OnRecord.open(settings))
    if options.batch is not None:
        for row in objects_of(options.batch):
            print_json(checker.row(row))
        return 0
    source = None if options.source is None else read_source(options.source)
    found = {"id": None, **checker.check(options.sentence, source)}
    if options.json:
        print_json(found)
    else:
        print_verdict(found, options.source)
    return 0


def _article(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index.reader import Index

    with Index.open(settings.index).snapshot() as snapshot:
        article = snapshot.article(options.id_or_path)
    if article is None:
        raise SourceError(f"no article {options.id_or_path!r} in {settings.index}: give its id or its path under seeds")
    if options.json:
        print_json(article_json(article))
    else:
        print(printable(f"{article.label}\n{byline(article)}\n\n{article.text}", keep="\n"))
        say(f"removed {len(article.removed)} lines; see them with --json")
    return 0


def _status(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index.check import status

    facts = status(settings.index)
    if options.json:
        print_json(facts)
    else:
        for name, value in facts.items():
            print(f"{name:>12}  {printable(plain(value))}")
    return 0


def _check(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index.check import check

    problems = check(settings.index, settings.encoder)
    if options.json:
        print_json({"ok": not problems, "problems": [{"what": p.what, "repair": p.repair} for p in problems]})
    elif not problems:
        print(f"{settings.index}: every checksum and invariant holds")
    _say_problems(problems)
    return 1 if problems else 0


def _repair(options: argparse.Namespace, settings: Settings) -> int:
    from rag.cli.output import bars
    from rag.index.repair import repair

    with bars() as progress:
        found = repair(settings.seeds, settings.index, settings.encoder, progress)
    if options.json:
        print_json(found.to_json())
    else:
        for problem in found.problems:
            print(f"wrong: {printable(problem.what)}")
        for line in found.done:
            print(f"done: {printable(line)}")
        if not found.problems:
            print(f"{settings.index}: every checksum and invariant holds; nothing to repair")
    _say_problems(found.remaining)
    return 1 if found.remaining else 0


def _say_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        say(f"onrecord: {printable(problem.what)}; repair: {problem.repair}")


def _ui(options: argparse.Namespace, settings: Settings) -> int:
    from rag.cli.chat_server import serve

    environment = {
        **os.environ,
        "ONRECORD_INDEX": str(settings.index.resolve()),
        "ONRECORD_SEEDS": str(settings.seeds.resolve()),
    }
    return serve(options.port, not options.headless, environment, say)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onrecord", description="Cited answers over a folder of news articles.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"onrecord {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    build = _add(commands, "build", _build, "bring the index up to date with the folder of articles")
    _seeds(build)
    build.add_argument("--watch", action="store_true", help="go on, and build again whenever the articles change")
    build.add_argument("--force", action="store_true", help="build anew from the articles, whatever the index holds")

    ask = _add(commands, "ask", _ask, "answer a question from the archive, every sentence cited")
    ask.add_argument("question", nargs="?", metavar="QUESTION")
    ask.add_argument(
        "--batch", metavar="FILE", help="JSON lines: id, question, and optionally history and date; - for stdin"
    )
    ask.add_argument(
        "--llm",
        metavar="SPEC",
        help="extractive (default), local[:FILE], {openai,anthropic,google,ollama}:MODEL[@ADDRESS]",
    )
    ask.add_argument(
        "--history", metavar="FILE", help="earlier questions: a JSON list, of texts or of role and content"
    )
    _filter_options(ask)

    search = _add(commands, "search", _search, "list the passages nearest to a query")
    search.add_argument("query", nargs="?", metavar="QUERY")
    search.add_argument("--batch", metavar="FILE", help="JSON lines with id, query and optional date; - for stdin")
    search.add_argument("-k", type=_positive, default=10, metavar="N", help="how many passages (default 10)")
    search.add_argument("--explain", action="store_true", help="show each stage's rank and score")
    _filter_options(search)

    verify = _add(commands, "verify", _verify, "is a sentence supported by a text, or by the archive")
    verify.add_argument("sentence", nargs="?", metavar="SENTENCE")
    verify.add_argument("--source", metavar="FILE", help="a text file; without it the archive is searched")
    verify.add_argument("--batch", metavar="FILE", help="JSON lines with id, sentence and optional source; - for stdin")

    article = _add(commands, "article", _article, "show an article as it was cleaned")
    article.add_argument("id_or_path", metavar="ID_OR_PATH")

    _add(commands, "status", _status, "what the index holds")
    _add(commands, "check", _check, "verify every checksum and invariant of the index")

    repair = _add(commands, "repair", _repair, "mend what check finds, from the catalog and the articles")
    _seeds(repair)

    ui = _add(commands, "ui", _ui, "open the chat in the browser", json_option=False)
    _seeds(ui)
    ui.add_argument(
        "--port", type=_positive, metavar="N", help="port on 127.0.0.1 (default 8501, or the next free one)"
    )
    ui.add_argument("--headless", action="store_true", help="do not open a browser")
    return parser


def _add(commands: Any, name: str, command: Command, help: str, json_option: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
    parser.add_argument("--index", type=Path, metavar="DIR", help="folder of the index (default index/)")
    if json_option:
        parser.add_argument("--json", action="store_true", help="print data as JSON")
    parser.set_defaults(command=command, parser=parser)
    return parser


def _seeds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=Path, metavar="DIR", help="folder of the articles (default seeds/)")


def _filter_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="DATE", help="only articles published on or after this day (2025-03-31)")
    parser.add_argument("--until", metavar="DATE", help="only articles published on or before this day")
    parser.add_argument("--publisher", metavar="NAME", help="only articles of this outlet")
    parser.add_argument("--author", metavar="NAME", help="only articles by this author")
    parser.add_argument(
        "--asked-on",
        type=_day,
        metavar="DATE",
        help='the day that "this week" or "last month" counts from (default today; in a batch, each row\'s own "date")',
    )
    parser.add_argument(
        "--reranker",
        metavar="NAME",
        help="embedded (default), none, or a cross-encoder of sentence-transformers by name",
    )


def _day(text: str) -> date:
    found = iso_date(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, as 2025-03-31 is")
    return date.fromisoformat(found[:10])


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return number


def _filters(options: argparse.Namespace) -> Filters:
    from rag.filters import Filters

    return Filters(since=options.since, until=options.until, publisher=options.publisher, author=options.author)
