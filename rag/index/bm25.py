"""Lexical retrieval: BM25 over passages, their titles, publishers and dates (tantivy; immutable, mapped files)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import IndexDamagedError
from rag.models.base import Ints

if TYPE_CHECKING:
    import tantivy

FIELD_WEIGHTS = {"body": 1.0, "title": 0.5, "meta": 0.25}  # weight of a term in each field
MAX_QUERY_TERMS = 256  # distinct terms; the rest of a longer query is ignored
MAX_WORD_CHARS = 40  # longer runs of letters and digits are not words
MAX_ALLOWED_IN_QUERY = 5_000  # ids that a query lists; for more it is faster to filter the results
EXTRA_RESULTS = 16  # asked for beyond `k`, so that equal scores at rank `k` rarely need a second search
DEEPER = 4  # times as many results, when a search must be repeated
DEEPER_FILTERED = 8  # the same for a search whose results are filtered
WRITER_BYTES = 128_000_000  # memory of the writer before it starts another segment

_TOKENIZER = "words"
# The dots in "U.S." and "D.C.", which are searched as "US" and "DC". The pattern begins with the dot: that is fast.
_ACRONYM_DOT = re.compile(r"\.(?:(?<=\b[A-Za-z]\.)(?=[A-Za-z]\.)|(?<=\.[A-Za-z]\.))")


@dataclass(frozen=True, slots=True)
class PassageText:
    """The text of one passage by field. Only the body is ever quoted."""

    id: int
    body: str
    title: str
    meta: str


class LexicalIndex:
    """An immutable BM25 index. Searching is safe from several threads."""

    def __init__(self, index: tantivy.Index) -> None:
        index.reload()
        self._schema = index.schema
        self._searcher = index.searcher()
        self._words = _analyzer()
        self._content_words = _analyzer(stopwords=True)

    def __len__(self) -> int:
        return self._searcher.num_docs

    @classmethod
    def build(cls, passages: Iterable[PassageText], folder: Path | None = None) -> LexicalIndex:
        """Index `passages` in `folder`, which must exist and be empty, or in memory.

        Raises:
            OSError: the files cannot be written.
        """
        import tantivy

        with _explain_errors():
            index = _prepared(tantivy.Index(_schema(), path=None if folder is None else str(folder)))
            _write(index, (), passages)
            return cls(index)

    @classmethod
    def update(cls, folder: Path, gone: Iterable[int], passages: Iterable[PassageText]) -> LexicalIndex:
        """Delete the passages `gone` from the index in `folder`, and then add `passages`.

        Tantivy writes new files beside the others and replaces the list of files by renaming. So the files in `folder`
        may be links to those of another index, which does not change.

        Raises:
            IndexDamagedError: tantivy cannot read the index.
            OSError: the files cannot be written.
        """
        index = _opened(folder)
        with _explain_errors():
            _write(index, gone, passages)
            return cls(index)

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Open an index that `build` wrote.

        Raises:
            IndexDamagedError: tantivy cannot read it.
        """
        return cls(_opened(folder))

    def terms(self, query: str) -> list[str]:
        """Return the distinct stems of a query, without stop words unless it has nothing else."""
        query = _join_acronyms(query)
        words = self._content_words.analyze(query) or self._words.analyze(query)
        return list(dict.fromkeys(words))[:MAX_QUERY_TERMS]

    def search(self, query: str, k: int, allowed: Ints | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (passage id, BM25 score > 0), best first, equal scores by id; `allowed` ids ascend.

        The query is plain text: no character of it is an operator.
        """
        from tantivy import Occur, Query

        terms = self.terms(query)
        if k <= 0 or not terms or (allowed is not None and not len(allowed)):
            return []
        wanted = Query.boolean_query(
            [
                (Occur.Should, Query.boost_query(Query.term_query(self._schema, field, term, "freq"), weight))
                for term in terms
                for field, weight in FIELD_WEIGHTS.items()
            ]
        )
        if allowed is None:
            return self._best(wanted, k)
        if len(allowed) > MAX_ALLOWED_IN_QUERY:
            return self._filtered(wanted, k, allowed)
        listed = Query.const_score_query(Query.term_set_query(self._schema, "id", allowed.tolist()), 0.0)
        return self._best(Query.boolean_query([(Occur.Must, wanted), (Occur.Must, listed)]), k)

    def passages_with(self, term: str) -> Ints:
        """Return the ids (n,) of all passages that have a stem, as `terms` returns it, in their text or title."""
        from tantivy import Occur, Query

        fields = [(Occur.Should, Query.term_query(self._schema, field, term)) for field in ("body", "title")]
        hits = self._searcher.search(Query.boolean_query(fields), max(1, len(self)), count=False).hits
        ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        return np.array([id_ for id_ in ids if id_ is not None], dtype=np.int64)

    def _best(self, query: tantivy.Query, k: int) -> list[tuple[int, float]]:
        """Return the `k` best; of equal scores those with the smallest ids, in whatever order they are stored."""
        depth = k + EXTRA_RESULTS
        while True:
            hits = self._top(query, depth)
            if len(hits) < depth or hits[-1][1] < hits[k - 1][1]:
                return hits[:k]
            depth *= DEEPER

    def _top(self, query: tantivy.Query, k: int) -> list[tuple[int, float]]:
        hits = self._searcher.search(query, k, count=False).hits
        ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        scored = [(int(id_), float(score)) for id_, (score, _) in zip(ids, hits, strict=True) if id_ is not None]
        return sorted(scored, key=lambda hit: (-hit[1], hit[0]))

    def _filtered(self, query: tantivy.Query, k: int, allowed: Ints) -> list[tuple[int, float]]:
        """Search for more and more results until `k` of them are allowed, or there are no more."""
        depth = k
        while True:
            hits = self._best(query, depth)
            ids = np.array([id_ for id_, _ in hits], dtype=np.int64)
            places = np.minimum(np.searchsorted(allowed, ids), len(allowed) - 1)
            passing = [hit for hit, passes in zip(hits, allowed[places] == ids, strict=True) if passes]
            if len(passing) >= k or len(hits) < depth:
                return passing[:k]
            depth *= DEEPER_FILTERED


def count_passages(folder: Path) -> tuple[int, int]:
    """Return how many passages an index folder holds, and how many of them are deleted but still count in the scores.

    Raises:
        IndexDamagedError: its list of segments cannot be read.
    """
    try:
        segments = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["segments"]
        total = sum(segment["max_doc"] for segment in segments)
        return total, sum(segment["deletes"]["num_deleted_docs"] for segment in segments if segment["deletes"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise IndexDamagedError(f"the lexical index {folder} does not say what it holds ({error!r})") from error


def _write(index: tantivy.Index, gone: Iterable[int], passages: Iterable[PassageText]) -> None:
    """Delete and add in one commit, and merge small segments."""
    import tantivy

    writer = index.writer(heap_size=WRITER_BYTES, num_threads=1)
    for id_ in gone:
        writer.delete_documents_by_term("id", id_)
    for passage in passages:
        fields = {name: _join_acronyms(getattr(passage, name)) for name in FIELD_WEIGHTS}
        writer.add_document(tantivy.Document(id=passage.id, **fields))
    writer.commit()
    writer.wait_merging_threads()


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Turn the ValueError that tantivy raises for any problem, also of the disk, into an OSError."""
    try:
        yield
    except ValueError as error:
        raise OSError(f"lexical index: {error}") from error


def _opened(folder: Path) -> tantivy.Index:
    """Open an index that `LexicalIndex.build` wrote.

    Raises:
        IndexDamagedError: tantivy cannot read it.
    """
    import tantivy

    try:
        index = _prepared(tantivy.Index.open(str(folder)))
        index.reload()
    except (ValueError, OSError) as error:
        raise IndexDamagedError(
            f"the lexical index {folder} cannot be read ({error}): run `onrecord repair`"
        ) from error
    return index


def _prepared(index: tantivy.Index) -> tantivy.Index:
    """Register our tokenizer, and stop the thread that would watch the folder: its files never change."""
    index.config_reader("manual")
    index.register_tokenizer(_TOKENIZER, _analyzer())
    return index


def _schema() -> tantivy.Schema:
    import tantivy

    schema = tantivy.SchemaBuilder().add_integer_field("id", indexed=True, fast=True)
    for field in FIELD_WEIGHTS:
        schema = schema.add_text_field(field, tokenizer_name=_TOKENIZER, index_option="freq")
    return schema.build()


def _analyzer(*, stopwords: bool = False) -> tantivy.TextAnalyzer:
    """Return the analyzer of passages and queries: words in lower case, without accents, as English stems."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(MAX_WORD_CHARS))
    builder = builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())
    if stopwords:
        builder = builder.filter(Filter.stopword("english"))
    return builder.filter(Filter.stemmer("english")).build()


def _join_acronyms(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # the command line can pass an unpaired surrogate
    return _ACRONYM_DOT.sub("", text)
