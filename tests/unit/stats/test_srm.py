"""Sample ratio: references, what always alarms, and how often healthy experiments do."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats import srm

both = pytest.mark.parametrize("asked", [srm.once, srm.sequential], ids=["once", "sequential"])
counts = st.lists(st.integers(0, 10**6), min_size=2, max_size=5)


def test_one_look_is_chi_square():
    """Reference: SciPy's `chisquare`; Fabijan et al. (2019): 821 588 against 815 482 users is no 50:50."""
    found = srm.once([821_588, 815_482], [1, 1])

    assert found == pytest.approx(scipy.stats.chisquare([821_588, 815_482]).pvalue)
    assert found == pytest.approx(1.8e-6, rel=0.05)


def test_few_units_are_exactly_binomial():
    """Reference: SciPy's `binomtest`."""
    assert srm.once([3, 97], [0.01, 0.99]) == pytest.approx(scipy.stats.binomtest(3, 100, 0.01).pvalue)


def test_every_look_is_a_dirichlet_mixture():
    """By hand, of two arms: the beta-binomial against the binomial, both without the coefficient."""
    prior = srm.BELIEF / 2
    evidence = scipy.stats.betabinom.pmf(60, 100, prior, prior) / scipy.stats.binom.pmf(60, 100, 0.5)

    assert srm.sequential([60, 40], [1, 1]) == pytest.approx(min(1, 1 / evidence), rel=1e-6)


@both
@pytest.mark.parametrize(
    ("units", "weights", "alarm"),
    [
        pytest.param([99_000, 1000], [0.99, 0.01], False, id="as-planned"),
        pytest.param([99_000, 800], [0.99, 0.01], True, id="a-fifth-of-the-treatment-missing"),
        pytest.param([9900, 95], [0.99, 0.01], False, id="by-chance"),
        pytest.param([100, 0, 1], [0.5, 0.5, 0], True, id="an-arm-without-weight"),
        pytest.param([0, 0], [0.5, 0.5], False, id="nobody"),
        pytest.param([5, 0], [1, 0], False, id="one-arm"),
        pytest.param([0, 50], [0.99, 0.01], True, id="swapped"),
    ],
)
def test_what_alarms(asked, units, weights, alarm):
    assert (asked(units, weights) <= srm.ALARM) is alarm


@both
@given(counts, st.data())
def test_it_is_a_level_and_the_order_of_arms_means_nothing(asked, units, data):
    weights = data.draw(st.lists(st.floats(0.01, 1), min_size=len(units), max_size=len(units)))
    found = asked(units, weights)

    assert 0 <= found <= 1
    assert asked(units[::-1], weights[::-1]) == pytest.approx(found, rel=1e-6, abs=1e-300)


@both
@pytest.mark.parametrize(
    ("units", "weights", "match"),
    [([1], [1, 1], "arms"), ([-1, 2], [1, 1], "units"), ([1, 2], [1, -1], "weights"), ([1, 2], [0, 0], "no arm")],
)
def test_nonsense_is_refused(asked, units, weights, match):
    with pytest.raises(ValueError, match=match):
        asked(units, weights)


def test_looking_often_alarms_rarely_and_looking_once_too_often():
    """1000 healthy experiments of 300 looks at 20 units each, at 5 % so that there is something to count."""
    rng = np.random.default_rng(20261125)
    treated = rng.binomial(20, 0.3, (1000, 300)).cumsum(axis=1)
    ever = {srm.once: 0, srm.sequential: 0}
    for series in treated[:300].tolist():
        for asked in ever:
            ever[asked] += any(
                asked([20 * (look + 1) - series[look], series[look]], [0.7, 0.3]) <= 0.05 for look in range(4, 300, 5)
            )

    assert ever[srm.sequential] / 300 <= 0.05
    assert ever[srm.once] / 300 > 0.1
