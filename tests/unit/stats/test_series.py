"""Series: what must always hold, numbers that are known, and a short check of coverage.

The long check is `tests/benchmarks/series_coverage.py`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rollout.stats import longrun, series, stretches

MINUTES = np.arange(240) * 60.0
ASKED = [series.mean, series.slope]
both = pytest.mark.parametrize("asked", ASKED, ids=["mean", "slope"])
seeds = st.integers(0, 10**6)
few = settings(max_examples=15, deadline=None)


def wandering(seed, points=240, persistence=0.7):
    """An autoregression of the first order, variance 1."""
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal()]
    for shock in rng.standard_normal(points - 1) * math.sqrt(1 - persistence**2):
        values.append(persistence * values[-1] + shock)
    return np.array(values)


def ends(found):
    return [found.low, found.value, found.high]


@both
@few
@given(seed=seeds, confidence=st.floats(0.55, 0.95), persistence=st.floats(0, 0.95))
def test_bounds_are_ordered_and_more_confidence_is_wider(asked, seed, confidence, persistence):
    values = wandering(seed, persistence=persistence)
    narrow = asked(MINUTES, values, confidence=confidence)
    wide = asked(MINUTES, values, confidence=confidence + 0.04)

    assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high
    assert narrow.n == 240


@few
@given(seed=seeds, shift=st.floats(-1e6, 1e6), factor=st.floats(0.001, 1000), later=st.floats(-1e9, 1e9))
def test_mean_moves_with_the_values(seed, shift, factor, later):
    values = wandering(seed)
    here, there = series.mean(MINUTES, values), series.mean(MINUTES + later, values * factor + shift)
    mirrored = series.mean(MINUTES, -values)

    close = pytest.approx([each * factor + shift for each in ends(here)], rel=1e-6, abs=1e-6 * factor)
    assert ends(there) == close
    assert ends(mirrored) == pytest.approx([-each for each in reversed(ends(here))], rel=1e-9)


@few
@given(seed=seeds, shift=st.floats(-1e6, 1e6), factor=st.floats(0.001, 1000), trend=st.floats(-10, 10))
def test_slope_moves_with_the_trend(seed, shift, factor, trend):
    """Noise around a straight line: the line is added to the slope, the width stays."""
    values = wandering(seed)
    here = series.slope(MINUTES, values)
    there = series.slope(MINUTES, (values + trend * MINUTES / 3600) * factor + shift)

    close = pytest.approx([(each + trend) * factor for each in ends(here)], rel=1e-5, abs=1e-5 * factor)
    assert ends(there) == close


@few
@given(seed=seeds)
def test_reversal_mirrors_the_slope_and_keeps_the_mean(seed):
    values = wandering(seed)
    slope, reverse = series.slope(MINUTES, values), series.slope(MINUTES, values[::-1])
    mean, again = series.mean(MINUTES, values), series.mean(MINUTES, values[::-1])

    assert ends(reverse) == pytest.approx([-each for each in reversed(ends(slope))], rel=1e-6)
    assert ends(again) == pytest.approx(ends(mean), rel=1e-6)


@few
@given(seed=seeds, seconds=st.floats(0.01, 3600))
def test_the_unit_of_time_counts_for_slopes_only(seed, seconds):
    values = wandering(seed)
    mean, slope = series.mean(MINUTES, values), series.slope(MINUTES, values)

    assert ends(series.mean(MINUTES[:60], values[:60])) != ends(mean)
    stretched = MINUTES / 60 * min(seconds, 300)  # less than a day: no daily cycle is taken out
    assert ends(series.mean(stretched, values)) == pytest.approx(ends(mean), rel=1e-9)
    factor = 60 / min(seconds, 300)
    assert ends(series.slope(stretched, values)) == pytest.approx([each * factor for each in ends(slope)], rel=1e-6)


@few
@given(seed=seeds, rate=st.floats(-20, 20))
def test_growth_is_the_slope_of_the_logarithm(seed, rate):
    noise = wandering(seed) * 0.01 + math.log1p(rate / 100) * MINUTES / 3600
    found, log = series.growth(MINUTES, 500 * np.exp(noise)), series.slope(MINUTES, noise)

    assert ends(found) == pytest.approx([math.expm1(each) * 100 for each in ends(log)], rel=1e-6, abs=1e-9)
    assert found.level(found.high, False) == pytest.approx(0.05, rel=1e-3)


@both
@few
@given(seed=seeds, confidence=st.sampled_from([0.9, 0.95, 0.999]), limits=st.lists(st.floats(-5, 5), min_size=2))
def test_the_refuting_level_agrees_with_the_bounds(asked, seed, confidence, limits):
    found = asked(MINUTES, wandering(seed), confidence=confidence)

    if found.level is None:
        assert found.why
        return
    assert found.level(found.low, True) == pytest.approx(1 - confidence, rel=1e-6)
    assert found.level(found.high, False) == pytest.approx(1 - confidence, rel=1e-6)
    near, far = sorted(limits)[:2]
    assert 0 <= found.level(near, True) <= found.level(far, True) <= 1
    assert 0 <= found.level(far, False) <= found.level(near, False) <= 1


def test_the_value_is_the_average_and_the_least_squares_slope():
    """References: `numpy.mean`, `numpy.polyfit`."""
    values = wandering(3)

    assert series.mean(MINUTES, values).value == pytest.approx(np.mean(values), rel=1e-12)
    assert series.slope(MINUTES, values).value == pytest.approx(np.polyfit(MINUTES / 3600, values, 1)[0], rel=1e-9)


def test_white_noise_costs_a_quarter_against_the_known_error():
    """Student's t with 20 degrees of freedom (scipy 1.725) is the least; not knowing the persistence adds the rest."""
    widths = [np.diff(ends(series.mean(MINUTES, wandering(seed, persistence=0.0))))[0] for seed in range(60)]

    assert 1.725 * 0.9 < np.median(widths) * math.sqrt(240) < 1.645 * 1.35


