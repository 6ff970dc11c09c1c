"""What the command line shows: data on stdout, words on stderr, and nothing that could drive a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.index.staging import Progress as Told

import json
from typing import Any

from rag.text.quotations import folded
from rag.types import Answer, Article, Hit


def print_answer(answer: Answer) -> None:
    if answer.standalone_question != answer.question:
        say(f"read as: {printable(answer.standalone_question)}")
    if answer.notice:
        say(f"note: {printable(answer.notice)}")
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
            print_hit(hit, explain=False)


def print_hit(hit: Hit, explain: bool) -> None:
    article = hit.passage.article
    print(printable(f"{hit.rank}. {article.label} · {byline(article)} · {hit.score:.2f}"))
    if explain:
        stages = (f"{name}: rank {rank or '–'}, {score:.3f}" for name, (rank, score) in hit.stages.items())
        print("   " + "; ".join(stages))
    text = " ".join(hit.passage.text.split())
    print(printable(f"   {text[:240]}{'…' if len(text) > 240 else ''}"))
    if hit.also:
        print(printable(f"   also in: {'; '.join(f'{a.label} · {byline(a)}' for a in hit.also_in)}"))


def print_verdict(found: dict[str, Any], source: str | None) -> None:
    line = f"{found['support']} ({found['score']:.2f})"
    if found["evidence"]:
        start, end = found["evidence"]
        line += f": {source or found['path']}, characters {start}–{end}"
    print(printable(line))


def print_json(row: dict[str, Any]) -> None:
    print(json.dumps(row, ensure_ascii=False), flush=True)


def say(text: str) -> None:
    print(text, file=sys.stderr)


def byline(article: Article) -> str:
    """Publisher, publish date and path, with what is not known said to be so."""
    published = article.published or "publish date unknown"
    return " · ".join(filter(None, (article.publisher, published, article.path)))


def printable(text: str, keep: str = "") -> str:
    """The text without control and invisible characters, which could drive a terminal."""
    return "".join(c if c.isprintable() or c in keep else " " if c.isspace() else "�" for c in text)


def plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)


@contextmanager
def bars() -> Iterator[Told]:
    """Give a callback that draws one bar per stage on stderr, when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = drawn.add_task(stage, total=total)
            drawn.update(tasks[stage], completed=done, total=total)

        yield show
