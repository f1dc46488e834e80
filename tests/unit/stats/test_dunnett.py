"""Several treatments against one control: SciPy's own, and between no correction and Bonferroni's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from pytest_rollout.stats.dunnett import dunnett


def arms(seed, *shifts, n=60):
    rng = np.random.default_rng(seed)
    return [rng.normal(shift, 1, n) for shift in shifts]


def test_levels_are_scipys():
    """Reference: SciPy's `dunnett`, one-sided, of the same seed."""
    control, *treatments = arms(1, 0, 0.2, 0.5)
    reference = scipy.stats.dunnett(
        *treatments, control=control, alternative="greater", rng=np.random.default_rng(7)
    ).pvalue

    found = dunnett(control, treatments, seed=7)

    assert [each.level(0.0, True) for each in found] == pytest.approx(list(reference))


def test_bounds_lie_between_no_correction_and_bonferroni():
    control, *treatments = arms(2, 0, 0, 0.5, 1)
    pooled = math.sqrt(np.mean([np.var(arm, ddof=1) for arm in (control, *treatments)]) * 2 / 60)
    single, bonferroni = (scipy.stats.t.isf(0.05 / times, 4 * 59) * pooled for times in (1, 3))

    for found in dunnett(control, treatments, seed=1):
        assert single < found.value - found.low < bonferroni
        assert found.high - found.value == pytest.approx(found.value - found.low, rel=1e-3)
        assert found.level(found.low, True) == pytest.approx(0.05, abs=5e-4)
        assert found.level(found.high, False) == pytest.approx(0.05, abs=5e-4)


def test_a_seed_repeats_the_bounds():
    control, *treatments = arms(3, 0, 0.1, 0.2)

    assert dunnett(control, treatments, seed=5) == dunnett(control, treatments, seed=5)


def test_one_treatment_is_students():
    control, treatment = arms(4, 0, 0.3)
    interval = scipy.stats.ttest_ind(treatment, control).confidence_interval(0.9)

    (found,) = dunnett(control, [treatment], seed=1)

    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-3)


@pytest.mark.parametrize(
    ("control", "treatments", "why"),
    [(arms(1, 0, n=29)[0], arms(2, 0), "29 rows"), (np.ones(40), [np.ones(40)], "no arm vary")],
)
def test_what_has_no_answer(control, treatments, why):
    (found,) = dunnett(control, treatments, seed=1)

    assert why in found.why
    assert (found.low, found.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("treatments", [[], [[math.nan] * 40], [[[1.0]]]])
def test_nonsense_is_refused(treatments):
    with pytest.raises(ValueError, match="finite number"):
        dunnett(arms(1, 0)[0], treatments, seed=1)
