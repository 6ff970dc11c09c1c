"""Dense retrieval: the passages whose vectors have the largest cosine with a query vector (FAISS).

The vectors have unit length, so their inner product is the cosine. They have half precision and are stored in a few
immutable segments, which are searched as one. A segment of up to `MAX_EXACT_VECTORS` vectors is scanned whole, which is
exact. A larger one is divided into IVF lists, and a search scans the nearest of them (inverted file; Jégou, Douze &
Schmid 2011, without their compression). docs/index-size.md gives the time and the recall.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.errors import IndexDamagedError
from rag.models.base import Floats, Ints

EXTRA_RESULTS = 16  # asked for beyond `k`, so that equal scores at rank `k` rarely need a second search
# The largest segment that is scanned whole. A scan reads every vector from memory: ten milliseconds for this many.
# Segments of at most this size hold twice as many vectors together.
MAX_EXACT_VECTORS = 100_000
# How many of about 2√n IVF lists a search of a large segment scans. The recall stays the same for any n.
PROBED_LISTS = 128
COMPARED_PER_RESULT = 4  # a search compares at least so many vectors for each result asked for
TRAINING_VECTORS_PER_LIST = 64
KMEANS_ROUNDS = 10
KMEANS_SEED = 20

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Segment:
    """An immutable set of passage vectors, in half precision. Searching is safe from several threads.

    Attributes:
        ids: of the passages (n,), ascending, with the dead ones.
        alive: whether a passage still has this vector (n,); None when all have.
        ivf_lists: how many lists the vectors are divided into; 0 when a search scans all vectors.
    """

    def __init__(self, index: Any, alive: Mask | None = None, buffer: Bytes | None = None) -> None:
        """Use `build` or `from_bytes`. `buffer` are the bytes that `index` refers to without owning them."""
        import faiss

        self._index, self._buffer = index, buffer
        self._by_row = faiss.downcast_index(index.index)  # without the map from rows to ids
        self.ivf_lists = self._by_row.nlist if isinstance(self._by_row, faiss.IndexIVF) else 0
        self.ids: Ints = faiss.vector_to_array(index.id_map)
        self.alive = alive
        self._alive_rows = None if alive is None else _selector(alive)

    def __len__(self) -> int:
        return len(self.ids) if self.alive is None else int(self.alive.sum())

    @property
    def dimension(self) -> int:
        """The length d of its vectors."""
        return int(self._index.d)

    @classmethod
    def build(cls, blocks: Iterable[tuple[Ints, Floats]], dimension: int, ivf_lists: int = 0) -> Segment:
        """Build a segment from blocks of ids (m,) and vectors (m, d) of unit length; the ids ascend over all blocks.

        The first vectors train the IVF lists. Ids are digests, so the first vectors are a random sample.

        Raises:
            ValueError: the shapes do not fit each other, or the ids are not ascending.
        """
        import faiss

        checked = _checked(blocks, dimension)
        first: list[tuple[Ints, Floats]] = []
        if ivf_lists:
            index, first = _trained(checked, dimension, ivf_lists)
        else:
            index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        numbered = faiss.IndexIDMap(index)
        for ids, vectors in chain(first, checked):
            numbered.add_with_ids(vectors, ids)
        return cls(numbered)

    @classmethod
    def from_bytes(cls, data: Bytes) -> Segment:
        """Read a segment that `write` wrote. Verify the checksum of `data` first: FAISS trusts what it parses.

        The segment refers to `data` and does not copy it: do not change it.

        Raises:
            IndexDamagedError: the bytes are not such a segment.
        """
        import faiss

        try:
            index = faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(data), data.size))  # type: ignore[attr-defined]
        except RuntimeError as error:
            raise IndexDamagedError(f"the vector file is not a FAISS index ({error}): run `onrecord repair`") from error
        inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else None
        kinds = (faiss.IndexScalarQuantizer, faiss.IndexIVFScalarQuantizer)
        if not isinstance(inner, kinds) or inner.sq.qtype != faiss.ScalarQuantizer.QT_fp16:
            raise IndexDamagedError(f"the vector file holds a {type(index).__name__}: run `onrecord repair`")
        return cls(index, buffer=data)

    def write(self, path: Path) -> None:
        """Write all vectors, also those of dead passages, into a new file.

        Raises:
            OSError: the disk is full, or the like.
        """
        import faiss

        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(f"vector file {path}: {error}") from error

    def without(self, dead: Ints) -> Segment:
        """Return the segment without the ids in `dead`, all of which must be in it; no vector is copied."""
        if not len(dead):
            return self if self.alive is None else Segment(self._index, buffer=self._buffer)
        alive = np.ones(len(self.ids), dtype=np.bool_)
        alive[self._rows(dead)[0]] = False
        return Segment(self._index, alive, self._buffer)

    def top(self, vector: Floats, k: int, allowed: Ints | None) -> list[tuple[int, float]]:
        """Return up to `k` (passage id, cosine), best first; of equal cosines at rank `k`, any may be left out."""
        if not len(self.ids):
            return []
        eligible, selector = len(self), self._alive_rows
        if allowed is not None:
            mask = np.zeros(len(self.ids), dtype=np.bool_)
            mask[self._rows(allowed)[0]] = True
            mask = mask if self.alive is None else mask & self.alive
            eligible, selector = int(mask.sum()), _selector(mask)
        if not eligible:
            return []
        k = min(k, eligible)
        with _one_thread():
            cosines, rows = self._by_row.search(vector[None, :], k, params=self._parameters(selector, k, eligible))
        filled = rows[0] >= 0
        return list(zip(self.ids[rows[0][filled]].tolist(), cosines[0][filled].tolist(), strict=True))

    def _parameters(self, selector: Any, k: int, eligible: int) -> Any:
        """Return the FAISS parameters of a search over `eligible` vectors.

        With fewer eligible vectors, more IVF lists are scanned, so that a search compares about the same number of
        vectors; when no more than that are eligible, it compares all of them.
        """
        import faiss

        if not self.ivf_lists:
            return None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        fewest = math.ceil(COMPARED_PER_RESULT * k * self.ivf_lists / len(self.ids))
        probed = math.ceil(max(PROBED_LISTS, fewest) * len(self.ids) / eligible)
        return faiss.SearchParametersIVF(sel=selector, nprobe=min(probed, self.ivf_lists))  # type: ignore[call-arg]

    def vectors(self, ids: Ints) -> tuple[Floats, Ints]:
        """Return the vectors (m, d) of the `ids` that are alive here, and their positions (m,) in `ids`."""
        rows, positions = self._rows(ids)
        if self.alive is not None:
            rows, positions = rows[self.alive[rows]], positions[self.alive[rows]]
        return self._by_row.reconstruct_batch(rows), positions

    def _rows(self, ids: Ints) -> tuple[Ints, Ints]:
        """Return the rows (m,) of the `ids` that are here, and their positions (m,) in `ids`."""
        rows = np.searchsorted(self.ids, ids)
        here = rows < len(self.ids)
        here[here] = self.ids[rows[here]] == ids[here]
        return rows[here], np.flatnonzero(here)


def ivf_lists_for(count: int) -> int:
    """Return how many IVF lists a segment of `count` vectors has; 0 when it is scanned whole."""
    return math.isqrt(4 * count) if count > MAX_EXACT_VECTORS else 0


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep FAISS on the calling thread.

    FAISS searches one query on one thread. OpenMP would still start a team for each calling thread, and its idle
    threads would take more time than the search.
    """
    import faiss

    usual = faiss.omp_get_max_threads()  # of the calling thread
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)


