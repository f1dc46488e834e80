"""Means of two arms: SciPy's Welch, units as one, guards at every look, strata."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rollout.stats import mean, proportion
from pytest_rollout.stats.design_effect import mean_variance
from pytest_rollout.stats.sequential import Mixture

seeds = st.integers(0, 10**6)
few = settings(max_examples=25, deadline=None)
PLANNED = 2000.0


def rows(seed, n=200, mean_of=10.0, spread=2.0):
    return np.random.default_rng(seed).normal(mean_of, spread, n)


def ends(found):
    return [found.low, found.value, found.high]


def continuous(control, treatment, **more):
    return mean.contrast([control], [treatment], looks="continuous", planned=PLANNED, value_range=100.0, **more)


@few
@given(seeds, st.integers(30, 100), st.integers(30, 100), st.floats(0.6, 0.995))
def test_one_look_is_welch(moments_of, seed, n, m, confidence):
    """Reference: SciPy's `ttest_ind(equal_var=False)`: interval, and p-value as twice the level."""
    control, treatment = rows(seed, n), rows(seed + 1, m, spread=5.0)
    reference = scipy.stats.ttest_ind(treatment, control, equal_var=False)
    interval = reference.confidence_interval(2 * confidence - 1)

    found = mean.contrast([moments_of(control)], [moments_of(treatment)], confidence=confidence).delta

    assert ends(found) == pytest.approx([interval.low, treatment.mean() - control.mean(), interval.high], rel=1e-6)
    level = min(found.level(0.0, True), found.level(0.0, False))
    if reference.pvalue < 0.99:  # above, nothing is refuted at any level that matters
        assert 2 * level == pytest.approx(reference.pvalue, rel=1e-5, abs=1e-11)


def test_an_arm_alone_is_students(moments_of):
    """Reference: SciPy's `ttest_1samp`."""
    control = rows(1)
    interval = scipy.stats.ttest_1samp(control, 0).confidence_interval(0.9)

    found = mean.contrast([moments_of(control)], [moments_of(rows(2))]).control

    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


@few
@given(seeds)
def test_units_of_one_row_are_independent_rows(moments_of, seed):
    control, treatment = rows(seed, 60), rows(seed + 1, 80)
    alone = moments_of(control, np.arange(60)), moments_of(treatment, np.arange(80))

    for asked in (lambda *arms: mean.contrast([arms[0]], [arms[1]]), continuous):
        independent = asked(moments_of(control), moments_of(treatment))
        units = asked(*alone)
        assert ends(units.delta) == pytest.approx(ends(independent.delta), rel=1e-9)
        assert ends(units.lift) == pytest.approx(ends(independent.lift), rel=1e-9)


@few
@given(seeds, st.sampled_from([0.9, 0.95, 0.99]))
def test_levels_at_the_bounds_are_theirs(moments_of, seed, confidence):
    arms = moments_of(rows(seed)), moments_of(rows(seed + 1))

    for found in (mean.contrast([arms[0]], [arms[1]], confidence=confidence), continuous(*arms, confidence=confidence)):
        for each in (found.control, found.treatment, found.delta, found.lift):
            assert each.level(each.low, True) == pytest.approx(1 - confidence, rel=1e-4)
            assert each.level(each.high, False) == pytest.approx(1 - confidence, rel=1e-4)


@few
@given(seeds, st.integers(30, 400), st.integers(30, 400))
def test_every_look_contains_one_look(moments_of, seed, n, m):
    arms = moments_of(rows(seed, max(100, n))), moments_of(rows(seed + 1, max(100, m)))
    once, always = mean.contrast([arms[0]], [arms[1]]), continuous(*arms)

    for narrow, wide in ((once.delta, always.delta), (once.lift, always.lift), (once.control, always.control)):
        assert wide.low < narrow.low
        assert narrow.high < wide.high


def test_every_look_is_the_mixture_and_what_was_not_seen(moments_of):
    """By hand, of two arms of one size: k · √(2 s² / n) and range · 3.79 / n."""
    control, treatment = rows(1, 1000), rows(1, 1000)
    found = continuous(moments_of(control), moments_of(treatment)).delta
    variance = np.var(control, ddof=1)
    off = Mixture.tuned(PLANNED, 0.05).multiplier(1000, 0.05) * math.sqrt(2 * variance / 1000)

    assert found.high == pytest.approx(off + 100 * 3.788 / 1000, rel=3e-3)


