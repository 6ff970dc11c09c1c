"""Read publish dates: every form that sources write, and dates that stay unknown."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest.publish_dates import iso_date


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-03",
        "2025/03/03",
        "2025.3.3",
        "20250303",
        "March 3, 2025",
        "march 3rd 2025",
        "Mar. 3, 2025",
        "3 March 2025",
        "3-Mar-2025",
        "Monday, March 3, 2025",
        "Mon, 03 Mar 2025 10:00:00 GMT",
        "  March\t3, 2025 at 9:30 a.m. EST",
        "2025-03-03 10:00 EST",
    ],
)
def test_forms_of_one_date(text: str) -> None:
    assert iso_date(text) == "2025-03-03"


@pytest.mark.parametrize("text", ["2025-03-03T10:00:00Z", "2025-03-03T10:00", "2025-03-03T10:00:00.123-05:00"])
def test_a_time_in_iso_8601_is_kept(text: str) -> None:
    assert iso_date(text) == text


def test_a_space_before_the_time_becomes_a_t() -> None:
    assert iso_date("2025-03-03 10:00:00") == "2025-03-03T10:00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-03",
        "March 2025",
        "03/04/2025",  # March or April
        "31 February 2025",
        "March 32, 2025",
        "Marble 3, 2025",
        "0001-01-01T00:00:00",  # how some databases write "none"
        "9999-12-31",
        "2025-13-01",
        "202503031",
        "1741000000",  # seconds since 1970
        "1741000000000",
        "the March 3, 2025 meeting",
    ],
)
def test_what_is_no_certain_date_is_unknown(text: str) -> None:
    assert iso_date(text) is None


@given(
    st.dates(date(1600, 1, 1), date(2199, 12, 31)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%B %d, %Y", "%d %b %Y"])
)
def test_round_trip(day: date, form: str) -> None:
    assert iso_date(day.strftime(form)) == day.isoformat()


@given(st.datetimes(datetime(1600, 1, 1), datetime(2199, 12, 31)))
def test_times_round_trip(moment: datetime) -> None:
    assert iso_date(moment.isoformat()) == moment.isoformat()


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_unknown(text: str) -> None:
    found = iso_date(text)
    assert found is None or datetime.fromisoformat(found)
