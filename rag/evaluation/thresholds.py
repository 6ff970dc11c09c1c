"""Values that a run has to reach: `--fail-under MEASURE=VALUE`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rag.evaluation.measures import BY_KEY
from rag.evaluation.runs import Json

Threshold = tuple[str, float]  # key of a measure, and the floor it must reach or, where lower is better, its ceiling


def parse_threshold(text: str) -> Threshold:
    """Return the measure and the value of MEASURE=VALUE, for an option of `argparse`.

    Raises:
        argparse.ArgumentTypeError: there is no such measure, or the value is not a number.
    """
    key, _, number = text.partition("=")
    if key not in BY_KEY:
        raise argparse.ArgumentTypeError(f"no measure {key!r}; there are {', '.join(BY_KEY)}")
    try:
        return key, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not MEASURE=VALUE with a number") from None


def missed_thresholds(thresholds: Sequence[Threshold], summary: Json) -> list[str]:
    """Return a line for each threshold that the whole run misses, or for which the run has no value.

    Args:
        thresholds: as `parse_threshold` returns them.
        summary: of the run, see `rag.evaluation.runs.summary`.
    """
    (*_, whole) = summary["measures"].values()
    lines = []
    for key, threshold in thresholds:
        found = whole.get(key)
        if found is None:
            lines.append(
                f"{key} has no value on this set: leave --fail-under {key} out, or give questions that have it"
            )
        elif not BY_KEY[key].meets(found["value"], threshold):
            side = "over" if BY_KEY[key].lower_is_better else "under"
            lines.append(
                f"{key} is {found['value']:.4g}, {side} {threshold}: --show-misses tells which questions went wrong"
            )
    return lines
