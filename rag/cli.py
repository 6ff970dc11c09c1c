"""The command line: data on stdout, words and progress on stderr, exit 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import __version__
from rag.config import Settings, load_settings
from rag.contract import answer_json, article_json, hit_json
from rag.dates import iso_date
from rag.errors import OnRecordError, QuestionError, SourceError
from rag.records import Answer, Article, Hit, Turn
from rag.verify import folded

if TYPE_CHECKING:
    from rag.build import BuildReport
    from rag.check import Problem
    from rag.filters import Filters

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
        _say(f"onrecord: {printable(str(error))}")
        return 1
    except KeyboardInterrupt:
        _say("onrecord: interrupted; nothing that was committed is lost")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _say(f"onrecord: the system refuses: {printable(str(error))}; see to the free space and the permissions")
        with suppress(OSError):  # what could not be written is not tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _build(options: argparse.Namespace, settings: Settings) -> int:
    if options.watch:
        return _watch(options, settings)
    report = _built(settings, options.force)
    if options.json:
        _print_json(report.to_json())
        return 0
    print(_summary(report))
    for failure in report.failures:
        _say(f"not indexed: {printable(failure.path)}: {printable(failure.reason)}")
    return 0


def _watch(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index import BuildReport
    from rag.watch import watch

    def build() -> BuildReport:
        report = _built(settings, options.force)
        options.force = False  # once
        return report

    def told(news: BuildReport | OnRecordError) -> None:
        if not isinstance(news, BuildReport):
            _say(f"onrecord: {printable(str(news))}")
        elif options.json:
            _print_json(news.to_json())
        else:
            line = _summary(news)
            if news.failures:
                line += f"; not indexed: {news.failures[0].path}: {news.failures[0].reason}"
            if len(news.failures) > 1:
                line += f", and {len(news.failures) - 1} more: see `onrecord status`"
            _say(printable(line))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        watch(settings.seeds, settings.index, build, told)
    except KeyboardInterrupt:
        _say("onrecord: no longer watching; nothing that was committed is lost")
    return 0


def _built(settings: Settings, force: bool) -> BuildReport:
    from rag.bars import bars
    from rag.index import build

    with bars() as progress:
        return build(settings.seeds, settings.index, settings.encoder, force=force, progress=progress)


def _summary(report: BuildReport) -> str:
    counts = report.to_json()["articles"]
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return (
        f"generation {report.generation}: {told or 'no change'}; {report.passages} passages, "
        f"{report.encoded} encoded in {report.seconds:.1f} s"
    )


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    from rag.pipeline import OnRecord

    if (options.question is None) == (options.batch is None):
        options.parser.error("give a QUESTION or --batch FILE, one of them")
    app = OnRecord.open(settings)
    filters = _filters(options)
    if options.batch is not None:
        for row in _batch(options.batch, "question"):
            try:
                answer = app.ask(row["question"], _turns(row.get("history")), filters, asked_on=_asked_on(row, options))
            except QuestionError as error:
                answer = app.unasked(row["question"], error)
            _print_json(answer_json(answer, row.get("id")))
        return 0
    history = _turns(_read_history(options.history)) if options.history else []
    answer = app.ask(options.question, history, filters, asked_on=options.asked_on)
    if options.json:
        _print_json(answer_json(answer))
    else:
        _print_answer(answer)
    return 0


def _search(options: argparse.Namespace, settings: Settings) -> int:
    from rag.pipeline import OnRecord

    if (options.query is None) == (options.batch is None):
        options.parser.error("give a QUERY or --batch FILE, one of them")
    app = OnRecord.open(settings)
    filters = _filters(options)

    def found(query: str, asked_on: date | None) -> dict[str, Any]:
        hits = app.search(query, options.k, filters, asked_on)
        return {"query": query, "hits": [hit_json(hit, options.explain) for hit in hits]}

    if options.batch is not None:
        for row in _batch(options.batch, "query"):
            _print_json({"id": row.get("id"), **found(row["query"], _asked_on(row, options))})
    elif options.json:
        _print_json(found(options.query, options.asked_on))
    else:
        for hit in app.search(options.query, options.k, filters, options.asked_on):
            _print_hit(hit, options.explain)
    return 0


def _article(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index import Index

    with Index.open(settings.index).snapshot() as snapshot:
        article = snapshot.article(options.id_or_path)
    if article is None:
        raise SourceError(f"no article {options.id_or_path!r} in {settings.index}: give its id or its path under seeds")
    if options.json:
        _print_json(article_json(article))
    else:
        print(printable(f"{article.label}\n{byline(article)}\n\n{article.text}", keep="\n"))
        _say(f"removed {len(article.removed)} lines; see them with --json")
    return 0


def _status(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index import status

    facts = status(settings.index)
    if options.json:
        _print_json(facts)
    else:
        for name, value in facts.items():
            print(f"{name:>12}  {printable(_plain(value))}")
    return 0


def _check(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index import check

    problems = check(settings.index)
    if options.json:
        _print_json({"ok": not problems, "problems": [{"what": p.what, "repair": p.repair} for p in problems]})
    elif not problems:
        print(f"{settings.index}: every checksum and invariant holds")
    _say_problems(problems)
    return 1 if problems else 0


def _repair(options: argparse.Namespace, settings: Settings) -> int:
    from rag.bars import bars
    from rag.repair import repair

    with bars() as progress:
        found = repair(settings.seeds, settings.index, settings.encoder, progress)
    if options.json:
        _print_json(found.to_json())
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
        _say(f"onrecord: {printable(problem.what)}; repair: {problem.repair}")


def _ui(options: argparse.Namespace, settings: Settings) -> int:
    from rag.chat_server import serve

    environment = {
        **os.environ,
        "ONRECORD_INDEX": str(settings.index.resolve()),
        "ONRECORD_SEEDS": str(settings.seeds.resolve()),
    }
    return serve(options.port, not options.headless, environment, _say)


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
    ask.add_argument("--llm", metavar="SPEC", help="extractive (default), local, or local:/path/to/model.gguf")
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

    parser.add_argument(
        "--asked-on",
        type=_day,
        metavar="DATE",
        help='the day that "this week" or "last month" counts from (default today; in a batch, each row\'s own "date")',
    )
    parser.add_argument(
        "--reranker",
        metavar="NAME",
        help="none (default), or a cross-encoder of sentence-transformers by name",
    )


def _day(text: str) -> date:
    found = iso_date(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, as 2025-03-31 is")
    return date.fromisoformat(found[:10])


def _asked_on(row: dict[str, Any], options: argparse.Namespace) -> date | None:
    """The day a question of a batch was asked: its own "date", else the option.

    Raises:
        SourceError: the date is not one.
    """
    given = row.get("date")
    if given is None:
        asked_on: date | None = options.asked_on
        return asked_on
    found = iso_date(given) if isinstance(given, str) else None
    if found is None:
        raise SourceError(f'"date" of {row.get("id")!r} is {given!r}: give the day it is asked, as 2025-03-31')
    return date.fromisoformat(found[:10])


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return number


def _filters(options: argparse.Namespace) -> Filters:
    from rag.filters import Filters

    return Filters(since=options.since, until=options.until, publisher=options.publisher)


def _batch(path: str, field: str) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file.

    Raises:
        SourceError: the file cannot be read, or a line is not an object with a text under `field`.
    """
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        row = _json(line, f"{path}:{number}")
        if not isinstance(row, dict) or not isinstance(row.get(field), str):
            raise SourceError(f'{path}:{number} is not a JSON object with a text "{field}": mend the line')
        yield row


