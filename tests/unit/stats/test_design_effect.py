"""Rows of one unit are alike: how much that costs, against statsmodels and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats.design_effect import (
    design_effect,
    effective_units,
    mean_variance,
    planned_effect,
    pooled_icc,
    row_variance,
)
from pytest_rollout.stats.moments import Moments

seeds = st.integers(0, 10**6)


def alike(seed, units=200, likeness=0.3, most=12):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, units)
    keys = np.repeat(np.arange(units), sizes)
    values = rng.standard_normal(units)[keys] * math.sqrt(likeness)
    return values + rng.standard_normal(len(keys)) * math.sqrt(1 - likeness), keys


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_variance_of_a_mean_is_the_cluster_robust_one(moments_of, seed):
    """Reference: statsmodels' OLS on a constant with `cov_type="cluster"`."""
    linear = pytest.importorskip("statsmodels.regression.linear_model")
    values, keys = alike(seed)
    fit = linear.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": keys})

    assert mean_variance(moments_of(values, keys)) == pytest.approx(float(fit.bse[0]) ** 2, rel=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40).filter(lambda each: np.std(each) > 1e-3))
def test_units_of_one_row_are_rows(moments_of, values):
    units = moments_of(values, np.arange(len(values)))

    assert mean_variance(units) == pytest.approx(np.var(values, ddof=1) / len(values), rel=1e-6)
    assert effective_units(units) == pytest.approx(len(values))
    assert design_effect(units, 0.5) == 1


@given(seeds, st.floats(-1e9, 1e9))
def test_a_centre_keeps_the_digits(moments_of, seed, far):
    values, keys = alike(seed, units=40)
    here, there = moments_of(values, keys), moments_of(values + far, keys, centre=far)

    assert row_variance(there) == pytest.approx(row_variance(here), rel=1e-5)
    assert mean_variance(there) == pytest.approx(mean_variance(here), rel=1e-4)


@pytest.mark.parametrize("likeness", [0.0, 0.03, 0.3])
def test_the_correlation_is_found(moments_of, likeness):
    """Two arms of 20 000 units, of which one is a hundredth: the pooled estimate is near the truth."""
    arms = [moments_of_fast(*alike(seed, units, likeness)) for seed, units in ((1, 20_000), (2, 200))]

    assert pooled_icc(arms) == pytest.approx(likeness, abs=0.01)


def moments_of_fast(values, keys):
    sizes, sums = np.bincount(keys).astype(float), np.bincount(keys, weights=values)
    return Moments(
        units=len(sizes),
        rows=len(values),
        total=float(sums.sum()),
        rows_squared=float(sizes @ sizes),
        total_squared=float(sums @ sums),
        rows_total=float(sums @ sizes),
        values_squared=float(values @ values),
        largest_unit=int(sizes.max()),
        clustered=True,
    )


def test_copies_of_one_row_count_once(moments_of):
    """Five equal rows a unit: a correlation of 1, and a fifth of the information."""
    values = np.repeat(np.random.default_rng(3).standard_normal(100), 5)
    units = moments_of(values, np.repeat(np.arange(100), 5))

    assert pooled_icc([units]) == pytest.approx(1, abs=0.01)
    assert design_effect(units, pooled_icc([units])) == pytest.approx(5, rel=0.02)
    assert mean_variance(units) == pytest.approx(np.var(values[::5], ddof=1) / 100, rel=1e-9)


def test_the_floor_and_the_pooled_correlation_are_believed(moments_of):
    units = moments_of([0, 0, 1, 0, 0, 1], [0, 0, 1, 1, 2, 2])

    assert design_effect(units, 0.0, floor=2) == 2
    assert design_effect(units, 1.0, floor=1) == planned_effect(units, 1.0) == 2


@given(seeds)
def test_nothing_that_varies_is_no_division_by_zero(moments_of, seed):
    rng = np.random.default_rng(seed)
    flat = moments_of(np.full(20, rng.uniform(-1e6, 1e6)), rng.integers(0, 5, 20))

    assert row_variance(flat) == 0 == mean_variance(flat)
    assert pooled_icc([flat]) == 0
    assert design_effect(flat, 0.0, floor=1.5) == 1.5


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_shares_of_any_size_are_not_flat(moments_of, scale):
    """Two events in ten thousand vary, whatever their unit."""
    values = np.zeros(10_000)
    values[:2] = scale

    assert row_variance(moments_of(values)) == pytest.approx(np.var(values, ddof=1), rel=1e-9)
