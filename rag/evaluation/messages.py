"""Measures and outcomes in words, the same wherever they are shown."""

from __future__ import annotations

from rag.evaluation.measures import Difference, Measure
from rag.evaluation.types import Outcome


def visible(text: str, keep_indent: bool = False) -> str:
    """One line of printable characters: white space folded, control and invisible characters spelled out."""
    indent = text[: len(text) - len(text.lstrip(" "))] if keep_indent else ""
    folded = " ".join(text.split())
    return indent + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in folded)


def target(measure: Measure) -> str:
    """What the product promises; empty when it promises nothing."""
    if measure.target is None:
        return ""
    return f"{'≤' if measure.lower_is_better else '≥'} {number(measure, measure.target)}"


def number(measure: Measure, value: float, sign: bool = False) -> str:
    """With as many decimals as the measure's unit deserves, and with its sign where it is a change."""
    places = {"share": 3, "count": 1, "ms": 1}[measure.unit]
    return f"{value:+z.{places}f}" if sign else f"{value:.{places}f}"


def verdict(measure: Measure, found: Difference) -> str:
    """In words when the interval of the difference leaves out zero."""
    if found.low <= 0 <= found.high:
        return ""
    return "better" if (found.low > 0) != measure.lower_is_better else "worse"


def headline(outcome: Outcome) -> str:
    """The question with its id, and the kind and half it is of."""
    question = outcome.question
    where = ", ".join(part for part in (question.kind, question.half) if part)
    return f"{question.id} ({where}) {question.question}"


def ending(outcome: Outcome) -> str:
    """What became of the question, and that it should have been refused where it should."""
    if outcome.status == "failed":
        return f"failed: {outcome.error}"
    wanted = "" if outcome.answerable is not False else ", should be refused"
    return f"{outcome.status}, confidence {outcome.confidence:.2f}{wanted}"
