"""The distance of two distributions: what it is, and that its bounds hold at every look."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from pytest_rollout.stats import drift as module
from pytest_rollout.stats.drift import drift


def rows(values):
    """Values as buckets without width."""
    found, counts = np.unique(np.asarray(values, float), return_counts=True)
    return [(math.nextafter(v, -math.inf), float(v), int(n)) for v, n in zip(found, counts, strict=True)]


def uniform(count, shift=0.0):
    """Evenly spread values."""
    return [shift + (n + 0.5) / count for n in range(count)]


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 2.0])
def test_rows_are_compared_as_scipy_does(shift):
    """The statistic is the two-sample one, exactly."""
    one, other = uniform(400), uniform(250, shift)

    assert drift(rows(one), rows(other)).value == pytest.approx(ks_2samp(one, other).statistic)


def test_the_bound_is_the_theorem_s():
    """With 1000 of each at 95 %: 0.85·sqrt((log(1 + log 10) + 0.8·log(1612/0.025)) / 1000), twice."""
    found = drift(rows(uniform(1000)), rows(uniform(1000, 0.3)))
    reach = 2 * 0.85 * math.sqrt((math.log(1 + math.log(10)) + 0.8 * math.log(1612 / 0.025)) / 1000)

    assert found.low == pytest.approx(found.value - reach)
    assert found.high == pytest.approx(found.value + reach)
    assert reach == pytest.approx(0.17, abs=0.005)


@pytest.mark.parametrize("alpha", [0.25, 0.1, 0.05, 0.025, 0.01, 1e-3, 1e-6])
def test_the_constants_hold_at_every_level(alpha):
    """The theorem's own condition on its two constants, minimised over its third, is no more than alpha."""
    offset = module._SCALE * math.log(module._FACTOR / alpha)
    best = math.inf
    for eta in np.linspace(1.001, 2 * module._A**2, 2000):
        root = module._A - math.sqrt(2 * (eta - 1) / offset)
        gamma = 2 / eta * root * root
        if root > 0 and gamma > 1:
            best = min(best, 4 * math.exp(-gamma * offset) * (1 + 1 / ((gamma - 1) * math.log(eta))))

    assert best <= alpha


def test_bounds_hold_at_every_look():
    """Of 100 pairs of samples that grow from 100 to 3000, the truth is outside at any of eight looks in at most 5 %."""
    generator, wrong = np.random.default_rng(7), 0
    for _ in range(100):
        one, other = (np.round(generator.uniform(low, low + 1, 3000), 2) for low in (0, 0.1))
        looks = [drift(rows(one[:n]), rows(other[:n])) for n in range(100, 3001, 400)]
        wrong += any(not each.low <= 0.1 <= each.high for each in looks)

    assert wrong <= 5


@pytest.mark.parametrize(("sizes", "deff"), [((99, 5000), (1, 1)), ((5000, 150), (1, 2))])
def test_too_few(sizes, deff):
    """A hundred independent observations of each are needed."""
    found = drift(rows(uniform(sizes[0])), rows(uniform(sizes[1])), deff=deff)

    assert math.isnan(found.value)
    assert found.few
    assert "at least 100 of each" in found.why


def test_histograms_are_compared_where_both_are_known():
    """0.25 is inside a bucket of the other, all of which may lie below it or above: that far they may be apart."""
    one = [(0, 0.25, 300), (0.25, 0.5, 300), (0.5, 1, 400)]
    other = [(0, 0.5, 700), (0.5, 1, 300)]

    found = drift(one, other)

    assert found.value == pytest.approx(0.1)
    assert found.high > 0.4
    assert found.level(0.39, False) == 1
    assert found.low == drift([(0, 0.5, 600), (0.5, 1, 400)], other).low
    assert found.why == "1 of 4 edges lie inside a bucket of the other, whose values may lie on either side"


def test_no_edge_in_common():
    """Nothing can be compared, and nothing is the same."""
    found = drift([(0, 10, 500)], [(1, 9, 500)])

    assert math.isnan(found.value)
    assert "no edge in common" in found.why


@pytest.mark.parametrize("buckets", [[(0, 1, -1)], [(0, 1, math.nan)], [(1, 1, 5)], [(0, 2, 5), (1, 3, 5)]])
def test_no_buckets(buckets):
    """A count that is none, and buckets that overlap."""
    with pytest.raises(ValueError, match=r"holds|overlap"):
        drift(buckets, [(0, 1, 500)])


def test_no_design_effect():
    """Below 1 it would make more of the data than there is."""
    with pytest.raises(ValueError, match="deff"):
        drift(rows(uniform(200)), rows(uniform(200)), deff=(0.5, 1))


SOME = st.lists(st.integers(0, 12), min_size=100, max_size=120)


@given(SOME, SOME)
def test_everywhere(one, other):
    """Between 0 and 1, the same from either side, and nothing from itself."""
    there, back = drift(rows(one), rows(other)), drift(rows(other), rows(one))

    if not math.isnan(there.value):
        assert 0 <= there.low <= there.value <= there.high <= 1
        assert (there.value, there.low, there.high) == pytest.approx((back.value, back.low, back.high))
    same = drift(rows(one), rows(one))
    assert math.isnan(same.value) or same.value == 0


@given(st.integers(100, 300), st.floats(0, 0.9), st.floats(0.01, 0.99))
def test_levels_agree_with_bounds(count, shift, limit):
    """What lies beyond a bound is refuted at its level, and nothing else is."""
    found = drift(rows(uniform(count)), rows(uniform(count, shift)))

    for side, bound, above in ((found.low > limit, found.low, True), (found.high < limit, found.high, False)):
        if abs(bound - limit) > 1e-6:
            assert (found.level(limit, above) < 0.05) == side
