"""What was encoded lately is not encoded again, and is the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rag.models.base import Floats, TokenVectors
from rag.models.caching import MAX_CHARS, CachingEncoder
from tests.conftest import HashEncoder

QUESTION = "Who met whom?"
LONG = "rain " * MAX_CHARS


class Counting(HashEncoder):
    """Notes also the texts whose tokens are encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        self.read += texts
        return super().encode_tokens(texts)


def test_a_question_is_encoded_once() -> None:
    counting = Counting()
    remembering = CachingEncoder(counting)
    first, second = remembering.encode([QUESTION]), remembering.encode([QUESTION])
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, HashEncoder().encode([QUESTION]))
    assert counting.encoded == [QUESTION]
    assert (remembering.name, remembering.dimension) == (counting.name, counting.dimension)


def test_what_a_caller_does_to_its_vector_is_its_own_affair() -> None:
    remembering = CachingEncoder(HashEncoder())
    remembering.encode([QUESTION])[:] = 0
    np.testing.assert_array_equal(remembering.encode([QUESTION]), HashEncoder().encode([QUESTION]))


def test_many_texts_and_long_ones_pass_through_with_their_progress() -> None:
    counting, told = Counting(), list[int]()
    remembering = CachingEncoder(counting)
    tell: Callable[[int], None] = told.append
    many: Floats = remembering.encode([QUESTION, LONG], tell)
    remembering.encode([LONG])
    remembering.encode([LONG])
    assert (many.shape, told) == ((2, 32), [2])
    assert counting.encoded == [QUESTION, LONG, LONG, LONG]


def test_tokens_are_encoded_where_they_are_new_and_come_in_order() -> None:
    counting = Counting()
    remembering = CachingEncoder(counting)
    remembering.encode_tokens([QUESTION])
    found = remembering.encode_tokens([LONG, QUESTION, "Rain.", LONG])
    assert counting.read == [QUESTION, LONG, "Rain."]
    for tokens, text in zip(found, [LONG, QUESTION, "Rain.", LONG], strict=True):
        (alone,) = HashEncoder().encode_tokens([text])
        np.testing.assert_array_equal(tokens.vectors, alone.vectors)
        np.testing.assert_array_equal(tokens.spans, alone.spans)
    remembering.encode_tokens([LONG])
    assert counting.read[3:] == [LONG]
