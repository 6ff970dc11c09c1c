"""Train the embedded answer reader from the encoder's weights: `python -m eval.training.answer_reader --help`.

Each example is a question beside a sentence; the reader predicts the first and the last token of the answer, or the
first token of the input when the sentence does not answer (after Devlin et al. 2019). Made questions come first, real
ones after.

It also learns answerability, from groups: one of the sentences that may answer must score higher than all others and
than "none of these", which is zero. It is not known which sentence of a section answers (after Dietterich et al. 1997).
Groups of sections come beside the made questions, and groups of sections and of real questions beside the real ones.

The word vectors are not trained, so that they need not be stored twice.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, BatchEncoding, PreTrainedTokenizerBase

from eval.datasets.qrels import QUESTIONS, read_retrieval_set
from eval.datasets.ranking_examples import RankingGroup, read_groups
from eval.datasets.sections import section_groups
from eval.datasets.span_examples import (
    SpanExample,
    cloze_examples,
    disagreement_examples,
    quiz_examples,
    squad_examples,
)
from eval.training.optimisation import PairHead, learn, log
from rag.evaluation.questions import json_rows
from rag.index.reader import Index
from rag.models.answer_reader import ANSWER_WEIGHTS, MAX_TOKENS
from rag.models.minilm import DIMENSION, embedded_folder, rename_weights
from rag.models.onnx import quantise

OUT = Path(__file__).resolve().parents[2] / "rag" / "models" / "data" / "spans.safetensors"
OPENING = 5000  # first characters of an article, of which questions are made
IMPOSSIBLE = -1e4  # log odds of a token of the question
BUCKET = 8  # batches that are sorted by length together
STEP_GROUPS = 10  # beside each batch
NONE = 0.25  # how often the sentences that may answer are left out, so that none answers
HARDEST, OF_HARDEST, SHOWN = 14, 0.7, 5  # SHOWN others are drawn, with this probability from the HARDEST most similar
SEED = 20


@dataclass(frozen=True, slots=True)
class TrainingPhase:
    """Epochs, batch size and highest learning rate of some examples."""

    epochs: int
    batch: int
    rate: float


MADE, REAL = TrainingPhase(1, 32, 8e-5), TrainingPhase(2, 16, 5e-5)


class AnswerReaderModel(nn.Module):
    """The answer reader as PyTorch trains it; `rag.models.answer_reader` computes the same."""

    def __init__(self) -> None:
        super().__init__()
        none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        self.trunk = AutoModel.from_pretrained(str(embedded_folder()), attn_implementation="sdpa", **none)
        self.trunk.pooler = None
        self.trunk.embeddings.word_embeddings.weight.requires_grad_(False)
        self.head = nn.Linear(DIMENSION, 2)
        nn.init.normal_(self.head.weight, std=0.02)
        self.drop = nn.Dropout(0.1)
        self.answers = PairHead()

    def forward(self, given: BatchEncoding) -> tuple[Tensor, Tensor]:
        """Return (n, t, 2), the log odds that an answer begins and ends at each token, and (n,), that there is one."""
        states = self.trunk(**given).last_hidden_state.float()
        allowed = (given["token_type_ids"] * given["attention_mask"]).bool()
        allowed[:, 0] = True  # no answer
        odds: Tensor = self.head(self.drop(states)).masked_fill(~allowed[..., None], IMPOSSIBLE)
        return odds, self.answers.of(states, given)[0]

    def kept(self) -> dict[str, np.ndarray]:
        """Return the weights as they are shipped."""
        weights = rename_weights(
            {name: value.detach().float().numpy() for name, value in self.trunk.state_dict().items()}
        )
        del weights["words"]
        kept = quantise(weights)
        kept["head.weight"] = np.ascontiguousarray(self.head.weight.detach().numpy().T)
        kept["head.bias"] = self.head.bias.detach().numpy()
        return {**kept, **self.answers.kept(ANSWER_WEIGHTS)}


def train(
    made: Sequence[SpanExample],
    real: Sequence[SpanExample],
    sections: Sequence[RankingGroup],
    asked: Sequence[RankingGroup],
    seed: int = SEED,
) -> AnswerReaderModel:
    """Train on the made examples and then on the real ones.

    Args:
        made: cloze questions.
        real: questions of people.
        sections: groups to learn from beside the made examples.
        asked: groups to learn from, in turns with the sections, beside the real examples.
        seed: of the order and of the sentences drawn.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311
    model, tokenizer = AnswerReaderModel(), AutoTokenizer.from_pretrained(str(embedded_folder()))
    of_sections = _endless(sections, rng)
    both = (batch for pair in zip(of_sections, _endless(asked, rng), strict=True) for batch in pair)
    for examples, how, groups in ((made, MADE, of_sections), (real, REAL, both)):
        _learn(model, tokenizer, examples, how, groups, rng)
    return model.eval()


