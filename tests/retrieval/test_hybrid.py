"""Retrieval: lexical and dense search against exact ones, fusion by hand, filters, and queries of any characters."""

from __future__ import annotations

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from rag.errors import IndexDamagedError, IndexIncompatibleError
from rag.filters import Filters
from rag.index import vectors as dense_module
from rag.index.bm25 import LexicalIndex, PassageText, count_passages
from rag.index.build import build
from rag.index.queries import encoded_text
from rag.index.reader import Index
from rag.index.vectors import DenseIndex, Segment, ivf_lists_for
from rag.models.base import Encoder, Floats, Ints
from rag.query.analysis import analyse
from rag.retrieval.fusion import Ranking, fuse
from rag.retrieval.hybrid import retrieve
from tests.conftest import HashEncoder

TASKS = Path("/proc/self/task")
HALF = 3e-4  # the most that half precision changes a cosine
WIRE = [
    {
        "id": "auto",
        "text": "Tariffs on cars stay, the minister said.",
        "publisher": "The Coast",
        "published": "2025-03-01",
    },
    {"id": "fish", "text": "Lobster prices fell, fishermen said.", "publisher": "the coast", "published": "2024-12-24"},
    {"id": "rail", "text": "A railway line to the northern port opens.", "title": "Grain finds a way"},
]


@pytest.fixture
def wire(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> Index:
    """Three short articles, two with dates and publishers."""
    (archive / "wire.jsonl").write_text("".join(json.dumps(row) + "\n" for row in WIRE))
    build(archive, index_path, hash_encoder)
    return Index.open(index_path)


def ids(index: Index, encoder: Encoder, query: str, filters: Filters = Filters()) -> list[str]:  # noqa: B008
    with index.snapshot() as snapshot:
        return [hit.passage.article.id for hit in retrieve(snapshot, encoder, analyse(query), filters=filters)]


def rounded(ranking: Ranking) -> Ranking:
    return [(id_, round(score, 5)) for id_, score in ranking]


# Dense search


def segment(ids: Ints, vectors: Floats) -> Segment:
    return Segment.build([(ids, vectors)], vectors.shape[1], ivf_lists_for(len(ids)))


def read_back(made: Segment) -> Segment:
    """Write the segment and read it, as a build and a reader do."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "vectors.faiss")
        made.write(path)
        return Segment.from_bytes(np.fromfile(path, dtype=np.uint8))


class Segments(RuleBasedStateMachine):
    """Vectors come, go and are merged in any order: the search is that of all that are there, compared one by one.

    The numbers are few and small, so that float32 and half precision are exact and many cosines are equal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[int, Floats] = {}
        self.segments: list[Segment] = []
        self.dead: list[list[int]] = []

    def _add(self, vectors: dict[int, Floats]) -> None:
        ids = np.array(sorted(vectors), dtype=np.int64)
        self.segments.append(read_back(segment(ids, np.array([vectors[id_] for id_ in sorted(vectors)]))))
        self.dead.append([])

    def _alive(self, n: int) -> list[int]:
        return [id_ for id_ in self.segments[n].ids.tolist() if id_ not in self.dead[n]]

    @rule(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 30))
    def come(self, seed: int, count: int) -> None:
        random = np.random.default_rng(seed)
        ids = [id_ for id_ in random.choice(100, count, replace=False).tolist() if id_ not in self.there]
        new = {id_: random.integers(-1, 2, 8).astype(np.float32) for id_ in ids}
        if new:
            self._add(new)
            self.there |= new

    @rule(part=st.integers(1, 6))
    def go(self, part: int) -> None:
        for n in range(len(self.segments)):
            for id_ in self._alive(n)[::part]:
                self.dead[n].append(id_)
                del self.there[id_]

    @precondition(lambda self: len(self.segments) > 1)
    @rule()
    def merge(self) -> None:
        vectors = {id_: self.there[id_] for n in (0, 1) for id_ in self._alive(n)}
        del self.segments[:2], self.dead[:2]
        if vectors:
            self._add(vectors)

    @rule(query=arrays(np.float32, 8, elements=st.sampled_from([-1.0, 0.0, 1.0])), k=st.integers(0, 40))
    def search(self, query: Floats, k: int) -> None:
        parts = [part.without(np.array(dead)) for part, dead in zip(self.segments, self.dead, strict=True)]
        dense = DenseIndex(parts, 8)
        for allowed in (None, np.arange(0, 100, 3)):
            eligible = self.there if allowed is None else self.there.keys() & set(allowed.tolist())
            hits = [(id_, float(self.there[id_] @ query)) for id_ in eligible]
            assert dense.search(query, k, allowed) == sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:k]
        nan = np.full(100, np.nan, np.float32)
        for id_, vector in self.there.items():
            nan[id_] = vector @ query
        np.testing.assert_array_equal(dense.cosines(query, np.arange(100)[::-1]), nan[::-1])
        assert len(dense) == len(self.there)


