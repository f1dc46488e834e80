"""What an experiment's validity hangs on, counted in a table."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.experiment import integrity as module
from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.experiment.contamination import contamination
from pytest_rollout.experiment.integrity import assigned, duplicates, in_both, integrity, left
from pytest_rollout.experiment.samples import Above, Values
from pytest_rollout.experiment.table import Span, Table
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.sources.told import Told

START = datetime(2026, 10, 24, tzinfo=UTC)
SPAN = Span(START, START + timedelta(hours=20))
STAGES = {"5 %": START, "25 %": START + timedelta(hours=10)}
TABLE = Table("t", "unit", "arm", "taken", "value", arms={"control": "c", "treatment": "t"}, row="row", stratum="share")
MAKE = (
    "CREATE TABLE t(row INTEGER, arm VARCHAR, unit VARCHAR, value DOUBLE, "
    "taken TIMESTAMPTZ, share DOUBLE, late BOOLEAN)"
)
# Each row: its name, arm, unit, value, hour, percentage, and whether it timed out.
ROWS = [
    (1, "c", "a", 1.0, 1, 5, False),
    (2, "c", "a", None, 11, 25, False),
    (3, "t", "b", 2.0, 1, 5, False),
    (4, "t", "b", 2.0, 11, 25, False),
    (5, "c", "grew", 1.0, 2, 5, False),
    (6, "t", "grew", 1.0, 12, 25, True),
    (7, "t", "left", 1.0, 2, 5, False),
    (8, "c", "left", 1.0, 12, 25, False),
    (9, "c", "both", 1.0, 13, 25, False),
    (10, "t", "both", 1.0, 14, 25, False),
    (3, "t", "b", 2.0, 1, 5, False),
    (11, "c", "a", 1.0, -5, 0, False),
    (12, "c", "a", 1.0, 30, 25, False),
    (13, "c", "a", 1.0, None, 25, False),
]


@pytest.fixture
def source(database):
    lines = [
        "({}, '{}', '{}', {}, {}, {}, {})".format(
            *row[:3],
            "NULL" if row[3] is None else row[3],
            "NULL" if row[4] is None else f"'{(START + timedelta(hours=row[4])).isoformat()}'",
            *row[5:],
        )
        for row in ROWS
    ]
    return database(MAKE, f"INSERT INTO t VALUES {', '.join(lines)}")


@pytest.mark.parametrize("by", ["column", "stages"])
def test_everything_is_counted(source, by):
    table = TABLE if by == "column" else replace(TABLE, stratum=None)
    early, late = ("5", "25") if by == "column" else ("5 %", "25 %")
    span = SPAN if by == "column" else Span(SPAN.start, SPAN.end, STAGES)

    found = integrity(TableSamples(source, replace(table, timeout="late"), span))

    control, treatment = ("control", late), ("treatment", late)
    assert found.units == {("control", early): 2, ("treatment", early): 2, control: 3, treatment: 3}
    assert found.rows == {("control", early): 2, ("treatment", early): 3, control: 3, treatment: 3}
    assert found.missing == {("control", early): 0, ("treatment", early): 0, control: 1, treatment: 0}
    assert found.timed_out[treatment] == 1
    assert found.units_in_all == {early: 4, late: 5}
    assert found.units_in_both == {early: 0, late: 1}
    assert (found.left, found.duplicates) == (1, 1)
    assert (found.before, found.after, found.without_time, found.ignored) == (1, 1, 1, 0)


def test_without_strata_and_names(source):
    found = integrity(TableSamples(source, replace(TABLE, stratum=None, row=None), SPAN))

    assert found.units == {("control", ""): 4, ("treatment", ""): 4}
    assert found.units_in_both == {"": 3}
    assert (found.left, found.duplicates) == (0, None)


def test_strata_that_take_part(source):
    """Listed units, inside which rows are randomised: what the others do is not looked at."""
    samples = TableSamples(source, replace(TABLE, unit="row", stratum="unit", strata=("grew", "both")), SPAN)

    assert set(samples.look.cells) == {(arm, unit) for arm in ("control", "treatment") for unit in ("grew", "both")}
    assert integrity(samples).units_in_all == {"grew": 2, "both": 2}
    assert assigned(samples, lambda row, unit: "control").of == 4


def test_rows_without_units_are_refused(source):
    with pytest.raises(ValueError, match="no assignment"):
        integrity(TableSamples(source, replace(TABLE, unit=None), SPAN))


def test_units_against_what_they_should_be(source):
    shares = {"5": {"b", "left"}, "25": {"b", "left", "grew"}}

    found = assigned(
        TableSamples(source, TABLE, SPAN),
        lambda unit, stratum: "treatment" if unit in shares[stratum] else "control",
    )

    assert (found.checked, found.of, found.differing) == (10, 10, 2)
    assert found.examples == ("both: treatment, and not control", "left: control, and not treatment")


def test_units_of_a_real_assignment(database):
    """Everybody where the hash says, but for one who is not; and only as many as may be fetched."""
    growing = {"5": Assignment(salt="s", shares={"treatment": 5}), "25": Assignment(salt="s", shares={"treatment": 25})}
    rows = [
        (f"u{n:03}", "t" if growing[share].arm(f"u{n:03}") == "treatment" else "c", share)
        for share in growing
        for n in range(300)
    ]
    rows[7] = (rows[7][0], "t" if rows[7][1] == "c" else "c", "5")
    lines = ", ".join(
        f"(1, '{arm}', '{unit}', 1, '{START + timedelta(hours=1)}', {share}, false)" for unit, arm, share in rows
    )
    samples = TableSamples(database(MAKE, f"INSERT INTO t VALUES {lines}"), TABLE, SPAN)

    found = assigned(samples, lambda unit, stratum: growing[stratum].arm(unit))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_UNITS", 100)
        few = assigned(samples, lambda unit, stratum: growing[stratum].arm(unit))

    assert (found.checked, found.of, found.differing) == (600, 600, 1)
    assert found.examples[0].startswith("u007: ")
    assert (few.checked, few.of) == (100, 600)


def test_what_was_told_is_told_again_without_the_source(source, tmp_path):
    """Of the same run in another process, and of a replay: columns, sums, order statistics and counts."""

    def asked(told):
        samples = TableSamples(told, replace(TABLE, timeout="late"), SPAN)
        cells = dict.fromkeys(samples.look.cells, 1.5)
        return (
            samples.moments_of([Values(), Values(cap=9.0), Above(cells)]),
            samples.ranked({cell: [1, 2] for cell in cells}),
            integrity(samples),
        )

    first = asked(Told("recalls", source, AnswerBook(tmp_path / "book")))
    again = asked(Told("recalls", None, AnswerBook(tmp_path / "book", replay=True)))

    assert repr(again) == repr(first)
    sums, *exact = asked(source)
    assert repr(exact) == repr([*first[1:]])
    for told, found in zip(first[0], sums, strict=True):
        assert told.keys() == found.keys()
        for cell in told:  # a database that adds up in several threads may do so in another order
            assert astuple(told[cell]) == pytest.approx(astuple(found[cell]), rel=1e-12, nan_ok=True)
    with pytest.raises(SourceError, match="never asked in the recorded run"):
        TableSamples(Told("others", None, AnswerBook(tmp_path / "book", replay=True)), TABLE, SPAN).moments(Values())


@pytest.mark.parametrize("damage", ["3", "[[[]]]", '[[{"a": 1}]]', '[[["very"]]]'])
def test_damaged_rows_are_no_rows(source, tmp_path, damage):
    book = AnswerBook(tmp_path / "book")
    samples = TableSamples(Told("recalls", source, book), TABLE, SPAN)
    before = samples.look
    for path in (tmp_path / "book").glob("*.json"):
        text = path.read_text()
        if '["rows"' in text:
            start = text.index('"value": ') + len('"value": ')
            path.write_text(text[:start] + damage + text[text.index(', "asked_at"') :])

    assert before.cells
    with pytest.raises(SourceError, match="damaged"):
        TableSamples(Told("recalls", None, AnswerBook(tmp_path / "book", replay=True)), TABLE, SPAN).look  # noqa: B018 - as is


def test_what_makes_an_experiment_none_is_one_answer(database):
    """Units in two arms, or rows that are there twice; for every metric of a table the same statements."""

    def of(both, twice, value="value"):
        rows = [
            f"({n}, '{'c' if n % 2 else 't'}', 'u{n}', 1, '{START + timedelta(hours=1)}', 5, false)"
            for n in range(2000)
        ]
        rows += [f"({3000 + n}, 'c', 'u{2 * n}', 1, '{START + timedelta(hours=1)}', 5, false)" for n in range(both)]
        rows += [rows[n] for n in range(twice)]
        source = database(MAKE, f"INSERT INTO t VALUES {', '.join(rows)}", name=f"{both}-{twice}-{value}.duckdb")
        return contamination(TableSamples(source, replace(TABLE, stratum=None, value=value), SPAN))

    sound, both, twice = of(2, 2), of(3, 0), of(0, 3)

    assert (sound.percent, sound.name, sound.why) == (0.1, "units in two arms", "")
    assert (both.name, both.why) == ("units in two arms", "3 of 2000 units have rows in two arms")
    assert twice.why == "3 of 2003 rows have the name of another, or none, in column 'row'"
    assert twice.needs.startswith("write each row once")
    assert of(3, 0, "late") == both


@pytest.mark.parametrize("ask", [in_both, lambda samples: left(samples, "control"), duplicates])
def test_units_are_asked_the_same_whichever_metric_asks(source, ask):
    asked = []

    class Noted:
        speech, columns = source.speech, source.columns

        def rows(self, statement):
            asked.append(statement)
            return source.rows(statement)

    for value in ("value", "late"):
        ask(TableSamples(Noted(), replace(TABLE, value=value), SPAN))

    assert asked[0] == asked[1]
