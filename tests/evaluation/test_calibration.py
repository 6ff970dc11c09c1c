"""Measures of a confidence, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.calibration import (
    Bin,
    Refusals,
    aurc,
    auroc,
    bins,
    calibration_error,
    refusals,
    risks,
    threshold_for,
    threshold_interval,
)

SURE = np.array([0.95, 0.85, 0.25, 0.25, 0.05])
RIGHT = np.array([True, True, True, False, False])


def test_auroc_counts_pairs_and_half_of_ties() -> None:
    assert auroc(SURE, RIGHT) == pytest.approx(5.5 / 6)
    assert auroc(SURE, np.ones(5, dtype=bool)) is None


def test_bins_and_calibration_error() -> None:
    assert bins(SURE, RIGHT) == [Bin(1, 0.05, 0.0), Bin(2, 0.25, 0.5), Bin(1, 0.85, 1.0), Bin(1, 0.95, 1.0)]
    assert calibration_error(SURE, RIGHT) == pytest.approx((0.05 + 2 * 0.25 + 0.15 + 0.05) / 5)
    assert bins(np.array([1.0]), np.array([True])) == [Bin(1, 1.0, 1.0)]


def test_risk_and_coverage() -> None:
    assert risks(SURE, RIGHT).tolist() == pytest.approx([0, 0, 0.5 / 3, 1 / 4, 2 / 5])
    assert aurc(SURE, RIGHT) == pytest.approx((0.5 / 3 + 1 / 4 + 2 / 5) / 5)


def test_refusals() -> None:
    assert refusals(SURE, RIGHT, 0.3) == Refusals(5, 3, 2 / 3, 1.0, 1 / 3)
    assert refusals(SURE, RIGHT, 0.0) == Refusals(5, 0, None, 0.0, 0.0)
    assert refusals(SURE, np.ones(5, dtype=bool), 0.3) == Refusals(5, 3, 0.0, None, 3 / 5)


def test_a_threshold_refuses_at_most_the_share_asked_for_of_any_source() -> None:
    sure, all_of_them = np.arange(101) / 100, np.ones(101, dtype=bool)
    one, two = np.full(101, "a"), np.where(sure < 0.5, "a", "b")
    assert threshold_for(sure, all_of_them, one, 0.1) == pytest.approx(0.1)
    assert threshold_for(sure, all_of_them, two, 0.1) == pytest.approx(0.049)
    low, high = threshold_interval(sure, all_of_them, one, 0.1)
    assert low < 0.1 < high
    assert threshold_interval(sure, all_of_them, one, 0.1) == (low, high)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1, max_size=30))
def test_the_order_of_the_questions_is_of_no_account(rows: list[tuple[float, bool]]) -> None:
    def of(rows: list[tuple[float, bool]]) -> tuple[float, float]:
        sure, right = np.array([s for s, _ in rows]), np.array([r for _, r in rows])
        return aurc(sure, right), calibration_error(sure, right)

    assert of(rows) == pytest.approx(of(rows[::-1]))
