"""Shares: the numbers of statistics.md section 2, statsmodels' Clopper-Pearson, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_rollout.stats import proportion

METHODS = [proportion.continuous, proportion.once]
both = pytest.mark.parametrize("bounds_of", METHODS, ids=["continuous", "once"])
totals = st.integers(1, 10**7)


@st.composite
def counts(draw):
    total = draw(totals)
    return draw(st.integers(0, total)), total


@pytest.mark.parametrize(
    ("events", "upper", "confidence"),
    [(0, 3.79, 0.95), (1, 6.66, 0.95), (2, 8.86, 0.95), (5, 14.41, 0.95), (10, 22.39, 0.95), (0, 5.59, 0.99)],
)
def test_upper_bounds_of_rare_events(events, upper, confidence):
    """statistics.md, section 2: n·upper is 3.79, 6.7, 8.9, 14.4, 22.4; at alpha 0.01 without events 5.6."""
    found = proportion.continuous(events, 10**6, confidence=confidence)

    assert found.high * 10**6 == pytest.approx(upper, abs=0.006)


@pytest.mark.parametrize("deff", [1.0, 2.0, 7.5])
def test_a_design_effect_widens_in_proportion(deff):
    assert proportion.continuous(0, 10**7, deff=deff).high * 10**7 == pytest.approx(3.788 * deff, rel=1e-3)
    assert proportion.once(0, 10**7, deff=deff).high * 10**7 == pytest.approx(2.996 * deff, rel=1e-3)


@pytest.mark.parametrize("events", [0, 0.3, 0.5])
def test_up_to_half_an_event_nothing_lies_below(events):
    assert proportion.continuous(events, 100).low == 0
    assert proportion.continuous(events, 100).level(1e-9, True) == 1


@pytest.mark.parametrize(("events", "total"), [(0, 10), (1, 59), (10, 10), (499, 1000), (3, 10**6)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_once_is_clopper_pearson(events, total, confidence):
    """Reference: statsmodels' `proportion_confint(method="beta")`."""
    reference = pytest.importorskip("statsmodels.stats.proportion")

    found = proportion.once(events, total, confidence=confidence)
    low, high = reference.proportion_confint(events, total, alpha=2 * (1 - confidence), method="beta")

    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_clopper_pearson_of_a_published_example():
    """SAS/STAT, PROC FREQ: 0 of 10 has the one-sided 97.5 % upper bound 0.3085."""
    assert proportion.once(0, 10, confidence=0.975).high == pytest.approx(0.3085, abs=5e-5)


def test_wilson_would_be_wrong_too_often():
    """Why `once` is not Wilson's: one event in n refutes a share of 0.22 / n, yet 20 % of such samples have one."""
    z, n = 1.6449, 10**6
    wilson_low = (1 + z**2 / 2 - z * math.sqrt(1 + z**2 / 4)) / n

    assert 1 - (1 - wilson_low) ** n > 0.19
    assert proportion.once(1, n).low < wilson_low / 4


@both
@given(counts(), st.floats(0.51, 0.9999), st.floats(1, 50))
def test_the_value_lies_between_ordered_bounds(bounds_of, case, confidence, deff):
    found = bounds_of(*case, confidence=confidence, deff=deff)

    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(case[0] / case[1])
    assert found.n == case[1]


@both
@given(counts(), st.floats(0.51, 0.99), st.floats(0.0001, 0.0099))
def test_more_confidence_is_wider(bounds_of, case, confidence, more):
    narrow, wide = bounds_of(*case, confidence=confidence), bounds_of(*case, confidence=confidence + more)

    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(counts(), st.floats(0.6, 0.999), st.floats(1, 10))
def test_continuous_contains_once(case, confidence, deff):
    once = proportion.once(*case, confidence=confidence, deff=deff)
    always = proportion.continuous(*case, confidence=confidence, deff=deff)

    assert always.low <= once.low + 1e-12
    assert once.high <= always.high + 1e-12


@both
@given(counts())
def test_ten_times_the_data_are_narrower(bounds_of, case):
    little, much = bounds_of(*case), bounds_of(10 * case[0], 10 * case[1])

    assert little.low <= much.low + 1e-12
    assert much.high <= little.high + 1e-12


