"""How both embedded readers are trained: AdamW in bfloat16, the rate up over the first twelfth, then down to almost
nothing; the head ten times as fast as the layers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

HEAD_RATE = 10  # times the rate of the layers
TOLD = 50  # steps between two lines


def learn(trunk: nn.Module, head: Sequence[nn.Parameter], losses: Iterator[Tensor], rate: float, steps: int) -> None:
    """Take a step for each loss; `losses` computes one after the other, with the weights as they are by then.

    Args:
        rate: of learning, at its highest.
        steps: how many losses there are.
    """
    layers = [parameter for parameter in trunk.parameters() if parameter.requires_grad]
    parts = [{"params": layers, "lr": rate}, {"params": list(head), "lr": HEAD_RATE * rate}]
    optimizer = torch.optim.AdamW(parts, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, steps))
    began, told = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        with torch.autocast("cpu", torch.bfloat16):
            loss = next(losses)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_([*layers, *head], 1.0)
        optimizer.step()
        schedule.step()
        told += loss.item() / TOLD
        if step % TOLD == 0:
            log(f"step {step} of {steps}: loss {told:.3f}, {time.monotonic() - began:.0f} s")
            told = 0.0


def _share(step: int, steps: int) -> float:
    """Of the learning rate."""
    return min((step + 1) / (0.08 * steps), max(0.02, (steps - step) / (0.92 * steps)))


def log(line: str) -> None:
    """Say how far it is, on standard error."""
    sys.stderr.write(line + "\n")
