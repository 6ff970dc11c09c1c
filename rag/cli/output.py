"""What the command line prints: data on stdout, messages on stderr, and nothing that could drive a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rag.text.quotations import folded
from rag.types import Answer, Hit

if TYPE_CHECKING:
    from rag.index.staging import Progress as ProgressCallback

SHOWN_CHARS = 240  # characters of a passage in a list


def print_answer(answer: Answer) -> None:
    """Print an answer, its citations, and the quotations that the answer does not already show."""
    if answer.standalone_question != answer.question:
        print_message(f"read as: {printable(answer.standalone_question)}")
    if answer.notice:
        print_message(f"note: {printable(answer.notice)}")
    print(printable(answer.text, keep="\n"))
    if answer.citations:
        print()
    for citation in answer.citations:
        place = f"characters {citation.start}–{citation.end}"
        print(printable(f"[{citation.n}] {citation.article.label} · {citation.article.byline}, {place}"))
        if folded(citation.quote) not in folded(answer.text):
            print(printable(f"    {' '.join(citation.quote.split())}"))
    if answer.status == "abstained" and answer.hits:
        print("\nNearest passages:")
        for hit in answer.hits:
            print_hit(hit, explain=False)


def print_hit(hit: Hit, explain: bool) -> None:
    """Print one hit of a list: its article, its score and the beginning of its passage.

    Args:
        hit: the passage and its rank.
        explain: print the rank and the score of each stage of retrieval too.
    """
    article = hit.passage.article
    print(printable(f"{hit.rank}. {article.label} · {article.byline} · {hit.score:.2f}"))
    if explain:
        stages = (f"{name}: rank {rank or '–'}, {score:.3f}" for name, (rank, score) in hit.stages.items())
        print("   " + "; ".join(stages))
    text = " ".join(hit.passage.text.split())
    print(printable(f"   {text[:SHOWN_CHARS]}{'…' if len(text) > SHOWN_CHARS else ''}"))
    if hit.also:
        print(printable(f"   also in: {'; '.join(f'{a.label} · {a.byline}' for a in hit.also_in)}"))


def print_verdict(verdict: dict[str, Any], source: str | None) -> None:
    """Print the row of one verified sentence.

    Args:
        verdict: the row as `--json` prints it.
        source: the file it was checked against; None when it was the archive.
    """
    line = f"{verdict['support']} ({verdict['score']:.2f})"
    if verdict["evidence"]:
        start, end = verdict["evidence"]
        line += f": {source or verdict['path']}, characters {start}–{end}"
    print(printable(line))


def print_json(row: dict[str, Any]) -> None:
    """Print one object as one line, at once: whoever reads a batch gets each row as it is done."""
    text = json.dumps(row, ensure_ascii=False)
    # JSON may hold half of a surrogate pair, which UTF-8 cannot: it is printed as the escape that JSON has for it.
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"), flush=True)


def print_message(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr)


def printable(text: str, keep: str = "") -> str:
    """Return the text without control and invisible characters, which could drive a terminal.

    Args:
        text: what is to be printed.
        keep: characters that stay although they are not printable, such as a line end.
    """
    return "".join(c if c.isprintable() or c in keep else " " if c.isspace() else "�" for c in text)


def value_text(value: Any) -> str:
    """Return a JSON value as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)


@contextmanager
def bars() -> Iterator[ProgressCallback]:
    """Yield a callback that draws one progress bar for each stage on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = display.add_task(stage, total=total)
            display.update(tasks[stage], completed=done, total=total)

        yield show
