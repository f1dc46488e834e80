"""Table ranks: order statistics of a table, exact, without sorting it and without fetching it.

Values are counted in bins, about a thousand for each doubling, with the least
and the largest of each. The bins that hold the wanted ranks are then looked
at alone: their values, or finer bins first where there are too many. So what
is held in memory depends on the number of bins, and never on that of rows.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from pytest_rollout.errors import SourceError
from pytest_rollout.experiment.table_sql import Ranges, Raw, TableSql
from pytest_rollout.sources.tables import Row, Statement, TooManyRowsError, Value, as_float

MOST_BINS = 200_000
FETCHED = 20_000
"""A bin of more values is split before its values are fetched."""
_PARTS = 4096
_PER_DOUBLING = (1024, 64, 4)
_ROUNDS = 30
"""Each splits a bin in thousands; more would mean that it does not become smaller."""
_BELOW_ALL = 1100
"""More doublings than lie between 1 and the smallest float64."""


class Bin(NamedTuple):
    """How many values lie from `low` to `high`, both of which are among them."""

    low: float
    high: float
    many: int


@dataclass(frozen=True)
class RankSearch:
    """Looks for ranks in a table.

    Args:
        sql: The statements about it.
        ask: Runs one.
    """

    sql: TableSql
    ask: Callable[[Statement], Sequence[Row]]

    def found(self, ranks: Mapping[Raw, Sequence[int]]) -> dict[Raw, list[float]]:
        """The values of the wanted ranks of each cell, counted from 1.

        Raises:
            SourceError: A rank that a cell has not, or a table that changed meanwhile.
        """
        bins = self._coarse()
        for cell, wanted in ranks.items():
            count = sum(each.many for each in bins.get(cell, ()))
            if any(not 1 <= rank <= count for rank in wanted):
                raise SourceError(f"{self.sql.table.name}: ranks {list(wanted)} of {count} values are asked")
        for _ in range(_ROUNDS):
            wide = self._wide(bins, ranks)
            if not wide:
                return {cell: [_holding(bins[cell], rank).low for rank in wanted] for cell, wanted in ranks.items()}
            bins = self._split(bins, wide)
        raise SourceError(f"{self.sql.table.name}: the values cannot be told apart")

    def _coarse(self) -> dict[Raw, list[Bin]]:
        """All values, in bins by their logarithm; coarser ones where they would be too many."""
        for bins in _PER_DOUBLING:
            try:
                return _ordered(self.ask(self.sql.binned(_logarithmic(self.sql, bins), {}, most=MOST_BINS)))
            except TooManyRowsError:
                continue
        raise SourceError(f"{self.sql.table.name}: the values of all strata have too many bins\nask for fewer strata")

    def _wide(self, bins: Mapping[Raw, Sequence[Bin]], ranks: Mapping[Raw, Sequence[int]]) -> dict[Raw, list[Bin]]:
        """The bins that hold a wanted rank and more than one value."""
        holding = {cell: {_holding(bins[cell], rank) for rank in wanted} for cell, wanted in ranks.items()}
        wide = {cell: sorted(each for each in found if each.low < each.high) for cell, found in holding.items()}
        return {cell: found for cell, found in wide.items() if found}

    def _split(self, bins: Mapping[Raw, Sequence[Bin]], wide: Mapping[Raw, Sequence[Bin]]) -> dict[Raw, list[Bin]]:
        """The same bins, with finer ones in place of some: single values, or parts of those that hold too many."""
        fine = _ordered(self._values_of(wide))
        for cell, found in wide.items():
            for each in found:
                if each.many > FETCHED:
                    fine.setdefault(cell, []).extend(self._parts_of(cell, each))
        return {
            cell: self._replaced(all_bins, wide.get(cell, ()), fine.get(cell, ())) for cell, all_bins in bins.items()
        }

    def _replaced(self, bins: Sequence[Bin], old: Sequence[Bin], new: Sequence[Bin]) -> list[Bin]:
        if sum(each.many for each in old) != sum(each.many for each in new):
            lines = f"{self.sql.table.name}: changed while it was read\nask again, or end the window earlier"
            raise SourceError(lines)
        return sorted([*(each for each in bins if each not in old), *new])

    def _values_of(self, wide: Mapping[Raw, Sequence[Bin]]) -> Sequence[Row]:
        """The single values of all bins that do not hold too many."""
        small = {cell: [each for each in found if each.many <= FETCHED] for cell, found in wide.items()}
        chosen = {cell: found for cell, found in small.items() if found}
        most = sum(each.many for found in chosen.values() for each in found)
        return self.ask(self.sql.between(_ranges(chosen), most=most)) if chosen else ()

    def _parts_of(self, cell: Raw, wide: Bin) -> list[Bin]:
        """One bin in equal parts; its largest value is in the last, which has no other, so that it always shrinks."""
        scale = self.sql.speech
        low, high = scale.number("part_low"), scale.number("part_high")
        values: dict[str, Value] = {"part_low": wide.low, "part_high": wide.high}
        text = f"floor((v - {low}) / ({high} - {low}) * {_PARTS})"
        rows = self.ask(self.sql.binned(text, values, _ranges({cell: [wide]}), most=MOST_BINS))
        return _ordered(rows).get(cell, [])


def _logarithmic(sql: TableSql, per_doubling: int) -> str:
    """The bin of a value: by its logarithm, mirrored for negative ones, and one each for 0 and the infinite."""
    per, infinity = per_doubling / math.log(2), sql.speech.infinity
    above = f"floor(ln(abs(v)) * {per!r}) + {_BELOW_ALL * per_doubling}"
    last = 3 * _BELOW_ALL * per_doubling
    return (
        f"CASE WHEN v = 0 THEN 0 WHEN v >= {infinity} THEN {last} WHEN v <= -{infinity} THEN -{last} "
        f"WHEN v > 0 THEN {above} ELSE -({above}) END"
    )


def _ordered(rows: Iterable[Row]) -> dict[Raw, list[Bin]]:
    """Bins of each cell in the order of their values.

    Where bins overlap, because a database's logarithm is not quite monotone,
    they are one: whatever the bins were, the order of what is in them holds.
    """
    found: dict[Raw, list[Bin]] = {}
    for arm, stratum, count, low, high in rows:
        cell = int(as_float(arm, "arm")), stratum
        found.setdefault(cell, []).append(Bin(as_float(low, "v"), as_float(high, "v"), int(as_float(count, "count"))))
    return {cell: _joined(sorted(bins)) for cell, bins in found.items()}


def _joined(bins: Sequence[Bin]) -> list[Bin]:
    apart: list[Bin] = []
    for each in bins:
        if apart and each.low <= apart[-1].high:
            before = apart.pop()
            each = Bin(before.low, max(before.high, each.high), before.many + each.many)  # noqa: PLW2901 - it grows
        apart.append(each)
    return apart


def _holding(bins: Sequence[Bin], rank: int) -> Bin:
    """The bin in which a rank lies."""
    ends = list(accumulate(each.many for each in bins))
    return bins[bisect_left(ends, rank)]


def _ranges(chosen: Mapping[Raw, Sequence[Bin]]) -> Ranges:
    return {cell: [(each.low, each.high) for each in bins] for cell, bins in chosen.items()}
