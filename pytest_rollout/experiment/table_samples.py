"""Table samples: the rows of an experiment in a database, asked for sums and order statistics and never fetched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pytest_rollout.errors import SourceError
from pytest_rollout.experiment.samples import Above, Cell, Counted, Measure, Values
from pytest_rollout.experiment.speech import speech_of
from pytest_rollout.experiment.table import Span, Table, changed, check_columns
from pytest_rollout.experiment.table_look import Look, Seen, looked
from pytest_rollout.experiment.table_ranks import RankSearch
from pytest_rollout.experiment.table_sql import TableSql
from pytest_rollout.sources.tables import Row, TableSource, as_float
from pytest_rollout.stats.moments import Moments

_NUMBERS = 8
"""How many numbers a statement gives for one measure."""


@dataclass(frozen=True)
class TableSamples:
    """The rows of one metric in a table, in all arms and strata; see `Samples`.

    Rows without a value (NULL or NaN) are missing, and a unit that has no
    other is none. Rows that timed out are `+inf`; without a cap the sums of
    their cell are infinite, too.

    Args:
        source: Where the table is.
        table: Which columns.
        span: Which rows.
        seconds: How long each statement may take.

    Every method raises `SourceError` where the table has not what was
    described, and names the column. What was asked once is kept.
    """

    source: TableSource
    table: Table
    span: Span
    seconds: float = 60.0
    _known: dict[str, dict[Cell, Moments]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def sql(self) -> TableSql:
        """The statements about this table; looks up its columns first."""
        columns = self.source.columns(self.table.name, self.seconds)
        check_columns(self.table, columns, self.source.speech)
        return TableSql(self.table, self.span, columns, speech_of(self.source.speech), self.seconds)

    @property
    def of_numbers(self) -> bool:
        """Whether its values are numbers, and not true and false."""
        return self.sql.of_numbers

    @cached_property
    def look(self) -> Look:
        """What the columns hold: rows, missing and infinite values of each cell."""
        return looked(self.sql, self.source.rows)

    @cached_property
    def _search(self) -> RankSearch:
        return RankSearch(self.sql, self.look, self.source.rows)

    def moments(self, measure: Measure) -> Mapping[Cell, Moments]:
        """The sums of every cell that has rows."""
        return self.moments_of([measure])[0]

    def moments_of(self, measures: Sequence[Measure]) -> list[Mapping[Cell, Moments]]:
        """The sums of several measures, in one pass over the rows; an exceedance has those of cells with an edge."""
        unknown = [each for each in measures if _key(each) not in self._known]
        if unknown:
            for measure, found in zip(unknown, self._asked(unknown), strict=True):
                self._known[_key(measure)] = found
        return [self._known[_key(each)] for each in measures]

    def _asked(self, measures: Sequence[Measure]) -> list[dict[Cell, Moments]]:
        centre = self._centre()
        # A cell of which no row comes back has rows, but none of them has a value.
        rows: dict[Cell, Row] = dict.fromkeys(self.look.cells, (0,) * _NUMBERS * len(measures))
        for row in self.source.rows(self.sql.moments(measures, centre)):
            raw, numbers = self.sql.split(row)
            if raw is not None:
                rows[self.sql.cell(raw)] = numbers
        if rows.keys() != self.look.cells.keys():
            raise SourceError(changed(self.table.name))
        found: list[dict[Cell, Moments]] = []
        for place, measure in enumerate(measures):
            asked = measure.edges if isinstance(measure, Above) else rows
            own = {
                cell: each[place * _NUMBERS : (place + 1) * _NUMBERS] for cell, each in rows.items() if cell in asked
            }
            found.append(
                {cell: self._moments_of(each, measure, self.look.cells[cell], centre) for cell, each in own.items()}
            )
        return found

    def _moments_of(self, row: Row, measure: Measure, seen: Seen, centre: float) -> Moments:
        units, rows, total, rows2, total2, both, squares, largest = (as_float(each, "sums") for each in row)
        # Units are counted over all rows, the same for every metric of a table; which rows have a value was seen.
        counted = isinstance(measure, Counted)
        lowest, highest = _ends(measure, seen, rows, total)
        return Moments(
            units=int(units),
            rows=seen.values if counted else int(rows),
            total=float(seen.values) if counted else total,
            rows_squared=rows2,
            total_squared=total2,
            rows_total=both,
            values_squared=float(seen.values) if counted else squares,
            centre=centre if isinstance(measure, Values) else 0.0,
            lowest=lowest,
            highest=highest,
            largest_unit=int(largest),
            missing=seen.missing,
            clustered=self.table.unit is not None,
        )

    def _centre(self) -> float:
        """About the mean, so that large numbers keep their digits; 0 for shares, whose sums then are whole."""
        look = self.look
        return look.mean if not -1 <= look.low <= look.high <= 1 and math.isfinite(look.mean) else 0.0

    def units_in_all(self) -> Mapping[str, int]:
        """How many units each arm has over all strata, each counted once."""
        arms = list(self.table.arms)
        return {arms[int(as_float(arm, "arm"))]: int(as_float(units, "units")) for arm, units in self._units_of_arms}

    @cached_property
    def _units_of_arms(self) -> Sequence[Row]:
        return self.source.rows(self.sql.units_of_arms())

    def ranked(self, ranks: Mapping[Cell, Sequence[int]]) -> Mapping[Cell, tuple[float, ...]]:
        """The values of the wanted ranks, exactly as sorting would give them; `+inf` counts, missing rows do not.

        Raises:
            ValueError: A rank that a cell has not.
        """
        raw = {self.sql.raw(cell): wanted for cell, wanted in ranks.items()}
        return {self.sql.cell(cell): tuple(values) for cell, values in self._search.found(raw).items()}


def _ends(measure: Measure, seen: Seen, rows: float, total: float) -> tuple[float, float]:
    """The least and the largest of what was summed."""
    if isinstance(measure, Values):
        cap = math.inf if measure.cap is None else measure.cap
        return (min(seen.lowest, cap), min(seen.highest, cap)) if rows else (math.nan, math.nan)
    if not rows:
        return math.nan, math.nan
    return float(total >= rows), float(total > 0)


def _key(measure: Measure) -> str:
    return repr(sorted(measure.edges.items())) if isinstance(measure, Above) else repr(measure)
