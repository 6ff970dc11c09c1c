"""The nearest passages by meaning: inner product over unit vectors, which is the cosine (FAISS).

The vectors have half precision and stand in a few immutable segments; searching them all is searching one. A segment
of up to `LARGE` vectors is scanned whole, which is exact. A larger one is divided into cells, of which a search scans
the nearest (inverted file; Jégou, Douze & Schmid 2011, without their compression): docs/index-size.md says what that
costs and finds.
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

MORE = 16  # results asked for beyond `k`, so that equal scores at its edge rarely need a second look
# A scan reads every vector from memory, ten milliseconds for this many, and segments of at most this size add up to
# twice as many. On a busy machine the memory is what there is least of.
LARGE = 100_000
PROBED = 128  # cells that a search of a large segment scans, of about 2√n: so many find what counts at any n
SPARE = 4  # times the results asked for: the least vectors that a search compares
TRAINED_ON = 64  # vectors for each cell, from which its place is found
ROUNDS = 10  # of k-means
SEED = 20

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Segment:
    """An immutable set of passage vectors, in half precision. Searching is safe from several threads.

    Attributes:
        ids: of the passages (n,), ascending; the dead ones among them.
        alive: whether a passage still has this vector (n,); None when all have.
        cells: that the vectors are divided into; 0 when all are scanned.
    """

    def __init__(self, index: Any, alive: Mask | None = None, held: Bytes | None = None) -> None:
        """Use `build` or `from_bytes`. `held` are the bytes that `index` only refers to."""
        import faiss

        self._index, self._held = index, held
        self._by_row = faiss.downcast_index(index.index)  # the ids are looked up here
        self.cells = self._by_row.nlist if isinstance(self._by_row, faiss.IndexIVF) else 0
        self.ids: Ints = faiss.vector_to_array(index.id_map)
        self.alive = alive
        self._alive_rows = None if alive is None else _selector(alive)

    def __len__(self) -> int:
        return len(self.ids) if self.alive is None else int(self.alive.sum())

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    @classmethod
    def build(cls, blocks: Iterable[tuple[Ints, Floats]], dimension: int, cells: int = 0) -> Segment:
        """Take in blocks of ids (m,) and vectors (m, d) of unit length; the ids ascend over all blocks.

        They are divided into as many `cells`, by what the first of them look like. Ids are digests, so those are as
        good as drawn at random.

        Raises:
            ValueError: the shapes do not fit each other, or the ids are not ascending.
        """
        import faiss

        checked = _checked(blocks, dimension)
        first: list[tuple[Ints, Floats]] = []
        if cells:
            index, first = _divided(checked, dimension, cells)
        else:
            index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        numbered = faiss.IndexIDMap(index)
        for ids, vectors in chain(first, checked):
            numbered.add_with_ids(vectors, ids)
        return cls(numbered)

    @classmethod
    def from_bytes(cls, data: Bytes) -> Segment:
        """Read what `write` wrote. Only for bytes whose checksum was verified: FAISS trusts what it parses.

        The segment refers to `data` instead of copying it; leave it as it is.

        Raises:
            IndexDamaged: the bytes are another kind of index.
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
        return cls(index, held=data)

    def write(self, path: Path) -> None:
        """Write all of it, dead passages too, into a new file.

        Raises:
            OSError: the disk is full, or the like.
        """
        import faiss

        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(f"vector file {path}: {error}") from error

    def without(self, dead: Ints) -> Segment:
        """Return the same vectors but for those of `dead`, all of which must be of this segment; nothing is copied."""
        if not len(dead):
            return self if self.alive is None else Segment(self._index, held=self._held)
        alive = np.ones(len(self.ids), dtype=np.bool_)
        alive[self._rows(dead)[0]] = False
        return Segment(self._index, alive, self._held)

    def top(self, vector: Floats, k: int, allowed: Ints | None) -> list[tuple[int, float]]:
        """Return up to `k` (passage id, cosine), best first; which of equal ones come last is left to chance."""
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
        found = rows[0] >= 0
        return list(zip(self.ids[rows[0][found]].tolist(), cosines[0][found].tolist(), strict=True))

    def _parameters(self, selector: Any, k: int, eligible: int) -> Any:
        """Return what tells FAISS to look at `eligible` vectors only, and at how many cells.

        The fewer are eligible, the more cells: about as many vectors are compared as without a selection, and where
        the eligible ones are no more than that, all of them.
        """
        import faiss

        if not self.cells:
            return None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        least = math.ceil(SPARE * k * self.cells / len(self.ids))
        probed = math.ceil(max(PROBED, least) * len(self.ids) / eligible)
        return faiss.SearchParametersIVF(sel=selector, nprobe=min(probed, self.cells))  # type: ignore[call-arg]

    def vectors(self, ids: Ints) -> tuple[Floats, Ints]:
        """Return the vectors (m, d) of those of `ids` that have one here, and their places (m,) in `ids`."""
        rows, places = self._rows(ids)
        if self.alive is not None:
            rows, places = rows[self.alive[rows]], places[self.alive[rows]]
        return self._by_row.reconstruct_batch(rows), places

    def _rows(self, ids: Ints) -> tuple[Ints, Ints]:
        """Return the rows (m,) of those of `ids` that are here, and their places (m,) in `ids`."""
        rows = np.searchsorted(self.ids, ids)
        here = rows < len(self.ids)
        here[here] = self.ids[rows[here]] == ids[here]
        return rows[here], np.flatnonzero(here)


