"""Buckets: whatever the bucketing, the bounds hold what the raw data would have said, and say what limits them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats import histogram

LATENCY_MS = [(0, 100, 900), (100, 250, 80), (250, 500, 18), (500, math.inf, 2)]

edges = st.lists(st.integers(1, 60), min_size=1, max_size=8, unique=True).map(sorted)
rows = st.lists(st.integers(1, 60), min_size=1, max_size=300)
quantiles = st.floats(0.01, 0.999)


def bucketed(values, uptos, lowest=0.0):
    inner = [lowest, *map(float, uptos), math.inf]
    return [(above, upto, sum(above < value <= upto for value in values)) for above, upto in pairwise(inner)]


def test_a_worked_example():
    """1000 observations: P99's ranks are 985 and 995 (binomial, one-sided 95 %), both within 250 … 500."""
    found = histogram.quantile(LATENCY_MS, 0.99)

    assert (found.low, found.high, found.n) == (250, 500, 1000)
    assert found.value == pytest.approx(250 + 250 * (990 - 980) / 18)  # as Prometheus' histogram_quantile
    assert found.why == "bucket 250 … 500 cannot resolve it"


@pytest.mark.parametrize(("n", "q"), [(59, 0.95), (299, 0.99), (2995, 0.999)])
def test_how_many_observations_an_upper_bound_needs(n, q):
    """statistics.md, section 1: n >= ln alpha / ln q."""
    enough = histogram.quantile([(0, 100, n - 5), (100, 200, 5)], q)
    few = histogram.quantile([(0, 100, n - 6), (100, 200, 5)], q)

    assert enough.high == 200
    assert few.high == math.inf
    assert few.why == f"{n - 1} observations are too few for the upper bound of P{q * 100:g}: at least {n}"