Segments.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestSegments = Segments.TestCase


class DividedSegments(Segments):
    """The same of segments with IVF lists: so few lists are all searched, and the search is exact."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(dense_module, "MAX_EXACT_VECTORS", 4)

    def teardown(self) -> None:
        self.patch.undo()


DividedSegments.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestDividedSegments = DividedSegments.TestCase


def unit(count: int, dimension: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def test_half_precision_finds_what_full_precision_finds() -> None:
    vectors, queries, ids = unit(3_000, 384), unit(50, 384, seed=1), np.arange(3_000)
    dense = DenseIndex([segment(ids, vectors)], 384)
    same = [
        len({id_ for id_, _ in dense.search(query, 10)} & set(np.argsort(-vectors @ query)[:10].tolist()))
        for query in queries
    ]
    assert sum(same) == 500
    np.testing.assert_allclose(dense.cosines(queries[0], ids), vectors @ queries[0], atol=2e-4)


@pytest.mark.skipif(not TASKS.exists(), reason="the system does not tell its threads")
def test_a_search_starts_no_thread() -> None:
    """One query is searched on one; those that OpenMP starts for each thread that asks would only burn time."""
    import faiss

    vectors = unit(300, 384)
    dense, usual = DenseIndex([segment(np.arange(300), vectors)], 384), faiss.omp_get_max_threads()
    with ThreadPoolExecutor(1) as one:
        one.submit(os.getpid).result()
        before = len(list(TASKS.iterdir()))
        one.submit(dense.search, vectors[0], 10).result()
        assert len(list(TASKS.iterdir())) == before
    assert faiss.omp_get_max_threads() == usual


def near(vectors: Floats, count: int, seed: int) -> Floats:
    """Vectors each near one of `vectors`, as passages of one topic are."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(count, vectors.shape[1])).astype(np.float32) / np.float32(vectors.shape[1] ** 0.5)
    found = vectors[random.integers(len(vectors), size=count)] + noise
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def test_a_large_segment_finds_what_a_scan_of_all_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = unit(500, 32)
    vectors, queries, ids = near(topics, 20_000, 1), near(topics, 100, 2), np.arange(20_000) * 3
    scanned = DenseIndex([segment(ids, vectors)], 32)
    monkeypatch.setattr(dense_module, "MAX_EXACT_VECTORS", 10_000)
    large = read_back(segment(ids, vectors))
    assert (large.ivf_lists, scanned.segments[0].ivf_lists) == (282, 0)
    divided = DenseIndex([large], 32)

    def recall(probed: int, allowed: Ints | None) -> float:
        monkeypatch.setattr(dense_module, "PROBED_LISTS", probed)
        pairs = [(divided.search(query, 10, allowed), scanned.search(query, 10, allowed)) for query in queries]
        return sum(len(set(one) & set(other)) for one, other in pairs) / 1000

    assert recall(282, None) == 1
    assert recall(64, None) >= 0.98
    assert recall(1, None) < 0.8
    assert recall(64, ids[::2]) >= 0.98  # the fewer passages are allowed, the more lists are searched
    assert recall(64, ids[::5]) == 1
    assert recall(1, ids[:9]) == 0.9  # all nine of them
    without = DenseIndex([large.without(ids[::2])], 32)
    assert not {id_ for query in queries for id_, _ in without.search(query, 50)} & set(ids[::2].tolist())
    assert len(divided.search(queries[0], 15_000)) == 15_000
    np.testing.assert_array_equal(divided.cosines(queries[0], ids), scanned.cosines(queries[0], ids))


