"""What can be seen: statsmodels' sample sizes, inverses, and simulated chances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats import mean, power, rate
from pytest_rollout.stats.moments import Moments

LOOKS = ["once", "continuous"]
looks = pytest.mark.parametrize("looks", LOOKS)


@pytest.mark.parametrize(("ratio", "effect"), [(1.0, 0.5), (1.0, 0.1), (99.0, 0.2)])
def test_rows_at_one_look_are_the_textbooks(ratio, effect):
    """Reference: statsmodels' `NormalIndPower.solve_power`, one-sided."""
    reference = pytest.importorskip("statsmodels.stats.power").NormalIndPower()
    rows = reference.solve_power(effect, alpha=0.05, power=0.8, ratio=ratio, alternative="larger")

    found = power.rows_needed(power.unit_error(1, 1, ratio=ratio), effect, looks="once")

    assert found == math.ceil(rows)


def test_looking_continuously_costs_about_twice():
    """statistics.md, section 6: 2.1 times at 80 %."""
    once, always = (power.rows_needed(1.0, 0.01, looks=each) for each in LOOKS)

    assert always / once == pytest.approx(2.1, abs=0.03)


@looks
@given(st.floats(0.1, 100), st.floats(0.01, 10), st.floats(0.6, 0.99), st.floats(0.55, 0.99))
def test_detectable_and_chance_invert_the_rows(looks, error, distance, confidence, chance):
    asked = {"confidence": confidence, "looks": looks}
    rows = power.rows_needed(error, distance, power=chance, **asked)

    assert power.detectable(error, rows, power=chance, **asked) <= distance * (1 + 1e-9)
    assert power.chance(error, distance, rows, **asked) >= chance - 1e-9
    if rows > 100:
        assert power.chance(error, distance, rows * 0.98, **asked) < chance


@looks
def test_the_chance_of_a_mean_is_what_happens(looks):
    """1000 experiments of the needed rows, half of them in each arm: about 80 % are proven."""
    rows = power.rows_needed(power.unit_error(1, 1, ratio=1), 0.2, looks=looks)
    rng = np.random.default_rng(20261125)
    proven = 0
    for _ in range(1000):
        arms = [_moments(rng.standard_normal(rows)) for _ in range(2)]
        found = mean.contrast([arms[0]], [arms[1]], looks=looks, planned=rows, value_range=1e-9)
        proven += found.delta.high < 0.2

    assert proven / 1000 == pytest.approx(0.8, abs=0.04)


@looks
def test_the_chance_of_a_rate_is_what_happens(looks):
    """400 experiments of the needed rows at 99 to 1."""
    rows = power.rate_rows_needed(0.002, 0.002, ratio=99, looks=looks)
    rng = np.random.default_rng(20261125)
    proven = 0
    for _ in range(400):
        control, treatment = rng.binomial(99 * rows, 0.002), rng.binomial(rows, 0.002)
        found = rate.contrast([_counted(control, 99 * rows)], [_counted(treatment, rows)], looks=looks)
        proven += found.delta.high < 0.002

    assert proven / 400 == pytest.approx(0.8, abs=0.06)


def test_no_traffic_is_enough_for_everything():
    assert power.rate_rows_needed(0.5, 1e-9, ratio=1) == power.MOST_ROWS
    assert power.rate_chance(0.0, 0.001, 100, ratio=1) == 0
    assert power.rows_needed(1.0, 1e-9) == power.MOST_ROWS


@pytest.mark.parametrize(
    "asked",
    [
        lambda: power.unit_error(-1, 1, ratio=1),
        lambda: power.unit_error(1, 1, ratio=0),
        lambda: power.rows_needed(1, 0),
        lambda: power.rows_needed(1, 1, power=1),
        lambda: power.rate_chance(2, 0.1, 10, ratio=1),
        lambda: power.multiplier(1, confidence=95, looks="once"),
    ],
)
def test_nonsense_is_refused(asked):
    with pytest.raises(ValueError, match=r"\d"):
        asked()


def _moments(values):
    total, squares = float(values.sum()), float(values @ values)
    n = len(values)
    return Moments(
        units=n, rows=n, total=total, rows_squared=n, total_squared=squares, rows_total=total, values_squared=squares
    )


def _counted(events, rows):
    return Moments(
        units=rows,
        rows=rows,
        total=events,
        rows_squared=rows,
        total_squared=events,
        rows_total=events,
        values_squared=events,
        lowest=0.0,
        highest=1.0,
    )
