"""The mixture behind means at every look: its printed multipliers, its inverse, and that it holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_rollout.stats.sequential import LEAST, Mixture

alphas = st.floats(1e-6, 0.4)
rows = st.floats(10, 1e9)


@pytest.mark.parametrize(
    ("alpha", "share", "multiplier"),
    [(0.05, 0.1, 3.68), (0.05, 1, 2.78), (0.05, 10, 2.99), (0.01, 0.1, 4.13), (0.01, 1, 3.36), (0.01, 10, 3.55)],
)
def test_printed_multipliers(alpha, share, multiplier):
    """statistics.md, section 2: k at N / N* of 0.1, 1 and 10."""
    found = Mixture.tuned(5000, alpha).multiplier(5000 * share, alpha)

    assert found == pytest.approx(multiplier, abs=0.006)


def test_the_mixtures_variance_is_as_printed():
    """statistics.md: 6.33 / N* at 0.05."""
    assert Mixture.tuned(1, 0.05).spread == pytest.approx(6.33, abs=0.005)


@given(alphas, rows, st.floats(0.01, 100))
def test_the_level_inverts_the_multiplier(alpha, planned, share):
    mixture = Mixture.tuned(planned, 0.05)
    errors = mixture.multiplier(planned * share, alpha)

    assert mixture.level(errors, planned * share) == pytest.approx(alpha, rel=1e-6)


@given(st.floats(0.01, 30), rows, st.floats(0.01, 100))
def test_the_level_is_no_smaller_than_that_of_the_mixture_itself(errors, planned, share):
    """1 / e with e = 2·Φ(x)·exp(x² / 2) / √(y + 1), x = z·√(y / (y + 1)): the exact always-valid p-value."""
    mixture = Mixture.tuned(planned, 0.05)
    y = planned * share * mixture.spread
    x = errors * math.sqrt(y / (y + 1))
    exact = -(math.log(2) + norm.logcdf(x) + x * x / 2 - math.log(y + 1) / 2)

    assert math.log(mixture.level(errors, planned * share)) >= min(0.0, exact) - 1e-9


@given(rows, st.floats(0.01, 100), st.floats(0.6, 0.99))
def test_every_look_costs_more_than_one(planned, share, confidence):
    found = Mixture.tuned(planned, 1 - confidence).multiplier(planned * share, 1 - confidence)

    assert found > norm.ppf(confidence)


@pytest.mark.parametrize(("errors", "level"), [(0.0, 1.0), (-3.0, 1.0), (1e6, LEAST)])
def test_the_ends(errors, level):
    assert Mixture.tuned(1000, 0.05).level(errors, 1000) == level


@pytest.mark.parametrize("planned", [0, -1, math.inf, math.nan])
def test_a_plan_is_a_number_of_rows(planned):
    with pytest.raises(ValueError, match="planned"):
        Mixture.tuned(planned, 0.05)


def test_five_hundred_looks_are_wrong_in_at_most_five_percent():
    """4000 random walks of rows without an effect, looked at after each ten rows."""
    rng = np.random.default_rng(20261125)
    mixture = Mixture.tuned(2500, 0.05)
    seen = np.arange(10, 5001, 10)
    walks = rng.standard_normal((4000, len(seen))).cumsum(axis=1) * math.sqrt(10)
    bounds = np.array([mixture.multiplier(float(n), 0.05) * math.sqrt(n) for n in seen])

    for side in (walks, -walks):
        assert (side > bounds).any(axis=1).mean() <= 0.05
        assert (side > 1.645 * np.sqrt(seen)).any(axis=1).mean() > 0.2