def test_the_same_vectors_are_divided_the_same_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dense_module, "MAX_EXACT_VECTORS", 400)
    for name in ("a", "b"):
        segment(np.arange(500), unit(500, 16)).write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_empty_vector_index_finds_nothing() -> None:
    query = np.ones(4, np.float32)
    for empty in (DenseIndex([], 4), DenseIndex([segment(np.empty(0, np.int64), np.empty((0, 4), np.float32))], 4)):
        assert (len(empty), empty.search(query, 5)) == (0, [])
        assert np.isnan(empty.cosines(query, np.array([7]))).tolist() == [True]


def test_vectors_and_ids_of_different_lengths_are_rejected() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match=r"\(2,\) ids do not fit vectors of shape \(3, 3\)"):
        segment(np.array([1, 2]), vectors)
    for ids in ([1, 3, 3], [1, 3, 2]):
        with pytest.raises(ValueError, match="ascending and unique"):
            segment(np.array(ids), vectors)
    with pytest.raises(ValueError, match="ascending and unique"):
        Segment.build([(np.array([1, 2, 3]), vectors), (np.array([3, 4, 5]), vectors)], 3)
    dense = DenseIndex([segment(np.array([1, 2, 3]), vectors)], 3)
    with pytest.raises(ValueError, match=r"shape \(2,\) does not fit an index of \(3,\)"):
        dense.search(np.ones(2, np.float32), 1)
    with pytest.raises(ValueError, match="vectors of 3 numbers, the index of 4"):
        DenseIndex(dense.segments, 4)


@pytest.mark.parametrize("data", [b"", b"IxFI" + bytes(60), b"pickle"])
def test_bytes_that_are_no_vector_index_are_rejected(data: bytes) -> None:
    with pytest.raises(IndexDamagedError, match="run `onrecord repair`"):
        Segment.from_bytes(np.frombuffer(data, dtype=np.uint8))


def test_a_segment_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "vectors.faiss"
    with pytest.raises(OSError, match=f"vector file {path}: "):
        segment(np.array([1]), np.eye(1, dtype=np.float32)).write(path)


# Lexical search

TEXTS = [
    PassageText(1, "The U.S. will keep its tariffs on Canadian autos.", "", ""),
    PassageText(
        2**62, "Canada exports cars; exporters hope for talks.", "Trade talks", "The Coast 2025-03-01 1 March 2025"
    ),
    PassageText(3, "Renée Noël, of D.C., sells lobster.", "", ""),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("US tariff", {1}),
        ("u.s. tariffs", {1}),
        ("exporting a car", {2**62}),
        ("renee noel", {3}),
        ("DC", {3}),
        ("march 2025", {2**62}),
        ("THE COAST", {2**62}),  # a stop word and a publisher
        ("body:lobster AND -title:x OR (tariffs", {1, 3}),
        ('"lobster" ~5 [a TO z] *', {3}),
    ],
)
def test_words_find_their_passages_in_any_form(query: str, expected: set[int]) -> None:
    assert {id_ for id_, _ in LexicalIndex.build(TEXTS).search(query, 10)} == expected


def test_bm25_is_the_formula() -> None:
    """Robertson and Zaragoza 2009, with k1 = 1.2, b = 0.75 and idf = ln(1 + (N - n + 0.5) / (n + 0.5))."""
    texts = ["lobster", "lobster lobster crab", "crab"]
    lexical = LexicalIndex.build(PassageText(n, text, "", "") for n, text in enumerate(texts))
    average = 5 / 3  # words
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))

    def score(frequency: int, words: int) -> float:
        return idf * frequency * 2.2 / (frequency + 1.2 * (1 - 0.75 + 0.75 * words / average))

    assert rounded(lexical.search("lobster", 10)) == rounded([(0, score(1, 1)), (1, score(2, 3))])


def test_a_title_counts_half() -> None:
    lexical = LexicalIndex.build([PassageText(1, "lobster", "crab", ""), PassageText(2, "crab", "lobster", "")])
    (best, full), (second, half) = lexical.search("lobster", 2)
    assert (best, second) == (1, 2)
    assert half == pytest.approx(full / 2)


