"""The one rule: inside is proven, outside is refuted, anything between is inconclusive."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.claim_facts import Truth
from pytest_rollout.intervals import Interval, refuted_at, truth_within

PROVEN, REFUTED, INCONCLUSIVE = Truth.PROVEN, Truth.REFUTED, Truth.INCONCLUSIVE
INF = math.inf


def bounded(low, high, value=0.0, **more):
    return Interval(value, low, high, **more)


def interval(low, high):
    middle = (low + high) / 2 if math.isfinite(low) and math.isfinite(high) else max(min(0.0, high), low)
    return bounded(low, high, min(max(middle, low), high))


numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)
ends = st.one_of(numbers, st.just(-INF), st.just(INF))


@st.composite
def intervals(draw, bounds=ends):
    low, high = sorted((draw(bounds), draw(bounds)))
    return interval(-INF if low == INF else low, INF if high == -INF else high)


@pytest.mark.parametrize(
    ("low", "high", "opened", "closed"),
    [
        pytest.param(1, 9, PROVEN, PROVEN, id="below"),
        pytest.param(1, 10, INCONCLUSIVE, PROVEN, id="touches-from-below"),
        pytest.param(1, 11, INCONCLUSIVE, INCONCLUSIVE, id="straddles"),
        pytest.param(10, 10, REFUTED, PROVEN, id="exactly-on-it"),
        pytest.param(10, 11, REFUTED, INCONCLUSIVE, id="touches-from-above"),
        pytest.param(11, 12, REFUTED, REFUTED, id="above"),
        pytest.param(-INF, 9, PROVEN, PROVEN, id="unbounded-on-the-open-side"),
        pytest.param(1, INF, INCONCLUSIVE, INCONCLUSIVE, id="unbounded-above"),
        pytest.param(11, INF, REFUTED, REFUTED, id="unbounded-and-beyond"),
        pytest.param(-INF, INF, INCONCLUSIVE, INCONCLUSIVE, id="knows-nothing"),
    ],
)
def test_an_upper_limit_of_10(low, high, opened, closed):
    """`x < 10` and `x <= 10`, below, on and above; and both mirrored."""
    assert truth_within(interval(low, high), -INF, 10, closed=False) is opened
    assert truth_within(interval(low, high), -INF, 10, closed=True) is closed
    assert truth_within(interval(-high, -low), -10, INF, closed=False) is opened
    assert truth_within(interval(-high, -low), -10, INF, closed=True) is closed


@pytest.mark.parametrize(
    ("low", "high", "truth"),
    [
        (-4, 4, PROVEN),
        (-5, 5, INCONCLUSIVE),
        (-6, 4, INCONCLUSIVE),
        (-4, 6, INCONCLUSIVE),
        (-6, 6, INCONCLUSIVE),
        (6, 7, REFUTED),
        (-7, -6, REFUTED),
        (5, 6, REFUTED),
    ],
)
def test_two_sides(low, high, truth):
    """-5 < x < 5 is refuted only when the interval is wholly beyond one end."""
    assert truth_within(interval(low, high), -5, 5, closed=False) is truth


def test_no_limit_is_held_by_what_is_known_and_by_nothing_else():
    assert truth_within(interval(-INF, INF), -INF, INF, closed=False) is PROVEN
    assert truth_within(bounded(-INF, INF, math.nan), -INF, INF, closed=True) is INCONCLUSIVE


@given(intervals(), ends, ends, st.booleans())
def test_proven_means_every_number_of_the_interval_is_inside(each, one, other, closed):
    low, high = sorted((one, other))
    truth = truth_within(each, low, high, closed=closed)
    samples = [number for number in (each.low, each.value, each.high) if math.isfinite(number)]

    def inside(number):
        above = low == -INF or (low <= number if closed else low < number)
        return above and (high == INF or (number <= high if closed else number < high))

    if truth is PROVEN:
        assert all(inside(number) for number in samples)
        assert each.low != -INF or low == -INF
        assert each.high != INF or high == INF
    if truth is REFUTED:
        assert not any(inside(number) for number in samples)


@given(intervals(), numbers, st.booleans())
def test_below_and_not_below_exclude_each_other(each, limit, closed):
    """`x < limit` is proven exactly when `x >= limit` is refuted, and doubt is doubt of both."""
    below = truth_within(each, -INF, limit, closed=closed)
    not_below = truth_within(each, limit, INF, closed=not closed)
    opposite = {PROVEN: REFUTED, REFUTED: PROVEN, INCONCLUSIVE: INCONCLUSIVE}

    assert not_below is opposite[below]


@given(intervals(), ends, ends, st.booleans())
def test_negation_mirrors(each, one, other, closed):
    low, high = sorted((one, other))
    mirrored = bounded(-each.high, -each.low, -each.value)

    assert truth_within(each, low, high, closed=closed) is truth_within(mirrored, -high, -low, closed=closed)


@given(intervals(), intervals(), ends, ends, st.booleans())
def test_more_data_never_turns_proof_round(one, two, left, right, closed):
    """An interval inside another keeps its proof or refutation."""
    low, high = sorted((left, right))
    inner = (
        interval(max(one.low, two.low), min(one.high, two.high))
        if max(one.low, two.low) <= min(one.high, two.high)
        else one
    )
    wide, narrow = (truth_within(each, low, high, closed=closed) for each in (one, inner))

    assert wide is INCONCLUSIVE or narrow is wide


@given(ends, ends, st.booleans())
def test_the_unknown_proves_and_refutes_nothing(one, other, closed):
    low, high = sorted((one, other))

    assert truth_within(bounded(-INF, INF, math.nan), low, high, closed=closed) is INCONCLUSIVE


@pytest.mark.parametrize(
    ("confidence", "alpha"), [(0.95, 0.05), (0.975, 0.025), (0.9, 0.1), (0.99, 0.01), (0.999, 0.001)]
)
def test_without_a_function_the_level_is_that_of_the_bounds(confidence, alpha):
    """Exactly: 1 - 0.95 is a hair above 0.05, and a trigger at 0.05 would never fire."""
    assert refuted_at(bounded(11, 13, 12, confidence=confidence), -INF, 10) == alpha


def test_facts_are_refuted_at_every_level():
    assert refuted_at(bounded(12, 12, 12, refuting_level=lambda _limit, _above: 0.5), -INF, 10) == 0


@pytest.mark.parametrize(
    ("low", "high", "asked"), [(11, 13, (10, True)), (10, 13, (10, True)), (-9, -7, (-5, False)), (-9, -5, (-5, False))]
)
def test_the_function_is_asked_about_the_end_that_is_crossed(low, high, asked):
    """-5 < x < 10: above 10 or below -5."""
    seen = []

    def level(limit, above):
        seen.append((limit, above))
        return 0.01

    assert refuted_at(bounded(low, high, (low + high) / 2, refuting_level=level), -5, 10) == 0.01
    assert seen == [asked]