def test_one_persistence_is_students_t():
    """The tail of a mixture of one is the t distribution's (reference: scipy.stats.t.sf)."""
    from scipy.stats import t

    error = longrun.Error(np.array([2.0]), np.ones(1), 20, 0.0)

    assert error.tail(3.0) == pytest.approx(t.sf(1.5, 20))
    assert error.quantile(0.01) == pytest.approx(2 * t.ppf(0.99, 20))


def test_dependence_is_wider_than_statsmodels_hac():
    """Reference: statsmodels' OLS with Newey-West errors, which are known to be too narrow for such series."""
    reference = pytest.importorskip("statsmodels.api")
    ours, theirs = [], []
    for seed in range(20):
        values = wandering(seed, persistence=0.9)
        fit = reference.OLS(values, np.ones(240)).fit(cov_type="HAC", cov_kwds={"maxlags": 5})
        ours.append(np.diff(ends(series.mean(MINUTES, values)))[-1])
        theirs.append(1.645 * fit.bse[0])

    assert np.median(ours) > 1.2 * np.median(theirs)


@pytest.mark.parametrize(
    ("rate", "every_hours"), [(3, 24), (12, 8), (25, 4), (110, 1)], ids=["no-restart", "two", "five", "hourly"]
)
def test_a_restart_does_not_hide_a_leak(rate, every_hours):
    """A saw-tooth of leaks and restarts: the least-squares line is flat, the common slope is the leak."""
    rng = np.random.default_rng(1)
    times = np.arange(1440) * 60.0
    hours = (times / 3600) % every_hours
    values = 100 * np.exp(math.log1p(rate / 100) * hours + rng.normal(0, 0.01, 1440))

    found = series.growth(times, values)

    assert found.low < rate < found.high
    assert found.high - found.low < 0.1 * rate


def test_a_warm_up_is_left_out_after_every_restart():
    """A process fills its caches in 30 minutes and then stays: no leak."""
    times = np.arange(1440) * 60.0
    age = times % (8 * 3600)
    values = 1000 - 700 * np.exp(-age / 300) + 5 * wandering(4, 1440)

    with_it, without = series.growth(times, values), series.growth(times, values, warm_up_seconds=3600)

    assert without.n == 1440 - 3 * 60
    assert -0.1 < without.low < 0 < without.high < 0.1
    assert with_it.high - with_it.low > 5 * (without.high - without.low)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param([9, 9, 9, 9, 2, 2, 2, 2], [4], id="restart"),
        pytest.param([9, 9, 9, 6, 2, 2, 2, 2], [3], id="falling-through"),
        pytest.param([2, 2, 2, 9, 2, 2, 2, 2], [], id="one-high-point"),
        pytest.param([9, 9, 9, 2, 9, 9, 9, 9], [], id="one-low-point"),
        pytest.param([9, 9, 9, 5, 5, 5, 5, 5], [], id="not-by-half"),
        pytest.param([9, 9, 9, 2, 2, 2, 9, 9, 9, 6, 6, 6], [3, 9], id="once-restarting-also-less-far"),
        pytest.param([9, -9, 9, -9, 9, -9, 9, -9], [], id="below-zero"),
        pytest.param([9, 1], [], id="short"),
    ],
)
def test_what_a_restart_is(values, found):
    assert stretches.restarts(np.array(values, float)) == found


def test_noise_is_no_restart():
    rng = np.random.default_rng(7)
    assert stretches.restarts(np.exp(rng.normal(size=2000))) == []
    assert stretches.restarts(rng.poisson(3, 2000).astype(float)) == []


