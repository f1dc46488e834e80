"""Ranks that enclose a quantile: the textbook's numbers, SciPy's intervals, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats.quantile import around, fewest_rows, level, middle, ranks

ALPHA = 0.05
sizes = st.integers(1, 10**7)
quantiles = st.sampled_from([0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999])
looks = pytest.mark.parametrize("looks", ["once", "continuous"])


@pytest.mark.parametrize(("q", "rows"), [(0.95, 59), (0.99, 299), (0.999, 2995)])
def test_the_fewest_rows_for_an_upper_bound(q, rows):
    """statistics.md, section 1: n at least ln(alpha) / ln(p)."""
    assert fewest_rows(q, ALPHA) == rows
    assert ranks(rows, q, ALPHA)[1] == rows
    assert ranks(rows - 1, q, ALPHA)[1] == 0


def test_the_fewest_rows_at_every_look():
    """statistics.md, section 2: P99 from n_eff ≥ 707 (rounded up here), and in proportion to the design effect."""
    assert fewest_rows(0.99, ALPHA, looks="continuous") == 708
    assert fewest_rows(0.99, ALPHA, deff=2, looks="continuous") == pytest.approx(2 * 708, abs=2)
    assert fewest_rows(0.99, ALPHA, deff=2) == pytest.approx(2 * 299, abs=2)


@given(st.integers(10, 3000), quantiles, st.sampled_from([0.9, 0.95, 0.99]))
def test_one_look_is_the_textbooks(n, q, confidence):
    """Reference: SciPy's `quantile_test(...).confidence_interval`, on the ranks themselves."""
    interval = scipy.stats.quantile_test(np.arange(1, n + 1), p=q).confidence_interval(2 * confidence - 1)
    low, high = ranks(n, q, 1 - confidence)

    assert low == (0 if np.isnan(interval.low) else interval.low)
    assert high == (0 if np.isnan(interval.high) else interval.high)


@looks
@given(sizes, quantiles, st.floats(1, 20), st.floats(1e-6, 0.45))
def test_the_samples_own_quantile_is_enclosed(looks, n, q, deff, alpha):
    low, high = ranks(n, q, alpha, deff=deff, looks=looks)

    assert 0 <= low <= middle(n, q) <= n
    assert high == 0 or middle(n, q) <= high <= n


@looks
@given(sizes, quantiles, st.floats(1, 20), st.floats(1e-6, 0.2))
def test_more_is_asked_and_less_is_given(looks, n, q, deff, alpha):
    """A smaller level and a larger design effect move ranks outwards."""
    here = ranks(n, q, alpha, deff=deff, looks=looks)

    for wide in (
        ranks(n, q, alpha / 2, deff=deff, looks=looks),
        ranks(n, q, alpha, deff=deff * 1.5, looks=looks),
    ):
        assert wide[0] <= here[0]
        assert wide[1] == 0 or here[1] <= wide[1]


@given(sizes, quantiles, st.floats(1, 20), st.floats(1e-6, 0.4))
def test_every_look_contains_one_look(n, q, deff, alpha):
    once, always = (ranks(n, q, alpha, deff=deff, looks=each) for each in ("once", "continuous"))

    assert always[0] <= once[0]
    assert always[1] == 0 or once[1] <= always[1]


@looks
@given(st.integers(2, 10**5), quantiles, st.floats(1, 5))
def test_a_rank_is_refuted_at_its_level_and_the_next_one_is_not(looks, n, q, deff):
    low, high = ranks(n, q, ALPHA, deff=deff, looks=looks)

    assert low == 0 or level(low - 1, n, q, above=True, deff=deff, looks=looks) <= ALPHA
    assert level(low, n, q, above=True, deff=deff, looks=looks) > ALPHA
    assert high == 0 or level(high, n, q, above=False, deff=deff, looks=looks) <= ALPHA
    assert level((high or n + 1) - 1, n, q, above=False, deff=deff, looks=looks) > ALPHA


@given(st.integers(1, 5000), quantiles)
def test_ranks_around_a_quantile_enclose_it_on_average_and_the_samples_own(n, q):
    """A share of k / (n + 1) lies below the k-th value on average; as near as whole ranks come."""
    below, above = around(n, q)
    wider = around(n, q, deff=3.5)

    assert below <= (n + 1) * q + 1e-6 < below + 1 + 2e-6
    assert above == 0 or above - 1 - 1e-6 < (n + 1) * q <= above + 1e-6
    assert below <= middle(n, q) <= (above or n)
    assert wider[0] <= below
    assert wider[1] == 0 or wider[1] >= above


@pytest.mark.parametrize(
    ("n", "q", "alpha", "deff"),
    [(10, 0, 0.05, 1), (10, 1, 0.05, 1), (10, 0.5, 0.5, 1), (10, 0.5, 0.05, 0.9), (-1, 0.5, 0.05, 1)],
)
def test_nonsense_is_refused(n, q, alpha, deff):
    with pytest.raises(ValueError, match="no ranks"):
        ranks(n, q, alpha, deff=deff)


@looks
def test_without_rows_there_are_no_ranks(looks):
    assert ranks(0, 0.5, ALPHA, looks=looks) == (0, 0)


def test_hourly_looks_are_wrong_in_at_most_five_percent():
    """300 series of 100 looks of 50 rows; the true P95 is where uniform numbers pass 0.95."""
    rng = np.random.default_rng(20261125)
    wrong = {"once": np.zeros(2), "continuous": np.zeros(2)}
    below = rng.binomial(50, 0.95, (300, 100)).cumsum(axis=1)
    for kind in wrong:
        bounds = np.array([ranks(50 * look, 0.95, ALPHA, looks=kind) for look in range(1, 101)])
        too_high = (bounds[:, 0] > below).any(axis=1)
        too_low = ((bounds[:, 1] > 0) & (bounds[:, 1] <= below)).any(axis=1)
        wrong[kind] += np.array([too_high.sum(), too_low.sum()])

    assert (wrong["continuous"] / 300 <= 0.05 + 0.02).all()
    assert (wrong["once"] / 300 > 0.1).all()
