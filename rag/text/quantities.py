"""Read the numbers of a text as values: "25 per cent" equals "25%", and "two million" equals "2m". English only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import Literal

Unit = Literal["percent", "money", ""]
# Share of a rounded number by which the exact one may differ: "about 50,000" may be 51,300.
ROUNDING_SHARE = 0.05

_UNITS = {
    word: number
    for number, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_ORDINALS = {
    word: number
    for number, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(), start=1)
}
_SCALES = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "dozen": 12.0,
    "k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "b": 1e9, "tn": 1e12,
}  # fmt: skip
_SPELLED = "|".join((*_UNITS, *_TENS))
_LONG = "hundred|thousand|million|billion|trillion|dozen"
_NUMBER = re.compile(
    rf"""(?P<money>[$€£¥]\s?)?
    (?: (?<![\w.])(?P<digits>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:(?P<ordinal>st|nd|rd|th|s)\b)?
      | \b(?P<spelled>(?:{_SPELLED})(?:(?:[-\s]+(?:and\s+)?)(?:{_SPELLED}|hundred|thousand))*)\b
      | \b(?P<rank>{"|".join(_ORDINALS)})\b
      | \b(?:a|several|few)\s+(?={_LONG}\b)
    )
    (?: [-\s]?(?P<scale>{_LONG})s?\b | (?P<letter>k|mn|m|bn|b|tn)\b )?
    (?: \s?(?P<percent>%) | [-\s](?P<cent>per[-\s]?cent(?:age)?|pct)\b )?
    (?: \s(?P<currency>dollars?|euros?|pounds?|yen|pesos?)\b )?""",
    re.IGNORECASE | re.VERBOSE,
)
ABOUT = re.compile(
    r"\b(?:about|around|roughly|nearly|almost|approximately|some|an estimated|close to|circa|c\.) $", re.IGNORECASE
)
_AT_LEAST = re.compile(
    r"\b(?:over|more than|at least|above|exceeding|upwards? of|no (?:fewer|less) than|minimum of) $", re.IGNORECASE
)
_AT_MOST = re.compile(r"\b(?:under|fewer than|less than|at most|below|up to|no more than|maximum of) $", re.IGNORECASE)
_RANGE = re.compile(r"\s*(?:-|–|—|to|and|or)\s*[$€£¥]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a text.

    Attributes:
        start, end: its span in characters, units included.
        value: 25 for "25 per cent", 2,000,000 for "two million".
        unit: "percent" for a share, "money" for an amount of it, "" for any other number.
        loose: whether it is "one" or "first", which often count nothing.
        bare: whether it has no scale, unit or currency.
        ordinal: whether it gives a place in an order: "7th", "first".
        low, high: the least and the most that the words around it allow: "over 75" is 75 or more.
    """

    start: int
    end: int
    value: float
    unit: Unit = ""
    loose: bool = False
    bare: bool = True

    ordinal: bool = False
    low: float = 0.0
    high: float = 0.0

    @property
    def span(self) -> tuple[int, int]:
        """Its characters in the text, units included."""
        return self.start, self.end

    @property
    def percent(self) -> bool:
        """Whether it is a share in per cent."""
        return self.unit == "percent"

    def same(self, other: Quantity) -> bool:
        """Return whether both are the same share, or the same number."""
        return self.percent == other.percent and isclose(self.value, other.value)

    def compatible(self, other: Quantity) -> bool:
        """Return whether both can be right; numbers of different units always can."""
        return self.unit != other.unit or (self.low <= other.high and other.low <= self.high)


def quantities(text: str) -> tuple[Quantity, ...]:
    """Return every number of a text in order; "2 to 3 million" gives two million and three million."""
    found = [quantity for match in _NUMBER.finditer(text) if (quantity := _quantity(match)) is not None]
    return tuple(_ranges(text, found))


def missing(claimed: Sequence[Quantity], given: Sequence[Quantity]) -> list[Quantity]:
    """Return the numbers of a claim that its source does not give.

    A number with several readings is given when one of its readings is.
    """
    met = {c.start for c in claimed if c.loose or any(c.same(g) for g in given)}
    return [c for c in claimed if c.start not in met]


def _quantity(match: re.Match[str]) -> Quantity | None:
    if match["digits"]:
        value = float(match["digits"].replace(",", ""))
    elif match["spelled"]:
        value = _spelled(match["spelled"].lower())
    elif match["rank"]:
        value = float(_ORDINALS[match["rank"].lower()])
    else:
        value = 1.0  # a hundred
    scale = (match["scale"] or match["letter"] or "").lower()
    percent = bool(match["percent"] or match["cent"])
    end = len(match.string[: match.end()].rstrip())
    bare = not (scale or percent or match["money"] or match["currency"])
    loose = bare and (bool(match["rank"]) or (match["spelled"] or "").lower() == "one")
    if not match["digits"] and not match["spelled"] and not match["rank"] and not scale:
        return None
    value *= _SCALES.get(scale, 1.0)
    unit: Unit = "percent" if percent else "money" if match["money"] or match["currency"] else ""
    ordinal = bool(match["rank"] or match["ordinal"])
    low, high = _bounds(value, match.string[: match.start()], bool(scale))
    return Quantity(match.start(), end, value, unit, loose, bare, ordinal, low, high)


def _bounds(value: float, before: str, scaled: bool) -> tuple[float, float]:
    """Return the least and the most that a number may be, by the words before it."""
    if _AT_LEAST.search(before):
        return value, value * (1 + 2 * ROUNDING_SHARE)  # nobody writes "over 75" for 90
    if _AT_MOST.search(before):
        return value * (1 - 2 * ROUNDING_SHARE), value
    slack = value * ROUNDING_SHARE if scaled or ABOUT.search(before) else 0.0
    return value - slack, value + slack


def _spelled(text: str) -> float:
    """Return the value of "twenty-five", "two hundred and six" or "three thousand five hundred"."""
    total = part = 0.0
    for word in re.split(r"[-\s]+", text):
        if word == "hundred":
            part = max(part, 1.0) * 100
        elif word == "thousand":
            total, part = total + max(part, 1.0) * 1000, 0.0
        elif word != "and":
            part += _UNITS.get(word, _TENS.get(word, 0))
    return total + part


def _ranges(text: str, found: Sequence[Quantity]) -> Iterator[Quantity]:
    """Yield each number as written, and the first of a range also with the scale and unit of the second."""
    for here, after in zip(found, [*found[1:], None], strict=False):
        yield here
        if after is None or not here.bare or after.bare or not _RANGE.fullmatch(text, here.end, after.start):
            continue
        scale = next((s for s in (1e12, 1e9, 1e6, 1e3) if after.value >= s and not after.percent), 1.0)
        if here.value >= _SCALES["thousand"] and scale > 1:
            continue  # "1,500,000 or 1.6 million"
        value = here.value * scale
        yield replace(here, value=value, unit=after.unit, bare=False, low=value, high=value)