def _learn(
    model: AnswerReaderModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[SpanExample],
    how: TrainingPhase,
    groups: Iterator[Sequence[RankingGroup]],
    rng: random.Random,
) -> None:
    def losses() -> Iterator[Tensor]:
        for batch in _batches(examples, how, rng):
            yield _places_loss(model, tokenizer, batch) + _answers_loss(model, tokenizer, next(groups))

    steps = how.epochs * math.ceil(len(examples) / how.batch)
    heads = [*model.head.parameters(), *model.answers.parameters()]
    learn(model.train().trunk, heads, losses(), how.rate, steps)


def _places_loss(model: AnswerReaderModel, tokenizer: PreTrainedTokenizerBase, batch: Sequence[SpanExample]) -> Tensor:
    given, target = _encoded(tokenizer, batch)
    odds, _ = model(given)
    return sum((nn.functional.cross_entropy(odds[..., side], target[:, side]) for side in (0, 1)), torch.zeros(()))


def _answers_loss(
    model: AnswerReaderModel, tokenizer: PreTrainedTokenizerBase, groups: Sequence[RankingGroup]
) -> Tensor:
    """Return the mean negative log likelihood that a sentence that may answer does; "none of these" is zero."""
    pairs = [(group.question, sentence.text) for group in groups for sentence in (*group.good, *group.bad)]
    order = sorted(range(len(pairs)), key=lambda n: len(pairs[n][1]))
    found = []
    middle = len(order) // 2
    for part in filter(None, (order[:middle], order[middle:])):  # of similar length, to need less padding
        given = _read(tokenizer, [pairs[n][0] for n in part], [pairs[n][1] for n in part])
        given.pop("offset_mapping")
        found.append(model(given)[1])
    odds = torch.cat(found)[torch.tensor(order).argsort()]
    losses, at = [], 0
    for group in groups:
        own = odds[at : at + len(group.good) + len(group.bad)]
        at += len(own)
        right = own[: len(group.good)] if group.good else torch.zeros(1)
        losses.append(torch.cat([torch.zeros(1), own]).logsumexp(dim=0) - right.logsumexp(dim=0))
    return torch.stack(losses).mean()


def _endless(groups: Sequence[RankingGroup], rng: random.Random) -> Iterator[Sequence[RankingGroup]]:
    """Yield batches of the groups without end, in each epoch in another order and with other sentences."""
    while True:
        order = [_drawn(group, rng) for group in groups]
        rng.shuffle(order)
        yield from (order[at : at + STEP_GROUPS] for at in range(0, len(order), STEP_GROUPS))


def _drawn(group: RankingGroup, rng: random.Random) -> RankingGroup:
    """Return the group with the sentences drawn for this step."""
    bad = group.bad[:HARDEST] if rng.random() < OF_HARDEST else group.bad
    good = () if rng.random() < NONE else group.good
    return RankingGroup(group.question, good, tuple(rng.sample(bad, min(SHOWN, len(bad)))))