def ivf_lists_for(count: int) -> int:
    """Return how many cells a segment of `count` vectors is divided into; 0 when it is scanned whole."""
    return math.isqrt(4 * count) if count > LARGE else 0


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep FAISS on the calling thread, for one query is searched on one anyway: the threads that OpenMP would start
    for it, anew for each thread that asks, only wait, and burn more time than the search takes.
    """
    import faiss

    usual = faiss.omp_get_max_threads()  # of the calling thread
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)


def _selector(rows: Mask) -> Any:
    """Return what lets FAISS look at these rows only."""
    import faiss

    return faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))  # type: ignore[call-arg,arg-type]


def _checked(blocks: Iterable[tuple[Ints, Floats]], dimension: int) -> Iterator[tuple[Ints, Floats]]:
    last = -1
    for ids, vectors in blocks:
        if vectors.shape != (len(ids), dimension):
            raise ValueError(f"{ids.shape} ids do not fit vectors of shape {vectors.shape}; give (n, {dimension})")
        if np.any(np.diff(ids, prepend=last) <= 0):
            raise ValueError("passage ids must be ascending and unique; sort them with their vectors")
        yield ids.astype(np.int64), np.ascontiguousarray(vectors, dtype=np.float32)
        last = int(ids[-1]) if len(ids) else last


def _divided(
    blocks: Iterator[tuple[Ints, Floats]], dimension: int, cells: int
) -> tuple[Any, list[tuple[Ints, Floats]]]:
    """Return an empty index of as many cells, and the blocks that were taken to find their places."""
    import faiss

    first, taken = [], 0
    while taken < TRAINED_ON * cells and (block := next(blocks, None)):
        first.append(block)
        taken += len(block[0])
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension),
        dimension,
        cells,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # a vector itself is stored, not how far it is from the middle of its cell
    )
    index.cp.seed, index.cp.niter = SEED, ROUNDS
    index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = TRAINED_ON, 1
    index.train(np.concatenate([vectors for _, vectors in first]))
    index.make_direct_map()  # from a row to its cell
    return index, first


class Dense:
    """The vectors of a generation: no passage is alive in two segments. Searching is safe from several threads."""

    def __init__(self, segments: Sequence[Segment], dimension: int) -> None:
        """Search `segments`, whose vectors have `dimension` numbers.

        Raises:
            ValueError: a segment's have not.
        """
        if wrong := [segment.dimension for segment in segments if segment.dimension != dimension]:
            raise ValueError(f"a segment has vectors of {wrong[0]} numbers, the index of {dimension}")
        self.segments = tuple(segments)
        self.dimension = dimension

    def __len__(self) -> int:
        return sum(map(len, self.segments))

    def search(self, vector: Floats, k: int, allowed: Ints | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (passage id, cosine), best first, equal ones by id; only `allowed` ids when given.

        Raises:
            ValueError: `vector` is not (d,).
        """
        if vector.shape != (self.dimension,):
            raise ValueError(f"a query vector of shape {vector.shape} does not fit an index of ({self.dimension},)")
        vector = np.ascontiguousarray(vector, dtype=np.float32)
        depth = k + MORE
        while k > 0:
            tops = [segment.top(vector, depth, allowed) for segment in self.segments]
            best = sorted(chain(*tops), key=lambda hit: (-hit[1], hit[0]))[:k]
            # A segment that has more to give, and gave something as good as the last of these, may hide its equals.
            if not any(len(top) == depth and top[-1][1] >= best[-1][1] for top in tops):
                return best
            depth *= 4
        return []

    def cosines(self, vector: Floats, ids: Ints) -> Floats:
        """Return the cosine (n,) of `vector` with each passage of `ids`; NaN for one that has no vector (yet)."""
        cosines = np.full(len(ids), np.nan, dtype=np.float32)
        for segment in self.segments:
            vectors, places = segment.vectors(ids)
            cosines[places] = vectors @ vector
        return cosines
