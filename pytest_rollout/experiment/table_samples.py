"""Table samples: the rows of an experiment in a database, asked for sums and order statistics and never fetched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pytest_rollout.errors import SourceError, did_you_mean
from pytest_rollout.experiment.samples import Above, Cell, Measure, Values
from pytest_rollout.experiment.speech import speech_of
from pytest_rollout.experiment.table import Span, Table, check_columns, label_of
from pytest_rollout.experiment.table_ranks import RankSearch
from pytest_rollout.experiment.table_sql import TableSql
from pytest_rollout.sources.tables import BOOLEAN, TableSource, as_float
from pytest_rollout.stats.moments import Moments

_NUMBERS = 11
"""How many numbers a statement gives for the moments of one measure."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the columns hold, before anything is added up.

    Args:
        rows: How many rows each arm has in the time that is looked at.
        ignored: How many rows are of no arm of the experiment, which the table says.
        timed_out: Rows with the value `+inf`, because they timed out.
        missing: Rows without a value, or with NaN.
        strange: How many of those are NaN.
        lowest: The least value; NaN where there is none.
        highest: The largest.
        mean: The mean of the finite values; NaN where there is none.
    """

    rows: Mapping[str, int]
    ignored: int
    timed_out: int
    missing: int
    strange: int
    lowest: float
    highest: float
    mean: float


@dataclass(frozen=True)
class TableSamples:
    """The rows of one metric in a table, in all arms and strata; see `Samples`.

    Rows without a value (NULL or NaN) are missing, and a unit that has no
    other is none. Rows that timed out are `+inf`.

    Args:
        source: Where the table is.
        table: Which columns.
        span: Which rows.
        seconds: How long each statement may take.

    Every method raises `SourceError` where the table has not what was
    described, and names the column.
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

    @cached_property
    def look(self) -> Look:
        """One look at all columns.

        Raises:
            SourceError: A label of no arm, rows without a unit or stratum, values that are no numbers.
        """
        seen: dict[str | None, list[float]] = {}
        lows, highs = [], []
        for label, rows, values, total, low, high, *flags in self.source.rows(self.sql.look()):
            numbers = [as_float(each, self.table.name) for each in (rows, values, total, *flags)]
            text = label_of(label)
            self._check_label(text, int(numbers[0]))
            if text in self.table.ignored:
                seen[text] = numbers
                continue
            self._check_rows(numbers[3:])
            seen[text] = numbers
            if values:
                lows.append(as_float(low, self.table.name))
                highs.append(as_float(high, self.table.name))
        arms = {arm: int(seen[label][0]) for arm, label in self.table.arms.items() if label in seen}
        ours = [numbers for label, numbers in seen.items() if label not in self.table.ignored]
        rows_, values_, total_, timed, strange = (sum(each[place] for each in ours) for place in range(5))
        # What is finite is the values without the infinite ones, which are few; the mean need not be exact.
        return Look(
            rows=arms,
            ignored=int(sum(seen[label][0] for label in self.table.ignored if label in seen)),
            timed_out=int(timed),
            missing=int(rows_ - values_),
            strange=int(strange),
            lowest=min(lows, default=math.nan),
            highest=max(highs, default=math.nan),
            mean=total_ / values_ if values_ else math.nan,
        )

    def _check_label(self, label: str | None, rows: int) -> None:
        known = [*self.table.arms.values(), *self.table.ignored]
        if label in known:
            return
        arms = ", ".join(f"{arm} is '{text}'" for arm, text in self.table.arms.items())
        shown = "NULL" if label is None else f"'{label[:60]}'"
        lines = [
            f"{self.table.name}: column '{self.table.arm}' is {shown} in {rows} rows, which is no arm",
            f"{arms}; a label that is known and of no arm can be listed as ignored",
            *(did_you_mean(label, self.table.arms.values()) if label else ()),
        ]
        raise SourceError("\n".join(lines))

    def _check_rows(self, flags: Sequence[float]) -> None:
        _, _, no_unit, no_stratum, odd = flags
        for count, column, meant in (
            (no_unit, self.table.unit, "of which unit are they?"),
            (no_stratum, self.table.stratum, "of which stratum are they?"),
        ):
            if count:
                raise SourceError(f"{self.table.name}: column '{column}' is NULL in {count:.0f} rows: {meant}")
        if odd:
            raise SourceError(f"{self.table.name}: column '{self.table.value}' is no number in {odd:.0f} rows")

    def moments(self, measure: Measure) -> Mapping[Cell, Moments]:
        """The sums of every cell that has rows."""
        return self.moments_of([measure])[0]

    def moments_of(self, measures: Sequence[Measure]) -> list[Mapping[Cell, Moments]]:
        """The sums of several measures, in one pass over the rows."""
        missing = [each for each in measures if _key(each) not in self._known]
        if missing:
            for measure, found in zip(missing, self._asked(missing), strict=True):
                self._known[_key(measure)] = found
        return [self._known[_key(each)] for each in measures]

    def _asked(self, measures: Sequence[Measure]) -> list[dict[Cell, Moments]]:
        centre = self._centre()
        rows = self.source.rows(self.sql.moments(measures, centre))
        found: list[dict[Cell, Moments]] = [{} for _ in measures]
        for arm, stratum, *numbers in rows:
            cell = self.sql.cell((int(as_float(arm, self.table.name)), stratum))
            for place, measure in enumerate(measures):
                if isinstance(measure, Above) and cell not in measure.edges:
                    raise ValueError(f"an exceedance has no edge for the rows of {cell}")
                own = numbers[place * _NUMBERS : (place + 1) * _NUMBERS]
                shift = centre if isinstance(measure, Values) else 0.0
                found[place][cell] = self._moments_of(own, shift)
        return found

    def _moments_of(self, row: Sequence[float | str | bool | None], centre: float) -> Moments:
        units, rows, total, rows2, total2, both, squares, low, high, largest, missing = row
        numbers = [as_float(each, self.table.name) for each in (total, rows2, total2, both, squares)]
        return Moments(
            units=int(as_float(units, self.table.name)),
            rows=int(as_float(rows, self.table.name)),
            total=numbers[0],
            rows_squared=numbers[1],
            total_squared=numbers[2],
            rows_total=numbers[3],
            values_squared=numbers[4],
            centre=centre,
            lowest=math.nan if low is None else as_float(low, self.table.name),
            highest=math.nan if high is None else as_float(high, self.table.name),
            largest_unit=int(as_float(largest, self.table.name)),
            missing=int(as_float(missing, self.table.name)),
            clustered=self.table.unit is not None,
        )

    def _centre(self) -> float:
        """About the mean, so that large numbers keep their digits; 0 for shares, whose sums then are whole."""
        look = self.look
        if self.sql.columns[self.table.value].holds == BOOLEAN or not math.isfinite(look.mean):
            return 0.0
        return 0.0 if look.lowest >= -1 and look.highest <= 1 else look.mean

    def ranked(self, ranks: Mapping[Cell, Sequence[int]]) -> Mapping[Cell, tuple[float, ...]]:
        """The values of the wanted ranks, exactly as sorting would give them; `+inf` counts, missing rows do not."""
        assert self.look is not None  # the columns are checked before anything is asked of them
        raw = {self.sql.raw(cell): wanted for cell, wanted in ranks.items()}
        found = RankSearch(self.sql, self.source.rows).found(raw)
        return {self.sql.cell(cell): tuple(values) for cell, values in found.items()}


def _key(measure: Measure) -> str:
    return repr(sorted(measure.edges.items())) if isinstance(measure, Above) else repr(measure)
