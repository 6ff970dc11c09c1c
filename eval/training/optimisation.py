"""Train both embedded readers: AdamW in bfloat16, with a warm-up over the first twelfth and a linear decay.

The head learns ten times as fast as the layers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BatchEncoding

from rag.models.minilm import DIMENSION
from rag.models.pair_model import PRODUCT_SCALE

HEAD_RATE = 10  # times the rate of the layers
LOG_STEPS = 50  # steps between two lines of the log
COSINE, BIAS = 6.0, -3.0  # weight of the cosine in the log odds before training, and their bias


class PairHead(nn.Linear):
    """How likely one text answers the other, from the states of both; see `rag.models.pair_model.pair_odds`."""

    def __init__(self) -> None:
        super().__init__(5 * DIMENSION, 1)
        nn.init.normal_(self.weight, std=0.002)
        nn.init.constant_(self.bias, BIAS)
        self.cosine = nn.Parameter(torch.tensor(COSINE))
        self.drop = nn.Dropout(0.1)

    def of(self, states: Tensor, given: BatchEncoding) -> tuple[Tensor, Tensor]:
        """Return (n,) log odds for the states (n, t, d) of n pairs, and the vectors (n, 3, d) behind them."""
        second = (given["token_type_ids"] * given["attention_mask"]).unsqueeze(-1).float()
        first = given["attention_mask"].unsqueeze(-1).float() - second
        first_mean = (states * first).sum(1) / first.sum(1).clamp(min=1)
        second_mean = (states * second).sum(1) / second.sum(1).clamp(min=1)
        parts = [
            states[:, 0],
            first_mean,
            second_mean,
            first_mean * second_mean * PRODUCT_SCALE,
            (first_mean - second_mean).abs(),
        ]
        likeness = nn.functional.cosine_similarity(first_mean, second_mean)
        odds: Tensor = self(self.drop(torch.cat(parts, 1))).squeeze(1) + self.cosine * likeness
        return odds, torch.stack(parts[:3], dim=1)

    def kept(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return weight, bias and the weight of the cosine, under these names."""
        values = self.weight[0], self.bias, self.cosine[None]
        return {name: value.detach().numpy() for name, value in zip(names, values, strict=True)}


def learn(trunk: nn.Module, head: Sequence[nn.Parameter], losses: Iterator[Tensor], rate: float, steps: int) -> None:
    """Take a step for each loss.

    Args:
        trunk: the layers.
        head: parameters of the heads.
        losses: computes one loss after the other, each with the weights of that step.
        rate: highest learning rate of the layers.
        steps: number of losses.
    """
    layers = [parameter for parameter in trunk.parameters() if parameter.requires_grad]
    parts = [{"params": layers, "lr": rate}, {"params": list(head), "lr": HEAD_RATE * rate}]
    optimizer = torch.optim.AdamW(parts, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, steps))
    began, mean_loss = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        with torch.autocast("cpu", torch.bfloat16):
            loss = next(losses)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_([*layers, *head], 1.0)
        optimizer.step()
        schedule.step()
        mean_loss += loss.item() / LOG_STEPS
        if step % LOG_STEPS == 0:
            log(f"step {step} of {steps}: loss {mean_loss:.3f}, {time.monotonic() - began:.0f} s")
            mean_loss = 0.0


def _share(step: int, steps: int) -> float:
    """Return the share of the highest learning rate at a step."""
    return min((step + 1) / (0.08 * steps), max(0.02, (steps - step) / (0.92 * steps)))


def log(line: str) -> None:
    """Print a line of progress to standard error."""
    sys.stderr.write(line + "\n")