def test_a_daily_cycle_is_taken_out_from_two_days_on():
    times = np.arange(3 * 288) * 300.0
    cycle = 30 * np.sin(2 * np.pi * times / 86400 + 1)
    noise = wandering(5, len(times))

    still, swinging = series.slope(times, noise), series.slope(times, noise + cycle)

    assert "daily cycle removed" in swinging.method
    assert swinging.high - swinging.low < 1.1 * (still.high - still.low)
    assert swinging.low < 0 < swinging.high


def test_long_series_are_averaged_down():
    """A day of seconds is answered at once, and much like the same day in minutes."""
    seconds = np.arange(86400.0)
    values = np.repeat(wandering(6, 1440), 60)
    fine, coarse = series.mean(seconds, values), series.mean(seconds[::60], values[::60])

    assert ends(fine) == pytest.approx(ends(coarse), abs=0.02)


WHY = [
    pytest.param(np.arange(29) * 60.0, wandering(1, 29), "29 points are too few", id="few"),
    pytest.param(np.arange(0), np.arange(0), "0 points are too few", id="none"),
    pytest.param(np.r_[np.arange(50), np.arange(150, 200)], wandering(1, 100), "50% of the window", id="gap"),
]


@both
@pytest.mark.parametrize(("times", "values", "why"), WHY)
def test_no_answer_says_why(asked, times, values, why):
    found = asked(times, values)

    assert (found.low, found.high, found.level) == (-math.inf, math.inf, None)
    assert why in found.why


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param(np.full(240, 3.0), "all 240 values are 3", id="constant"),
        pytest.param(np.arange(240.0), "wanders like a random walk", id="straight"),
        pytest.param(np.cumsum(wandering(1)), "wanders like a random walk", id="random-walk"),
    ],
)
def test_no_mean_without_a_level_that_is_returned_to(values, why):
    found = series.mean(MINUTES, values)

    assert found.high == math.inf
    assert found.value == pytest.approx(values.mean())
    assert why in found.why


def test_growth_needs_values_above_zero():
    values = 5 + wandering(1) * 0.1
    values[7] = 0

    assert series.growth(MINUTES, values).why.startswith("1 of 240 values are 0 or less")


def test_a_constant_series_does_not_grow():
    assert ends(series.slope(MINUTES, np.full(240, 7.0))) == [0, 0, 0]
    assert series.growth(MINUTES, np.full(240, 7.0)).level(0.1, False) == 0


def test_only_restarts_are_too_little():
    """Eight points between restarts: nothing is left to see a slope in."""
    assert "too few" in series.slope(np.arange(240) * 60.0, np.tile(np.linspace(1, 9, 8), 30)).why


@both
@pytest.mark.parametrize(
    ("times", "values", "match"),
    [
        (MINUTES, np.full(240, math.nan), "240 of 240 values are NaN"),
        (MINUTES, np.r_[wandering(1, 239), math.inf], "1 of 240 values"),
        (np.r_[MINUTES[:-1], math.nan], wandering(1), "1 of 240 times"),
        (MINUTES[::-1], wandering(1), "do not increase"),
        (np.zeros(240), wandering(1), "do not increase"),
        (MINUTES, wandering(1, 239), "shape"),
        (MINUTES[:, None], wandering(1)[:, None], "shape"),
    ],
)
def test_impossible_series_are_refused(asked, times, values, match):
    with pytest.raises(ValueError, match=match):
        asked(times, values)


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_a_warm_up_is_not_negative(seconds):
    with pytest.raises(ValueError, match="warm_up"):
        series.slope(MINUTES, wandering(1), warm_up_seconds=seconds)
    with pytest.raises(ValueError, match="warm_up"):
        series.growth(MINUTES, 9 + wandering(1), warm_up_seconds=seconds)


def test_twice_the_window_is_narrower():
    longer = np.arange(480) * 60.0
    widths = [
        [
            series.mean(MINUTES, values[:240]).high - values[:240].mean(),
            series.mean(longer, values).high - values.mean(),
        ]
        for values in (wandering(seed, 480) for seed in range(30))
    ]

    little, much = np.median(widths, axis=0)
    assert much < 0.85 * little


@both
@pytest.mark.parametrize("persistence", [0.0, 0.8, 0.95])
def test_bounds_hold_about_as_often_as_they_say(asked, persistence):
    """80 seeded series, both sides: at least 95 % less two standard errors."""
    found = [asked(MINUTES, wandering(seed, persistence=persistence)) for seed in range(80)]
    holds = np.mean([(each.low <= 0, each.high >= 0) for each in found])

    assert holds >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / 160)
