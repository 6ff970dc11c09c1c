"""The days that questions mention, counted from the day on which they are asked."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.query.time_range import read_time_range

ASKED = date(2023, 3, 15)


@pytest.mark.parametrize(
    ("query", "since", "until", "rest"),
    [
        ("Which bank failed this week?", (2023, 3, 6), (2023, 3, 17), "Which bank failed ?"),
        ("Who resigned yesterday", (2023, 3, 11), (2023, 3, 17), "Who resigned"),
        ("What did he say on Monday about rates?", (2023, 3, 6), (2023, 3, 17), "What did he say about rates?"),
        ("earthquake in February 2021", (2021, 1, 30), (2021, 3, 2), "earthquake in February 2021"),
        ("storms in November", (2022, 10, 30), (2022, 12, 2), "storms in November"),
        ("storms in March", (2023, 2, 27), (2023, 4, 2), "storms in March"),
        ("talks on 3 March 2020", (2020, 3, 1), (2020, 3, 5), "talks on 3 March 2020"),
        ("talks on March 3rd, 2020 this week", (2020, 3, 1), (2020, 3, 5), "talks on March 3rd, 2020 this week"),
        ("elections in 2019", (2018, 12, 30), (2020, 1, 2), "elections in 2019"),
        ("this week", (2023, 3, 6), (2023, 3, 17), "this week"),
    ],
)
def test_days_of_a_query(query: str, since: tuple[int, int, int], until: tuple[int, int, int], rest: str) -> None:
    when = read_time_range(query, ASKED)
    assert when is not None
    assert (when.since, when.until, when.query) == (date(*since), date(*until), rest)


@pytest.mark.parametrize(
    "query", ["How close is a deal?", "March of the Penguins", "May he win?", "over 2000 people", "Monday blues", ""]
)
def test_a_query_that_speaks_of_no_day(query: str) -> None:
    assert read_time_range(query, ASKED) is None


def test_a_day_that_does_not_exist_is_not_one() -> None:
    assert read_time_range("talks on February 30, 2020", ASKED) is None


@given(st.text(max_size=60), st.dates(), st.sampled_from(["this week", "last year", "in May", "on Friday", "in 2099"]))
def test_any_query_on_any_day(words: str, asked: date, phrase: str) -> None:
    when = read_time_range(f"{words} {phrase}", asked)
    assert when is None or when.since <= when.until
