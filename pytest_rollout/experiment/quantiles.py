"""Quantiles of two arms: which ranks to look up, and what their values say.

Four questions to the rows: how many there are, where the sample's quantile
lies, how alike units are there, and the values of the ranks that follow. A
fifth one, for the level at which a limit is refuted, only when somebody asks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pytest_rollout.experiment import endless
from pytest_rollout.experiment.design import Design
from pytest_rollout.experiment.endless import Ends
from pytest_rollout.experiment.samples import Above, Cell, Samples
from pytest_rollout.experiment.strata import Strata
from pytest_rollout.stats import quantile
from pytest_rollout.stats.bounds import Bounds, alpha_of
from pytest_rollout.stats.contrast import Contrast
from pytest_rollout.stats.design_effect import (
    FEWEST_UNITS,
    carried_along,
    design_effect,
    fewest_effective_units,
    pooled_icc,
    recurring_icc,
)
from pytest_rollout.stats.moments import Moments
from pytest_rollout.stats.mover import Pair, Part, Reach, combined

FAMILY = 50
"""Levels of Holm's steps over so many triggers are met exactly; others are rounded up."""


@dataclass
class _Side:
    """One arm: its cells with weight, rows, quantile, design effect, and the share of its error that units carry."""

    cells: Sequence[tuple[Cell, float, int]]
    values: Mapping[Cell, float]
    deffs: Mapping[Cell, float]
    shared: Mapping[Cell, float]

    def reach(self, found: Ends, middles: Ends) -> Reach:
        """The arm over its strata, of which each has a bound that is reached from its own `middles`."""
        value = sum(weight * self.values[cell] for cell, weight, _ in self.cells)
        below, above = [], []
        for cell, weight, _ in self.cells:
            (low, high), middle = found[cell], self.values[cell]
            # A sample's own quantile is a little too low, and the mean of many small ones is so as well, however near
            # its bounds come to it: they are reached from what lies on their side of the quantile on average.
            under, over = (each if math.isfinite(each) else middle for each in middles.get(cell, (middle, middle)))
            below.append(Part(weight, Reach(under, max(0.0, under - low), 0.0), self.shared[cell]))
            above.append(Part(weight, Reach(over, 0.0, max(0.0, high - over)), self.shared[cell]))
        downwards, upwards = combined(below), combined(above)
        off = value - downwards.value, upwards.value - value
        return Reach(value, max(0.0, off[0] + downwards.below), max(0.0, off[1] + upwards.above))


@dataclass
class _Ranked:
    """The reaches of both arms at every level that was asked."""

    samples: Samples
    sides: tuple[_Side, _Side]
    q: float
    design: Design
    levels: tuple[float, ...]
    found: dict[float, tuple[Reach, Reach]] = field(default_factory=dict)
    middles: dict[Cell, tuple[float, float]] = field(default_factory=dict)
    """Where there are several strata, what lies at or below and at or above each quantile on average."""

    def at(self, alpha: float) -> tuple[Reach, Reach]:
        """Control and treatment; one question to the rows for all levels, at the first level that is not known yet."""
        if alpha not in self.found:
            self._ask([alpha] if not self.found else self.levels)
        return self.found[alpha]

    def _ask(self, levels: Sequence[float]) -> None:
        for level, (control, treatment) in self.ends_at(levels).items():
            self.found[level] = (
                self.sides[0].reach(control, self.middles),
                self.sides[1].reach(treatment, self.middles),
            )

    def ends_at(self, levels: Sequence[float]) -> dict[float, tuple[Ends, Ends]]:
        """The bounds of each cell's quantile in both arms, at each of these levels; one question to the rows."""
        wanted = {
            (cell, level): quantile.ranks(rows, self.q, level, deff=side.deffs[cell], looks=self.design.looks)
            for side in self.sides
            for cell, _, rows in side.cells
            for level in levels
        }
        by_cell: dict[Cell, set[int]] = {}
        for (cell, _), pair in wanted.items():
            by_cell.setdefault(cell, set()).update(rank for rank in pair if rank)
        around = {
            cell: quantile.around(rows, self.q, deff=side.deffs[cell])
            for side in self.sides
            for cell, _, rows in (side.cells if len(side.cells) > 1 and not self.middles else ())
        }
        for cell, pair in around.items():
            by_cell.setdefault(cell, set()).update(rank for rank in pair if rank)
        ordered = {cell: sorted(ranks) for cell, ranks in by_cell.items()}
        answers = self.samples.ranked({cell: ranks for cell, ranks in ordered.items() if ranks})
        values = {
            (cell, rank): value
            for cell, ranks in ordered.items()
            for rank, value in zip(ranks, answers.get(cell, ()), strict=True)
        }
        self.middles |= {cell: self._ends(cell, pair, values) for cell, pair in around.items()}

        def ends(side: _Side, level: float) -> Ends:
            return {cell: self._ends(cell, wanted[cell, level], values) for cell, _, _ in side.cells}

        return {level: (ends(self.sides[0], level), ends(self.sides[1], level)) for level in levels}

    @staticmethod
    def _ends(cell: Cell, pair: tuple[int, int], values: Mapping[tuple[Cell, int], float]) -> tuple[float, float]:
        low, high = pair
        return values[cell, low] if low else -math.inf, values[cell, high] if high else math.inf


