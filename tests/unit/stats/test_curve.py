"""How far bounds of quantiles will reach, against what bounds of simulated arms do."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design
from pytest_rollout.stats.curve import Curve, wanted


def rows(chance, n):
    return 5 * np.exp(0.944 * chance.standard_normal(n))


def curve(q, *, looks="continuous", ratio=9.0, deff=1.0):
    pool = np.sort(rows(np.random.default_rng(1), 200_000))
    places = wanted(len(pool), q)
    values = [float(pool[place - 1]) for place in places]
    return Curve(q, len(pool), places, values, ratio=ratio, deff=deff, confidence=0.95, looks=looks)


@pytest.mark.parametrize("looks", ["once", "continuous"])
@pytest.mark.parametrize(("q", "n"), [(0.99, 4000), (0.5, 2000)])
def test_the_chance_of_a_quantile_is_what_happens(looks, q, n):
    """200 experiments at 90 to 10; with the density at P99 alone, 80 % were foretold where 40 to 64 % are proven."""
    foreseen = curve(q, looks=looks)
    margin = foreseen.detectable(n, 0.8, above=True)
    chance = np.random.default_rng(20261126)
    proven = 0
    for _ in range(200):
        arms = {("control", ""): rows(chance, 9 * n), ("treatment", ""): rows(chance, n)}
        found = Comparison(ArraySamples(arms, None, {}), Design(looks=looks)).quantile(q).delta
        proven += found.high < margin

    assert foreseen.chance(margin, n, above=True) == pytest.approx(0.8)
    assert proven / 200 == pytest.approx(0.8, abs=0.08)


def test_where_a_bound_cannot_exist_nothing_is_proven():
    """An upper bound of P99 takes 708 rows at every look, as many times more as rows are alike."""
    foreseen = curve(0.99)

    assert foreseen.chance(1e9, 707, above=True) == 0
    assert foreseen.chance(1e9, 709, above=True) > 0.99
    assert curve(0.99, deff=3.0).chance(1e9, 2000, above=True) == 0


def test_a_long_tail_is_further_off_than_a_short_one():
    foreseen = curve(0.99)

    assert foreseen.detectable(5000, 0.8, above=True) > 1.2 * foreseen.detectable(5000, 0.8, above=False)
    assert foreseen.chance(10, 5000, above=True) < foreseen.chance(10, 5000, above=False)


def test_few_rows_are_all_wanted_and_ends_among_them():
    assert wanted(5, 0.5) == [1, 2, 3, 4, 5]
    places = wanted(1_000_000, 0.99)
    assert (places[0], places[-1]) == (1, 1_000_000)
    assert len(places) < 60
