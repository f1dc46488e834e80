"""Assigned: whether the units that were seen are those that were planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.design import Design, Doubt
from pytest_rollout.experiment.samples import Cell
from pytest_rollout.stats import srm
from pytest_rollout.stats.moments import Moments


@dataclass(frozen=True)
class Assignment:
    """How many units every cell has.

    Args:
        units: Of each arm and stratum.
        level: The smallest level at which the sample ratio is shown to be wrong; 1 where none was planned.
        doubt: What follows from it.
    """

    units: Mapping[Cell, int]
    level: float
    doubt: Doubt | None


def assignment(counted: Mapping[Cell, Moments], design: Design) -> Assignment:
    """The sample ratio of every stratum against the planned one.

    Strata are as many chances of a false alarm, so each answers at its part of the level.
    """
    units = {cell: each.units for cell, each in counted.items()}
    if design.shares is None:
        return Assignment(units, 1.0, None)
    strata = sorted({stratum for _, stratum in {**units, **design.shares}})
    level, worst = 1.0, ""
    for stratum in strata:
        cells = sorted(cell for cell in {**units, **design.shares} if cell[1] == stratum)
        seen, weights = [units.get(cell, 0) for cell in cells], [design.shares.get(cell, 0.0) for cell in cells]
        if not sum(weights) > 0:
            found = 0.0 if sum(seen) else 1.0
        else:
            found = (srm.once if design.looks == "once" else srm.sequential)(seen, weights)
        if found * len(strata) < level:
            level, worst = found * len(strata), _shown(cells, seen, weights)
    doubt = Doubt(Reason.SRM, f"{worst}: shown at the level {level:.2g}") if level <= srm.ALARM else None
    return Assignment(units, level, doubt)


def _shown(cells: list[Cell], units: list[int], weights: list[float]) -> str:
    whole, planned = sum(units) or 1, sum(weights) or 1.0
    parts = (
        f"{arm} has {count} units, {count / whole:.3g} of all and not {weight / planned:.3g}"
        for (arm, _), count, weight in zip(cells, units, weights, strict=True)
    )
    stratum = f" in stratum {cells[0][1]}" if cells[0][1] else ""
    return ", ".join(parts) + stratum
