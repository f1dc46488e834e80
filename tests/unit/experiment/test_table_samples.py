"""A table of an experiment: the same sums and order statistics as arrays, from every database."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from support.recalls import END, SPAN, START, TABLE

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.compare import compare
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design
from pytest_rollout.experiment.samples import Above, Counted, Values
from pytest_rollout.experiment.table import Span
from pytest_rollout.experiment.table_samples import TableSamples

CONTROL, TREATMENT = ("control", ""), ("treatment", "")


def inside(rows):
    return (rows.seconds > 0) & (rows.seconds <= 200 * 3600)


def sums_of(values, units, *, centre):
    """The sums of `Moments` by numpy, of the values of one cell; NaN is missing."""
    known = ~np.isnan(values)
    y, names = values[known] - centre, units[known]
    _, places = np.unique(names, return_inverse=True)
    counts = np.bincount(places).astype(float)
    totals = np.bincount(places, weights=y)
    return {
        "units": len(counts),
        "rows": len(y),
        "total": y.sum(),
        "rows_squared": (counts**2).sum(),
        "total_squared": (totals**2).sum(),
        "rows_total": (counts * totals).sum(),
        "values_squared": (y**2).sum(),
        "lowest": values[known].min(),
        "highest": values[known].max(),
        "largest_unit": counts.max(),
        "missing": (~known).sum(),
    }


def same(moments, sums):
    for name, expected in sums.items():
        assert getattr(moments, name) == pytest.approx(expected, rel=1e-9, abs=1e-9), name


def table_for(source, **changes):
    """Files are one table called `file`."""
    name = "file" if hasattr(source, "path") and source.path.suffix == ".parquet" else "recalls"
    return replace(TABLE, name=name, **changes)


def samples_of(source, span=SPAN, **changes):
    return TableSamples(source, table_for(source, **changes), span)


@pytest.mark.parametrize("cap", [None, 20.0])
def test_values_are_summed_as_arrays_are(source, rows, cap):
    found = samples_of(source).moments(Values(cap=cap))

    assert set(found) == {CONTROL, TREATMENT}
    for cell, treated in ((CONTROL, False), (TREATMENT, True)):
        chosen = inside(rows) & (rows.treated == treated)
        values = rows.latency if cap is None else np.where(rows.latency > cap, cap, rows.latency)
        same(found[cell], sums_of(values[chosen], rows.space[chosen], centre=found[cell].centre))
        assert found[cell].clustered


def test_independent_rows_are_units_of_their_own(source, rows):
    found = samples_of(source, unit=None).moments(Values())

    chosen = inside(rows) & rows.treated
    own = np.arange(len(rows.space))
    same(found[TREATMENT], sums_of(rows.latency[chosen], own[chosen], centre=found[TREATMENT].centre))
    assert not found[TREATMENT].clustered


def test_exceedances_count_timeouts(source, rows):
    found = samples_of(source, timeout="timeout").moments(Above({CONTROL: 10.0, TREATMENT: 25.0}))

    for cell, treated, edge in ((CONTROL, False, 10), (TREATMENT, True, 25)):
        chosen = inside(rows) & (rows.treated == treated)
        values = rows.values()[chosen]
        above = np.where(np.isnan(values), np.nan, values > edge)
        same(found[cell], sums_of(above, rows.space[chosen], centre=0))


def test_true_and_false_are_whole_counts(source, rows):
    found = samples_of(source, value="failed", timeout="timeout").moments(Values())

    for cell, treated in ((CONTROL, False), (TREATMENT, True)):
        chosen = inside(rows) & (rows.treated == treated)
        failed = (rows.failed | rows.timeout)[chosen].astype(float)
        assert found[cell].total == failed.sum()
        same(found[cell], sums_of(failed, rows.space[chosen], centre=0))


def test_counted_rows_are_those_with_a_value_and_units_those_of_all_rows(source, rows):
    """As arrays count them; a unit whose rows have no value was assigned all the same."""
    found = samples_of(source).moments(Counted())

    for cell, treated in ((CONTROL, False), (TREATMENT, True)):
        chosen = inside(rows) & (rows.treated == treated)
        missing = np.isnan(rows.latency[chosen]).sum()
        assert found[cell].rows == chosen.sum() - missing == found[cell].total
        assert found[cell].units == len(np.unique(rows.space[chosen]))
        assert found[cell].missing == missing > 0


@pytest.mark.parametrize("by", ["column", "stages"])
def test_strata_are_cells_of_their_own(source, rows, by):
    if by == "column":
        samples, labels = samples_of(source, stratum="percentage"), ("5", "25")
    else:
        stages = {"5 %": START, "25 %": START.replace(day=28, hour=13)}
        samples, labels = samples_of(source, Span(START, END, stages)), ("5 %", "25 %")
    late = rows.percentage == 25 if by == "column" else rows.seconds > 360_000
    cells = {(arm, label): 12.5 for arm in ("control", "treatment") for label in labels}

    found = samples.moments(Values())
    above = samples.moments(Above(cells))
    ranked = samples.ranked({cell: [1, 50] for cell in cells})

    assert set(found) == set(above) == set(ranked) == set(cells)
    for arm, label in cells:
        chosen = inside(rows) & (rows.treated == (arm == "treatment")) & (late == (label == labels[1]))
        values = rows.latency[chosen]
        same(found[arm, label], sums_of(values, rows.space[chosen], centre=found[arm, label].centre))
        assert above[arm, label].total == (values > 12.5).sum()
        assert ranked[arm, label] == tuple(np.sort(values[~np.isnan(values)])[[0, 49]])


@pytest.mark.parametrize("by", ["column", "stages"])
def test_a_unit_of_several_strata_is_counted_once(source, rows, by):
    stages = {"5 %": START, "25 %": START.replace(day=28, hour=13)}
    samples = (
        samples_of(source, stratum="percentage") if by == "column" else samples_of(source, Span(START, END, stages))
    )

    found = samples.units_in_all()

    each = {
        arm: len(np.unique(rows.space[inside(rows) & (rows.treated == (arm == "treatment"))]))
        for arm in ("control", "treatment")
    }
    assert found == each
    cells = samples.moments(Counted())
    assert sum(cell.units for cell in cells.values()) > sum(each.values())


def test_several_measures_are_one_pass(source, rows, monkeypatch):
    samples = samples_of(source)
    assert samples.look.cells
    asked = []
    ask = type(source).rows
    monkeypatch.setattr(type(source), "rows", lambda self, statement: asked.append(1) or ask(self, statement))
    measures = [Values(), Counted(), Above({CONTROL: 5.0, TREATMENT: 5.0})]

    together = samples.moments_of(measures)

    assert len(asked) == 1
    assert [samples.moments(each) for each in measures] == together
    assert len(asked) == 1
    alone = samples_of(source)
    for measure, found in zip(measures, together, strict=True):
        same(alone.moments(measure)[CONTROL], {"rows": found[CONTROL].rows, "total": found[CONTROL].total})


def test_order_statistics_are_those_of_sorting(source, rows):
    samples = samples_of(source, timeout="timeout")
    for cell, treated in ((CONTROL, False), (TREATMENT, True)):
        chosen = inside(rows) & (rows.treated == treated)
        ordered = np.sort(rows.values()[chosen])
        ordered = ordered[~np.isnan(ordered)]
        ranks = [1, 2, len(ordered) // 2, len(ordered) - 20, len(ordered)]

        found = samples.ranked({cell: ranks})

        assert found == {cell: tuple(ordered[np.array(ranks) - 1])}
        assert found[cell][-1] == math.inf


def test_what_timed_out_is_infinite_until_it_is_capped(source, rows):
    samples = samples_of(source, timeout="timeout")
    treated = inside(rows) & rows.treated
    late = (rows.timeout & treated).sum()

    assert samples.moments(Values())[TREATMENT].total == math.inf
    capped = samples.moments(Values(cap=100.0))[TREATMENT]
    values = np.minimum(rows.values(), 100.0)[treated]

    same(capped, sums_of(values, rows.space[treated], centre=capped.centre))
    assert samples.look.cells[TREATMENT].timed_out == samples.look.cells[TREATMENT].infinite == late > 0


def test_units_are_counted_once_for_all_metrics_of_a_table(source):
    """What does not look at values is the same question, whichever metric asks it; what does is another."""
    latency, failed = (samples_of(source, value=column).sql for column in ("latency_ms", "failed"))

    assert latency.moments([Counted()], 0.0) == failed.moments([Counted()], 0.0)
    assert latency.moments([Values()], 0.0) != failed.moments([Values()], 0.0)


def arms_with_missing(database, *missing):
    """Rows of 600 units, NaN where there is no value, as arrays and as a table; and so many shares without a value."""
    chance = np.random.default_rng(5)
    count = 12_000
    unit = chance.integers(0, 600, count)
    treated = unit % 2 == 1
    values = np.exp(0.5 * chance.standard_normal(count))
    values[chance.random(count) < np.where(treated, missing[1], missing[0])] = np.nan
    lines = ", ".join(
        f"('{START.isoformat()}'::TIMESTAMPTZ + INTERVAL 1 HOUR, 'u{u}', '{'t' if t else 'c'}', "
        f"{'NULL' if np.isnan(v) else repr(float(v))})"
        for u, t, v in zip(unit, treated, values, strict=True)
    )
    made = database(
        "CREATE TABLE recalls (taken TIMESTAMPTZ, space_id VARCHAR, mode VARCHAR, latency_ms DOUBLE)",
        f"INSERT INTO recalls VALUES {lines}",
    )
    samples = TableSamples(made, replace(TABLE, arms={"control": "c", "treatment": "t"}), SPAN)
    arrays = [(values[treated == each], unit[treated == each]) for each in (False, True)]
    return samples, arrays


@pytest.mark.parametrize("missing", [(0.0, 0.0), (0.25, 0.25)])
def test_a_table_says_what_arrays_say_without_their_missing_rows(database, missing):
    """Ranks are taken from the values, and never from rows that have none."""
    samples, ((control, units), (treatment, others)) = arms_with_missing(database, *missing)
    design = Design(looks="continuous", cap=10.0, value_range=(0, 10))

    found = Comparison(samples, design)
    expected = compare(control, treatment, units=(units, others), looks="continuous", nan="omit")

    for arm in ("control", "treatment"):
        assert (found.n[arm].rows, found.n[arm].missing) == (expected.n[arm].rows, expected.n[arm].missing)
    for what in ("p50", "p95", "p99"):
        mine, theirs = getattr(found, what), getattr(expected, what)
        for side in ("control", "treatment", "delta", "lift"):
            one, other = getattr(mine, side), getattr(theirs, side)
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-9)
            assert (one.n, one.why, one.reason) == (other.n, other.why, other.reason)
    assert found.mean.control.value == pytest.approx(np.nanmean(np.minimum(control, 10)), rel=1e-9)


@pytest.mark.parametrize("missing", [(0.0, 0.04), (0.03, 0.0), (0.0, 1.0)])
def test_rows_without_a_value_in_one_arm_are_doubt(database, missing):
    """What hangs is not written down, and what is left looks as fast as before."""
    samples, arms = arms_with_missing(database, *missing)

    found = Comparison(samples, Design(looks="continuous"))

    assert found.doubt.reason == Reason.INVALID
    assert "have no value, so what is left is not alike" in found.doubt.why
    assert found.p95.delta.high == math.inf
    assert found.p95.delta.reason == Reason.INVALID
    assert [found.n[arm].missing for arm in ("control", "treatment")] == [np.isnan(values).sum() for values, _ in arms]


def test_an_arm_without_any_value_has_no_quantile(database):
    samples, _ = arms_with_missing(database, 1.0, 1.0)

    assert "has no rows" in Comparison(samples, Design()).p50.delta.why