def test_only_the_allowed_are_found_with_the_same_scores() -> None:
    lexical = LexicalIndex.build(TEXTS)
    every = dict(lexical.search("tariffs talks lobster", 10))
    assert set(every) == {1, 2**62, 3}
    some = lexical.search("tariffs talks lobster", 10, np.array([3, 2**62, 77]))
    assert dict(some) == {id_: every[id_] for id_ in (3, 2**62)}
    assert lexical.search("tariffs", 10, np.empty(0, np.int64)) == []


def test_many_allowed_passages_have_the_same_scores_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    lexical = LexicalIndex.build(
        PassageText(n, "lobster " * (1 + n % 13) + "crab " * (n % 7), "", "") for n in range(400)
    )
    allowed = np.arange(3, 400, 29)
    for k in (1, 5, 14, 50):
        listed = lexical.search("lobster", k, allowed)
        with monkeypatch.context() as patch:
            patch.setattr("rag.index.bm25.MAX_ALLOWED_IN_QUERY", 0)
            assert lexical.search("lobster", k, allowed) == listed
        assert len(listed) == min(k, 14)


def test_equal_scores_are_ordered_by_id() -> None:
    lexical = LexicalIndex.build(PassageText(id_, "the same words", "", "") for id_ in (5, 2, 9, 1))
    assert [id_ for id_, _ in lexical.search("same words", 10)] == [1, 2, 5, 9]


def test_equal_scores_at_the_cutoff_go_to_the_least_ids() -> None:
    """More of them than are asked for at once, stored in an order of their own."""
    order = np.random.default_rng(0).permutation(300).tolist()
    lexical = LexicalIndex.build(PassageText(id_, "the same words", "", "") for id_ in order)
    assert [id_ for id_, _ in lexical.search("same words", 10)] == list(range(10))
    assert [id_ for id_, _ in lexical.search("same words", 3, np.array([7, 8, 200, 250]))] == [7, 8, 200]


