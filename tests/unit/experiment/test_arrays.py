"""Rows in memory: sums by the definition, ranks by sorting."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.samples import Above, Counted, Values
from pytest_rollout.stats.moments import Moments

CELL = ("control", "")
seeds = st.integers(0, 10**6)
rows = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
NAMES = [field.name for field in dataclasses.fields(Moments)]


def by_definition(values, codes, measured):
    """Every sum, written as it is defined; `measured` from values and centre 0."""
    values = np.asarray(measured, dtype=float)
    keys = np.unique(codes)
    sizes = np.array([(codes == key).sum() for key in keys], dtype=float)
    sums = np.array([values[codes == key].sum() for key in keys])
    return {
        "units": len(keys),
        "rows": len(values),
        "rows_squared": (sizes**2).sum(),
        "largest_unit": sizes.max(),
        "sums": sums,
        "sizes": sizes,
        "values": values,
    }


def check(found, expected, scale):
    centre = found.centre
    sums = expected["sums"] - centre * expected["sizes"]
    close = {"rel": 1e-9, "abs": 1e-6 * (1 + scale**2)}
    assert (found.units, found.rows, found.largest_unit) == (
        expected["units"],
        expected["rows"],
        expected["largest_unit"],
    )
    assert found.rows_squared == expected["rows_squared"]
    assert found.total == pytest.approx(sums.sum(), **close)
    assert found.total_squared == pytest.approx((sums**2).sum(), **close)
    assert found.rows_total == pytest.approx((sums * expected["sizes"]).sum(), **close)
    assert found.values_squared == pytest.approx(((expected["values"] - centre) ** 2).sum(), **close)
    assert (found.lowest, found.highest) == (expected["values"].min(), expected["values"].max())


@given(rows, st.data())
def test_sums_are_those_of_the_definition(values, data):
    values = np.array(values)
    codes = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(values), max_size=len(values))))
    samples = ArraySamples({CELL: values}, {CELL: codes}, {CELL: 3})
    edge = float(np.median(values))

    for measure, measured in (
        (Values(), values),
        (Values(cap=edge), np.minimum(values, edge)),
        (Above({CELL: edge}), values > edge),
        (Counted(), np.ones(len(values))),
    ):
        found = samples.moments(measure)[CELL]
        check(found, by_definition(values, codes, measured), float(np.abs(measured).max()))
        assert found.clustered
        assert found.missing == 3


@given(rows)
def test_independent_rows_are_units_of_one(values):
    values = np.array(values)
    independent = ArraySamples({CELL: values}, None, {}).moments(Values())[CELL]
    units = ArraySamples({CELL: values}, {CELL: np.arange(len(values))}, {}).moments(Values())[CELL]

    for name in NAMES:
        if name != "clustered":
            assert getattr(independent, name) == pytest.approx(getattr(units, name), rel=1e-9, abs=1e-6)
    assert not independent.clustered


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 60_000), st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_ranks_are_those_of_the_sorted_rows(seed, n, shares):
    """In whatever order they are asked, and with many ties."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.lognormal(2, 1, n), 1)
    samples, ordered = ArraySamples({CELL: values}, None, {}), np.sort(values)

    for share in shares:
        rank = max(1, math.ceil(share * n))
        near = [each for each in (rank, rank - 3, rank + 40, 1, n) if 1 <= each <= n]
        assert samples.ranked({CELL: near})[CELL] == tuple(ordered[each - 1] for each in near)


def test_rows_stay_as_they_are():
    values = np.random.default_rng(1).standard_normal(10_000)
    before = values.copy()
    ArraySamples({CELL: values}, None, {}).ranked({CELL: [5000, 9900]})

    assert (values == before).all()


def test_infinite_rows_are_ranked_and_have_no_sum():
    values = np.array([1.0, math.inf, 3.0])
    samples = ArraySamples({CELL: values}, None, {})

    assert samples.ranked({CELL: [1, 3]})[CELL] == (1.0, math.inf)
    assert math.isinf(samples.moments(Values())[CELL].total)
    assert samples.moments(Values(cap=5))[CELL].total + 3 * samples.moments(Values(cap=5))[
        CELL
    ].centre == pytest.approx(9)


def test_empty_cells_are_not_there():
    samples = ArraySamples({CELL: np.empty(0), ("treatment", ""): np.ones(2)}, None, {})

    assert set(samples.moments(Counted())) == {("treatment", "")}


def test_shared_units_are_counted():
    samples = ArraySamples(
        {CELL: np.ones(4), ("treatment", ""): np.ones(3)},
        {CELL: np.array([0, 1, 1, 5]), ("treatment", ""): np.array([1, 2, 9])},
        {},
    )

    assert samples.shared_units(CELL, ("treatment", "")) == (1, 5)