def _batches(
    examples: Sequence[SpanExample], how: TrainingPhase, rng: random.Random
) -> Iterator[Sequence[SpanExample]]:
    """Yield each example once in each epoch, beside others of similar length."""
    for _ in range(how.epochs):
        order = list(examples)
        rng.shuffle(order)
        for start in range(0, len(order), BUCKET * how.batch):
            bucket = sorted(order[start : start + BUCKET * how.batch], key=lambda e: len(e.sentence))
            yield from (bucket[at : at + how.batch] for at in range(0, len(bucket), how.batch))


def _read(tokenizer: PreTrainedTokenizerBase, questions: Sequence[str], sentences: Sequence[str]) -> BatchEncoding:
    given: BatchEncoding = tokenizer(
        list(questions),
        list(sentences),
        truncation="only_second",
        max_length=MAX_TOKENS,
        padding=True,
        return_tensors="pt",
        return_offsets_mapping=True,
    )
    return given


def _encoded(tokenizer: PreTrainedTokenizerBase, batch: Sequence[SpanExample]) -> tuple[BatchEncoding, Tensor]:
    """Return the input of the model, and (n, 2): the first and last token of each answer, 0 and 0 for none."""
    given = _read(tokenizer, [e.question for e in batch], [e.sentence for e in batch])
    offsets = given.pop("offset_mapping")
    target = torch.zeros(len(batch), 2, dtype=torch.long)
    for row, example in enumerate(batch):
        if example.answer is None:
            continue
        (start, end), spans = example.answer, offsets[row]
        touched = (given["token_type_ids"][row] == 1) & (spans[:, 0] < end) & (spans[:, 1] > start)
        if len(tokens := touched.nonzero()):  # else the answer is in the part that was cut off
            target[row] = torch.stack([tokens[0, 0], tokens[-1, 0]])
    return given, target


def main() -> None:
    """Collect the examples, train on them and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m eval.training.answer_reader", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--groups", type=Path, required=True, metavar="FILE", help="kept by python -m eval.training.cross_encoder"
    )
    parser.add_argument("--archive", type=Path, required=True, metavar="DIR", help="a news archive with quiz questions")
    parser.add_argument("--year", default="2023", help="of the quiz questions to learn from (default %(default)s)")
    parser.add_argument("--but", default="2022", metavar="YEAR", help="no question is made of articles of that year")
    parser.add_argument("--index", type=Path, required=True, metavar="DIR", help="of the archive")
    parser.add_argument("--squad", type=Path, required=True, metavar="DIR", help="a SQuAD 2.0 sample")
    parser.add_argument("--ramdocs", type=Path, required=True, metavar="FILE", help="a set in the form of RAMDocs")
    parser.add_argument("--made", type=int, default=6_000, metavar="N", help="made questions (default %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="the weights (default %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)  # noqa: S311
    texts = _texts(arguments.archive / "articles.jsonl.gz", arguments.but)
    rng.shuffle(texts)
    made = cloze_examples(texts, arguments.made, rng)
    asked = read_groups(arguments.groups)
    real = quiz_examples(asked, arguments.archive / QUESTIONS, arguments.year)
    real += squad_examples(arguments.squad) + disagreement_examples(arguments.ramdocs)
    sections = _sections(arguments.index, arguments.archive, rng)
    log(f"{len(made)} made questions, {len(real)} real ones; {len(sections)} sections, {len(asked)} real groups")
    arguments.out.write_bytes(save(train(made, real, sections, asked, arguments.seed).kept()))


def _sections(index: Path, archive: Path, rng: random.Random) -> list[RankingGroup]:
    """Return the groups of the sections of articles that no benchmark question is about."""
    known = read_retrieval_set(archive).relevant
    path = archive / QUESTIONS
    measured = [row["question"] for _, row in json_rows(path, path.read_text("utf-8"))]
    with Index.open(index).snapshot() as snap:
        return section_groups(snap, known, measured, rng)


def _texts(path: Path, but: str) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = (json.loads(line) for line in file)
        return [row["text"][:OPENING] for row in rows if not str(row["published"]).startswith(but)]


if __name__ == "__main__":
    main()