def _lines(path: str) -> Iterable[str]:
    if path == "-":
        return sys.stdin
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where} is not JSON ({error}): mend it") from error


def _read_history(path: str) -> Any:
    return _json("\n".join(_lines(path)), path)


def _turns(history: Any) -> list[Turn]:
    """Earlier questions, given as texts or as {"role", "content"} messages, as turns.

    Raises:
        SourceError: something else stands in the list.
    """
    turns: list[Turn] = []
    for entry in history or []:
        if isinstance(entry, str):
            turns.append(Turn(entry))
        elif isinstance(entry, dict) and isinstance(entry.get("content"), str):
            if entry.get("role") == "user":
                turns.append(Turn(entry["content"]))
            elif entry.get("role") == "assistant" and turns:
                turns[-1] = Turn(turns[-1].question, entry["content"])
        else:
            raise SourceError(f'history holds {entry!r}: give questions, or objects with "role" and "content"')
    return turns


def _print_answer(answer: Answer) -> None:
    if answer.standalone_question != answer.question:
        _say(f"read as: {printable(answer.standalone_question)}")
    if answer.notice:
        _say(f"note: {printable(answer.notice)}")
    print(printable(answer.text, keep="\n"))
    if answer.citations:
        print()
    for citation in answer.citations:
        place = f"characters {citation.start}–{citation.end}"
        print(printable(f"[{citation.n}] {citation.article.label} · {byline(citation.article)}, {place}"))
        if folded(citation.quote) not in folded(answer.text):
            print(printable(f"    {' '.join(citation.quote.split())}"))
    if answer.status == "abstained" and answer.hits:
        print("\nNearest passages:")
        for hit in answer.hits:
            _print_hit(hit, explain=False)


def _print_hit(hit: Hit, explain: bool) -> None:
    article = hit.passage.article
    print(printable(f"{hit.rank}. {article.label} · {byline(article)} · {hit.score:.2f}"))
    if explain:
        stages = (f"{name}: rank {rank or '–'}, {score:.3f}" for name, (rank, score) in hit.stages.items())
        print("   " + "; ".join(stages))
    text = " ".join(hit.passage.text.split())
    print(printable(f"   {text[:240]}{'…' if len(text) > 240 else ''}"))


def byline(article: Article) -> str:
    """Publisher, publish date and path, with what is not known said to be so."""
    published = article.published or "publish date unknown"
    return " · ".join(filter(None, (article.publisher, published, article.path)))


def printable(text: str, keep: str = "") -> str:
    """The text without control and invisible characters, which could drive a terminal."""
    return "".join(c if c.isprintable() or c in keep else " " if c.isspace() else "�" for c in text)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)


def _print_json(row: dict[str, Any]) -> None:
    print(json.dumps(row, ensure_ascii=False), flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
