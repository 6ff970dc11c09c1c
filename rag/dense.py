"""Exact nearest passages by meaning: inner product over unit vectors, which is the cosine (FAISS, flat)."""

from __future__ import annotations

from typing import Any

import numpy as np

from rag.encode import Floats, Ints
from rag.errors import IndexDamaged


class Dense:
    """An immutable set of passage vectors. Searching is safe from several threads."""

    def __init__(self, ids: Ints, vectors: Floats) -> None:
        """Index `vectors` (n, d), unit length, under `ids` (n,), ascending and unique.

        Raises:
            ValueError: the shapes do not fit each other, or the ids are not ascending.
        """
        import faiss

        if vectors.ndim != 2 or ids.shape != (len(vectors),):
            raise ValueError(f"{ids.shape} ids do not fit vectors of shape {vectors.shape}; give (n,) and (n, d)")
        if np.any(np.diff(ids) <= 0):
            raise ValueError("passage ids must be ascending and unique; sort them with their vectors")
        index = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[1]))
        index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids.astype(np.int64))
        self._set(index)

    def _set(self, index: Any) -> None:
        import faiss

        self._index = index
        self.ids: Ints = faiss.vector_to_array(index.id_map)
        self.dimension = int(index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def from_bytes(cls, data: bytes) -> Dense:
        """Read what `to_bytes` wrote. Only for bytes whose checksum was verified: FAISS trusts what it parses.

        Raises:
            IndexDamaged: the bytes are another kind of index.
        """
        import faiss

        try:
            index = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
        except RuntimeError as error:
            raise IndexDamaged(f"the vector file is not a FAISS index ({error}): run `onrecord build`") from error
        flat = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else None
        if not isinstance(flat, faiss.IndexFlatIP):
            raise IndexDamaged(f"the vector file holds a {type(index).__name__}: run `onrecord build`")
        dense = cls.__new__(cls)
        dense._set(index)
        return dense

    def to_bytes(self) -> bytes:
        import faiss

        return bytes(faiss.serialize_index(self._index).tobytes())

    def search(self, vector: Floats, k: int, allowed: Ints | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (passage id, cosine), best first, equal ones by id; only `allowed` ids when given.

        Raises:
            ValueError: `vector` is not (d,).
        """
        import faiss

        if vector.shape != (self.dimension,):
            raise ValueError(f"a query vector of shape {vector.shape} does not fit an index of ({self.dimension},)")
        k = min(k, len(self) if allowed is None else len(allowed))
        if k <= 0:
            return []
        only = None if allowed is None else faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))  # type: ignore[call-arg]
        cosines, ids = self._index.search(vector[None, :].astype(np.float32), k, params=only)
        found = [(int(id_), float(cosine)) for id_, cosine in zip(ids[0], cosines[0], strict=True) if id_ >= 0]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def cosines(self, vector: Floats, ids: Ints) -> Floats:
        """Return the cosine (n,) of `vector` with each passage of `ids`, all of which must be in the index."""
        if not len(ids):
            return np.empty(0, dtype=np.float32)
        rows = np.searchsorted(self.ids, ids)
        if np.any(rows >= len(self.ids)) or np.any(self.ids[np.minimum(rows, len(self.ids) - 1)] != ids):
            raise KeyError(f"passages not in the vector index: {set(map(int, ids)) - set(map(int, self.ids))}")
        vectors: Floats = self._index.index.reconstruct_batch(rows)
        return vectors @ vector