@pytest.mark.parametrize("looks", ["once", "continuous"])
def test_a_small_arm_is_no_less_noisy_than_the_other(moments_of, looks):
    """A hundred quiet rows have not met what one row in a hundred brings."""
    control = np.append(rows(1, 9900, spread=0.1), np.full(100, 100.0))
    quiet = rows(2, 100, spread=0.1)

    found = mean.contrast(
        [moments_of(control)], [moments_of(quiet)], looks=looks, planned=PLANNED, value_range=100.0
    ).delta

    error = np.std(control, ddof=1) / math.sqrt(100)
    assert found.high - found.value >= 1.6 * error


def test_at_one_look_arms_of_like_size_are_left_alone(moments_of):
    control, quiet = rows(1, 300, spread=10.0), rows(2, 100, spread=0.1)
    reference = scipy.stats.ttest_ind(quiet, control, equal_var=False).confidence_interval(0.9)

    found = mean.contrast([moments_of(control)], [moments_of(quiet)]).delta

    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))


@pytest.mark.parametrize(
    ("control", "treatment", "looks", "value_range", "why", "few"),
    [
        pytest.param(rows(1), rows(2), "continuous", None, "range is known", False, id="no-range"),
        pytest.param(rows(1), rows(2, 99), "continuous", 1.0, "99 rows of treatment", True, id="few-continuous"),
        pytest.param(rows(1, 29), rows(2), "once", None, "29 effective rows of control", True, id="few-once"),
        pytest.param(np.full(50, 3.0), rows(2), "once", None, "control do not vary", False, id="constant-control"),
        pytest.param(rows(1), np.full(200, 3.0), "continuous", 1.0, "treatment do not vary", False, id="constant"),
    ],
)
def test_what_has_no_answer(moments_of, control, treatment, looks, value_range, why, few):
    found = mean.contrast([moments_of(control)], [moments_of(treatment)], looks=looks, value_range=value_range)

    for each in (found.control, found.treatment, found.delta, found.lift):
        assert (each.low, each.high) == (-math.inf, math.inf)
        assert why in each.why
        assert each.few is few


def test_few_units_are_few_whatever_their_rows(moments_of):
    keys = np.repeat(np.arange(29), 10)

    found = mean.contrast([moments_of(rows(1, 290), keys)], [moments_of(rows(2))]).delta

    assert "29 effective units of control are too few" in found.why


def test_infinite_rows_have_no_mean(moments_of):
    endless = replace(moments_of(rows(1)), total=math.inf)

    assert "timeouts" in mean.contrast([endless], [moments_of(rows(2))]).delta.why


@few
@given(seeds, st.floats(0.1, 0.9))
def test_one_stratum_cut_at_random_is_nearly_the_same(moments_of, seed, share):
    """Strata that mean nothing: the value is the weighted mean of theirs, and the width about that of one."""
    control, treatment = rows(seed, 800), rows(seed + 1, 800)
    cut = int(800 * share)
    parts = [[moments_of(arm[:cut]), moments_of(arm[cut:])] for arm in (control, treatment)]

    whole = mean.contrast([moments_of(control)], [moments_of(treatment)]).delta
    found = mean.contrast(*parts, weights=(cut / 800, 1 - cut / 800)).delta

    assert found.value == pytest.approx(whole.value, abs=1e-9)
    assert found.high - found.low == pytest.approx(whole.high - whole.low, rel=0.05)


def test_strata_that_differ_do_not_mislead(moments_of):
    """Simpson: the treatment is no worse in either stage, but has more rows in the slow one."""
    fast, slow = (5.0, 1.0), (50.0, 1.0)
    control = [moments_of(rows(1, 900, *fast)), moments_of(rows(2, 100, *slow))]
    treatment = [moments_of(rows(3, 100, *fast)), moments_of(rows(4, 900, *slow))]

    found = mean.contrast(control, treatment, weights=(0.1, 0.9)).delta

    assert abs(found.value) < 0.5
    assert found.low < 0 < found.high


def test_units_that_stay_are_off_the_same_way_in_every_stratum(moments_of):
    """The same units, seen twice, are not twice as many."""
    rng = np.random.default_rng(5)
    keys = np.repeat(np.arange(100), 10)
    arms = [rng.standard_normal(100)[keys] * 3 + rng.standard_normal(1000) * 0.1 for _ in range(2)]
    once = [moments_of(arm, keys) for arm in arms]

    single = mean.contrast([once[0]], [once[1]]).delta
    twice = mean.contrast([once[0], once[0]], [once[1], once[1]], weights=(0.5, 0.5)).delta

    assert twice.high - twice.low == pytest.approx(single.high - single.low, rel=0.05)


