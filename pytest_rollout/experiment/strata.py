"""Strata: the cells of two arms side by side, and how much each stratum counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_rollout.experiment.design import Design
from pytest_rollout.experiment.samples import Cell
from pytest_rollout.stats.moments import Moments


@dataclass(frozen=True)
class Strata:
    """Names of strata, ascending, and their weights, which sum to 1.

    Stages of a rollout give the treatment more and more of the traffic; means
    pooled over them would compare different hours (Simpson's paradox). So
    arms are compared within a stratum, and strata weigh as the treatment's rows do.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, counted: Mapping[Cell, Moments], design: Design) -> Strata:
        """The strata that have rows, with the design's weights or the treatment's shares."""
        names = tuple(sorted({stratum for arm, stratum in counted if arm in {design.control, design.treatment}}))
        names = names or ("",)
        if design.weights is not None:
            raw = [design.weights.get(name, 0.0) for name in names]
        else:
            raw = [float(_of(counted, design.treatment, name).rows) for name in names]
        whole = sum(raw)
        if whole <= 0:
            return cls(names, tuple(1 / len(names) for _ in names))
        return cls(names, tuple(each / whole for each in raw))

    def side(self, arm: str, found: Mapping[Cell, Moments]) -> Sequence[Moments]:
        """One arm's moments, stratum by stratum; a cell without rows is there, and empty."""
        return [_of(found, arm, name) for name in self.names]


def _of(found: Mapping[Cell, Moments], arm: str, stratum: str) -> Moments:
    return found.get((arm, stratum), _EMPTY)


_EMPTY = Moments(
    units=0,
    rows=0,
    total=0.0,
    rows_squared=0.0,
    total_squared=0.0,
    rows_total=0.0,
    values_squared=0.0,
)
