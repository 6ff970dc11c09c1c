"""Train the embedded cross-encoder from the encoder's own weights: `python -m eval.training.cross_encoder --help`.

The teacher learns from answers. Each step has some questions, each with one sentence that answers it and some that do
not; the answer must score higher than the others and than "none of these", which is zero (after Nogueira & Cho 2019,
with a softmax over the group). The word vectors are not trained, so that they need not be stored twice.

The student, which is embedded, starts from every other layer of the teacher (Sanh et al. 2019), and learns the
teacher's log odds of the same pairs and of headlines with sentences (after Hinton et al. 2015).
"""

from __future__ import annotations

import argparse
import copy
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, BatchEncoding

from eval.datasets.ranking_examples import (
    RankingGroup,
    TitledSentence,
    disagreement_groups,
    headline_groups,
    quiz_groups,
    read_groups,
    squad_groups,
    write_groups,
)
from eval.training.optimisation import PairHead, learn, log
from rag.index.reader import Index
from rag.models.cross_encoder import HEAD_WEIGHTS, MAX_TOKENS, with_title
from rag.models.minilm import embedded_folder, rename_weights
from rag.models.onnx import quantise

OUT = Path(__file__).resolve().parents[2] / "rag" / "models" / "data" / "pairs.safetensors"
HARDEST = 14  # sentences that do not answer, those most like the question
OF_HARDEST = 0.7  # how often the sentences that do not answer are drawn from the hardest
UNTITLED = 0.25  # how often a sentence is shown without its title
HEADLINES, HEADLINES_UNTIL = 800, "2022-01-01"  # number of headlines, and the day before which they were published
STUDENT_LAYERS = (0, 2, 4)  # of the teacher's
ALIKE = 20.0  # weight of the angle between the student's vectors and the teacher's, beside the log odds


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training.

    Attributes:
        step_groups: questions in a step.
        negatives: sentences that do not answer, beside the one that does.
        rate: highest learning rate of the layers; that of the head is ten times as high.
    """

    epochs: int = 1
    step_groups: int = 6
    negatives: int = 7
    rate: float = 6e-5
    seed: int = 20


TEACHER = Recipe()
STUDENT = Recipe(rate=2e-4)


class CrossEncoderModel(nn.Module):
    """The cross-encoder as PyTorch trains it; `rag.models.cross_encoder` computes the same."""

    def __init__(self) -> None:
        super().__init__()
        none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # drawing them doubles a step's time
        self.trunk = AutoModel.from_pretrained(str(embedded_folder()), attn_implementation="sdpa", **none)
        self.trunk.pooler = None
        self.trunk.embeddings.word_embeddings.weight.requires_grad_(False)
        self.head = PairHead()

    def forward(self, given: BatchEncoding) -> tuple[Tensor, Tensor]:
        """Return (n,) log odds for n pairs, and the vectors (n, 3, d) they are computed from."""
        return self.head.of(self.trunk(**given).last_hidden_state.float(), given)

    def kept(self) -> dict[str, np.ndarray]:
        """Return the weights as they are shipped."""
        state = {name: value.detach().float().numpy() for name, value in self.trunk.state_dict().items()}
        weights = rename_weights(state, len(self.trunk.encoder.layer))
        del weights["words"]
        return quantise({**weights, **self.head.kept(HEAD_WEIGHTS)})


def train(groups: Sequence[RankingGroup], recipe: Recipe = TEACHER) -> CrossEncoderModel:
    """Train on the groups, in an order and with sentences drawn by the recipe's seed."""
    torch.manual_seed(recipe.seed)

    def loss(
        model: CrossEncoderModel, given: BatchEncoding, batch: Sequence[RankingGroup], sizes: Sequence[int]
    ) -> Tensor:
        odds, _ = model(given)
        return _cross_entropy(odds, batch, sizes)

    return _trained(CrossEncoderModel(), groups, recipe, loss)


def distil(teacher: CrossEncoderModel, groups: Sequence[RankingGroup], recipe: Recipe = STUDENT) -> CrossEncoderModel:
    """Train some layers of the teacher to predict what all of them predict."""
    torch.manual_seed(recipe.seed)

    def loss(
        model: CrossEncoderModel, given: BatchEncoding, batch: Sequence[RankingGroup], sizes: Sequence[int]
    ) -> Tensor:
        with torch.no_grad():
            right, theirs = teacher(given)
        odds, vectors = model(given)
        angle = 1 - nn.functional.cosine_similarity(vectors, theirs, dim=-1).mean()
        return nn.functional.mse_loss(odds, right) + ALIKE * angle

    student = thinned(teacher)
    student.head.drop.p = 0.0
    return _trained(student, groups, recipe, loss)


def thinned(model: CrossEncoderModel) -> CrossEncoderModel:
    """Return a copy with every other layer."""
    found = copy.deepcopy(model)
    found.trunk.encoder.layer = nn.ModuleList(found.trunk.encoder.layer[n] for n in STUDENT_LAYERS)
    return found