def test_a_lexical_index_is_updated_beside_the_one_it_is_linked_to(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    before = LexicalIndex.build(TEXTS, old)
    content = {path.name: path.read_bytes() for path in old.iterdir()}
    for name in content:
        os.link(old / name, new / name)
    changed = PassageText(3, "Renée Noël sells crab now.", "", "")
    updated = LexicalIndex.update(new, [1, 3], [changed, PassageText(4, "Nothing but lobster.", "", "")])
    assert [[id_ for id_, _ in updated.search(word, 9)] for word in ("tariffs", "crab", "lobster", "talks")] == [
        [],
        [3],
        [4],
        [2**62],
    ]
    assert (len(updated), count_passages(new), count_passages(old)) == (3, (5, 2), (3, 0))
    assert {path.name: path.read_bytes() for path in old.iterdir()} == content
    for lexical in (before, LexicalIndex.open(old)):
        assert [id_ for id_, _ in lexical.search("lobster tariffs", 9)] == [3, 1]


def test_a_lexical_index_opened_again_finds_the_same(tmp_path: Path) -> None:
    built = LexicalIndex.build(TEXTS, tmp_path)
    opened = LexicalIndex.open(tmp_path)
    for query in ("tariffs", "talks of cars", "lobster"):
        assert opened.search(query, 10) == built.search(query, 10) != []
    assert len(opened) == 3
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(IndexDamagedError, match="run `onrecord repair`"):
        LexicalIndex.open(tmp_path)


# Fusion


def test_fusion_by_hand() -> None:
    lexical: Ranking = [(1, 8.0), (2, 4.0)]
    dense: Ranking = [(3, 0.9), (1, 0.7), (2, 0.5)]
    # Asked for 2: the words' floor is their worst, 4.0. Dense: 0.9 -> 1, 0.7 -> 0.5, 0.5 -> 0.
    assert rounded(fuse(lexical, dense, 2)) == [(1, 0.8), (3, 0.4), (2, 0.0)]
    # Asked for 3: no third passage has any of the words, so the floor is 0 and 4.0 of 8.0 is half.
    assert rounded(fuse(lexical, dense, 3)) == [(1, 0.8), (3, 0.4), (2, 0.3)]
    assert rounded(fuse([], dense, 3)) == [(3, 0.4), (1, 0.2), (2, 0.0)]
    assert rounded(fuse(lexical[:1], [(1, 0.2)], 5)) == [(1, 1.0)]
    assert fuse([], [], 5) == []


def test_a_passage_without_a_vector_is_ranked_by_its_words() -> None:
    lexical: Ranking = [(4, 8.0), (1, 6.0), (2, 4.0)]
    dense: Ranking = [(1, 0.9), (2, 0.5)]
    # The words give 4: 1, 1: 0.75, 2: 0.5, and the vectors 1: 1, 2: 0.
    assert rounded(fuse(lexical, dense, 5)) == [(1, 0.85), (4, 0.6), (2, 0.3)]
    assert rounded(fuse(lexical, dense, 5, {4})) == [(4, 1.0), (1, 0.85), (2, 0.3)]


def ranking(scores: st.SearchStrategy[float]) -> st.SearchStrategy[Ranking]:
    def ordered(found: dict[int, float]) -> Ranking:
        return sorted(found.items(), key=lambda hit: (-hit[1], hit[0]))

    return st.dictionaries(st.integers(0, 20), scores, max_size=12).map(ordered)


@given(ranking(st.floats(0.001, 50)), ranking(st.floats(-1, 1)), st.integers(1, 15))
def test_fused_scores_are_0_to_1_and_in_order(lexical: Ranking, dense: Ranking, depth: int) -> None:
    fused = fuse(lexical, dense, depth)
    assert {id_ for id_, _ in fused} == {id_ for id_, _ in lexical} | {id_ for id_, _ in dense}
    assert all(0 <= score <= 1 + 1e-12 for _, score in fused)
    assert fused == sorted(fused, key=lambda hit: (-hit[1], hit[0]))


# Hybrid search


def test_hits_carry_rank_score_and_stages(wire: Index, hash_encoder: HashEncoder) -> None:
    query = "lobster prices fell"
    with wire.snapshot() as snapshot:
        hits = retrieve(snapshot, hash_encoder, analyse(query))
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].passage.article.id == "fish"
    assert hits[0].score == pytest.approx(1.0)
    assert [hit.stages["bm25"][0] for hit in hits] == [1, None, None]
    assert [hit.stages["bm25"][1] for hit in hits[1:]] == [0.0, 0.0]
    assert [hit.stages["dense"][0] for hit in hits] == [1, 2, 3]
    for hit in hits:
        question, passage = hash_encoder.encode([query, encoded_text(hit.passage)])
        assert hit.stages["dense"][1] == pytest.approx(float(question @ passage), abs=HALF)


def test_the_days_of_a_query_raise_their_articles_and_exclude_none(wire: Index, hash_encoder: HashEncoder) -> None:
    query = "What did the minister, the lobster and the railway do last week?"
    with wire.snapshot() as snapshot:
        hits = retrieve(snapshot, hash_encoder, analyse(query, date(2024, 12, 28)))
        undated = retrieve(snapshot, hash_encoder, analyse(query.replace(" last week", "")))
    assert [hit.passage.article.id for hit in hits if hit.stages["date"] == (None, 1.0)] == ["fish"]
    assert hits[0].passage.article.id == "fish"
    assert {hit.passage.article.id for hit in hits} == {"auto", "fish", "rail"}
    assert all(0 <= hit.score <= 1 for hit in hits)
    assert all("date" not in hit.stages for hit in undated)


def test_the_outlet_of_a_query_is_raised_and_excludes_none(wire: Index, hash_encoder: HashEncoder) -> None:
    query = "railway strike, according to The Coast"
    with wire.snapshot() as snapshot:
        hits = retrieve(snapshot, hash_encoder, analyse(query, publishers=snapshot.publishers))
        plain = retrieve(snapshot, hash_encoder, analyse(query.replace("The Coast", "the mayor")))
    assert {hit.passage.article.id for hit in hits if hit.stages["outlet"] == (None, 1.0)} == {"auto", "fish"}
    assert {hit.passage.article.id for hit in hits} == {"auto", "fish", "rail"}
    assert (plain[0].passage.article.id, hits[0].passage.article.id) == ("rail", "auto")
    assert all("outlet" not in hit.stages for hit in plain)