@pytest.mark.parametrize(("n", "q"), [(20, 0.5), (100, 0.9), (400, 0.99), (777, 0.95), (5000, 0.999)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_ranks_are_scipys(n, q, confidence):
    """Reference: `scipy.stats.quantile_test(...).confidence_interval`, with one bucket an observation."""
    from scipy.stats import quantile_test

    values = np.arange(1, n + 1)
    found = histogram.quantile([(each - 1, each, 1) for each in map(float, values)], q, confidence=confidence)
    less = quantile_test(values, p=q, alternative="less").confidence_interval(confidence)
    greater = quantile_test(values, p=q, alternative="greater").confidence_interval(confidence)

    assert found.high == (less.high if math.isfinite(less.high) else math.inf)
    assert found.low == (greater.low - 1 if math.isfinite(greater.low) else -math.inf)


@given(rows, edges, quantiles, st.floats(0.6, 0.999))
def test_bounds_hold_those_of_the_raw_data(values, uptos, q, confidence):
    """Coarser buckets only widen, so the quantile of the raw data is inside whatever the bucketing."""
    fine = histogram.quantile(bucketed(values, range(1, 61)), q, confidence=confidence)
    coarse = histogram.quantile(bucketed(values, uptos), q, confidence=confidence)
    raw = float(np.quantile(values, q, method="inverted_cdf"))

    assert coarse.low <= fine.low
    assert fine.high <= coarse.high
    assert coarse.low <= raw <= coarse.high
    assert coarse.low <= coarse.value <= coarse.high


@given(rows, edges, quantiles, st.floats(0.1, 50), st.floats(-20, 20))
def test_scale_and_shift(values, uptos, q, factor, shift):
    buckets = bucketed(values, uptos)
    there = [(above * factor + shift, upto * factor + shift, count) for above, upto, count in buckets]
    here, moved = histogram.quantile(buckets, q), histogram.quantile(there, q)

    assert moved.low == pytest.approx(here.low * factor + shift, abs=1e-9)
    assert moved.high == pytest.approx(here.high * factor + shift, abs=1e-9)
    assert moved.value == pytest.approx(here.value * factor + shift, abs=1e-6)


@given(rows, edges, quantiles, st.floats(0.55, 0.95), st.randoms())
def test_order_does_not_matter_and_more_confidence_is_wider(values, uptos, q, confidence, shuffled):
    buckets = bucketed(values, uptos)
    narrow, wide = (histogram.quantile(buckets, q, confidence=each) for each in (confidence, confidence + 0.049))
    shuffled.shuffle(buckets)

    assert wide.low <= narrow.low
    assert narrow.high <= wide.high
    assert histogram.quantile(buckets, q, confidence=confidence) == narrow


@given(rows, edges, quantiles, st.integers(1, 9))
def test_more_of_the_same_is_not_wider_and_alike_rows_are(values, uptos, q, times):
    buckets = bucketed(values, uptos)
    more = [(above, upto, count * times) for above, upto, count in buckets]
    little, much = histogram.quantile(buckets, q), histogram.quantile(more, q)
    alike = histogram.quantile(more, q, deff=times)

    assert little.low <= much.low
    assert much.high <= little.high
    assert (alike.low, alike.high) == (little.low, little.high)


@given(rows, edges, quantiles, st.floats(0, 0.99))
def test_fractions_are_never_narrower_than_the_whole_counts_below(values, uptos, q, extra):
    """`increase()` returns fractions: the part of an observation is not counted as one."""
    whole = bucketed(values, uptos)
    scale = (len(values) + extra) / len(values)
    fractional = histogram.quantile([(above, upto, count * scale) for above, upto, count in whole], q)
    found = histogram.quantile(whole, q)

    assert fractional.low <= found.low
    assert found.high <= fractional.high


@given(rows, edges, quantiles, st.sampled_from([0.9, 0.95]))
def test_the_refuting_level_agrees_with_the_bounds(values, uptos, q, confidence):
    found = histogram.quantile(bucketed(values, uptos), q, confidence=confidence)

    if math.isfinite(found.low):
        assert found.level(found.low, True) <= 1 - confidence + 1e-12
    if math.isfinite(found.high):
        assert found.level(found.high, False) <= 1 - confidence + 1e-12
        assert found.level(found.high - 0.5, False) > 1 - confidence


@pytest.mark.parametrize(
    ("buckets", "q", "low", "high", "why"),
    [
        pytest.param([(0, 9, 900), (9, math.inf, 100)], 0.99, 9, math.inf, "upper bound lies in a bucket", id="top"),
        pytest.param([(-math.inf, 9, 900), (9, 99, 9)], 0.5, -math.inf, 9, "lower bound lies in a bucket", id="bottom"),
        pytest.param([(0, 9, 2), (9, 99, 1)], 0.5, -math.inf, math.inf, "3 observations are too few", id="few"),
        pytest.param([(0, 9, 0)], 0.5, -math.inf, math.inf, "nothing was counted", id="empty"),
        pytest.param([], 0.5, -math.inf, math.inf, "nothing was counted", id="no-buckets"),
        pytest.param([(-math.inf, math.inf, 900)], 0.5, -math.inf, math.inf, "without edges", id="no-edges"),
        pytest.param([(0, 9, 0.7)], 0.5, -math.inf, math.inf, "nothing was counted", id="part-of-one"),
    ],
)
def test_missing_bounds_say_why(buckets, q, low, high, why):
    found = histogram.quantile(buckets, q)

    assert (found.low, found.high) == (low, high)
    assert why in found.why


@pytest.mark.parametrize(
    ("buckets", "match"),
    [
        ([(0, 9, -1)], "holds -1"),
        ([(0, 9, math.nan)], "holds nan"),
        ([(0, 9, math.inf)], "holds inf"),
        ([(9, 0, 1)], "no room"),
        ([(0, math.nan, 1)], "no room"),
        ([(0, 9, 1), (8, 10, 1)], "must adjoin"),
        ([(0, 9, 1), (10, 11, 1)], "must adjoin"),
    ],
)
def test_impossible_buckets_are_refused(buckets, match):
    with pytest.raises(ValueError, match=match):
        histogram.quantile(buckets, 0.5)


@pytest.mark.parametrize("q", [0, 1, -0.1, 99, math.nan])
def test_a_quantile_is_a_fraction(q):
    with pytest.raises(ValueError, match="q is"):
        histogram.quantile(LATENCY_MS, q)


def test_bounds_hold_as_often_as_they_say():
    """400 histograms of lognormal latencies: P50 and P95 of the truth lie beyond each bound in at most 5 %."""
    rng = np.random.default_rng(20261121)
    uptos = np.geomspace(0.2, 60, 80)
    for q, truth in ((0.5, 1.0), (0.95, math.exp(1.6448536))):
        wrong = np.zeros(2)
        for _ in range(400):
            counts = np.histogram(rng.lognormal(size=300), [0, *uptos, math.inf])[0]
            found = histogram.quantile(zip([0.0, *uptos], [*uptos, math.inf], map(int, counts), strict=True), q)
            wrong += (found.low > truth, found.high < truth)
        assert (wrong / 400 <= 0.05 + 0.022).all()


EDGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def in_buckets(values):
    """Raw numbers as a histogram with usual edges."""
    edges = (0, *EDGES, math.inf)
    return [(above, upto, sum(above < each <= upto for each in values)) for above, upto in pairwise(edges)]


@pytest.mark.parametrize(("q", "least"), [(0.95, 74), (0.99, 377)])
def test_how_many_it_takes_at_every_look(q, least):
    """n times the upper bound of no event is about 3.79 (statistics.md), so P99 has one from about 379 on."""
    enough = histogram.quantile([(0, 10, least), (10, 20, 0)], q, looks="continuous")
    one_less = histogram.quantile([(0, 10, least - 1), (10, 20, 0)], q, looks="continuous")

    assert enough.high == 10
    assert one_less.high > 10


@given(st.lists(st.floats(0.1, 2000), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99]))
def test_every_look_is_never_narrower_than_one(values, q):
    once = histogram.quantile(in_buckets(values), q)
    always = histogram.quantile(in_buckets(values), q, looks="continuous")

    assert always.low <= once.low
    assert always.high >= once.high


def test_a_hundred_looks_are_wrong_as_seldom_as_promised():
    """P90 of an exponential: growing samples looked at a hundred times, 400 runs, seed 7."""
    random = np.random.default_rng(7)
    truth = -10 * math.log(0.1)
    edges = [0, 5, 10, 15, 20, truth, 26, 30, 40, math.inf]
    wrong = {"low": 0, "high": 0}
    for _ in range(400):
        counts = np.zeros(len(edges) - 1)
        missed = {"low": False, "high": False}
        for _ in range(100):
            counts += np.histogram(random.exponential(10, 30), bins=edges)[0]
            found = histogram.quantile(
                list(zip(edges[:-1], edges[1:], counts.tolist(), strict=True)), 0.9, looks="continuous"
            )
            missed["low"] |= found.low >= truth
            missed["high"] |= found.high < truth
        for side, once in missed.items():
            wrong[side] += once

    assert wrong["low"] / 400 <= 0.05 + 0.02
    assert wrong["high"] / 400 <= 0.05 + 0.02


def test_the_level_of_a_limit_agrees_with_the_bounds():
    found = histogram.quantile(in_buckets([3] * 900 + [30] * 90 + [150] * 40), 0.99, looks="continuous")

    assert found.low > 20
    assert found.level(20, True) <= 0.05
    assert found.level(500, False) <= 0.05
    assert found.level(150, True) > 0.05


def test_billions_of_observations_have_bounds():
    """More than SciPy's binomial distribution takes."""
    buckets = [(0.0, 1.0, 1_500_000_000.0), (1.0, 2.0, 1_490_000_000.0), (2.0, 3.0, 10_000_000.0)]

    found = histogram.quantile(buckets, 0.99, looks="once")

    assert (found.low, found.high) == (1.0, 2.0)
    assert found.level is not None
    assert found.level(2.5, True) == pytest.approx(1.0)
