"""What must hold of every comparison, whatever the rows are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rollout import compare
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design

LOOKS = pytest.mark.parametrize("looks", ["once", "continuous"])
WHATS = ["mean", "p50", "p95", "p99", "rate"]
seeds = st.integers(0, 10**6)
few = settings(max_examples=12, deadline=None)


def arms(seed, n=1500, m=900, *, kind="latency"):
    rng = np.random.default_rng(seed)
    control, treatment = rng.lognormal(1.6, 0.9, n), rng.lognormal(1.7, 0.9, m)
    if kind == "ties":
        return np.round(control), np.round(treatment)
    if kind == "events":
        return (control > 20).astype(float), (treatment > 20).astype(float)
    return control, treatment


def units_of(seed, n=1500, m=900, each=6):
    rng = np.random.default_rng(seed + 1)
    return rng.integers(0, n // each, n), rng.integers(n, n + m // each, m)


def compared(control, treatment, looks="once", units=None, **more) -> Comparison:
    """`compare`, with a range, so that there is a mean at every look."""
    found = compare(control, treatment, units=units, iid=units is None, looks=looks, unit="ms", name="x")
    design = Design(looks=looks, planned=1000.0, value_range=(-1e6, 1e6), name="x", unit="ms", **more)
    return Comparison(found._samples, design)


def asked(comparison, kind="latency"):
    whats = ["mean", "rate"] if kind == "events" else ["mean", "p50", "p95", "p99"]
    return {what: getattr(comparison, what) for what in whats}


def ends(estimate):
    return [estimate.low, estimate.value, estimate.high]


@LOOKS
@pytest.mark.parametrize("kind", ["latency", "ties", "events"])
@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "units"])
@few
@given(seed=seeds)
def test_the_value_lies_between_its_bounds(looks, kind, clustered, seed):
    units = units_of(seed) if clustered else None

    for sides in asked(compared(*arms(seed, kind=kind), looks, units), kind).values():
        for each in (sides.control, sides.treatment, sides.delta, sides.lift):
            assert each.low <= each.value <= each.high
            assert not each.exact
            assert each.method


@LOOKS
@pytest.mark.parametrize("kind", ["latency", "events"])
@few
@given(seed=seeds)
def test_swapped_arms_mirror(looks, kind, seed):
    control, treatment = arms(seed, kind=kind)
    here = asked(compared(control, treatment, looks, units_of(seed)), kind)
    there = asked(compared(treatment, control, looks, units_of(seed)[::-1]), kind)

    for what, sides in here.items():
        assert ends(there[what].delta) == pytest.approx([-each for each in reversed(ends(sides.delta))], rel=1e-9)
        assert ends(there[what].control) == pytest.approx(ends(sides.treatment), rel=1e-9)


@LOOKS
@few
@given(seed=seeds, shift=st.floats(-100, 100), factor=st.floats(0.01, 100))
def test_bounds_move_with_the_rows(looks, seed, shift, factor):
    """Another unit, and a constant more in both arms. Means at one look only: what was not seen keeps its range."""
    control, treatment = arms(seed)
    here = asked(compared(control, treatment, looks, units_of(seed)))
    there = asked(compared(control * factor + shift, treatment * factor + shift, looks, units_of(seed)))

    for what, sides in here.items():
        if what == "mean" and looks == "continuous":
            continue
        moved = ends(there[what].delta)
        assert moved == pytest.approx([each * factor for each in ends(sides.delta)], rel=1e-6, abs=1e-9 * factor)
        assert ends(there[what].control) == pytest.approx(
            [each * factor + shift for each in ends(sides.control)], rel=1e-6, abs=1e-6
        )


@LOOKS
@few
@given(seed=seeds, factor=st.floats(0.01, 100))
def test_a_lift_has_no_unit(looks, seed, factor):
    control, treatment = arms(seed)
    here, there = (asked(compared(control * each, treatment * each, looks)) for each in (1.0, factor))

    for what, sides in here.items():
        if what != "mean" or looks == "once":
            assert ends(there[what].lift) == pytest.approx(ends(sides.lift), rel=1e-6)


@LOOKS
@few
@given(seed=seeds)
def test_the_order_of_rows_and_the_names_of_units_mean_nothing(looks, seed):
    rng = np.random.default_rng(seed)
    control, treatment = arms(seed)
    units = units_of(seed)
    orders = rng.permutation(len(control)), rng.permutation(len(treatment))
    shuffled = compared(
        control[orders[0]],
        treatment[orders[1]],
        looks,
        tuple(np.array([f"space-{each}" for each in of[order]]) for of, order in zip(units, orders, strict=True)),
    )

    here, there = asked(compared(control, treatment, looks, units)), asked(shuffled)

    for what, sides in here.items():
        assert ends(there[what].delta) == pytest.approx(ends(sides.delta), rel=1e-9)


@LOOKS
@few
@given(seed=seeds)
def test_units_of_one_row_are_independent_rows(looks, seed):
    control, treatment = arms(seed)
    alone = np.arange(1500), np.arange(1500, 2400)

    for what, sides in asked(compared(control, treatment, looks)).items():
        found = getattr(compared(control, treatment, looks, alone), what)
        assert ends(found.delta) == pytest.approx(ends(sides.delta), rel=1e-9)


@pytest.mark.parametrize("kind", ["latency", "ties", "events"])
@few
@given(seed=seeds)
def test_every_look_contains_one_look(kind, seed):
    once, always = (
        asked(compared(*arms(seed, kind=kind), looks, units_of(seed)), kind) for looks in ("once", "continuous")
    )

    for what, sides in once.items():
        for name in ("control", "treatment", "delta", "lift"):
            narrow, wide = getattr(sides, name), getattr(always[what], name)
            assert wide.low <= narrow.low + 1e-12
            assert narrow.high <= wide.high + 1e-12


@LOOKS
@pytest.mark.parametrize("kind", ["latency", "ties", "events"])
@few
@given(seed=seeds)
def test_a_limit_at_a_bound_is_refuted_at_its_level(looks, kind, seed):
    """Exactly at it for what is smooth; for order statistics at it or, where rows tie, at a smaller one."""
    for what, sides in asked(compared(*arms(seed, kind=kind), looks), kind).items():
        for each in (sides.delta, sides.lift, sides.treatment):
            for limit, above in ((each.low, True), (each.high, False)):
                if not math.isfinite(limit):
                    continue
                level = each.refuting_level(limit, above)
                assert level <= 0.05 * (1 + 1e-6)
                if what in {"mean", "rate"}:
                    assert level == pytest.approx(0.05, rel=1e-4)


@LOOKS
@few
@given(seed=seeds, near=st.floats(0, 5), further=st.floats(0, 50))
def test_the_level_falls_with_the_distance(looks, seed, near, further):
    for sides in asked(compared(*arms(seed), looks)).values():
        low, high = sides.delta.low, sides.delta.high
        if math.isfinite(low) and math.isfinite(high):
            level = sides.delta.refuting_level
            assert level(low - near - further, True) <= level(low - near, True) <= 0.05 * (1 + 1e-6)
            assert level(high + near + further, False) <= level(high + near, False) <= 0.05 * (1 + 1e-6)


@few
@given(seed=seeds)
def test_ranks_are_those_of_unit_means(seed):
    control, treatment = arms(seed)
    units = units_of(seed)
    means = [
        np.array([arm[of == key].mean() for key in np.unique(of)])
        for arm, of in zip((control, treatment), units, strict=True)
    ]

    found, expected = compare(control, treatment, units=units).rank, compare(*means, iid=True).rank

    for name in ("control", "treatment", "delta", "lift"):
        assert ends(getattr(found, name)) == pytest.approx(ends(getattr(expected, name)))
    assert found.treatment.value == pytest.approx(1 - found.control.value)
    assert found.delta.value == pytest.approx(2 * found.treatment.value - 1)