def _selector(rows: Mask) -> Any:
    """Return the FAISS selector of these rows."""
    import faiss

    return faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))  # type: ignore[call-arg,arg-type]


def _checked(blocks: Iterable[tuple[Ints, Floats]], dimension: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield the blocks as int64 and float32.

    Raises:
        ValueError: the shapes do not fit, or the ids are not ascending.
    """
    last = -1
    for ids, vectors in blocks:
        if vectors.shape != (len(ids), dimension):
            raise ValueError(f"{ids.shape} ids do not fit vectors of shape {vectors.shape}; give (n, {dimension})")
        if np.any(np.diff(ids, prepend=last) <= 0):
            raise ValueError("passage ids must be ascending and unique; sort them with their vectors")
        yield ids.astype(np.int64), np.ascontiguousarray(vectors, dtype=np.float32)
        last = int(ids[-1]) if len(ids) else last


def _trained(
    blocks: Iterator[tuple[Ints, Floats]], dimension: int, ivf_lists: int
) -> tuple[Any, list[tuple[Ints, Floats]]]:
    """Return an empty index with trained IVF lists, and the blocks that were taken to train it."""
    import faiss

    first, taken = [], 0
    while taken < TRAINING_VECTORS_PER_LIST * ivf_lists and (block := next(blocks, None)):
        first.append(block)
        taken += len(block[0])
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension),
        dimension,
        ivf_lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # store the vector itself, not its difference from the centroid of its list
    )
    index.cp.seed, index.cp.niter = KMEANS_SEED, KMEANS_ROUNDS
    index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = TRAINING_VECTORS_PER_LIST, 1
    index.train(np.concatenate([vectors for _, vectors in first]))
    index.make_direct_map()  # from a row to its list
    return index, first


class DenseIndex:
    """The vectors of a generation. A passage is alive in at most one segment. Searching is safe from many threads."""

    def __init__(self, segments: Sequence[Segment], dimension: int) -> None:
        """Search `segments`, whose vectors have `dimension` numbers.

        Raises:
            ValueError: a segment has another dimension.
        """
        if wrong := [segment.dimension for segment in segments if segment.dimension != dimension]:
            raise ValueError(f"a segment has vectors of {wrong[0]} numbers, the index of {dimension}")
        self.segments = tuple(segments)
        self.dimension = dimension

    def __len__(self) -> int:
        return sum(map(len, self.segments))

    def search(self, vector: Floats, k: int, allowed: Ints | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (passage id, cosine), best first, equal cosines by id; only `allowed` ids when given.

        Raises:
            ValueError: `vector` is not (d,).
        """
        if vector.shape != (self.dimension,):
            raise ValueError(f"a query vector of shape {vector.shape} does not fit an index of ({self.dimension},)")
        vector = np.ascontiguousarray(vector, dtype=np.float32)
        depth = k + EXTRA_RESULTS
        while k > 0:
            tops = [segment.top(vector, depth, allowed) for segment in self.segments]
            best = sorted(chain(*tops), key=lambda hit: (-hit[1], hit[0]))[:k]
            # A segment that returned all it was asked for may hold more passages with the same cosine as the last one.
            if not any(len(top) == depth and top[-1][1] >= best[-1][1] for top in tops):
                return best
            depth *= 4
        return []

    def cosines(self, vector: Floats, ids: Ints) -> Floats:
        """Return the cosine (n,) of `vector` with each passage of `ids`; NaN for a passage without a vector."""
        cosines = np.full(len(ids), np.nan, dtype=np.float32)
        for segment in self.segments:
            vectors, positions = segment.vectors(ids)
            cosines[positions] = vectors @ vector
        return cosines
