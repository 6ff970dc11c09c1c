"""Exact nearest passages by meaning: inner product over unit vectors, which is the cosine (FAISS, flat).

The vectors have half precision and stand in a few immutable segments; searching them all is searching one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.encode import Floats, Ints
from rag.errors import IndexDamaged

MORE = 16  # results asked for beyond `k`, so that equal scores at its edge rarely need a second look

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Segment:
    """An immutable set of passage vectors, in half precision. Searching is safe from several threads.

    Attributes:
        ids: of the passages (n,), ascending; the dead ones among them.
        alive: whether a passage still has this vector (n,); None when all have.
    """

    def __init__(self, index: Any, alive: Mask | None = None, held: Bytes | None = None) -> None:
        """Use `build` or `from_bytes`. `held` are the bytes that `index` only refers to."""
        import faiss

        self._index, self._held = index, held
        self._flat = faiss.downcast_index(index.index)  # by row: the ids are looked up here
        self.ids: Ints = faiss.vector_to_array(index.id_map)
        self.alive = alive
        self._alive_rows = None if alive is None else _selector(alive)

    def __len__(self) -> int:
        return len(self.ids) if self.alive is None else int(self.alive.sum())

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    @classmethod
    def build(cls, blocks: Iterable[tuple[Ints, Floats]], dimension: int) -> Segment:
        """Take in blocks of ids (m,) and vectors (m, d) of unit length; the ids ascend over all blocks.

        Raises:
            ValueError: the shapes do not fit each other, or the ids are not ascending.
        """
        import faiss

        half = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexIDMap(faiss.IndexScalarQuantizer(dimension, half, faiss.METRIC_INNER_PRODUCT))
        last = -1
        for ids, vectors in blocks:
            if vectors.shape != (len(ids), dimension):
                raise ValueError(f"{ids.shape} ids do not fit vectors of shape {vectors.shape}; give (n, {dimension})")
            if np.any(np.diff(ids, prepend=last) <= 0):
                raise ValueError("passage ids must be ascending and unique; sort them with their vectors")
            index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids.astype(np.int64))
            last = int(ids[-1]) if len(ids) else last
        return cls(index)

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
            raise IndexDamaged(f"the vector file is not a FAISS index ({error}): run `onrecord repair`") from error
        flat = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else None
        if not isinstance(flat, faiss.IndexScalarQuantizer) or flat.sq.qtype != faiss.ScalarQuantizer.QT_fp16:
            raise IndexDamaged(f"the vector file holds a {type(index).__name__}: run `onrecord repair`")
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
        import faiss

        if not len(self.ids):
            return []
        selector = self._alive_rows
        if allowed is not None:
            mask = np.zeros(len(self.ids), dtype=np.bool_)
            mask[self._rows(allowed)[0]] = True
            selector = _selector(mask if self.alive is None else mask & self.alive)
        only = None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        cosines, rows = self._flat.search(vector[None, :], min(k, len(self.ids)), params=only)
        found = rows[0] >= 0
        return list(zip(self.ids[rows[0][found]].tolist(), cosines[0][found].tolist(), strict=True))

    def vectors(self, ids: Ints) -> tuple[Floats, Ints]:
        """Return the vectors (m, d) of those of `ids` that have one here, and their places (m,) in `ids`."""
        rows, places = self._rows(ids)
        if self.alive is not None:
            rows, places = rows[self.alive[rows]], places[self.alive[rows]]
        return self._flat.reconstruct_batch(rows), places

    def _rows(self, ids: Ints) -> tuple[Ints, Ints]:
        """Return the rows (m,) of those of `ids` that are here, and their places (m,) in `ids`."""
        rows = np.searchsorted(self.ids, ids)
        here = rows < len(self.ids)
        here[here] = self.ids[rows[here]] == ids[here]
        return rows[here], np.flatnonzero(here)


def _selector(rows: Mask) -> Any:
    """Return what lets FAISS look at these rows only."""
    import faiss

    return faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))  # type: ignore[call-arg,arg-type]


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
