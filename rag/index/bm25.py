"""BM25 over the words of passages, their titles, publishers and dates (tantivy: immutable, memory-mapped files)."""

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

FIELD_WEIGHTS = {"body": 1.0, "title": 0.5, "meta": 0.25}  # how much a word found there counts
MAX_QUERY_TERMS = 256  # more distinct words than this are left out of a query
MAX_WORD_CHARS = 40  # longer runs of letters and digits are not words
MAX_LISTED = 5_000  # allowed passages that a query names one by one; it is faster to sift the results of all for more
MORE = 16  # results asked for beyond `k`, so that equal scores at its edge rarely need a second look
WRITER_BYTES = 128_000_000  # memory of the writer before it starts another segment

_TOKENIZER = "words"
# The dots of "U.S." and "D.C.", which are searched as "US" and "DC". It begins with the dot, so it skips fast.
_ACRONYM_DOT = re.compile(r"\.(?:(?<=\b[A-Za-z]\.)(?=[A-Za-z]\.)|(?<=\.[A-Za-z]\.))")


@dataclass(frozen=True, slots=True)
class LexicalText:
    """The words of one passage by field; only the body is ever quoted."""

    id: int
    body: str
    title: str
    meta: str


class Lexical:
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
    def build(cls, passages: Iterable[LexicalText], folder: Path | None = None) -> Lexical:
        """Index `passages` in `folder`, an existing empty one, or in memory.

        Raises:
            OSError: it cannot be written there.
        """
        import tantivy

        with _explained():
            index = _prepared(tantivy.Index(_schema(), path=None if folder is None else str(folder)))
            _write(index, (), passages)
            return cls(index)

    @classmethod
    def update(cls, folder: Path, gone: Iterable[int], passages: Iterable[LexicalText]) -> Lexical:
        """Take the passages `gone` out of the index in `folder`, and then put `passages` in.

        Tantivy writes new files beside the others and replaces the list of them by renaming, so the files of `folder`
        may be links to those of another index, which stays as it is.

        Raises:
            IndexDamaged: tantivy cannot read what is there.
            OSError: it cannot be written there.
        """
        index = _opened(folder)
        with _explained():
            _write(index, gone, passages)
            return cls(index)

    @classmethod
    def open(cls, folder: Path) -> Lexical:
        """Open what `build` wrote.

        Raises:
            IndexDamaged: tantivy cannot read it.
        """
        return cls(_opened(folder))

    def terms(self, query: str) -> list[str]:
        """Return the distinct stems a query is searched by; without its stop words unless it has nothing else."""
        query = _join_acronyms(query)
        words = self._content_words.analyze(query) or self._words.analyze(query)
        return list(dict.fromkeys(words))[:MAX_QUERY_TERMS]

    def search(self, query: str, k: int, allowed: Ints | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (passage id, BM25 score > 0), best first, then by id; `allowed` ids ascend.

        The query is words, never a query language: nothing in it has a meaning of its own.
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
        if len(allowed) > MAX_LISTED:
            return self._sift(wanted, k, allowed)
        listed = Query.const_score_query(Query.term_set_query(self._schema, "id", allowed.tolist()), 0.0)
        return self._best(Query.boolean_query([(Occur.Must, wanted), (Occur.Must, listed)]), k)

    def _best(self, query: tantivy.Query, k: int) -> list[tuple[int, float]]:
        """Return the `k` best, of which equal ones are those with the least ids, in whichever order they are stored."""
        depth = k + MORE
        while True:
            hits = self._top(query, depth)
            if len(hits) < depth or hits[-1][1] < hits[k - 1][1]:
                return hits[:k]
            depth *= 4

    def _top(self, query: tantivy.Query, k: int) -> list[tuple[int, float]]:
        hits = self._searcher.search(query, k, count=False).hits
        ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        found = [(int(id_), float(score)) for id_, (score, _) in zip(ids, hits, strict=True) if id_ is not None]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def _sift(self, query: tantivy.Query, k: int, allowed: Ints) -> list[tuple[int, float]]:
        """Look deeper and deeper until `k` of the results are allowed, or there are no more results."""
        depth = k
        while True:
            hits = self._best(query, depth)
            ids = np.array([id_ for id_, _ in hits], dtype=np.int64)
            places = np.minimum(np.searchsorted(allowed, ids), len(allowed) - 1)
            kept = [hit for hit, passes in zip(hits, allowed[places] == ids, strict=True) if passes]
            if len(kept) >= k or len(hits) < depth:
                return kept[:k]
            depth *= 8


def stored(folder: Path) -> tuple[int, int]:
    """Return how many passages an index folder holds, and how many of them are gone: their words count in the scores.

    Raises:
        IndexDamaged: it does not say.
    """
    try:
        segments = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["segments"]
        held = sum(segment["max_doc"] for segment in segments)
        return held, sum(segment["deletes"]["num_deleted_docs"] for segment in segments if segment["deletes"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise IndexDamagedError(f"the lexical index {folder} does not say what it holds ({error!r})") from error


def _write(index: tantivy.Index, gone: Iterable[int], passages: Iterable[LexicalText]) -> None:
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
def _explained() -> Iterator[None]:
    """Turn what tantivy raises in the block, a ValueError whatever went wrong, the disk included, into an OSError."""
    try:
        yield
    except ValueError as error:
        raise OSError(f"lexical index: {error}") from error


def _opened(folder: Path) -> tantivy.Index:
    """Open what `Lexical.build` wrote.

    Raises:
        IndexDamaged: tantivy cannot read it.
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
    """Give a fresh index our analysis, and stop the thread that would watch its folder: what is there never changes."""
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
    """Return the analysis shared by passages and queries: words, lower case, without accents, English stems."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(MAX_WORD_CHARS))
    builder = builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())
    if stopwords:
        builder = builder.filter(Filter.stopword("english"))
    return builder.filter(Filter.stemmer("english")).build()


def _join_acronyms(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # a command line can hand over half a character
    return _ACRONYM_DOT.sub("", text)
