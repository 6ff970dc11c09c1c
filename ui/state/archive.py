"""The archive behind the pages, opened once for all sessions, and its content in words."""

from __future__ import annotations

import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import streamlit as st

from rag.config import Settings, load_settings
from rag.errors import OnRecordError
from rag.index.reader import Index
from rag.models.answer_reader import answer_reader
from rag.pipeline import OnRecord
from rag.types import Article
from ui.state.saved_answers import FindArticle
from ui.state.store import Store, StoreError, store_path
from ui.wording import counted

# Questions to begin with, and the seed article that each is about.
EXAMPLES = (
    ("What percentage of Canada's exports go to the United States?", "003_ca2423bb0508c6d9.txt"),
    ("How close is a deal on autos?", "000_8f4dada0abc948e8.txt"),
    ("What does Brian Kingston expect from the meeting?", "002_7518e94f49f206c6.txt"),
    ("Whom is Carney meeting in Mexico City?", "001_3e22afcecaafb256.txt"),
)
MAX_TITLES_READ = 100  # articles that are looked at for questions to begin with

_opening = threading.Lock()


@st.cache_resource(show_spinner="Opening the archive…")
def open_archive(settings: Settings) -> OnRecord:
    """Open the index and load its models, once for all sessions; it follows rebuilds by itself.

    Raises:
        OnRecordError: there is no index, or it is damaged, or of another encoder.
    """
    with _opening:  # the start of the server may be opening it
        return _opened(settings)


@cache
def _opened(settings: Settings) -> OnRecord:
    asked = "What is in the news?"  # loads what is only loaded for a question, so that the first one need not wait
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: answer_reader().read(asked, [asked]))
        archive = OnRecord.open(settings)
        archive.evidence(asked)
        reading.result()
    return archive


def open_ahead() -> None:
    """Open the archive while the first browser still loads the page, which will show any error."""
    with suppress(OnRecordError), _opening:
        _opened(load_settings())


@st.cache_resource(show_spinner=False)
def open_store(settings: Settings) -> Store:
    """Return the conversations; what was deleted a day ago is removed from the file now."""
    store = Store(store_path(settings))
    with suppress(StoreError):  # the next question shows it
        store.purge()
    return store


@dataclass(frozen=True)
class Desk:
    """The open archive, for one run of a page.

    Attributes:
        status: what the archive holds now, as `onrecord status --json` gives it.
        examples: questions to begin with.
        notes: what is wrong with the index, or still missing, although it answers.
    """

    archive: OnRecord
    status: dict[str, Any]
    examples: tuple[str, ...]
    notes: tuple[str, ...]


def open_desk(settings: Settings, archive: OnRecord) -> Desk:
    """Read what the archive holds now.

    Raises:
        OnRecordError: the index was deleted or damaged since it was opened.
    """
    with Index.open(settings.index).snapshot() as snapshot:
        generation = snapshot.generation
    return Desk(archive, *_inventory(archive, settings, generation))


def finder(settings: Settings) -> FindArticle:
    """Return a function that looks up articles by their id, each once. One that cannot be read counts as missing."""

    @cache
    def find(article_id: str) -> Article | None:
        try:
            with Index.open(settings.index).snapshot() as snapshot:
                found = snapshot.article(article_id)
        except OnRecordError:
            return None
        return found if found is not None and found.id == article_id else None

    return find


# Counting a large archive takes a while, and every click runs the page. So it is counted once for each generation.
@st.cache_resource(show_spinner=False, max_entries=4, ttl=60)
def _inventory(
    _archive: OnRecord, settings: Settings, generation: int
) -> tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    return _archive.status(), examples(settings), _archive.notes()


def build_command(settings: Settings) -> str:
    """Return the command that builds the index."""
    plain = Settings()
    folders = [("--seeds", settings.seeds, plain.seeds), ("--index", settings.index, plain.index)]
    options = [word for name, path, usual in folders if path != usual for word in (name, str(path))]
    return shlex.join(["onrecord", "build", *options])


def holdings(status: dict[str, Any]) -> list[str]:
    """Return facts about the archive: articles, passages, outlets when known, dates, files that cannot be read."""
    facts = [counted(status["articles"], "article"), counted(status["passages"], "passage")]
    if status["publishers"]:
        facts.append(counted(len(status["publishers"]), "outlet"))
    facts.append(_dates(status["first_published"], status["last_published"], status["undated"]))
    if status["failures"]:
        facts.append(f"{counted(len(status['failures']), 'file')} not readable")
    return facts


def _dates(first: str | None, last: str | None, undated: int) -> str:
    """Say from when to when; the days are ISO, and None when no article has a publish date."""
    if not first or not last:
        return "publish dates unknown"
    span = first if first == last else f"{first} to {last}"
    return f"published {span}" + (f", {counted(undated, 'date')} unknown" if undated else "")


def searched(status: dict[str, Any], only: str = "") -> str:
    """Say what was searched; `only` says which articles may answer, if not all."""
    scope = f"{counted(status['passages'], 'passage')} of {counted(status['articles'], 'article')}"
    return f"{scope}; only articles {only}" if only else scope


def examples(settings: Settings) -> tuple[str, ...]:
    """Return questions that the archive can answer: examples whose article it holds, or else one about each title."""
    with Index.open(settings.index).snapshot() as snapshot:
        fitting = tuple(question for question, path in EXAMPLES if snapshot.article(path))
        if fitting:
            return fitting
        titles = (article.title for article in islice(snapshot.articles(), MAX_TITLES_READ) if article.title)
        return tuple(f"What do the articles say about “{title}”?" for title in islice(titles, len(EXAMPLES)))
