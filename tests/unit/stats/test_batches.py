"""Days before and after: known factors, what must hold, and how often hourly looks cry wolf."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats.batches import baseline_ratio, daily_logs

days = st.lists(st.floats(-3, 3), min_size=3, max_size=30).filter(lambda each: np.std(each) > 1e-6)
some = st.lists(st.floats(-3, 3), min_size=1, max_size=30)


def ends(found):
    return [found.low, found.value, found.high]


def test_a_worked_example():
    """By hand: days before 0.1, 0.2, 0.3 (s 0.1), one day now at 0.5, t(2) at 1 - 0.05 / 2 is 4.30265."""
    found = baseline_ratio([0.5], [0.1, 0.2, 0.3], planned_days=1)
    reach = 4.302653 * 0.1 * math.sqrt(1 + 1 / 3)

    assert ends(found) == pytest.approx([math.exp(0.3 - reach), math.exp(0.3), math.exp(0.3 + reach)], rel=1e-6)


@given(some, days, st.integers(1, 60), st.floats(0.6, 0.99))
def test_bounds_are_ordered_and_widen_with_every_demand(now, base, planned, confidence):
    found = baseline_ratio(now, base, planned_days=planned, confidence=confidence)
    more_days = baseline_ratio(now, base, planned_days=planned + 1, confidence=confidence)
    surer = baseline_ratio(now, base, planned_days=planned, confidence=confidence + 0.005)

    assert found.low <= found.value <= found.high
    for wide in (more_days, surer):
        assert wide.low <= found.low
        assert found.high <= wide.high


@given(some, days, st.floats(0.6, 0.99))
def test_the_level_at_a_bound_is_its_alpha(now, base, confidence):
    found = baseline_ratio(now, base, planned_days=14, confidence=confidence)

    if found.low > 0 and found.high < math.inf:
        assert found.level(found.low, True) == pytest.approx(1 - confidence, rel=1e-6)
        assert found.level(found.high, False) == pytest.approx(1 - confidence, rel=1e-6)


@given(some, days, st.floats(-5, 5))
def test_a_unit_of_its_own_changes_nothing(now, base, shift):
    """A factor is a shift of every logarithm."""
    here = baseline_ratio(now, base, planned_days=14)
    there = baseline_ratio(np.add(now, shift), np.add(base, shift), planned_days=14)

    assert ends(there) == pytest.approx(ends(here), rel=1e-6)


@pytest.mark.parametrize(
    ("now", "base", "why"),
    [
        ([], [1, 2, 3], "no day has passed"),
        ([1], [1, 2], "too few"),
        ([1], [], "too few"),
        ([1], [2, 2, 2, 2], "are equal"),
        ([1000], [-1000, -1001, -999], "beyond every number"),
    ],
)
def test_what_has_no_answer(now, base, why):
    found = baseline_ratio(now, base, planned_days=14)

    assert (found.low, found.high) == (-math.inf, math.inf)
    assert why in found.why


@pytest.mark.parametrize(
    ("now", "base", "planned", "match"),
    [
        ([math.nan], [1, 2, 3], 14, "now_days are NaN"),
        ([1], [1, 2, math.inf], 14, "base_days are NaN"),
        ([1], [1, 2, 3], 0, "planned_days"),
        ([[1]], [1, 2, 3], 1, "shape"),
    ],
)
def test_nonsense_is_refused(now, base, planned, match):
    with pytest.raises(ValueError, match=match):
        baseline_ratio(now, base, planned_days=planned)


@pytest.mark.parametrize(("limit", "above", "level"), [(0, True, 0), (-1, True, 0), (0, False, 1), (-1, False, 1)])
def test_a_ratio_is_above_nothing(limit, above, level):
    assert baseline_ratio([0.5], [0.1, 0.2, 0.3], planned_days=1).level(limit, above) == level


def test_days_of_a_series():
    """Three days of hours: the second lacks a quarter, the third is not over."""
    hours = np.arange(66)
    kept = (hours < 24) | (hours >= 30)
    values = np.exp(hours / 24)

    found = daily_logs(hours[kept] * 3600.0, values[kept], start_seconds=0, step_seconds=3600)

    assert found == pytest.approx([np.mean(hours[:24] / 24)])
    assert len(daily_logs(np.arange(72) * 3600.0, np.exp(np.arange(72)), start_seconds=0, step_seconds=3600)) == 3
    assert len(daily_logs(np.arange(72) * 3600.0, np.exp(np.arange(72)), start_seconds=1e9, step_seconds=3600)) == 0


@pytest.mark.parametrize(
    ("times", "values", "step", "match"),
    [
        ([0, 1], [1], 60, "shape"),
        ([0], [0], 60, "0 or less"),
        ([0], [1], 0, "step_seconds"),
        ([0], [math.nan], 60, "NaN"),
    ],
)
def test_a_series_that_has_no_days(times, values, step, match):
    with pytest.raises(ValueError, match=match):
        daily_logs(times, values, start_seconds=0, step_seconds=step)


def test_fourteen_days_of_looks_are_wrong_in_at_most_five_percent():
    """2000 healthy releases, 14 days before and 14 after, looked at daily; each side."""
    rng = np.random.default_rng(20261125)
    wrong = {True: 0, False: 0}
    for series in rng.normal(0, 0.003, (2000, 28)):
        base, now = series[:14], series[14:]
        looks = [baseline_ratio(now[: day + 1], base, planned_days=14) for day in range(14)]
        for above in wrong:
            wrong[above] += any(look.level(1.0, above) <= 0.05 for look in looks)

    assert all(count / 2000 <= 0.05 for count in wrong.values())