def _trained(
    model: CrossEncoderModel,
    groups: Sequence[RankingGroup],
    recipe: Recipe,
    loss_of: Callable[[CrossEncoderModel, BatchEncoding, Sequence[RankingGroup], Sequence[int]], Tensor],
) -> CrossEncoderModel:
    rng = random.Random(recipe.seed)  # noqa: S311
    tokenizer = AutoTokenizer.from_pretrained(str(embedded_folder()))

    def losses() -> Iterator[Tensor]:
        for batch in _batches(groups, recipe, rng):
            drawn = [_drawn(group, recipe.negatives, rng) for group in batch]
            pairs = [(group.question, text) for group, texts in zip(batch, drawn, strict=True) for text in texts]
            given = tokenizer(
                [question for question, _ in pairs],
                [text for _, text in pairs],
                truncation="longest_first",
                max_length=MAX_TOKENS,
                padding=True,
                return_tensors="pt",
            )
            yield loss_of(model, given, batch, [len(texts) for texts in drawn])

    steps = recipe.epochs * math.ceil(len(groups) / recipe.step_groups)
    learn(model.train().trunk, list(model.head.parameters()), losses(), recipe.rate, steps)
    return model.eval()


def _batches(groups: Sequence[RankingGroup], recipe: Recipe, rng: random.Random) -> Iterator[Sequence[RankingGroup]]:
    for _ in range(recipe.epochs):
        order = list(groups)
        rng.shuffle(order)
        for start in range(0, len(order), recipe.step_groups):
            yield order[start : start + recipe.step_groups]


def _drawn(group: RankingGroup, most: int, rng: random.Random) -> list[str]:
    """Return the texts drawn of a group: first one that answers, if any does."""
    bad = group.bad[:HARDEST] if rng.random() < OF_HARDEST else group.bad
    shown = [rng.choice(group.good[:2])] if group.good else []
    return [_shown(sentence, rng) for sentence in (*shown, *rng.sample(bad, min(most, len(bad))))]


def _shown(sentence: TitledSentence, rng: random.Random) -> str:
    return with_title(sentence.text, None if rng.random() < UNTITLED else sentence.title)


def _cross_entropy(odds: Tensor, groups: Sequence[RankingGroup], sizes: Sequence[int]) -> Tensor:
    """Return the mean cross-entropy of the groups, with "none of these", at zero, as the first class."""
    losses = [
        nn.functional.cross_entropy(torch.cat([torch.zeros(1), own])[None], torch.tensor([int(bool(group.good))]))
        for group, own in zip(groups, torch.split(odds, list(sizes)), strict=True)
    ]
    return torch.stack(losses).mean()


def main() -> None:
    """Collect the groups and train the teacher, unless their files exist; then train and write the student."""
    parser = argparse.ArgumentParser(prog="python -m eval.training.cross_encoder", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--kept", type=Path, required=True, metavar="DIR", help="folder of the groups and of the teacher"
    )
    parser.add_argument("--quiz", type=Path, required=True, metavar="FILE", help="questions.jsonl of a news quiz")
    parser.add_argument(
        "--index", type=Path, required=True, metavar="DIR", help="of the archive the quiz was written from"
    )
    parser.add_argument("--year", default="2023", help="of the quiz questions to learn from (default %(default)s)")
    parser.add_argument("--squad", type=Path, required=True, metavar="DIR", help="a SQuAD 2.0 sample")
    parser.add_argument("--ramdocs", type=Path, required=True, metavar="FILE", help="a set in the form of RAMDocs")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="the weights (default %(default)s)")
    arguments = parser.parse_args()
    arguments.kept.mkdir(parents=True, exist_ok=True)
    groups = _groups(arguments)
    teacher = _teacher(arguments.kept / "teacher.safetensors", groups)
    student = distil(teacher, [*groups, *_headlines(arguments)])
    arguments.out.write_bytes(save(student.kept()))


def _groups(arguments: argparse.Namespace) -> list[RankingGroup]:
    path = arguments.kept / "groups.jsonl"
    if not path.exists():
        with Index.open(arguments.index).snapshot() as snap:
            groups = quiz_groups(snap, arguments.quiz, arguments.year, _log_progress)
        write_groups(path, groups + squad_groups(arguments.squad) + disagreement_groups(arguments.ramdocs))
    return read_groups(path)


def _headlines(arguments: argparse.Namespace) -> list[RankingGroup]:
    path = arguments.kept / "headlines.jsonl"
    if not path.exists():
        with Index.open(arguments.index).snapshot() as snap:
            write_groups(path, headline_groups(snap, HEADLINES_UNTIL, HEADLINES, STUDENT.seed, _log_progress))
    return read_groups(path)


def _teacher(path: Path, groups: Sequence[RankingGroup]) -> CrossEncoderModel:
    if not path.exists():
        save_file(train(groups).state_dict(), path)
    model = CrossEncoderModel()
    model.load_state_dict(load_file(path))
    return model.eval()


def _log_progress(done: int, total: int) -> None:
    if done % 100 == 0:
        log(f"question {done} of {total}")


if __name__ == "__main__":
    main()
