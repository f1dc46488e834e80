"""How often bounds hold, in short: the long table is `docs/statistics-measured.md`."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_rollout import compare

REPETITIONS = 300
NOMINAL, ALLOWED = 0.05, 0.035
"""Two and a half standard errors of 300 repetitions."""


def latencies(rng, n):
    return rng.lognormal(1.6, 0.944, n)


def events(rng, n):
    return (rng.random(n) < 0.02).astype(float)


@pytest.mark.parametrize(
    ("what", "draw"),
    [("mean", latencies), ("p50", latencies), ("p95", latencies), ("p99", latencies), ("rate", events)],
)
@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "units"])
def test_either_bound_is_wrong_in_about_five_percent_at_most(what, draw, clustered):
    """Two arms that are alike, one five times as large; rows of a unit share a factor, or turn events on."""
    rng = np.random.default_rng(20261125)
    keys = np.repeat(np.arange(500), 5), np.repeat(np.arange(500, 600), 5)
    wrong = np.zeros(2)
    for _ in range(REPETITIONS):
        arms = []
        for of in keys:
            values = draw(rng, len(of))
            if clustered:
                shared = draw(rng, 600)[of]
                values = np.where(rng.random(len(of)) < 0.3, shared, values)
            arms.append(values)
        delta = getattr(compare(*arms, units=keys if clustered else None, iid=not clustered), what).delta
        wrong += [delta.low > 0, delta.high < 0]

    assert (wrong / REPETITIONS <= NOMINAL + ALLOWED).all()


def test_rows_of_one_unit_counted_as_independent_would_be_wrong_far_more_often():
    """What the units are asked for."""
    rng = np.random.default_rng(20261125)
    keys = np.repeat(np.arange(100), 20)
    wrong = 0
    for _ in range(REPETITIONS):
        control, treatment = (rng.standard_normal(100)[keys] + rng.standard_normal(2000) for _ in range(2))
        delta = compare(control, treatment, iid=True).mean.delta
        wrong += delta.low > 0 or delta.high < 0

    assert wrong / REPETITIONS > 0.3
