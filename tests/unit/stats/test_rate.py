"""Shares of two arms: rare events, units, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rollout.stats import proportion, rate
from pytest_rollout.stats.moments import Moments

LOOKS = ["once", "continuous"]
looks = pytest.mark.parametrize("looks", LOOKS)
few = settings(max_examples=25, deadline=None)


def counted(events, rows, *, units=0, squares=None):
    """Events of so many rows, independent ones or in units of one size."""
    size = rows / units if units else 1.0
    return Moments(
        units=units or rows,
        rows=rows,
        total=float(events),
        rows_squared=rows * size,
        total_squared=float(events if squares is None else squares),
        rows_total=float(events) * size,
        values_squared=float(events),
        lowest=float(events == rows),
        highest=float(events > 0),
        largest_unit=math.ceil(size),
        clustered=bool(units),
    )


def ends(found):
    return [found.low, found.value, found.high]


@pytest.mark.parametrize(("looks", "rows"), [("continuous", 3790), ("once", 2998)])
def test_no_event_in_either_arm_proves_a_tenth_of_a_percent(looks, rows):
    """statistics.md, section 2: 3.8 k treated rows at every look; Clopper-Pearson's 3.0 k at one."""
    control = counted(0, 10**6)

    assert rate.contrast([control], [counted(0, rows)], looks=looks).delta.high < 0.001
    assert rate.contrast([control], [counted(0, rows - 30)], looks=looks).delta.high > 0.001


@looks
def test_events_that_share_units_are_believed_to_come_in_pairs(looks):
    """Twice the rows are needed where units are named, and `burst` says otherwise."""
    arms = [counted(0, 10**6, units=10**5)], [counted(0, 10_000, units=1000)]
    alone = rate.contrast([counted(0, 10**6)], [counted(0, 5000)], looks=looks).delta

    assert rate.contrast(*arms, looks=looks).delta.high == pytest.approx(alone.high, rel=0.02)
    assert rate.contrast(*arms, looks=looks, burst=1).delta.high < 0.6 * alone.high


@looks
def test_bursts_that_were_seen_count_once(looks):
    """Forty events in four units are four."""
    control = counted(400, 10**6, units=10**5)
    bursts = counted(400, 10**6, units=10**5, squares=4000)
    spread = rate.contrast([control], [counted(40, 10_000, units=1000)], looks=looks).delta
    burst = rate.contrast([bursts], [counted(40, 10_000, units=1000, squares=400)], looks=looks).delta

    assert burst.high - burst.value > 1.8 * (spread.high - spread.value)


@looks
def test_arms_alone_are_those_of_proportion(looks):
    found = rate.contrast([counted(7, 1000)], [counted(3, 500)], looks=looks)
    expected = getattr(proportion, looks)

    for each, (events, rows) in ((found.control, (7, 1000)), (found.treatment, (3, 500))):
        alone = expected(events, rows)
        assert ends(each) == pytest.approx(ends(alone), abs=1e-12)
        assert each.level(0.02, False) == pytest.approx(alone.level(0.02, False), rel=1e-6)


@looks
@few
@given(st.integers(1, 5000), st.integers(1, 5000), st.data())
def test_bounds_are_ordered_mirrored_and_within_what_shares_can_be(looks, n, m, data):
    control, treatment = counted(data.draw(st.integers(0, n)), n), counted(data.draw(st.integers(0, m)), m)

    here = rate.contrast([control], [treatment], looks=looks).delta
    there = rate.contrast([treatment], [control], looks=looks).delta

    assert -1 <= here.low <= here.value <= here.high <= 1
    assert ends(there) == pytest.approx([-each for each in reversed(ends(here))], abs=1e-12)


@few
@given(st.integers(50, 5000), st.data())
def test_every_look_contains_one_look(n, data):
    arms = [[counted(data.draw(st.integers(0, n)), n)] for _ in range(2)]
    once, always = (rate.contrast(*arms, looks=each).delta for each in LOOKS)

    assert always.low <= once.low + 1e-12
    assert once.high <= always.high + 1e-12


@looks
@few
@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([0.9, 0.95, 0.99]))
def test_levels_at_the_bounds_are_theirs(looks, one, other, confidence):
    found = rate.contrast([counted(one, 1000)], [counted(other, 2000)], looks=looks, confidence=confidence)

    for each in (found.delta, found.lift):
        for limit, above in ((each.low, True), (each.high, False)):
            if math.isfinite(limit):
                assert each.level(limit, above) == pytest.approx(1 - confidence, rel=1e-4)


