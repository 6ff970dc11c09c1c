"""Numbers, dates, names and titles in sentences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.text.dates import Date, dates, numbers
from rag.text.names import names, title_holders


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rose 25 per cent.", [(25, 25, "percent")]),
        ("It cost $4.5 million.", [(4_275_000, 4_725_000, "money")]),
        ("about 50,000 people", [(47_500, 52_500, "")]),
        ("over 75% of exports", [(75, 82.5, "percent")]),
        ("fewer than 10 of the twelve", [(9, 10, ""), (12, 12, "")]),
        ("on 7 October 2025, the 2nd day", []),
    ],
)
def test_numbers(text: str, expected: list[tuple[float, float, str]]) -> None:
    found = [(n.low, n.high, n.unit) for n in numbers(text)]
    assert [unit for *_, unit in found] == [unit for *_, unit in expected]
    assert [x for low, high, _ in found for x in (low, high)] == pytest.approx(
        [x for low, high, _ in expected for x in (low, high)]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 31 May 1997", [((1997, 1997), 5, 31)]),
        ("on October 7, 2025 and on Nov. 1", [((2025, 2025), 10, 7), (None, 11, 1)]),
        ("in October 2025", [((2025, 2025), 10, None)]),
        ("between 1861–1862, or in the 1880s", [((1861, 1862), None, None), ((1880, 1889), None, None)]),
        ("in 1926-27", [((1926, 1927), None, None)]),
        ("$2000 for 1,999 of them", []),
    ],
)
def test_dates(text: str, expected: list[tuple[tuple[int, int] | None, int | None, int | None]]) -> None:
    assert [(d.years, d.month, d.day) for d in dates(text)] == expected


def test_a_missing_part_of_a_date_fits_every_value() -> None:
    whole, year, other_day = Date((0, 1), (1997, 1997), 5, 31), Date((0, 1), (1997, 1997)), Date((0, 1), None, 6, 1)
    assert whole.compatible(year)
    assert year.compatible(other_day)
    assert not whole.compatible(other_day)


def test_names() -> None:
    text = "Mark Carney met Claudia Sheinbaum."
    assert [text[slice(*n.span)] for n in names(text)] == ["Mark Carney", "Claudia Sheinbaum"]
    assert names("Mark Carney")[0].compatible(names("Carney")[0])
    assert not names(text)[0].compatible(names(text)[1])
    assert names("Zoltán Korda")[0].compatible(names("Zoltan Korda")[0])


def test_numbers_of_different_units_are_always_compatible() -> None:
    assert numbers("12%")[0].compatible(numbers("$13")[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("U.S. President Donald Trump met Prime Minister Mark Carney.",
         [("president", "Donald Trump"), ("prime minister", "Mark Carney")]),
        ("Merz, the German chancellor, spoke.", [("chancellor", "Merz")]),
        ("PM Carney’s office", [("prime minister", "Carney")]),
        ("Who is the mayor?", []),
    ],
)  # fmt: skip
def test_who_has_which_title(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(holder.title, holder.name) for holder in title_holders(text)] == expected


@settings(deadline=None)
@given(st.text(alphabet="0123456789 ,.%$-–May31stJune", max_size=40))
def test_values_are_in_the_text_and_compatible_with_themselves(text: str) -> None:
    for found in (numbers(text), dates(text), names(text)):
        for value in found:
            assert 0 <= value.span[0] < value.span[1] <= len(text)
            assert value.compatible(value)  # type: ignore[arg-type]
