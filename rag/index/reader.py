"""The index as its readers see it: open it, take a snapshot, and every read of that is of one generation."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import IndexDamagedError
from rag.filters import Filters
from rag.index import catalog, generations, queries
from rag.index.bm25 import Lexical
from rag.index.catalog import Meta
from rag.index.generations import IndexFiles
from rag.index.vectors import Dense
from rag.models.base import Encoder, Ints, encoder_name
from rag.types import Article, Passage


class Index:
    """An index folder open for reading. One may be shared by threads; it follows rebuilds by itself."""

    def __init__(self, path: Path, encoder: str) -> None:
        """Use `Index.open`."""
        self.path = path
        self.encoder = encoder  # the name of the encoder that built it
        self._lock = threading.Lock()
        self._derived: tuple[tuple[catalog.IndexFile, ...], IndexFiles] | None = None

    @classmethod
    def open(cls, path: Path, encoder: Encoder | str | None = None) -> Index:
        """Open the index in folder `path`, for questions encoded by `encoder` when given.

        Raises:
            IndexMissing: there is none, or its first build never ended.
            IndexDamaged: the catalog cannot be read.
            IndexIncompatible: it was built by another version, or with another encoder.
        """
        with catalog.reader(path) as (_, meta):
            pass
        if encoder is not None:
            name = encoder_name(encoder) if isinstance(encoder, str) else encoder.name
            catalog.check_encoder(path, meta.encoder, name)
        return cls(path, meta.encoder)

    def load(self) -> None:
        """Read the vectors and words of the newest generation, which the first search would have to wait for.

        Raises:
            IndexMissing, IndexDamaged, IndexIncompatible: what became of the index since it was opened.
        """
        with self.snapshot() as snapshot:
            snapshot.load()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Hold one generation: whatever a build does meanwhile, every read in the block is of the same state.

        Raises:
            IndexMissing, IndexDamaged, IndexIncompatible: what became of the index since it was opened.
        """
        with catalog.reader(self.path) as (connection, meta):
            catalog.check_encoder(self.path, meta.encoder, self.encoder)
            yield Snapshot(self, connection, meta)

    def derived(self, connection: sqlite3.Connection, meta: Meta) -> IndexFiles:
        """Return the vectors and words of the generation `connection` sees, loaded once for all snapshots of it."""
        files = tuple(catalog.index_files(connection, meta.generation))
        with self._lock:
            if self._derived is None or self._derived[0] != files:
                held = self._derived[1] if self._derived else None
                self._derived = files, generations.load(self.path, connection, meta, held)
            return self._derived[1]


class Snapshot:
    """One generation of an index, for as long as the `with` block lasts.

    Attributes:
        generation: counts the builds that changed something, from 1.
        encoder: the name of the encoder that built it.
    """

    def __init__(self, index: Index, connection: sqlite3.Connection, meta: Meta) -> None:
        self._index, self._connection, self._meta = index, connection, meta
        self._articles: dict[str, Article] = {}
        self._derived: IndexFiles | None = None
        self.generation = meta.generation
        self.encoder = meta.encoder

    @property
    def dense(self) -> Dense:
        return self.load().dense

    @property
    def lexical(self) -> Lexical:
        return self.load().lexical

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about this snapshot, one line each: damage made up for, vectors still to come."""
        pending = len(self.lexical) - len(self.dense)
        if not pending:
            return self.load().notes
        words_alone = f"{pending:,} of {len(self.lexical):,} passages have no vector yet and are found by their words"
        return (*self.load().notes, f"{words_alone} alone: `onrecord build` goes on with them")

    def load(self) -> IndexFiles:
        """Return the vectors and words of this generation, read once."""
        if self._derived is None:
            self._derived = self._index.derived(self._connection, self._meta)
        return self._derived

    def passage(self, id_: int) -> Passage:
        """Return the passage with this id.

        Raises:
            KeyError: there is none in this generation.
        """
        return self.passages([id_])[0]

    def passages(self, ids: Iterable[int]) -> list[Passage]:
        """Return the passages with these ids, in their order.

        Raises:
            KeyError: one of them is not in this generation.
        """
        spans = [queries.passage_span(self._connection, id_) for id_ in ids]
        return [Passage(self._article(article_id), start, end) for article_id, start, end in spans]

    def _article(self, id_: str) -> Article:
        """Return an article that passages refer to, read once."""
        if id_ not in self._articles:
            article = queries.article_by_id(self._connection, id_)
            if article is None:
                raise IndexDamagedError(f"{self._index.path} has passages of no article: run `onrecord check`")
            self._articles[id_] = article
        return self._articles[id_]

    def article(self, id_or_path: str) -> Article | None:
        """Return the article with this id, or the only one read from this path; None when there is none."""
        found = queries.article_by_id(self._connection, id_or_path)
        return found or queries.article_by_path(self._connection, id_or_path)

    def articles(self) -> Iterator[Article]:
        """Yield every article, by path."""
        return queries.articles(self._connection)

    def article_passages(self, article: Article) -> list[Passage]:
        """Return all passages of an article, in order."""
        return [Passage(article, start, end) for start, end in queries.article_spans(self._connection, article.id)]

    def publishers(self) -> list[str]:
        """Return the publishers of the articles, as they are spelt there."""
        return queries.publishers(self._connection)

    def allowed(self, filters: Filters) -> Ints | None:
        """Return the ids (n,) of the passages that pass, ascending; None when the filters let everything pass."""
        return None if filters.empty else queries.passing(self._connection, filters)
