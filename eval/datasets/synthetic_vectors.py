"""Draw any number of synthetic vectors from the real ones of an index, to measure archives of any size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.evaluation.questions import EvalError
from rag.index import catalog, queries
from rag.models.base import Floats, Ints, unit

NEIGHBOURS = 10
# Length of the noise beside that of the vector. With it the nearest neighbour of a drawn vector is as near (median
# cosine .80) as that of a real one, among 46,000 passages of a news archive.
NOISE = 0.4
MOST = 40_000  # real vectors drawn from: finding the neighbours of more takes long
BLOCK = 50_000  # vectors drawn at once


@dataclass(frozen=True, eq=False)
class Drawn:
    """Endless unit vectors, the same for the same seed: each a mix of a real one and one of its ten nearest, and noise.

    v = unit((1 - a) x + a y + e): x is any of the real vectors, y any of its neighbours, a is uniform on [0, 1], and e
    is normal with an expected length of `NOISE`. The drawn vectors have the topics of the real ones.

    Attributes:
        real: (n, d) float32 of unit length.
        neighbours: (n, `NEIGHBOURS`), rows of `real`.
    """

    real: Floats
    neighbours: npt.NDArray[np.int64]
    seed: int = 20

    @classmethod
    def of(cls, real: Floats, seed: int = 20) -> Drawn:
        """Draw from these vectors (n, d), or the first `MOST` of them; there must be more than ten."""
        import faiss

        real = np.ascontiguousarray(real[:MOST])
        index = faiss.IndexFlatIP(real.shape[1])
        index.add(real)
        return cls(real, index.search(real, NEIGHBOURS + 1)[1][:, 1:], seed)

    def blocks(self, count: int) -> Iterator[tuple[Ints, Floats]]:
        """Yield ids (m,) from 0 up and vectors (m, d), `count` in all."""
        for start in range(0, count, BLOCK):
            ids = np.arange(start, min(start + BLOCK, count))
            yield ids, self._block(start, len(ids))

    def _block(self, start: int, size: int) -> Floats:
        random = np.random.default_rng((self.seed, start))
        x = random.integers(len(self.real), size=size)
        y = self.neighbours[x, random.integers(NEIGHBOURS, size=size)]
        a = random.random((size, 1), dtype=np.float32)
        noise = random.standard_normal((size, self.real.shape[1]), dtype=np.float32)
        noise *= np.float32(NOISE / self.real.shape[1] ** 0.5)
        return unit((1 - a) * self.real[x] + a * self.real[y] + noise)


def real_vectors(index: Path) -> Floats:
    """Return the vectors (n, d) of the passages of an index, by passage id.

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: they cannot be read.
        EvalError: there are too few to draw from.
    """
    return np.concatenate([vectors for _, vectors in real_blocks(index)])


def real_blocks(index: Path) -> list[tuple[Ints, Floats]]:
    """Return blocks of passage ids (m,) and vectors (m, d), the ids ascending over all blocks.

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: they cannot be read.
        EvalError: there are too few to draw from.
    """
    with catalog.reader(index) as (connection, meta):
        blocks = list(queries.vectors(connection, meta.dimension))
    if sum(len(ids) for ids, _ in blocks) <= NEIGHBOURS:
        raise EvalError(f"{index} has no more than {NEIGHBOURS} vectors to draw from: give an index of more articles")
    return blocks
