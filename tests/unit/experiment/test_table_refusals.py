"""What a table must not be: each an error that names the column, what it holds, and what would do."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.errors import SourceError, UsageError
from pytest_rollout.experiment.samples import Above, Values
from pytest_rollout.experiment.table import Span, Table
from pytest_rollout.experiment.table_samples import TableSamples

START = datetime(2026, 10, 24, 9, 0, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=1))
TABLE = Table("t", "unit", "arm", "at", "value", arms={"control": "c", "treatment": "t"})
COLUMNS = 'arm VARCHAR, unit VARCHAR, value DOUBLE, "at" TIMESTAMPTZ'
TEXTS = COLUMNS.replace("DOUBLE", "VARCHAR")
LOCAL = COLUMNS.replace("TIMESTAMPTZ", "TIMESTAMP")
ROWS = "('c', 'a', 1, '2026-10-24 10:00+00'), ('t', 'b', 2, '2026-10-24 10:00+00')"


@pytest.fixture
def samples(database):
    """A table with two rows, and more of them or other columns."""

    def make(more="", *, columns=COLUMNS, span=SPAN, **changes):
        rows = f"{ROWS}, {more}" if more else ROWS
        source = database(f"CREATE TABLE t({columns})", f"INSERT INTO t VALUES {rows}")
        return TableSamples(source, replace(TABLE, **changes), span)

    return make


@pytest.mark.parametrize(
    ("changes", "columns", "says"),
    [
        ({"value": "latency_ms"}, COLUMNS, "t: there is no column 'latency_ms' for the value\ncolumns: arm, at, unit"),
        ({"value": "valeu"}, COLUMNS, "did you mean 'value'?"),
        ({"stratum": "stage"}, COLUMNS, "there is no column 'stage' for the stratum"),
        (
            {},
            COLUMNS.replace("DOUBLE", "VARCHAR"),
            "column 'value' is VARCHAR, not numbers, or true and false\nwhat only",
        ),
        (
            {},
            COLUMNS.replace("TIMESTAMPTZ", "TIMESTAMP"),
            "column 'at' is TIMESTAMP, and nobody knows whose time that is\nstate zone",
        ),
        ({}, COLUMNS.replace("TIMESTAMPTZ", "VARCHAR"), "column 'at' is VARCHAR, not times"),
        ({"timeout": "unit"}, COLUMNS, "column 'unit' is VARCHAR, not true and false"),
        ({"name": "recalls"}, COLUMNS, "recalls"),
        (
            {"arms": {"control": "1", "treatment": "x"}, "arm": "value"},
            COLUMNS,
            "'value' is DOUBLE and cannot hold the label 'x'",
        ),
    ],
)
def test_columns_that_do_not_fit(samples, changes, columns, says):
    with pytest.raises(SourceError) as raised:
        samples(columns=columns, **changes).moments(Values())

    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("('T', 'z', 1, '2026-10-24 10:00+00')", "column 'arm' is 'T' in 1 rows, which is no arm\ncontrol is 'c'"),
        ("('treated', 'z', 1, '2026-10-24 10:00+00')", "'treated' in 1 rows"),
        ("(NULL, 'z', 1, '2026-10-24 10:00+00')", "column 'arm' is NULL in 1 rows, which is no arm"),
        ("('c', NULL, 1, '2026-10-24 10:00+00')", "column 'unit' is, in 1 rows, NULL: of which unit is a row?"),
    ],
)
def test_rows_that_belong_nowhere(samples, row, says):
    with pytest.raises(SourceError) as raised:
        samples(row).moments(Values())

    assert says in str(raised.value)


def test_a_stratum_that_a_row_does_not_say(database):
    rows = "('c', 'a', 1, '2026-10-24 10:00+00', 1), ('t', 'b', 1, '2026-10-24 10:00+00', NULL)"
    source = database(f"CREATE TABLE t({COLUMNS}, stage INTEGER)", f"INSERT INTO t VALUES {rows}")
    with pytest.raises(SourceError, match="column 'stage' is, in 1 rows, NULL: of which stratum"):
        TableSamples(source, replace(TABLE, stratum="stage"), SPAN).look  # noqa: B018 - the look itself is refused


def test_labels_that_are_known_and_of_no_arm(samples):
    rows = "('x', 'z', 9, '2026-10-24 10:00+00'), (NULL, NULL, 9, '2026-10-24 10:00+00')"
    found = samples(rows, ignored=("x", None))

    assert {cell: each.total + each.centre for cell, each in found.moments(Values()).items()} == {
        ("control", ""): 1,
        ("treatment", ""): 2,
    }
    assert found.look.ignored == 2


def test_nan_is_missing_and_infinity_is_not(samples):
    found = samples(
        "('c', 'a', 'NaN', '2026-10-24 10:00+00'), ('c', 'd', NULL, '2026-10-24 10:00+00'), "
        "('c', 'e', 'inf', '2026-10-24 10:00+00'), ('c', 'e', '-inf', '2026-10-24 10:00+00')"
    )
    control = ("control", "")
    seen = found.look.cells[control]

    assert (seen.rows, seen.values, seen.missing, seen.strange, seen.infinite, seen.bottomless) == (5, 3, 2, 1, 1, 1)
    assert found.ranked({control: [1, 2, 3]}) == {control: (-math.inf, 1.0, math.inf)}
    moments = found.moments(Values())[control]
    assert (moments.units, moments.missing, moments.lowest, moments.highest) == (2, 2, -math.inf, math.inf)
    assert math.isnan(moments.total)


@pytest.mark.parametrize(("kind", "yes"), [("DOUBLE", 7.0), ("BOOLEAN", 1.0)])
def test_a_row_that_timed_out_has_a_value_and_one_that_says_nothing_has_none(database, kind, yes):
    """Whether a row timed out may be NULL, too, and is then no reason to leave it out."""
    said = [("7", "NULL"), ("NULL", "NULL"), ("NULL", "true"), ("0", "false"), ("NULL", "false"), ("0", "true")]
    rows = ", ".join(f"('c', 'u{n}', {v}, '2026-10-24 10:00+00', {late})" for n, (v, late) in enumerate(said))
    columns = f"{COLUMNS.replace('DOUBLE', kind)}, late BOOLEAN"
    source = database(f"CREATE TABLE t({columns})", f"INSERT INTO t VALUES {rows}")
    found = TableSamples(source, replace(TABLE, timeout="late"), SPAN)
    control = ("control", "")
    late = math.inf if kind == "DOUBLE" else 1.0

    assert (found.look.cells[control].rows, found.look.cells[control].values) == (6, 4)
    assert found.ranked({control: [1, 2, 3, 4]}) == {control: tuple(sorted([0.0, yes, late, late]))}
    above = found.moments(Above({control: 0.5}))[control]
    assert (above.units, above.rows, above.total, above.missing) == (4, 4, 3, 2)


def test_an_arm_whose_first_rows_come_meanwhile(database):
    source = database(f"CREATE TABLE t({COLUMNS})", f"INSERT INTO t VALUES {ROWS}")
    found = TableSamples(source, TABLE, SPAN)
    found.look.cells.pop(("treatment", ""))  # as if it had been written after the look

    with pytest.raises(SourceError, match="t: changed while it was read\nask again"):
        found.moments(Values())


def test_an_arm_without_rows_is_no_cell(samples):
    found = samples(span=Span(START - timedelta(days=9), START - timedelta(days=8)))

    assert found.moments(Values()) == {}
    assert found.look.cells == {}
    with pytest.raises(ValueError, match="has 0 values, and ranks"):
        found.ranked({("control", ""): [1]})


def test_an_arm_whose_values_are_all_missing(samples):
    found = samples("('x', 'z', NULL, '2026-10-24 10:00+00')", arms={"control": "c", "other": "x"}, ignored=("t",))
    moments = found.moments(Values())["other", ""]

    assert set(found.moments(Above({("other", ""): 1.0}))) == {("other", "")}
    assert (moments.units, moments.rows, moments.total, moments.missing, moments.largest_unit) == (0, 0, 0, 1, 0)
    assert math.isnan(moments.lowest)
    assert math.isnan(moments.highest)


def test_the_window_begins_after_its_start_and_ends_with_its_end(samples):
    times = {5: "2026-10-24 09:00", 7: "2026-10-25 09:00", 9: "2026-10-25 09:00:01"}
    rows = ", ".join(f"('c', 'a', {value}, '{at}+00')" for value, at in times.items())

    assert samples(rows).ranked({("control", ""): [1, 2]}) == {("control", ""): (1.0, 7.0)}


def test_times_without_a_zone_are_utc_when_that_is_stated(samples):
    found = samples(columns=LOCAL, zone="UTC")

    assert found.look.cells["control", ""].rows == 1


def test_labels_may_be_true_and_false_or_numbers(database):
    source = database(
        'CREATE TABLE t(arm BOOLEAN, unit INTEGER, value INTEGER, "at" TIMESTAMPTZ)',
        "INSERT INTO t VALUES (true, 1, 3, '2026-10-24 10:00+00'), (false, 2, 4, '2026-10-24 10:00+00')",
    )
    by_flag = TableSamples(source, replace(TABLE, arms={"control": "false", "treatment": "true"}), SPAN)
    by_number = TableSamples(source, replace(TABLE, arm="unit", arms={"control": "2", "treatment": "1"}), SPAN)

    for each in (by_flag, by_number):
        assert each.ranked({("control", ""): [1], ("treatment", ""): [1]}) == {
            ("control", ""): (4.0,),
            ("treatment", ""): (3.0,),
        }


def test_names_are_names_whatever_is_in_them(database):
    """A name that would be SQL, and one that would be a parameter."""
    odd, other = 'x"; DROP TABLE t; --', "a :start $arm0 b"
    quoted = '"' + odd.replace('"', '""') + '"'
    source = database(
        f'CREATE TABLE "my table"(arm VARCHAR, unit VARCHAR, {quoted} DOUBLE, "{other}" TIMESTAMPTZ)',
        f'INSERT INTO "my table" VALUES {ROWS}',
    )
    table = replace(TABLE, name="my table", value=odd, at=other)

    assert TableSamples(source, table, SPAN).moments(Values())["control", ""].rows == 1


def test_labels_are_values_whatever_is_in_them(database):
    label = "c' OR '1' = '1"
    source = database(f"CREATE TABLE t({COLUMNS})", f"INSERT INTO t VALUES {ROWS}")
    table = replace(TABLE, arms={"control": label, "treatment": "t"}, ignored=("c",))

    assert set(TableSamples(source, table, SPAN).look.cells) == {("treatment", "")}


def test_an_exceedance_is_of_the_cells_that_have_an_edge(samples):
    assert set(samples().moments(Above({("control", ""): 1.0}))) == {("control", "")}


def test_a_query_that_takes_too_long(samples):
    slow = samples()
    object.__setattr__(slow, "seconds", 1e-9)

    with pytest.raises(SourceError, match="no answer within 1e-09 s"):
        slow.moments(Values())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arms": {"control": "c"}}, "two arms or more, each with a label of its own: control is 'c'"),
        ({"arms": {"control": "c", "treatment": "c"}}, "each with a label of its own"),
        ({"ignored": ("c",)}, "each with a label of its own"),
        ({"strata": ("a",)}, "strata a, and no column that says them"),
        ({"zone": "Europe/Berlin"}, "zone 'Europe/Berlin': only UTC has no hour twice"),
        ({"value": ""}, "'' is no name"),
        ({"value": "a\nb"}, "is no name"),
    ],
)
def test_a_description_that_cannot_be_meant(changes, says):
    with pytest.raises(UsageError) as raised:
        replace(TABLE, **changes)

    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("start", "end", "stages", "says"),
    [
        (START, START, {}, "stages begin"),
        (START.replace(tzinfo=None), START, {}, "no offset"),
        (START, START + timedelta(days=1), {"5 %": START + timedelta(hours=1)}, "the first at the start"),
        (START, START + timedelta(days=1), {"a": START, "b": START}, "one after the other"),
        (START, START + timedelta(days=1), {"a": START, "b": START + timedelta(days=2)}, "one after the other"),
    ],
)
def test_a_time_that_cannot_be_meant(start, end, stages, says):
    with pytest.raises(UsageError, match=says):
        Span(start, end, stages)