@pytest.mark.parametrize("looks", ["once", "continuous"])
def test_the_same_units_in_every_stage_are_no_more_units(moments_of, looks):
    """Ten customers in four stages are ten; of four regions they are forty, and so are independent rows."""
    keys = np.repeat(np.arange(10), 40)
    stages = [[moments_of(rows(10 * arm + stage, 400), keys) for stage in range(4)] for arm in range(2)]
    halves = [[moments_of(rows(10 * arm + half, 15)) for half in range(2)] for arm in range(2)]

    found, regions = (
        mean.contrast(*stages, weights=(0.25,) * 4, looks=looks, value_range=100.0, apart=apart).delta
        for apart in (False, True)
    )
    alone = mean.contrast(*halves, weights=(0.5, 0.5)).delta

    assert "10 effective units of control are too few" in found.why
    assert regions.high < math.inf
    assert alone.high < math.inf


def test_how_much_units_tell_of_their_spread_does_not_grow_with_stages(moments_of):
    """Student's degrees are those of forty units, in one stage and in eight; simulated as one stage cut in eight."""
    rng = np.random.default_rng(6)
    keys = np.repeat(np.arange(40), 10)
    arms = [moments_of(rng.standard_normal(40)[keys] * 3 + rng.standard_normal(400) * 1e-3, keys) for _ in range(2)]

    single = mean.contrast([arms[0]], [arms[1]]).delta
    eight = mean.contrast([arms[0]] * 8, [arms[1]] * 8, weights=(0.125,) * 8).delta

    assert eight.high - eight.low == pytest.approx(single.high - single.low, rel=0.01)


@pytest.mark.parametrize("size", [1, 2])
def test_units_of_hardly_a_row_a_stage_are_as_alike_as_any(moments_of, size):
    """How alike rows of one unit are is not seen where each has one row a stage: then they may be all the same."""
    rng = np.random.default_rng(7)
    keys = np.repeat(np.arange(200), size)
    arms = [moments_of(rng.standard_normal(200)[keys] * 3 + rng.standard_normal(200 * size) * 0.1, keys) for _ in "ab"]

    single = mean.contrast([arms[0]], [arms[1]]).delta
    eight, regions = (
        mean.contrast([arms[0]] * 8, [arms[1]] * 8, weights=(0.125,) * 8, apart=apart).delta for apart in (False, True)
    )

    assert eight.high - eight.low == pytest.approx(single.high - single.low, rel=0.02)
    assert regions.high - regions.low == pytest.approx((single.high - single.low) / math.sqrt(8), rel=0.02)


def test_what_a_stage_with_few_rows_of_one_arm_may_hide_is_not_hidden(moments_of):
    """The control has 100 rows of a stage that weighs nine tenths: one row more may be 100, and moves it by 0.9."""
    control = [moments_of(rows(1, 9900)), moments_of(rows(2, 100))]
    treatment = [moments_of(rows(3, 100)), moments_of(rows(4, 900))]

    found = mean.contrast(
        control, treatment, weights=(0.1, 0.9), looks="continuous", planned=PLANNED, value_range=1000.0
    ).delta

    assert found.high - found.value > 0.9 * 1000 * 3.7 / 100
    assert found.value - found.low > 0.9 * 1000 * 3.7 / 100


@pytest.mark.parametrize("weights", [(0.5,), (0.5, 0.6)])
def test_weights_sum_to_one_and_are_one_each(moments_of, weights):
    arm = moments_of(rows(1))

    with pytest.raises(ValueError, match="sum to 1"):
        mean.contrast([arm, arm], [arm, arm], weights=weights)


@pytest.mark.parametrize("alike", [1, 20])
def test_rows_are_the_clock_whatever_they_are_worth(moments_of, alike):
    """A plan counts rows: with units of twenty equal rows the bounds are shortest there, too."""
    arms = [np.repeat(rows(seed, n=int(PLANNED) // alike), alike) for seed in (1, 2)]
    units = np.repeat(np.arange(int(PLANNED) // alike), alike)
    control, treatment = (moments_of(arm, units) for arm in arms)
    tuned = Mixture.tuned(PLANNED, 0.05)

    found = continuous(control, treatment).delta

    error = math.sqrt(mean_variance(control) + mean_variance(treatment))
    hidden = 100 * proportion.continuous(0, PLANNED / alike).high
    assert found.high - found.value == pytest.approx(tuned.multiplier(PLANNED, 0.05) * error + hidden, rel=0.03)
    assert tuned.multiplier(PLANNED, 0.05) < 1.02 * min(tuned.multiplier(each, 0.05) for each in (1000.0, 4000.0))
