"""The share of an interval: cut buckets widen it, rows do not, and the bounds are those of a proportion."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats import proportion
from pytest_rollout.stats.between import between

EDGES = st.lists(st.integers(-50, 50), min_size=2, max_size=8, unique=True).map(sorted)


@st.composite
def histograms(draw):
    """Adjoining buckets with whole counts, at least one of them not empty."""
    edges = draw(EDGES)
    counts = draw(st.lists(st.integers(0, 200), min_size=len(edges) - 1, max_size=len(edges) - 1))
    counts[0] += 1
    return [(low, high, count) for low, high, count in zip(edges, edges[1:], counts, strict=False)]


@pytest.mark.parametrize("deff", [1.0, 2.5])
def test_at_edges_it_is_a_proportion(deff):
    """70 of 100 lie between two edges: the bounds of 70 of 100."""
    buckets = [(0, 0.7, 20), (0.7, 0.8, 40), (0.8, 0.9, 30), (0.9, 1, 10)]

    found, plain = between(buckets, 0.7, 0.9, deff=deff), proportion.continuous(70, 100, deff=deff)

    assert (found.value, found.low, found.high, found.n) == (0.7, plain.low, plain.high, 100)
    assert not found.why
    assert found.level(0.5, True) == plain.level(0.5, True)


def test_a_bucket_that_is_cut_counts_for_neither_side():
    """Its 40 may lie in the interval, or not."""
    found = between([(0, 0.5, 20), (0.5, 0.9, 40), (0.9, 1, 40)], 0.7, 1)

    assert found.value == pytest.approx(0.6)
    assert found.low == proportion.continuous(40, 100).low
    assert found.high == proportion.continuous(80, 100).high
    assert found.why == "the interval cuts the bucket 0.5 … 0.9, which holds 40 of them"


def test_the_lower_end_is_outside_and_the_upper_one_inside():
    """As in a bucket; so two intervals that meet count nothing twice."""
    rows = [(math.nextafter(value, -math.inf), value, 10) for value in (0.7, 0.8, 0.9)]

    assert between(rows, 0.7, 0.9).value == pytest.approx(2 / 3)
    assert between(rows, 0.6, 0.7).value == pytest.approx(1 / 3)


def test_a_bucket_without_an_end_is_not_interpolated():
    """Nobody knows how much of it lies where."""
    found = between([(-math.inf, 10, 90), (10, math.inf, 10)], 5, 100)

    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == 1.0


def test_nothing_was_counted():
    """No share is known."""
    assert math.isnan(between([(0, 1, 0)], 0, 1).value)
    assert math.isnan(between([], 0, 1).value)


@pytest.mark.parametrize("ends", [(1, 1), (2, 1), (math.nan, 1), (0, math.nan)])
def test_no_interval(ends):
    """It is said what was asked."""
    with pytest.raises(ValueError, match="no interval"):
        between([(0, 1, 5)], *ends)


@pytest.mark.parametrize("bucket", [(0, 1, -1), (0, 1, math.nan), (1, 1, 3), (0, 1, math.inf)])
def test_no_bucket(bucket):
    """A negative or unknown count is none."""
    with pytest.raises(ValueError, match="holds"):
        between([bucket], 0, 1)


@given(histograms(), st.floats(-60, 60), st.floats(-60, 60))
def test_everywhere(buckets, one, other):
    """Bounds contain the value; a wider interval is never less; above a number it is a proportion at each end."""
    above, upto = sorted((one, other))
    if above == upto:
        return
    found, wider = between(buckets, above, upto), between(buckets, above - 1, upto + 1)

    assert 0 <= found.low <= found.value <= found.high <= 1
    assert wider.low >= found.low
    assert wider.high >= found.high
    total = sum(count for _, _, count in buckets)
    surely = proportion.continuous(sum(count for low, _, count in buckets if low >= above), total)
    perhaps = proportion.continuous(sum(count for _, high, count in buckets if high > above), total)
    rest = between(buckets, above, math.inf)
    assert (rest.low, rest.high) == (surely.low, perhaps.high)


@given(histograms(), st.floats(-60, 60), st.floats(-60, 60), st.floats(0.01, 0.99))
def test_levels_agree_with_bounds(buckets, one, other, limit):
    """What lies beyond a bound is refuted at its level, and nothing else is."""
    above, upto = sorted((one, other))
    if above == upto:
        return
    found = between(buckets, above, upto)

    for side, bound, is_above in ((found.low > limit, found.low, True), (found.high < limit, found.high, False)):
        if abs(bound - limit) > 1e-6:
            assert (found.level(limit, is_above) < 0.05) == side
