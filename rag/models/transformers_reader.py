"""Any other answer reader: an extractive question-answering model of transformers, by its name or folder.

Such a model scores where an answer begins and ends (Devlin et al. 2019). A model that knows questions without an answer
(SQuAD 2.0, Rajpurkar et al. 2018) gives these scores to the first token where a text has no answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.models.base import MIN_LOG_PROBABILITY, AnswerSpans, Floats, by_length
from rag.models.sentence_transformers import load_model, threads_for

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_TOKENS = 384  # of question and sentence together
BATCH_SIZE = 32  # sentences that go through the model together


def load_transformers_reader(name: str) -> TransformersReader:
    """Load a model from its folder, from what was downloaded before, or from the hub.

    Raises:
        ConfigError: there is no such model, it is not on this machine and cannot be fetched, or it answers no
            questions.
    """
    model, tokenizer = load_model(_load, name, "answer reader", "embedded")
    return TransformersReader(model, tokenizer, name)


def _load(name: str, **options: Any) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    from sentence_transformers.util import get_device_name
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, **options)
    if not tokenizer.is_fast:
        raise ValueError("its tokenizer does not say which characters a token is from")
    model, report = AutoModelForQuestionAnswering.from_pretrained(name, output_loading_info=True, **options)
    if report["missing_keys"]:  # transformers would draw these weights at random
        raise ValueError(f"it is not trained to find answers: it lacks {', '.join(sorted(report['missing_keys']))}")
    return model.eval().to(get_device_name()), tokenizer


class TransformersReader:
    """An `AnswerReader` over a question-answering model of transformers. Safe to share between threads."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
        self.name = name
        self._model = model
        self._tokenizer = tokenizer
        # A fast tokenizer has padding and truncation as state: two threads in it at once raise "Already borrowed".
        self._lock = threading.Lock()

    def read(self, question: str, sentences: Sequence[str]) -> list[AnswerSpans]:
        """Return where the answer may be in each sentence, in the order of the sentences.

        The log odds that a sentence answers are those that a span is present.
        """
        spans: dict[int, AnswerSpans] = {}
        for rows in by_length(sentences, BATCH_SIZE):
            spans.update(zip(rows, self._batch(question, [sentences[row] for row in rows]), strict=True))
        return [spans[row] for row in range(len(sentences))]

    def _batch(self, question: str, sentences: list[str]) -> Iterator[AnswerSpans]:
        import torch

        characters = len(sentences) * len(question) + sum(map(len, sentences))
        with self._lock, threads_for(characters), torch.inference_mode():
            features = self._tokenizer(
                [question] * len(sentences),
                sentences,
                padding=True,
                truncation=True,
                max_length=self._max_tokens(),
                return_offsets_mapping=True,
                return_tensors="pt",
            ).to(self._model.device)
            offsets = features.pop("offset_mapping").cpu().numpy().astype(np.int64)  # (n, t, 2)
            scores = self._model(**features)
            odds = torch.stack([scores.start_logits, scores.end_logits], dim=-1).float().cpu().numpy()  # (n, t, 2)
        for row in range(len(sentences)):
            own = np.array([part == 1 for part in features.sequence_ids(row)])
            inside = np.flatnonzero(own & (offsets[row, :, 1] > offsets[row, :, 0]))
            yield _spans(odds[row, 0], odds[row, inside], offsets[row, inside])

    def _max_tokens(self) -> int:
        positions = getattr(self._model.config, "max_position_embeddings", MAX_TOKENS)
        return min(MAX_TOKENS, positions, self._tokenizer.model_max_length)


def _spans(first: Floats, odds: Floats, offsets: np.ndarray) -> AnswerSpans:
    """Return the spans for the scores of the first token, (2,), and of the sentence's tokens, (t, 2)."""
    total = np.logaddexp.reduce(odds, axis=0) if len(odds) else np.full(2, -np.inf, dtype=np.float32)
    absent = float((first - np.logaddexp(first, total)).sum())
    chances = odds - total
    spans = AnswerSpans(
        spans=offsets,
        begins=chances[:, 0],
        ends=chances[:, 1],
        absent=max(2 * MIN_LOG_PROBABILITY, absent),
        answers=0.0,
    )
    return replace(spans, answers=spans.present)
