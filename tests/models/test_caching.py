"""A cached text is encoded once, and its vectors are the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.models.base import TokenVectors
from rag.models.caching import MAX_CHARS, Cache, CachingEncoder
from tests.conftest import HashEncoder

QUESTION = "Who met whom?"
LONG = "rain " * MAX_CHARS


class Counting(HashEncoder):
    """Also lists the texts whose tokens are encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        self.read += texts
        return super().encode_tokens(texts)


def test_a_question_is_encoded_once() -> None:
    counting = Counting()
    caching = CachingEncoder(counting)
    first, second = caching.encode([QUESTION]), caching.encode([QUESTION])
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, HashEncoder().encode([QUESTION]))
    assert counting.encoded == [QUESTION]
    assert (caching.name, caching.dimension) == (counting.name, counting.dimension)


def test_a_caller_may_change_its_vector() -> None:
    caching = CachingEncoder(HashEncoder())
    caching.encode([QUESTION])[:] = 0
    np.testing.assert_array_equal(caching.encode([QUESTION]), HashEncoder().encode([QUESTION]))


def test_many_texts_and_long_ones_pass_through_with_their_progress() -> None:
    counting, progress = Counting(), list[int]()
    caching = CachingEncoder(counting)
    many = caching.encode([QUESTION, LONG], progress.append)
    caching.encode([LONG])
    caching.encode([LONG])
    assert (many.shape, progress) == ((2, 32), [2])
    assert counting.encoded == [QUESTION, LONG, LONG, LONG]


def test_tokens_are_encoded_where_they_are_new_and_come_in_order() -> None:
    counting = Counting()
    caching = CachingEncoder(counting)
    caching.encode_tokens([QUESTION])
    encoded = caching.encode_tokens([LONG, QUESTION, "Rain.", LONG])
    assert counting.read == [QUESTION, LONG, "Rain."]
    for tokens, text in zip(encoded, [LONG, QUESTION, "Rain.", LONG], strict=True):
        (alone,) = HashEncoder().encode_tokens([text])
        np.testing.assert_array_equal(tokens.vectors, alone.vectors)
        np.testing.assert_array_equal(tokens.spans, alone.spans)
    caching.encode_tokens([LONG])
    assert counting.read[3:] == [LONG]


def test_a_cache_computes_each_missing_value_once_and_drops_the_least_used() -> None:
    cache: Cache[str, int] = Cache(2)
    computed: list[list[str]] = []

    def lengths(keys: list[str]) -> list[int]:
        computed.append(keys)
        return [len(key) for key in keys]

    assert cache.values(["a", "bb", "a"], lengths) == [1, 2, 1]
    assert cache.values(["bb", "a"], lengths) == [2, 1]
    assert cache.values(["ccc"], lengths, lambda key: len(key) < 3) == [3]
    assert cache.values(["dddd"], lengths) == [4]
    assert (cache.get("bb"), cache.get("a"), cache.get("ccc"), cache.get("dddd")) == (None, 1, None, 4)
    assert computed == [["a", "bb"], ["ccc"], ["dddd"]]