def test_a_hit_of_the_lexical_search_alone_has_its_cosine(wire: Index, hash_encoder: HashEncoder) -> None:
    query = "said said said said said port"  # frequent words count in the vectors, rare words in BM25
    with wire.snapshot() as snapshot:
        (hit,) = retrieve(snapshot, hash_encoder, analyse(query), k=1, pool=1)
    assert (hit.passage.article.id, hit.stages["bm25"][0], hit.stages["dense"][0]) == ("rail", 1, None)
    question, passage = hash_encoder.encode([query, encoded_text(hit.passage)])
    assert hit.stages["dense"][1] == pytest.approx(float(question @ passage), abs=HALF)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), {"auto", "fish", "rail"}),
        (Filters(since="2025"), {"auto"}),
        (Filters(until="2024-12-24"), {"fish"}),
        (Filters(publisher="THE COAST"), {"auto", "fish"}),
        (Filters(since="2025-01-01", publisher="the coast"), {"auto"}),
        (Filters(since="2030"), set()),
    ],
)
def test_filters_apply_to_both_rankings(
    wire: Index, hash_encoder: HashEncoder, filters: Filters, expected: set[str]
) -> None:
    assert set(ids(wire, hash_encoder, "minister lobster railway", filters)) == expected


def test_the_title_is_searched_and_never_quoted(wire: Index, hash_encoder: HashEncoder) -> None:
    with wire.snapshot() as snapshot:
        hit = retrieve(snapshot, hash_encoder, analyse("grain finds"))[0]
    assert (hit.passage.article.id, hit.passage.text) == ("rail", WIRE[2]["text"])


@pytest.mark.parametrize(
    "query",
    ["?", "(", "body:", "\x00", "'; DROP TABLE articles; --", "\ud800 lobster", "🦞", "a" * 100_000, "„“" * 5000],
)
def test_any_characters_are_only_words(wire: Index, hash_encoder: HashEncoder, query: str) -> None:
    assert len(ids(wire, hash_encoder, query)) == 3  # the vectors rank everything, whatever was asked


@pytest.mark.parametrize("query", ["", " \n\t "])
def test_an_empty_query_finds_nothing(wire: Index, hash_encoder: HashEncoder, query: str) -> None:
    assert ids(wire, hash_encoder, query) == []


def test_text_beyond_2000_characters_is_not_searched(wire: Index, hash_encoder: HashEncoder) -> None:
    with wire.snapshot() as snapshot:
        hits = retrieve(snapshot, hash_encoder, analyse("x" * 1_995 + " lobster"))
    assert [hit.stages["bm25"] for hit in hits] == [(None, 0.0)] * 3


def test_k_limits_and_may_exceed_the_pool(wire: Index, hash_encoder: HashEncoder) -> None:
    with wire.snapshot() as snapshot:
        assert [len(retrieve(snapshot, hash_encoder, analyse("lobster"), k=k, pool=1)) for k in (0, 1, 2, 10)] == [
            0,
            1,
            2,
            3,
        ]


def test_an_encoder_that_did_not_build_the_index_is_rejected(wire: Index) -> None:
    with wire.snapshot() as snapshot, pytest.raises(IndexIncompatibleError, match="encoder 'hash', not 'other'"):
        retrieve(snapshot, HashEncoder("other"), analyse("lobster"))


@pytest.mark.parametrize(
    ("query", "path", "words"),
    [
        ("What percentage of Canada's exports go to the United States?", "003", "over 75% of Canadian exports"),
        ("Who said a deal is not on the table right now?", "000", "not on the table right now"),
        ("Does Kingston expect an agreement on tariffs?", "002", "I don’t expect that we’re going to see an agreement"),
    ],
)
def test_the_first_passage_of_the_seeds_answers(
    seed_archive: Index, encoder: Encoder, query: str, path: str, words: str
) -> None:
    with seed_archive.snapshot() as snapshot:
        best = retrieve(snapshot, encoder, analyse(query), k=3)[0].passage
    assert best.article.path.startswith(path)
    assert words in best.text


def allowed_ids(index: Index, filters: Filters) -> Ints | None:
    with index.snapshot() as snapshot:
        return snapshot.allowed(filters)


def test_no_filter_allows_everything_without_listing_it(wire: Index) -> None:
    assert allowed_ids(wire, Filters()) is None
    only = allowed_ids(wire, Filters(since="2025"))
    assert only is not None
    assert only.shape == (1,)
