"""Read an index: open it, take a snapshot, and every read from the snapshot sees one generation."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import IndexDamagedError
from rag.filters import Filters
from rag.index import catalog, generations, queries
from rag.index.bm25 import LexicalIndex
from rag.index.catalog import Meta
from rag.index.generations import IndexFiles
from rag.index.vectors import DenseIndex
from rag.models.base import Encoder, Ints, encoder_name
from rag.types import Article, Passage


class Index:
    """An index folder open for reading. Threads may share it, and each snapshot sees the newest generation."""

    def __init__(self, path: Path, encoder: str) -> None:
        """Use `Index.open`."""
        self.path = path
        self.encoder = encoder  # the name of the encoder that built it
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[catalog.IndexFile, ...], IndexFiles] | None = None

    @classmethod
    def open(cls, path: Path, encoder: Encoder | str | None = None) -> Index:
        """Open the index in folder `path`, for questions encoded by `encoder` when given.

        Raises:
            IndexMissingError: there is no index, or its first build never ended.
            IndexDamagedError: the catalog cannot be read.
            IndexIncompatibleError: the index was built by another version, or with another encoder.
        """
        with catalog.reader(path) as (_, meta):
            pass
        if encoder is not None:
            name = encoder_name(encoder) if isinstance(encoder, str) else encoder.name
            catalog.check_encoder(path, meta.encoder, name)
        return cls(path, meta.encoder)

    def load(self) -> None:
        """Load the index files of the newest generation, so that the first search need not wait for them.

        Raises:
            IndexMissingError, IndexDamagedError, IndexIncompatibleError: the index has changed since it was opened.
        """
        with self.snapshot() as snapshot:
            snapshot.load()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Hold one generation: every read in the block sees the same state, also while a build runs.

        Raises:
            IndexMissingError, IndexDamagedError, IndexIncompatibleError: the index has changed since it was opened.
        """
        with catalog.reader(self.path) as (connection, meta):
            catalog.check_encoder(self.path, meta.encoder, self.encoder)
            yield Snapshot(self, connection, meta)

    def index_files(self, connection: sqlite3.Connection, meta: Meta) -> IndexFiles:
        """Return the index files of the generation that `connection` sees, loaded once for all its snapshots."""
        names = tuple(catalog.index_files(connection, meta.generation))
        with self._lock:
            if self._loaded is None or self._loaded[0] != names:
                held = self._loaded[1] if self._loaded else None
                self._loaded = names, generations.load(self.path, connection, meta, held)
            return self._loaded[1]


class Snapshot:
    """One generation of an index. It can be read inside the `with` block.

    Attributes:
        generation: its number; it counts the builds that changed an answer, from 1.
        encoder: the name of the encoder that built it.
    """

    def __init__(self, index: Index, connection: sqlite3.Connection, meta: Meta) -> None:
        self._index, self._connection, self._meta = index, connection, meta
        self._articles: dict[str, Article] = {}
        self._index_files: IndexFiles | None = None
        self.generation = meta.generation
        self.encoder = meta.encoder

    @property
    def dense(self) -> DenseIndex:
        """The vectors."""
        return self.load().dense

    @property
    def lexical(self) -> LexicalIndex:
        """The BM25 index."""
        return self.load().lexical

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about this snapshot, one line each: damaged files, and missing vectors."""
        pending = len(self.lexical) - len(self.dense)
        if not pending:
            return self.load().notes
        lexical_only = f"{pending:,} of {len(self.lexical):,} passages have no vector yet and are found by their words"
        return (*self.load().notes, f"{lexical_only} alone: `onrecord build` goes on with them")

    def load(self) -> IndexFiles:
        """Return the index files of this generation, loaded once."""
        if self._index_files is None:
            self._index_files = self._index.index_files(self._connection, self._meta)
        return self._index_files

    def passage(self, id_: int) -> Passage:
        """Return the passage with this id.

        Raises:
            KeyError: this generation has no such passage.
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
        """Return an article to which a passage refers, read once."""
        if id_ not in self._articles:
            article = queries.article_by_id(self._connection, id_)
            if article is None:
                raise IndexDamagedError(f"{self._index.path} has passages of no article: run `onrecord check`")
            self._articles[id_] = article
        return self._articles[id_]

    def article(self, id_or_path: str) -> Article | None:
        """Return the article with this id, or the only one read from this path; None when there is none."""
        article = queries.article_by_id(self._connection, id_or_path)
        return article or queries.article_by_path(self._connection, id_or_path)

    def articles(self) -> Iterator[Article]:
        """Yield every article, by path."""
        return queries.articles(self._connection)

    def article_passages(self, article: Article) -> list[Passage]:
        """Return all passages of an article, in order."""
        return [Passage(article, start, end) for start, end in queries.article_spans(self._connection, article.id)]

    def article_count(self) -> int:
        """Return how many articles there are."""
        return queries.count_articles(self._connection)

    def article_records(self, limit: int = -1) -> list[queries.ArticleRecord]:
        """Return a record of every article, or of the first `limit`: the latest first, those without a date last."""
        return queries.article_records(self._connection, limit)

    def articles_with(self, words: str) -> set[str]:
        """Return the ids of the articles that have all these words, in any form of them, in their title or text."""
        terms = [self.lexical.passages_with(term) for term in self.lexical.terms(words)]
        found = [queries.articles_of_passages(self._connection, ids) for ids in terms]
        return set.intersection(*found) if found else set()

    def publishers(self) -> list[str]:
        """Return the publishers of the articles, in every spelling."""
        return queries.publishers(self._connection)

    def allowed(self, filters: Filters) -> Ints | None:
        """Return the ids (n,) of the passages that pass `filters`, ascending; None when there is no filter."""
        return None if filters.empty else queries.passing(self._connection, filters)
