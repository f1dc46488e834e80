"""Table ranks: order statistics of a table, exact, without sorting it and without fetching it.

Values are counted in bins, with the least and the largest of each: many bins
around the mean, fewer far from it, and an end to them on either side. The
bins that hold the wanted ranks are then looked at alone: their values, or
finer bins first where there are too many. So what is held in memory depends
on the number of bins, and never on that of rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

from pytest_rollout.errors import SourceError
from pytest_rollout.experiment.table import changed
from pytest_rollout.experiment.table_look import Look
from pytest_rollout.experiment.table_rows import Raw
from pytest_rollout.experiment.table_sql import Ranges, TableSql
from pytest_rollout.sources.tables import Row, Statement, Value, as_float

HALF = 16_384
"""How many bins there are on either side of the mean."""
FETCHED = 20_000
"""A bin of more values is split before its values are fetched."""
_RANGES = 8
"""Where there are more bins than these in a cell, those between them are fetched as well."""
_PARTS = 4096
_ROUNDS = 30
"""Each splits a bin in thousands; more would mean that it does not become smaller."""


class Bin(NamedTuple):
    """How many values lie from `low` to `high`, both of which are among them."""

    low: float
    high: float
    many: int


@dataclass
class RankSearch:
    """Looks for ranks in a table, and keeps the bins that it found.

    Args:
        sql: The statements about it.
        look: What was seen of it.
        ask: Runs a statement.
    """

    sql: TableSql
    look: Look
    ask: Callable[[Statement], Sequence[Row]]
    _bins: dict[Raw, list[Bin]] = field(default_factory=dict, init=False, repr=False)

    def found(self, ranks: Mapping[Raw, Sequence[int]]) -> dict[Raw, list[float]]:
        """The values of the wanted ranks of each cell, counted from 1.

        Raises:
            ValueError: A rank that a cell has not.
            SourceError: A table that changed meanwhile.
        """
        for cell, wanted in ranks.items():
            seen = self.look.cells.get(self.sql.cell(cell))
            count = seen.values if seen else 0
            if any(not 1 <= rank <= count for rank in wanted):
                raise ValueError(f"{self.sql.cell(cell)} has {count} values, and ranks {list(wanted)} are asked")
        self._bins = self._bins or self._coarse()
        for _ in range(_ROUNDS):
            wide = self._wide(self._bins, ranks)
            if not wide:
                return {cell: _values(self._bins[cell], wanted) for cell, wanted in ranks.items()}
            self._bins = self._split(self._bins, wide)
        raise SourceError(f"{self.sql.table.name}: the values cannot be told apart")

    def _coarse(self) -> dict[Raw, list[Bin]]:
        """All values in bins, by how far they are from the mean against its distance from the nearer end."""
        look, speech = self.look, self.sql.speech
        spread = min(look.mean - look.low, look.high - look.mean)
        centre, wide = speech.number("centre"), speech.number("spread")
        scale = "0"
        if spread > 0:
            scale = f"CAST(floor((v - {centre}) / (abs(v - {centre}) + {wide}) * {HALF}) AS INTEGER)"
        if look.infinite:
            infinity = speech.infinity
            scale = f"CASE WHEN v >= {infinity} THEN {2 * HALF} WHEN v <= -{infinity} THEN -{2 * HALF} ELSE {scale} END"
        values: dict[str, Value] = {"centre": look.mean, "spread": spread}
        bins = _ordered(self.sql, self.ask(self.sql.binned(scale, values, most=(2 * HALF + 4) * len(look.cells))))
        for cell, found in bins.items():
            if sum(each.many for each in found) != look.cells[self.sql.cell(cell)].values:
                raise SourceError(changed(self.sql.table.name))
        return bins

    def _wide(self, bins: Mapping[Raw, Sequence[Bin]], ranks: Mapping[Raw, Sequence[int]]) -> dict[Raw, list[Bin]]:
        """The bins that hold a wanted rank and more than one value; of many, also those between them.

        A hundred ranks near each other are then one range, which costs a
        database much less than a hundred.
        """
        wide: dict[Raw, list[Bin]] = {}
        for cell, wanted in ranks.items():
            every = bins[cell]
            places = [place for place in _places(every, wanted) if every[place].low < every[place].high]
            found = set(places)
            near = FETCHED if len(places) > _RANGES else 0
            for before, after in pairwise(places):
                if sum(each.many for each in every[before + 1 : after]) <= near:
                    found.update(range(before, after))
            if found:
                wide[cell] = [every[place] for place in sorted(found)]
        return wide

    def _split(self, bins: Mapping[Raw, Sequence[Bin]], wide: Mapping[Raw, Sequence[Bin]]) -> dict[Raw, list[Bin]]:
        """The same bins, with finer ones in place of some: single values, or parts of those that hold too many."""
        fine = _ordered(self.sql, self._values_of(wide))
        for cell, found in wide.items():
            for each in found:
                if each.many > FETCHED:
                    fine.setdefault(cell, []).extend(self._parts_of(cell, each))
        return {
            cell: self._replaced(all_bins, wide.get(cell, ()), fine.get(cell, ())) for cell, all_bins in bins.items()
        }

    def _replaced(self, bins: Sequence[Bin], old: Sequence[Bin], new: Sequence[Bin]) -> list[Bin]:
        if sum(each.many for each in old) != sum(each.many for each in new):
            raise SourceError(changed(self.sql.table.name))
        gone = set(old)
        return sorted([*(each for each in bins if each not in gone), *new])

    def _values_of(self, wide: Mapping[Raw, Sequence[Bin]]) -> Sequence[Row]:
        """The single values of all bins that do not hold too many."""
        small = {cell: [each for each in found if each.many <= FETCHED] for cell, found in wide.items()}
        chosen = {cell: found for cell, found in small.items() if found}
        most = sum(each.many for found in chosen.values() for each in found)
        return self.ask(self.sql.between(_ranges(chosen, self._bins), most=most)) if chosen else ()

    def _parts_of(self, cell: Raw, wide: Bin) -> list[Bin]:
        """One bin in equal parts; its largest value is in the last, which has no other, so that it always shrinks."""
        scale = self.sql.speech
        low, high = scale.number("part_low"), scale.number("part_high")
        values: dict[str, Value] = {"part_low": wide.low, "part_high": wide.high}
        text = f"CAST(floor((v - {low}) / ({high} - {low}) * {_PARTS}) AS INTEGER)"
        rows = self.ask(self.sql.binned(text, values, {cell: [(wide.low, wide.high)]}, most=_PARTS + 1))
        return _ordered(self.sql, rows).get(cell, [])


def _ordered(sql: TableSql, rows: Iterable[Row]) -> dict[Raw, list[Bin]]:
    """Bins of each cell in the order of their values.

    Where bins overlap, because a database rounds in its own way, they are
    one: whatever the bins were, the order of what is in them holds.
    """
    found: dict[Raw, list[Bin]] = {}
    for row in rows:
        cell, (count, low, high) = sql.split(row)
        if cell is not None:
            each = Bin(as_float(low, "v"), as_float(high, "v"), int(as_float(count, "count")))
            found.setdefault(cell, []).append(each)
    return {cell: _joined(sorted(bins)) for cell, bins in found.items()}


def _joined(bins: Sequence[Bin]) -> list[Bin]:
    apart: list[Bin] = []
    for each in bins:
        if apart and each.low <= apart[-1].high:
            before = apart.pop()
            each = Bin(before.low, max(before.high, each.high), before.many + each.many)  # noqa: PLW2901 - it grows
        apart.append(each)
    return apart


def _places(bins: Sequence[Bin], ranks: Sequence[int]) -> list[int]:
    """The places of the bins in which ranks lie, in order and each once."""
    ends = list(accumulate(each.many for each in bins))
    return sorted({bisect_left(ends, rank) for rank in ranks})


def _values(bins: Sequence[Bin], ranks: Sequence[int]) -> list[float]:
    """The values of ranks whose bins hold one value each."""
    ends = list(accumulate(each.many for each in bins))
    return [bins[bisect_left(ends, rank)].low for rank in ranks]


def _ranges(chosen: Mapping[Raw, Sequence[Bin]], apart: Mapping[Raw, Sequence[Bin]]) -> Ranges:
    """Ranges that hold the chosen bins of each cell, and none of the others that there are."""
    found: dict[Raw, list[tuple[float, float]]] = {}
    for cell, bins in chosen.items():
        starts = [each.low for each in apart[cell]]
        ranges: list[tuple[float, float]] = []
        for each in bins:
            place = bisect_left(starts, each.low)
            if ranges and place and apart[cell][place - 1].high == ranges[-1][1]:
                ranges[-1] = (ranges[-1][0], each.high)
            else:
                ranges.append((each.low, each.high))
        found[cell] = ranges
    return found
