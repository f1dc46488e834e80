"""What a statistic may answer: an ordered interval, or the widest one with its reason."""

from __future__ import annotations

import math

import pytest

from pytest_rollout.stats.bounds import Bounds, alpha_of


@pytest.mark.parametrize(
    ("value", "low", "high", "why"),
    [
        pytest.param(1.0, 2.0, 3.0, "", id="value-below"),
        pytest.param(4.0, 2.0, 3.0, "", id="value-above"),
        pytest.param(1.0, math.nan, 3.0, "", id="nan-low"),
        pytest.param(1.0, 0.0, math.nan, "", id="nan-high"),
        pytest.param(math.nan, 0.0, 1.0, "lost", id="unknown-with-bounds"),
        pytest.param(math.nan, -math.inf, math.inf, "", id="unknown-without-reason"),
    ],
)
def test_impossible_answers_are_refused(value, low, high, why):
    with pytest.raises(ValueError, match="a mean"):
        Bounds(value, low, high, 3, "a mean", why)


@pytest.mark.parametrize("value", [math.nan, math.inf, 3.0])
def test_no_answer_is_the_widest_interval(value):
    """A value may still be known; one that is no number never is."""
    found = Bounds.unbounded("too little", method="a mean", n=2, value=value)

    assert (found.low, found.high, found.why, found.n) == (-math.inf, math.inf, "too little", 2)
    assert found.value == 3.0 or math.isnan(found.value)
    assert found.level is None


@pytest.mark.parametrize("confidence", [0.5, 1.0, 0.0, -1.0, 95, math.nan])
def test_confidence_is_a_probability_above_a_half(confidence):
    with pytest.raises(ValueError, match="confidence"):
        alpha_of(confidence)
