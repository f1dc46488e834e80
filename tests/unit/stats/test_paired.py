"""Pairs: SciPy's paired t, order statistics of differences, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats import paired

seeds = st.integers(0, 10**6)


def pairs(seed, n=200, shift=0.5):
    rng = np.random.default_rng(seed)
    hard = rng.lognormal(3, 1, n)
    return hard + rng.normal(0, 1, n), hard + rng.normal(shift, 1, n)


def ends(found):
    return [found.low, found.value, found.high]


@given(seeds, st.floats(0.6, 0.99))
def test_the_mean_is_the_paired_t(seed, confidence):
    """Reference: SciPy's `ttest_rel`."""
    before, after = pairs(seed)
    reference = scipy.stats.ttest_rel(after, before)
    interval = reference.confidence_interval(2 * confidence - 1)

    found = paired.mean(before, after, confidence=confidence)

    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert 2 * min(found.level(0, True), found.level(0, False)) == pytest.approx(reference.pvalue)


def sums(differences, looks="continuous", confidence=0.95):
    squares = float(np.square(differences - differences.mean()).sum())
    return paired.mean_of_sums(len(differences), differences.mean(), squares, looks=looks, confidence=confidence)


def test_a_suite_that_grows_is_looked_at_every_hour():
    """Of 300 suites in which nothing differs, Student's t calls more than 15 % better at one of 75 looks."""
    rng = np.random.default_rng(20261126)
    wrong = {"once": 0, "continuous": 0}
    for _ in range(300):
        differences = rng.standard_normal(840)
        for looks in wrong:
            wrong[looks] += any(sums(differences[:n], looks).low > 0 for n in range(100, 841, 10))

    assert wrong["once"] > 45
    assert wrong["continuous"] <= 15


@given(seeds, st.integers(100, 400), st.sampled_from([0.9, 0.95, 0.99]))
def test_every_look_contains_one_look_and_its_levels_are_those_of_its_bounds(seed, n, confidence):
    before, after = pairs(seed, n)
    once, always = (sums(after - before, looks, confidence) for looks in ("once", "continuous"))

    assert always.low < once.low < once.value < once.high < always.high
    assert always.level(always.low, True) == pytest.approx(1 - confidence)
    assert always.level(always.high, False) == pytest.approx(1 - confidence)


def test_at_every_look_a_hundred_pairs_are_needed():
    before, after = pairs(1, 99)

    assert "99 pairs are too few: at least 100" in sums(after - before).why
    assert sums(after - before, "once").high < math.inf


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantiles_are_order_statistics_of_differences(q):
    """Reference: SciPy's `quantile_test`."""
    before, after = pairs(1)
    interval = scipy.stats.quantile_test(after - before, p=q).confidence_interval(0.9)

    found = paired.quantile(before, after, q)

    assert (found.low, found.high) == (interval.low, interval.high)


@pytest.mark.parametrize("looks", ["once", "continuous"])
@given(seeds, st.sampled_from([0.5, 0.9]), st.floats(-5, 5))
def test_a_shift_of_all_afters_shifts_the_bounds(looks, seed, q, shift):
    before, after = pairs(seed, n=300)
    for asked in (paired.mean, lambda *arms: paired.quantile(*arms, q, looks=looks)):
        here, there = asked(before, after), asked(before, after + shift)
        assert ends(there) == pytest.approx([each + shift for each in ends(here)], abs=1e-9)


@pytest.mark.parametrize("looks", ["once", "continuous"])
@given(seeds)
def test_a_bound_is_refuted_at_its_level_and_beyond_it_at_a_smaller_one(looks, seed):
    found = paired.quantile(*pairs(seed, n=300), 0.5, looks=looks)

    assert found.level(found.low, True) <= 0.05
    assert found.level(found.high, False) <= 0.05
    assert found.level(np.nextafter(found.low, math.inf), True) > 0.05
    assert found.level(np.nextafter(found.high, -math.inf), False) > 0.05
    assert found.level(found.low - 1, True) <= found.level(found.low, True)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [([1] * 9, range(9), "9 pairs are too few"), (range(20), range(1, 21), "all 20 differences are 1")],
)
def test_a_mean_without_an_answer(before, after, why):
    found = paired.mean(list(before), list(after))

    assert why in found.why
    assert found.low == -math.inf


def test_few_pairs_have_no_p99():
    found = paired.quantile(*pairs(1, n=100), 0.99)

    assert found.high == math.inf
    assert "at least 299" in found.why
    assert paired.quantile([], [], 0.5).why == "there are no pairs"


@pytest.mark.parametrize(("before", "after", "match"), [([1], [1, 2], "both must be"), ([math.nan], [1], "NaN")])
def test_pairs_are_pairs(before, after, match):
    with pytest.raises(ValueError, match=match):
        paired.mean(before, after)
    with pytest.raises(ValueError, match="q is 99"):
        paired.quantile([1.0], [2.0], 99)
