"""Text for measures and outcomes, the same in the chat and on the command line."""

from __future__ import annotations

from rag.evaluation.measures import Difference, Measure
from rag.evaluation.types import Outcome


def visible(text: str, keep_indent: bool = False) -> str:
    """Return one line of printable characters: white space folded, control and invisible characters escaped."""
    indent = text[: len(text) - len(text.lstrip(" "))] if keep_indent else ""
    folded = " ".join(text.split())
    return indent + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in folded)


def target(measure: Measure) -> str:
    """Return the target of a measure, as "≥ 0.920"; empty when it has none."""
    if measure.target is None:
        return ""
    return f"{'≤' if measure.lower_is_better else '≥'} {number(measure, measure.target)}"


def number(measure: Measure, value: float, sign: bool = False) -> str:
    """Return a value with the decimals of its measure's unit, and with its sign when it is a change."""
    places = {"share": 3, "count": 1, "ms": 1}[measure.unit]
    return f"{value:+z.{places}f}" if sign else f"{value:.{places}f}"


def verdict(measure: Measure, found: Difference) -> str:
    """Return "better" or "worse" when zero is outside the interval of the difference, else nothing."""
    if found.low <= 0 <= found.high:
        return ""
    return "better" if (found.low > 0) != measure.lower_is_better else "worse"


def headline(outcome: Outcome) -> str:
    """Return the question with its id, its kind and its half."""
    question = outcome.question
    where = ", ".join(part for part in (question.kind, question.half) if part)
    return f"{question.id} ({where}) {question.question}"


def ending(outcome: Outcome) -> str:
    """Return the status and confidence of an answer, and whether the question should be refused."""
    if outcome.status == "failed":
        return f"failed: {outcome.error}"
    wanted = "" if outcome.answerable is not False else ", should be refused"
    return f"{outcome.status}, confidence {outcome.confidence:.2f}{wanted}"
