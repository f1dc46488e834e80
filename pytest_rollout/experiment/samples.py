"""Samples: the rows of an experiment, wherever they live.

Estimators ask for sums and for single order statistics, and never for rows;
an array, a table of a hundred million rows and a histogram answer alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_rollout.stats.moments import Moments

Cell = tuple[str, str]
"""An arm and a stratum; the stratum is "" where there is one only."""


@dataclass(frozen=True)
class Values:
    """The metric's own values; those beyond `cap` count as `cap` (winsorised)."""

    cap: float | None = None


@dataclass(frozen=True)
class Above:
    """1 where the value is above its cell's edge and 0 elsewhere: an exceedance. Timeouts are `+inf`, so above."""

    edges: Mapping[Cell, float]


@dataclass(frozen=True)
class Counted:
    """Units in place of values, so that `Moments` tell how many there are: rows with a value, and rows without one.

    What is told of units is told of those with rows; whether one without a
    value counts among them is up to the samples.
    """


Measure = Values | Above | Counted
"""What is summed."""


class Samples(Protocol):
    """The rows of one metric in all arms and strata of an experiment."""

    def units_in_all(self) -> Mapping[str, int]:
        """How many units each arm has over all of its strata, each counted once; asked where there are several."""
        ...

    def moments(self, measure: Measure) -> Mapping[Cell, Moments]:
        """The sums of every cell that has rows (of `Above`, and an edge), asked at once."""
        ...

    def ranked(self, ranks: Mapping[Cell, Sequence[int]]) -> Mapping[Cell, tuple[float, ...]]:
        """Order statistics: for each cell the values of the wanted ranks, counted from 1 in ascending order.

        Exact where rows are known; from buckets each is an interval, and a
        kind of samples that knows only buckets says so by not being this
        protocol (see `stats.histogram`).
        """
        ...
