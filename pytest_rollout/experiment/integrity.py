"""Integrity: whether a table's rows are an experiment at all, before anybody compares arms.

How many units each arm has, units in both, units that left the treatment
while its percentage grew, units whose arm is not the one that the assignment
gives them, rows that are there twice, and values that one arm misses more
often: facts about the table, on which others decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_rollout.errors import SourceError
from pytest_rollout.experiment.samples import Cell, Counted
from pytest_rollout.experiment.table import label_of
from pytest_rollout.experiment.table_rows import Raw
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.sources.tables import NUMBER, Statement, as_float

MOST_UNITS = 1_000_000
"""How many units are compared with the assignment, those first by name; a hash has nothing to do with names."""
_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Integrity:
    """What was counted of the rows in the time that is looked at.

    Args:
        units: Units with rows, by cell.
        rows: Rows, by cell, also those without a value.
        missing: Rows without a value, by cell.
        timed_out: Rows that timed out, by cell.
        units_in_all: Units by stratum, each counted once.
        units_in_both: Units by stratum that have rows in two arms of it or more.
        left: Units that have rows outside the treatments in a later stratum
            than rows inside one; strata are stages, or numbers such as
            percentages. 0 where there is one stratum.
        duplicates: Rows that another row has the name of, and those without one, which
            nobody can tell apart; None where the table names no such column.
        before: Rows of the table that are older than the time that is looked at.
        after: Rows that are younger than it.
        without_time: Rows that say no time, and are in none.
        ignored: Rows that are of no arm, because the table says so.
    """

    units: Mapping[Cell, int]
    rows: Mapping[Cell, int]
    missing: Mapping[Cell, int]
    timed_out: Mapping[Cell, int]
    units_in_all: Mapping[str, int]
    units_in_both: Mapping[str, int]
    left: int
    duplicates: int | None
    before: int
    after: int
    without_time: int
    ignored: int


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """Units against the assignment.

    Args:
        checked: How many units and strata were compared.
        of: How many there are.
        differing: How many have rows in another arm than the assignment gives them.
        examples: A few of those, as `unit: arm, and not arm`.
    """

    checked: int
    of: int
    differing: int
    examples: tuple[str, ...]


def integrity(samples: TableSamples, *, control: str = "control") -> Integrity:
    """Count what an experiment's validity hangs on.

    Args:
        samples: The table; with a unit.
        control: The arm that is no treatment.

    Raises:
        SourceError: The table cannot be asked, or has not what was described.
        ValueError: The table has no unit.
    """
    if samples.table.unit is None:
        raise ValueError("rows without units have no assignment that could be wrong")
    counted = samples.moments(Counted())
    both = in_both(samples)
    before, after, without = _outside(samples)
    return Integrity(
        units={cell: each.units for cell, each in counted.items()},
        rows={cell: each.rows for cell, each in samples.look.cells.items()},
        missing={cell: each.missing for cell, each in samples.look.cells.items()},
        timed_out={cell: each.timed_out for cell, each in samples.look.cells.items()},
        units_in_all={stratum: units for stratum, (units, _) in both.items()},
        units_in_both={stratum: found for stratum, (_, found) in both.items()},
        left=left(samples, control),
        duplicates=duplicates(samples),
        before=before,
        after=after,
        without_time=without,
        ignored=samples.look.ignored,
    )


def in_both(samples: TableSamples) -> dict[str, tuple[int, int]]:
    """Units by stratum, and how many of them have rows in two arms of it or more.

    Raises:
        SourceError: As for `integrity`.
    """
    sql = samples.sql
    stratum = "stratum, " if sql.stratified else ""
    group = " GROUP BY stratum" if sql.stratified else ""
    units = f"SELECT {stratum}unit, min(arm) AS least, max(arm) AS most FROM ({sql.rows(valued=False)}) AS experiment "  # noqa: S608 - names of our own around a text that is made of quoted ones
    units += f"WHERE arm IS NOT NULL GROUP BY {stratum}unit"
    both = "count(*), sum(CASE WHEN least < most THEN 1 ELSE 0 END)"
    text = f"SELECT {stratum}{both} FROM ({units}) AS units{group}"  # noqa: S608 - as above
    found = {}
    for row in samples.source.rows(sql.statement(text)):
        label = sql.cell((0, row[0]))[1] if sql.stratified else ""
        found[label] = (int(as_float(row[-2], "units")), int(as_float(row[-1], "units")))
    return dict(sorted(found.items()))  # a database gives groups in any order


def left(samples: TableSamples, control: str) -> int:
    """Units that were treated in one stage and not in a later one; 0 where there is one stratum.

    Raises:
        SourceError: As for `integrity`.
    """
    sql = samples.sql
    stratum = samples.table.stratum
    ordered = bool(samples.span.stages) or (stratum is not None and sql.columns[stratum].holds == NUMBER)
    if not ordered:
        return 0
    number = list(samples.table.arms).index(control)
    units = (
        f"SELECT unit, min(CASE WHEN arm <> {number} THEN stratum END) AS first_treated, "  # noqa: S608 - as in `in_both`
        f"max(CASE WHEN arm = {number} THEN stratum END) AS last_control FROM ({sql.rows(valued=False)}) AS experiment "
        "WHERE arm IS NOT NULL GROUP BY unit"
    )
    text = f"SELECT count(*) FROM ({units}) AS units WHERE first_treated < last_control"  # noqa: S608 - as above
    return _one(samples, sql.statement(text))


def duplicates(samples: TableSamples) -> int | None:
    """Rows that another row has the name of, or that have none; None where no column names rows.

    Raises:
        SourceError: As for `integrity`.
    """
    if samples.table.row is None:
        return None
    sql, name = samples.sql, samples.sql.speech.name(samples.table.row)
    table = sql.speech.table(samples.table.name)
    text = f"SELECT count(*) - count(DISTINCT {name}) FROM {table} WHERE {sql.inside()}"  # noqa: S608 - quoted names
    return _one(samples, sql.statement(text))


def _outside(samples: TableSamples) -> tuple[int, int, int]:
    sql = samples.sql
    sums = ", ".join(f"count(CASE WHEN {each} THEN 1 END)" for each in sql.outside())
    text = f"SELECT {sums} FROM {sql.speech.table(samples.table.name)}"  # noqa: S608 - quoted names
    [row] = samples.source.rows(sql.statement(text))
    before, after, without = (int(as_float(each, "rows")) for each in row)
    return before, after, without


def _one(samples: TableSamples, statement: Statement) -> int:
    [[found]] = samples.source.rows(statement)
    return int(as_float(found, "count"))


def assigned(samples: TableSamples, arm_of: Callable[[str, str], str | None]) -> Assigned:
    """Compare the arm of each unit with the one that it should have.

    Args:
        samples: The table; with a unit.
        arm_of: The arm of a unit in a stratum, such as `lambda unit, stratum: assignments[stratum].arm(unit)`.

    Raises:
        SourceError: The table cannot be asked, or has not what was described.
    """
    sql = samples.sql
    key = f"{sql.key}, unit"
    units = f"SELECT {key} FROM ({sql.rows(valued=False)}) AS experiment WHERE arm IS NOT NULL GROUP BY {key}"  # noqa: S608 - as in `in_both`
    many = _one(samples, sql.statement(f"SELECT count(*) FROM ({units}) AS units"))  # noqa: S608 - as above
    first = f"SELECT {key} FROM ({units} ORDER BY unit LIMIT {MOST_UNITS}) AS first_units"  # noqa: S608 - as above
    rows = samples.source.rows(sql.statement(first, most=MOST_UNITS))
    wrong = []
    cells: dict[Raw, Cell] = {}
    for row in rows:
        raw, rest = sql.split(row)
        if raw is None:
            raise SourceError(f"{samples.table.name}: a row of no arm was answered where none was asked for")
        # Few cells and up to a million rows: names are made once (and no assert stands here, which pytest reports).
        if raw not in cells:
            cells[raw] = sql.cell(raw)
        (arm, stratum), unit = cells[raw], label_of(rest[0]) or ""
        if (should := arm_of(unit, stratum)) != arm:
            wrong.append(f"{unit}: {arm}, and not {should}")
    return Assigned(checked=len(rows), of=many, differing=len(wrong), examples=tuple(wrong[:_EXAMPLES]))