def contrast(
    samples: Samples,
    q: float,
    design: Design,
    counted: Mapping[Cell, Moments],
    strata: Strata,
    *,
    apart: bool = False,
) -> Contrast:
    """Bounds of both arms' quantile, of their difference and of the relative lift.

    Args:
        samples: The rows.
        q: Quantile as a fraction, `0 < q < 1`.
        design: How it is judged.
        counted: How many rows and units every cell has.
        strata: Which cells belong together, and what each weighs.
        apart: Whether strata are known to share no units; else a unit of one is believed to be in all of them.

    Returns:
        Bounds in the metric's unit, distribution-free. An upper one is `inf`,
        with the reason, when there are too few rows for it. Over strata, the
        weighted mean of their quantiles. The honest edge: levels between
        Holm's steps are rounded up.

    Source:
        Ranks: `stats.quantile`. Units: Deng, Knoblich & Lu (2018), KDD. Arms:
        Zou & Donner (2008), MOVER.
    """
    alpha = alpha_of(design.confidence)
    used = [(name, weight) for name, weight in zip(strata.names, strata.weights, strict=True) if weight > 0]
    cells = [
        [((arm, name), weight, each.rows) for name, weight in used if (each := counted.get((arm, name))) and each.rows]
        for arm in (design.control, design.treatment)
    ]
    method = _method(q, design, len(used))
    rows = (sum(each[2] for each in cells[0]), sum(each[2] for each in cells[1]))
    for name, side in (("control", cells[0]), ("treatment", cells[1])):
        units = [counted[cell] for cell, _, _ in side]
        if len(side) < len(used):
            return Contrast.unbounded(f"{name} has no rows{_in_a_stratum(used)}", method=method, rows=rows, few=True)
        if any(each.clustered and each.largest_unit > 1 for each in units):
            effective = fewest_effective_units(units, [weight for _, weight, _ in side], apart=apart)
            if effective < FEWEST_UNITS:
                why = f"{effective:.3g} effective units of {name} are too few for a quantile: at least {FEWEST_UNITS}"
                return Contrast.unbounded(why, method=method, rows=rows, few=True)
    sides = _sides(samples, q, (cells[0], cells[1]), apart=apart or len(used) == 1)
    ranked = _Ranked(samples, sides, q, design, _levels(alpha))
    if any(math.isinf(value) for side in sides for value in side.values.values()):
        control, treatment = ({cell: weight for cell, weight, _ in side.cells} for side in sides)
        whole = control, treatment
        return endless.contrast(
            ranked.ends_at, whole, ranked.levels, alpha, what=f"P{q * 100:g}", method=method, rows=rows
        )
    for name, arm, reach in zip(("control", "treatment"), sides, ranked.at(alpha), strict=True):
        if reach.below == reach.above == 0 and _flat(samples, arm):
            why = f"all rows of {name} are equal, which says nothing about how its quantiles may vary"
            return Contrast.unbounded(why, method=method, rows=rows)
    worst = max(deff for side in sides for deff in side.deffs.values())
    return _explained(
        Contrast.of(
            Pair(ranked.at, levels=ranked.levels),
            lambda level: ranked.at(level)[0],
            lambda level: ranked.at(level)[1],
            alpha,
            method=f"{method}, deff {worst:.3g}" if worst > 1 else method,
            rows=rows,
        ),
        q,
        design,
        worst,
    )


def _sides(
    samples: Samples, q: float, cells: tuple[Sequence[tuple[Cell, float, int]], ...], *, apart: bool
) -> tuple[_Side, _Side]:
    everything = [each for side in cells for each in side]
    answers = samples.ranked({cell: [quantile.middle(rows, q)] for cell, _, rows in everything})
    values = {cell: found[0] for cell, found in answers.items()}
    above = samples.moments(Above(values))
    icc = pooled_icc(above[cell] for cell, _, _ in everything)
    deffs = {cell: design_effect(above[cell], icc) for cell, _, _ in everything}
    carried = recurring_icc([above[cell] for cell, _, _ in everything])
    shared = {
        cell: 0.0 if apart or not above[cell].clustered else carried_along(carried, deff)
        for cell, deff in deffs.items()
    }
    return _Side(cells[0], values, deffs, shared), _Side(cells[1], values, deffs, shared)


def _flat(samples: Samples, side: _Side) -> bool:
    """Whether an arm has one value only: a metric that is not measured looks like that."""
    ends = samples.ranked({cell: [1, rows] for cell, _, rows in side.cells})
    return len({value for pair in ends.values() for value in pair}) == 1


def _levels(alpha: float) -> tuple[float, ...]:
    """The levels that are told apart: those above `alpha`, Holm's, and powers of ten below them."""
    above = np.geomspace(alpha, 0.49, 9)[1:]
    holm = [alpha / step for step in range(1, FAMILY + 1)]
    below = [holm[-1] / 10 ** (step / 2) for step in range(1, 15)]
    return tuple(sorted([*(float(each) for each in above), *holm, *below]))


def _explained(found: Contrast, q: float, design: Design, deff: float) -> Contrast:
    """With the reason, where a bound is missing."""

    def explained(bounds: Bounds) -> Bounds:
        if bounds.why or not (math.isinf(bounds.low) or math.isinf(bounds.high)):
            return bounds
        least = quantile.fewest_rows(q, alpha_of(design.confidence), deff=deff, looks=design.looks)
        if bounds.n >= least:
            return replace(bounds, why=f"timeouts, or too few rows in a stratum, leave P{q * 100:g} without a bound")
        why = f"{bounds.n} rows are too few for both bounds of P{q * 100:g}: at least {least}"
        return replace(bounds, why=why, few=True)

    return Contrast(*(explained(each) for each in (found.control, found.treatment, found.delta, found.lift)))


def _in_a_stratum(used: Sequence[object]) -> str:
    return " in a stratum" if len(used) > 1 else ""


def _method(q: float, design: Design, strata: int) -> str:
    how = "e-values of exceedances valid at every look" if design.looks == "continuous" else "exact ranks"
    within = f", {strata} strata" if strata > 1 else ""
    return f"P{q * 100:g}, order statistics by {how}, arms joined by MOVER{within}"
