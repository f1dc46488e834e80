"""Assigned: whether the units that were seen are those that were planned, and their rows all there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.design import Design, Doubt
from pytest_rollout.experiment.samples import Cell
from pytest_rollout.stats import proportion, rate, srm
from pytest_rollout.stats.moments import Moments
from pytest_rollout.stats.mover import Pair, Reach


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


def missingness(counted: Mapping[Cell, Moments], design: Design) -> Doubt | None:
    """Whether rows lack their value more often in one arm: then what is left of the arms is not alike.

    Two shares at the level of the sample ratio; rows of one unit count in pairs.
    """
    arms = []
    for arm in (design.control, design.treatment):
        cells = [each for cell, each in counted.items() if cell[0] == arm]
        missing = sum(each.missing for each in cells)
        clustered = any(each.clustered for each in cells)
        arms.append((missing, sum(each.rows for each in cells) + missing, rate.BURST if clustered else 1.0))
    if not any(missing for missing, _, _ in arms) or not all(rows for _, rows, _ in arms):
        return None
    bounds_of = proportion.once if design.looks == "once" else proportion.continuous

    def reach(side: int, level: float) -> Reach:
        missing, rows, deff = arms[side]
        found = bounds_of(missing, rows, confidence=1 - level, deff=deff)
        return Reach(found.value, found.value - found.low, found.high - found.value)

    pair = Pair(lambda level: (reach(0, level), reach(1, level)))
    if pair.below(srm.ALARM / 2) <= 0 <= pair.above(srm.ALARM / 2):
        return None
    shares = [missing / rows for missing, rows, _ in arms]
    return Doubt(
        Reason.INVALID,
        f"{shares[0]:.2%} of the rows of {design.control} and {shares[1]:.2%} of those of {design.treatment} "
        "have no value, so what is left is not alike",
    )


def _shown(cells: list[Cell], units: list[int], weights: list[float]) -> str:
    whole, planned = sum(units) or 1, sum(weights) or 1.0
    parts = (
        f"{arm} has {count} units, {count / whole:.3g} of all and not {weight / planned:.3g}"
        for (arm, _), count, weight in zip(cells, units, weights, strict=True)
    )
    stratum = f" in stratum {cells[0][1]}" if cells[0][1] else ""
    return ", ".join(parts) + stratum