@looks
def test_strata_that_mean_nothing_cost_little(looks):
    """Four stages of one share: the value is that of all, the bounds a little wider."""
    whole = rate.contrast([counted(400, 40_000)], [counted(40, 4000)], looks=looks).delta
    parts = [counted(100, 10_000)] * 4, [counted(10, 1000)] * 4

    found = rate.contrast(*parts, (0.25,) * 4, looks=looks).delta

    assert found.value == pytest.approx(whole.value)
    assert whole.high < found.high < 2 * whole.high


@pytest.mark.parametrize(
    ("control", "treatment", "why", "few"),
    [
        pytest.param(counted(0, 0), counted(1, 10), "control has no rows", True, id="empty"),
        pytest.param(counted(1, 100, units=29), counted(1, 100), "29 effective units of control", True, id="few-units"),
    ],
)
def test_what_has_no_answer(control, treatment, why, few):
    found = rate.contrast([control], [treatment])

    assert why in found.delta.why
    assert found.delta.few is few
    assert (found.delta.low, found.delta.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("rows", "are"),
    [([0, 1, 1], True), ([0, 0], True), ([0.5, 0.5], False), ([0, 2, 1], False), ([-1, 1], False), ([1e-3, 1], False)],
)
@pytest.mark.parametrize("centre", [0.0, 0.4])
def test_shares_are_rows_of_zero_and_one(moments_of, rows, are, centre):
    assert rate.are_shares(moments_of(rows, centre=centre)) is are


@looks
@pytest.mark.parametrize("events", [1, 3])
def test_few_events_in_each_of_many_strata_tell_no_more_than_all_of_them_in_one(looks, events):
    """One event reaches down by one and no further: twenty such are not known to ±√20 (9.8 % wrong instead of 5 %)."""
    few = [counted(events, 1000)] * 20
    many = [counted(99 * events, 99_000)] * 20
    all_few, all_many = counted(20 * events, 20_000), counted(20 * 99 * events, 20 * 99_000)
    weights = [1 / 20] * 20

    slower, one = rate.contrast(many, few, weights, looks=looks), rate.contrast([all_many], [all_few], looks=looks)
    faster, other = rate.contrast(few, many, weights, looks=looks), rate.contrast([all_few], [all_many], looks=looks)

    assert slower.treatment.low <= one.treatment.low * (1 + 1e-9)
    assert slower.delta.low <= one.delta.low + 1e-12
    assert faster.delta.high >= other.delta.high - 1e-12


def test_nearly_everything_in_each_of_many_strata_is_as_uncertain_as_nearly_nothing():
    weights = [1 / 20] * 20
    gone = rate.contrast([counted(1, 300)] * 20, [counted(1, 300)] * 20, weights)
    there = rate.contrast([counted(299, 300)] * 20, [counted(299, 300)] * 20, weights)

    assert there.treatment.high == pytest.approx(1 - gone.treatment.low, abs=1e-12)
    assert there.delta.high == pytest.approx(-gone.delta.low, abs=1e-12)


def test_weights_are_one_each():
    with pytest.raises(ValueError, match="sum to 1"):
        rate.contrast([counted(1, 10)], [counted(1, 10)], (0.5, 0.5))


def test_at_the_margin_of_a_rare_rate_few_looks_prove_it():
    """0.11 % against 0.01 %, exactly at "delta < 0.1 %": 200 series of 50 looks (statistics.md: 3.9 % of the runs)."""
    rng = np.random.default_rng(20261125)
    treated = rng.binomial(100, 0.0011, (200, 50)).cumsum(axis=1)
    others = rng.binomial(9900, 0.0001, (200, 50)).cumsum(axis=1)
    proven = 0
    for mine, theirs in zip(treated.tolist(), others.tolist(), strict=True):
        proven += any(
            rate.contrast(
                [counted(theirs[look], 9900 * (look + 1))], [counted(mine[look], 100 * (look + 1))], looks="continuous"
            ).delta.high
            < 0.001
            for look in range(9, 50, 5)
        )

    assert proven / 200 <= 0.05 + 0.02
