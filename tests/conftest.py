"""What the tests share: the five seeds indexed once with the real encoder, and an encoder that costs nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from rag.index.build import build
from rag.index.reader import Index
from rag.models.base import Encoder, Floats, Models, TokenVectors
from rag.models.registry import load_answer_reader, load_encoder

# Files whose tests take the longest, in that order: begun first, they leave neither of two workers alone at the end.
LONGEST = ("test_states", "test_browser", "test_reliability", "test_growth", "test_speed", "test_answer_reader")
SEEDS = Path(__file__).resolve().parent.parent / "seeds"

# No test fails because the machine is slow or busy.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


class HashEncoder:
    """An `Encoder` at the seam: a text is the sum of a fixed random vector for each of its words.

    Attributes:
        encoded: every text that was ever encoded, in order.
        fail_after: raises when asked to go on after so many texts; None never does.
    """

    def __init__(self, name: str = "hash", dimension: int = 32, fail_after: int | None = None) -> None:
        self.name, self.dimension, self.fail_after = name, dimension, fail_after
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        if self.fail_after is not None and len(self.encoded) >= self.fail_after:
            raise RuntimeError("the encoder broke")
        self.encoded += texts
        if progress:
            progress(len(texts))
        return np.array([self._vector(text) for text in texts], dtype=np.float32).reshape(-1, self.dimension)

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        spans = [[match.span() for match in re.finditer(r"\w+", text)] for text in texts]
        return [
            TokenVectors(
                np.array([self._word(text[a:b]) for a, b in found], dtype=np.float32).reshape(-1, self.dimension),
                np.array(found, dtype=np.int64).reshape(-1, 2),
            )
            for text, found in zip(texts, spans, strict=True)
        ]

    def _vector(self, text: str) -> Floats:
        total = np.sum([self._word(word) for word in [*re.findall(r"\w+", text), ""]], axis=0)
        unit: Floats = (total / np.linalg.norm(total)).astype(np.float32)
        return unit

    def _word(self, word: str) -> Floats:
        seed = int.from_bytes(hashlib.sha256(word.lower().encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).normal(size=self.dimension)
        unit: Floats = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def seeds() -> Path:
    """The folder of the five articles; copy it before changing anything."""
    return SEEDS


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The embedded encoder, loaded once."""
    return load_encoder()


@pytest.fixture(scope="session")
def models(encoder: Encoder) -> Models:
    """The embedded encoder and answer reader, loaded once; no reranker."""
    return Models(encoder, load_answer_reader())


@pytest.fixture(scope="session")
def seed_index(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """An index folder over the five seeds, built once with the embedded encoder; only read it."""
    path = tmp_path_factory.mktemp("seed") / "index"
    build(SEEDS, path, encoder)
    return path


@pytest.fixture
def hash_encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An empty folder for articles."""
    path = tmp_path / "seeds"
    path.mkdir()
    return path


@pytest.fixture
def index_path(tmp_path: Path) -> Path:
    """A folder for an index, not there yet."""
    return tmp_path / "index"


@pytest.fixture(scope="session")
def seed_archive(seed_index: Path, encoder: Encoder) -> Index:
    """The five seeds' index, open."""
    return Index.open(seed_index, encoder)