@given(counts(), st.floats(0.6, 0.999))
def test_counting_the_others_mirrors_once(case, confidence):
    """Shares near 1 are answered as well as those near 0."""
    events, total = case
    found = proportion.once(events, total, confidence=confidence)
    others = proportion.once(total - events, total, confidence=confidence)

    assert found.low == pytest.approx(1 - others.high, abs=1e-9)
    assert found.high == pytest.approx(1 - others.low, abs=1e-9)


@both
@given(counts(), st.sampled_from([0.9, 0.95, 0.999]))
@example((49080, 49081), 0.9)
@example((77445, 77446), 0.999)
def test_the_refuting_level_at_a_bound_is_its_alpha(bounds_of, case, confidence):
    """Of a bound that is never inside, and good to 12 digits: which are few of the distance to 1 if it is close."""
    found, alpha, digits = bounds_of(*case, confidence=confidence), 1 - confidence, 3e-12

    assert found.level is not None
    if found.low > 1e-300:
        assert found.level(found.low, True) <= alpha * (1 + 1e-4)
        assert found.level(found.low * (1 + digits), True) >= alpha * (1 - 1e-4)
    if found.high < 1:
        assert found.level(found.high, False) <= alpha * (1 + 1e-4)
        assert found.level(found.high * (1 - digits), False) >= alpha * (1 - 1e-4)


@both
@given(counts(), st.lists(st.floats(-0.5, 1.5), min_size=2, max_size=2))
def test_the_refuting_level_falls_with_the_distance(bounds_of, case, limits):
    level, (near, far) = bounds_of(*case).level, sorted(limits)

    assert 0 <= level(near, True) <= level(far, True) + 1e-9 <= 1 + 1e-9
    assert 0 <= level(far, False) <= level(near, False) + 1e-9 <= 1 + 1e-9


@both
@pytest.mark.parametrize(
    ("events", "limit", "above", "level"),
    [
        (1, 0.0, True, 0),
        (0, 0.0, True, 1),
        (0, -0.1, True, 0),
        (9, 1.0, False, 0),
        (10, 1.0, False, 1),
        (0, 2, True, 1),
    ],
)
def test_limits_at_and_beyond_the_ends(bounds_of, events, limit, above, level):
    assert bounds_of(events, 10).level(limit, above) == level


@both
@pytest.mark.parametrize(
    ("events", "total", "deff", "match"),
    [
        (-1, 10, 1, "between 0"),
        (11, 10, 1, "between 0"),
        (math.nan, 10, 1, "between 0"),
        (1, math.nan, 1, "between 0"),
        (1, math.inf, 1, "between 0"),
        (1, 10, 0.5, "deff"),
        (1, 10, math.nan, "deff"),
    ],
)
def test_impossible_counts_are_refused(bounds_of, events, total, deff, match):
    with pytest.raises(ValueError, match=match):
        bounds_of(events, total, deff=deff)


@both
def test_nothing_counted_is_no_answer(bounds_of):
    found = bounds_of(0, 0)

    assert (found.low, found.high) == (-math.inf, math.inf)
    assert "nothing was counted" in found.why


@settings(max_examples=25)
@given(st.floats(0.5001, 1), st.floats(1, 1e12))
def test_fractions_of_an_event_end(events, total):
    """Just above half an event the lower bound is very small, and is found."""
    found = proportion.continuous(min(events, total), total)

    assert 0 <= found.low <= found.value <= found.high <= 1


def test_hourly_looks_are_wrong_in_at_most_five_percent():
    """1000 runs of 200 looks at a true share of 1 %, each side; the runs that were ever wrong."""
    rng = np.random.default_rng(20261121)
    rows = np.cumsum(np.full(200, 50))
    events = rng.binomial(50, 0.01, size=(1000, 200)).cumsum(axis=1)
    wrong = {True: np.zeros(1000, bool), False: np.zeros(1000, bool)}
    for look, total in enumerate(rows):
        seen, where = np.unique(events[:, look], return_inverse=True)
        for above in (True, False):
            evidence = np.array([proportion.log_evidence(each, total, 0.01, above=above) for each in seen])
            wrong[above] |= (evidence >= math.log(20))[where]

    assert wrong[True].mean() <= 0.05 + 0.015
    assert wrong[False].mean() <= 0.05 + 0.015
