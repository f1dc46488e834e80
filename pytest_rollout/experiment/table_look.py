"""Table look: what the columns of an experiment hold, seen before anything is added up.

Labels of no arm, rows without a unit and texts among numbers are errors that
name the column; values that are missing, infinite or no number are counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_rollout.errors import SourceError, did_you_mean
from pytest_rollout.experiment.samples import Cell
from pytest_rollout.experiment.table import Table, label_of
from pytest_rollout.experiment.table_sql import TableSql
from pytest_rollout.sources.tables import Row, Statement, as_float


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The rows of one cell.

    Args:
        rows: How many there are.
        values: How many of them have a value; the others are missing.
        total: The sum of the finite values.
        low: The least finite value; NaN where there is none.
        high: The largest.
        newest: When the newest row with a value was written, in seconds since 1970, UTC; NaN where there is none.
        timed_out: Rows that timed out.
        strange: Rows whose value is NaN, and is missing.
        infinite: Values that are `+inf`, and those that timed out.
        bottomless: Values that are `-inf`.
    """

    rows: int
    values: int
    total: float
    low: float
    high: float
    newest: float = math.nan
    timed_out: int = 0
    strange: int = 0
    infinite: int = 0
    bottomless: int = 0

    @property
    def missing(self) -> int:
        """How many rows have no value."""
        return self.rows - self.values

    @property
    def lowest(self) -> float:
        """The least value; NaN where there is none."""
        return -math.inf if self.bottomless else self.low if self.finite else self.highest

    @property
    def highest(self) -> float:
        """The largest value; NaN where there is none."""
        return math.inf if self.infinite else self.high if self.finite else -math.inf if self.bottomless else math.nan

    @property
    def finite(self) -> int:
        """How many values are finite."""
        return self.values - self.infinite - self.bottomless


@dataclass(frozen=True)
class Look:
    """What was seen: the rows of each cell, and how many rows are of no arm because the table says so."""

    cells: Mapping[Cell, Seen]
    ignored: int = 0

    @property
    def mean(self) -> float:
        """The mean of all finite values; NaN where there is none."""
        finite = sum(each.finite for each in self.cells.values())
        return sum(each.total for each in self.cells.values()) / finite if finite else math.nan

    @property
    def low(self) -> float:
        """The least finite value; NaN where there is none."""
        return min((each.low for each in self.cells.values() if each.finite), default=math.nan)

    @property
    def high(self) -> float:
        """The largest finite value; NaN where there is none."""
        return max((each.high for each in self.cells.values() if each.finite), default=math.nan)

    @property
    def infinite(self) -> bool:
        """Whether any value is infinite."""
        return any(each.infinite or each.bottomless for each in self.cells.values())


def looked(sql: TableSql, ask: Callable[[Statement], Sequence[Row]]) -> Look:
    """Look at a table.

    Raises:
        SourceError: A label of no arm, rows without a unit or stratum, values that are no numbers.
    """
    arms = {label: number for number, label in enumerate(sql.table.arms.values())}
    cells: dict[Cell, Seen] = {}
    ignored = 0
    for row in ask(sql.look()):
        label, stratum = label_of(row[0]), row[1] if sql.stratified else 0
        rows, values, total, low, high, newest, *counts = row[2 if sql.stratified else 1 :]
        many = int(as_float(rows, sql.table.name))
        if label in sql.table.ignored:
            ignored += many
            continue
        if label not in arms:
            raise SourceError(_no_arm(sql.table, label, many))
        names = [*sql.row_flags(), *sql.value_flags()]
        flags = {name: int(as_float(each, name)) for name, each in zip(names, counts, strict=True)}
        _check(sql.table, flags.pop("no_unit", 0), flags.pop("odd", 0), many if stratum is None else 0)
        cells[sql.cell((arms[label], stratum))] = Seen(
            rows=many,
            values=int(as_float(values, "values")),
            total=as_float(total, "total"),
            low=math.nan if low is None else as_float(low, "low"),
            high=math.nan if high is None else as_float(high, "high"),
            newest=math.nan if newest is None else as_float(newest, "newest"),
            **flags,
        )
    return Look(dict(sorted(cells.items())), ignored)


def _no_arm(table: Table, label: str | None, rows: int) -> str:
    arms = ", ".join(f"{arm} is '{text}'" for arm, text in table.arms.items())
    shown = "NULL" if label is None else f"'{label[:60]}'"
    lines = [
        f"{table.name}: column '{table.arm}' is {shown} in {rows} rows, which is no arm",
        f"{arms}; a label that is known and of no arm can be listed as ignored",
        *(did_you_mean(label, table.arms.values()) if label else ()),
    ]
    return "\n".join(lines)


def _check(table: Table, no_unit: int, odd: int, no_stratum: int) -> None:
    for count, column, what in (
        (no_unit, table.unit, "NULL: of which unit is a row?"),
        (no_stratum, table.stratum, "NULL: of which stratum is a row?"),
        (odd, table.value, "no number"),
    ):
        if count:
            raise SourceError(f"{table.name}: column '{column}' is, in {count} rows, {what}")
