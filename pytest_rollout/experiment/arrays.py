"""Arrays: the rows of two arms in memory.

Rows are read once for each kind of sum. Order statistics are found by
selection, never by sorting: what one question has put in place is kept, and
the next one, which is nearly always close by, has little left to do.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_rollout.experiment.samples import Above, Cell, Counted, Measure, Values
from pytest_rollout.stats.moments import Moments

Numbers = NDArray[np.float64]
Codes = NDArray[np.intp]

SMALL = 4096
"""A stretch of so many rows is sorted at once."""
NEARBY = 24.0
"""How many binomial standard deviations around a rank are put in place together with it."""


@dataclass
class _Ordered:
    """A copy of the rows in which some ranks are in place, and everything between two of them is not."""

    values: Numbers
    placed: list[int]
    """Positions, ascending: all before are no larger and all after no smaller; from -1 to n."""
    sorted: set[int] = field(default_factory=set)
    """Positions after which the stretch up to the next is in order."""

    @classmethod
    def of(cls, values: Numbers) -> _Ordered:
        return cls(values.copy(), [-1, len(values)])

    def at(self, position: int) -> float:
        """The value of a rank, counted from 0."""
        after = bisect_left(self.placed, position)
        if self.placed[after] == position:
            return float(self.values[position])
        first, last = self.placed[after - 1] + 1, self.placed[after]
        if self.placed[after - 1] in self.sorted:
            return float(self.values[position])
        if last - first <= SMALL:
            self.values[first:last].sort()
            self.sorted.add(self.placed[after - 1])
            return float(self.values[position])
        self._place(position, first, last)
        return self.at(position)

    def _place(self, position: int, first: int, last: int) -> None:
        share = position / len(self.values)
        near = int(NEARBY * math.sqrt(len(self.values) * share * (1 - share))) + 16
        wanted = [each for each in (position - near, position + near) if first <= each < last] or [position]
        # One at a time: NumPy selects a single rank several times faster than two, and the first leaves little to do.
        for each in wanted if 2 * position > first + last else reversed(wanted):
            after = bisect_left(self.placed, each)
            start, stop = self.placed[after - 1] + 1, self.placed[after]
            self.values[start:stop].partition(each - start)
            self.placed.insert(after, each)


class _Sums(NamedTuple):
    """Those of `Moments` that depend on the measure."""

    total: float
    total_squared: float
    rows_total: float
    values_squared: float
    centre: float
    lowest: float
    highest: float


class ArraySamples:
    """Rows in memory, by arm and stratum; see `samples.Samples` for what they answer.

    Arrays are read when something is asked, and are not copied before: leave
    them as they are in between.

    Args:
        values: For each cell, shape `(n,)`, without NaN; `+inf` stands for a timeout.
        units: For each cell, shape `(n,)`, the unit of each row as a number from 0; None where rows are independent.
        missing: For each cell, how many rows had no value.
    """

    def __init__(
        self, values: Mapping[Cell, Numbers], units: Mapping[Cell, Codes] | None, missing: Mapping[Cell, int]
    ) -> None:
        self._values = dict(values)
        self._units = None if units is None else dict(units)
        self._missing = dict(missing)
        self._sizes: dict[Cell, Numbers] = {}
        self._ordered: dict[Cell, _Ordered] = {}

    def moments(self, measure: Measure) -> Mapping[Cell, Moments]:
        """The sums of every cell that has rows; of an exceedance, of those that have an edge."""
        asked = measure.edges if isinstance(measure, Above) else self._values
        return {
            cell: self._moments(cell, measure) for cell, values in self._values.items() if len(values) and cell in asked
        }

    def ranked(self, ranks: Mapping[Cell, Sequence[int]]) -> Mapping[Cell, tuple[float, ...]]:
        """Order statistics, counted from 1."""
        found = {}
        for cell, wanted in ranks.items():
            if cell not in self._ordered:
                self._ordered[cell] = _Ordered.of(self._values[cell])
            found[cell] = tuple(self._ordered[cell].at(rank - 1) for rank in wanted)
        return found

    def shared_units(self, one: Cell, other: Cell) -> tuple[int, int]:
        """How many units have rows in both cells, and in either; units have the same number in both."""
        first, second = self._unit_sizes(one) > 0, self._unit_sizes(other) > 0
        common = min(len(first), len(second))
        both = int(np.count_nonzero(first[:common] & second[:common]))
        return both, int(np.count_nonzero(first)) + int(np.count_nonzero(second)) - both

    def units_in_all(self) -> Mapping[str, int]:
        """How many units each arm has over all of its strata; a unit has the same number in all of them."""
        if self._units is None:
            raise ValueError("rows without units have none to count")
        there: dict[str, NDArray[np.bool_]] = {}
        for cell in self._units:
            mine = self._unit_sizes(cell) > 0
            before = there.get(cell[0], mine[:0])
            longer, shorter = (mine, before) if len(mine) >= len(before) else (before, mine)
            longer[: len(shorter)] |= shorter
            there[cell[0]] = longer
        return {arm: int(np.count_nonzero(each)) for arm, each in there.items()}

    def rows(self, cell: Cell) -> tuple[Numbers, Codes | None]:
        """The rows themselves and their units, for what needs every one of them: ranks."""
        return self._values[cell], None if self._units is None else self._units[cell]

    def _moments(self, cell: Cell, measure: Measure) -> Moments:
        values, sizes = self._values[cell], self._unit_sizes(cell)
        clustered = self._units is not None
        sums = self._above(cell, measure) if isinstance(measure, Above) else self._sums(cell, measure)
        return Moments(
            units=int(np.count_nonzero(sizes)) if clustered else len(values),
            rows=len(values),
            rows_squared=_dot(sizes, sizes) if clustered else float(len(values)),
            largest_unit=int(sizes.max()) if clustered else 1,
            missing=self._missing.get(cell, 0),
            clustered=clustered,
            total=sums.total,
            total_squared=sums.total_squared,
            rows_total=sums.rows_total,
            values_squared=sums.values_squared,
            centre=sums.centre,
            lowest=sums.lowest,
            highest=sums.highest,
        )

    def _above(self, cell: Cell, measure: Above) -> _Sums:
        """Only the rows above are looked at by unit: of P99 they are one in a hundred."""
        above = np.flatnonzero(self._values[cell] > measure.edges[cell])
        events, sizes = float(len(above)), self._unit_sizes(cell)
        ends = (float(len(above) == len(self._values[cell])), float(len(above) > 0))
        if self._units is None:
            return _Sums(events, events, events, events, 0.0, *ends)
        of_units = np.bincount(self._units[cell][above], minlength=len(sizes)).astype(np.float64)
        return _Sums(events, _dot(of_units, of_units), _dot(of_units, sizes), events, 0.0, *ends)

    def _sums(self, cell: Cell, measure: Values | Counted) -> _Sums:
        values, sizes = self._values[cell], self._unit_sizes(cell)
        if isinstance(measure, Counted):
            rows, squares = float(len(values)), _dot(sizes, sizes) if self._units is not None else float(len(values))
            return _Sums(rows, squares, squares, rows, 0.0, 1.0, 1.0)
        if measure.cap is not None:
            values = np.minimum(values, measure.cap)
        lowest, highest = float(values.min()), float(values.max())
        if math.isinf(lowest) or math.isinf(highest):
            return _Sums(math.inf, math.inf, math.inf, math.inf, 0.0, lowest, highest)
        centre = 0.0 if lowest >= -1 and highest <= 1 else float(values.mean())
        values = values - centre if centre else values
        total, squares = float(values.sum()), _dot(values, values)
        if self._units is None:
            return _Sums(total, squares, total, squares, centre, lowest, highest)
        of_units = np.bincount(self._units[cell], weights=values, minlength=len(sizes)).astype(np.float64, copy=False)
        return _Sums(total, _dot(of_units, of_units), _dot(of_units, sizes), squares, centre, lowest, highest)

    def _unit_sizes(self, cell: Cell) -> Numbers:
        """How many rows each unit has, by its number; empty where rows are independent."""
        if self._units is None:
            return np.empty(0)
        if cell not in self._sizes:
            self._sizes[cell] = np.bincount(self._units[cell]).astype(np.float64)
        return self._sizes[cell]


def _dot(one: Numbers, other: Numbers) -> float:
    """The sum of products, on this thread: a threaded library is slower where other processes want the cores."""
    return float(np.einsum("i,i->", one, other))
