"""Ranks: SciPy's tests, a published example, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats import rank

values = st.lists(st.integers(-50, 50), min_size=10, max_size=40).filter(lambda each: len(set(each)) > 3)
YOUNG = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
NEW = [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]


def ends(found):
    return [found.low, found.value, found.high]


def test_a_published_example():
    """Brunner & Munzel (2000), pain scores; R's lawstat prints 0.788961, 0.5952169 … 0.9827052, p 0.005786."""
    found = rank.superiority(YOUNG, NEW, confidence=0.975)

    assert ends(found) == pytest.approx([0.5952169, 0.788961, 0.9827052], abs=1e-6)
    assert 2 * found.level(0.5, True) == pytest.approx(0.005786, abs=1e-6)


@given(values, values)
def test_the_level_of_a_half_is_scipys(control, treatment):
    """Reference: SciPy's `brunnermunzel`."""
    found = rank.superiority(control, treatment)
    if math.isinf(found.low):
        return
    reference = scipy.stats.brunnermunzel(control, treatment).pvalue

    assert 2 * min(found.level(0.5, True), found.level(0.5, False)) == pytest.approx(reference, rel=1e-9, abs=1e-12)


@given(values, values, st.sampled_from([0.9, 0.95]))
def test_bounds_are_ordered_mirrored_and_deaf_to_scale(control, treatment, confidence):
    here = rank.superiority(control, treatment, confidence=confidence)
    there = rank.superiority(treatment, control, confidence=confidence)
    stretched = rank.superiority(
        np.exp(np.array(control) / 10), np.exp(np.array(treatment) / 10), confidence=confidence
    )

    if math.isfinite(here.low):
        assert 0 <= here.low <= here.value <= here.high <= 1
        assert ends(there) == pytest.approx([1 - each for each in reversed(ends(here))])
        assert ends(stretched) == pytest.approx(ends(here))
    else:
        assert here.why


@pytest.mark.parametrize(
    ("control", "treatment", "why"),
    [
        (range(9), range(20), "9 rows or units of an arm are too few"),
        (range(10), range(20, 40), "do not overlap"),
        ([1] * 10, [1] * 10, "all ties"),
        (np.arange(600_000), np.arange(600_000), "more than the 1000000"),
    ],
)
def test_what_has_no_answer(control, treatment, why):
    found = rank.superiority(list(control), list(treatment))

    assert why in found.why
    assert (found.low, found.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("limit", "above", "level"), [(-0.1, True, 0), (-0.1, False, 1), (1.1, True, 1), (1.1, False, 0)]
)
def test_a_probability_is_one(limit, above, level):
    assert rank.superiority(YOUNG, NEW).level(limit, above) == level


@given(values, values)
def test_evidence_is_scipys_p_and_the_median_difference(control, treatment):
    """Reference: SciPy's `mannwhitneyu`, and all differences written down."""
    found = rank.evidence(control, treatment)
    differences = np.sort(np.subtract.outer(np.array(treatment), np.array(control)).ravel())

    assert found.mann_whitney == pytest.approx(
        scipy.stats.mannwhitneyu(treatment, control, method="asymptotic").pvalue, nan_ok=True
    )
    assert found.hodges_lehmann == pytest.approx(differences[(len(differences) + 1) // 2 - 1], abs=1e-9)


@pytest.mark.parametrize(
    ("control", "treatment"), [([], [1.0]), ([1.0], [math.inf]), ([[1.0]], [1.0]), ([math.nan], [1.0])]
)
def test_evidence_needs_finite_rows(control, treatment):
    with pytest.raises(ValueError, match=r"finite|one number"):
        rank.evidence(control, treatment)
