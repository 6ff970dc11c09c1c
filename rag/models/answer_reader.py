"""The embedded answer reader: reads a question beside a sentence and says where in it the answer begins and ends.

It has six layers. `python -m eval.training.answer_reader` makes its weights (after Devlin et al. 2019: the first token
has the score that there is no answer).

It has two heads for whether a sentence answers, since it learned from two kinds of question. A question with a short
answer is answered where that answer has a span. A question that an article asks itself ("Why did it fail?") is answered
by a whole sentence, which a head of its own recognises.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rag.models.base import MIN_LOG_PROBABILITY, AnswerReader, AnswerSpans, Floats
from rag.models.caching import CachingAnswerReader
from rag.models.onnx import Inputs
from rag.models.pair_model import PairModel, pair_odds

if TYPE_CHECKING:
    from tokenizers import Encoding

MAX_TOKENS = 112  # of question and sentence together
SPAN_WEIGHTS = ("head.weight", "head.bias")
ANSWER_WEIGHTS = ("answers.weight", "answers.bias", "answers.cosine")
HEAD_WEIGHTS = (*SPAN_WEIGHTS, *ANSWER_WEIGHTS)


class EmbeddedAnswerReader:
    """The answer reader. Safe to share between threads."""

    name = "embedded"

    def __init__(self, weights: bytes | None = None) -> None:
        """Load the model; `weights` is the content of a file that is used instead of the embedded one."""
        self._model = PairModel("spans", HEAD_WEIGHTS, MAX_TOKENS, weights)

    def read(self, question: str, sentences: Sequence[str]) -> list[AnswerSpans]:
        """Return where the answer may be in each sentence, in the order of the sentences."""
        return self._model.run([(question, sentence) for sentence in sentences], self._spans)

    def _spans(self, encoding: Encoding, given: Inputs, states: Floats) -> AnswerSpans:
        weight, bias, *answer_weights = self._model.heads
        odds = states[0] @ weight + bias
        own = np.array(encoding.type_ids) == 1  # the sentence's tokens, and the special one at its end
        spans = np.array(encoding.offsets, dtype=np.int64)
        inside = np.flatnonzero(own & (spans[:, 1] > spans[:, 0]))
        total = np.logaddexp.reduce(odds[own], axis=0)
        absent = odds[0] - np.logaddexp(odds[0], total)
        chances = odds - total
        return AnswerSpans(
            spans=spans[inside],
            begins=chances[inside, 0],
            ends=chances[inside, 1],
            absent=max(2 * MIN_LOG_PROBABILITY, float(absent.sum())),
            answers=float(pair_odds(states, given, *answer_weights)[0]),
        )


@cache
def answer_reader() -> AnswerReader:
    """Return the answer reader, loaded once for all who use it."""
    return CachingAnswerReader(EmbeddedAnswerReader())
