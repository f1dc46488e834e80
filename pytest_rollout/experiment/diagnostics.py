"""Diagnostics: what a reader should know of the rows before believing a mean.

Nothing is judged by them. A mean that one row in a hundred carries is a mean
of those rows, and a metric that is missing more often in one arm is another
metric there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_rollout.experiment.design import Design
from pytest_rollout.experiment.samples import Above, Cell, Samples, Values
from pytest_rollout.experiment.strata import Strata
from pytest_rollout.stats.design_effect import design_effect, effective_units, pooled_icc, ratio, row_variance
from pytest_rollout.stats.moments import Moments
from pytest_rollout.stats.quantile import middle

TAIL = 0.99


@dataclass(frozen=True)
class Diagnostics:
    """One arm's rows, over all strata.

    Args:
        skew: (mean - median) / standard deviation, between -1 and 1: 0 for symmetric rows; NaN where nothing varies.
        top_share: The share of the sum that rows above the control's P99 carry; NaN where rows may be negative.
        missing: The share of rows without a value.
        deff: Design effect of the mean.
        icc: Correlation of two rows of one unit, from both arms.
        effective_units: As how many units of one size they count.
        largest_unit: The share of the rows that the largest unit has.
    """

    skew: float
    top_share: float
    missing: float
    deff: float
    icc: float
    effective_units: float
    largest_unit: float


def diagnostics(samples: Samples, design: Design, strata: Strata) -> Mapping[str, Diagnostics]:
    """Both arms, by name; arms without rows are not there."""
    found = samples.moments(Values(design.cap))
    cells = {cell: each for cell, each in found.items() if cell[0] in {design.control, design.treatment}}
    places = {cell: [middle(each.rows, 0.5), middle(each.rows, TAIL)] for cell, each in cells.items()}
    ranked = samples.ranked(places)
    edges = {
        (arm, stratum): ranked[design.control, stratum][1]
        for arm, stratum in cells
        if (design.control, stratum) in ranked
    }
    tails = _tails(samples, design, edges)
    icc = pooled_icc(cells.values())
    return {
        arm: _of([(cell, cells[cell]) for cell in mine], ranked, tails, icc)
        for arm in (design.control, design.treatment)
        if (mine := [(arm, stratum) for stratum in strata.names if (arm, stratum) in cells])
    }


def _tails(samples: Samples, design: Design, edges: Mapping[Cell, float]) -> Mapping[Cell, float]:
    """What rows above their edge sum up to: the sum, less that of rows cut at the edge, plus the edges themselves."""
    if not edges or any(not math.isfinite(edge) for edge in edges.values()):
        return {}
    above, whole = samples.moments(Above(edges)), samples.moments(Values(design.cap))
    tails = {}
    for edge in set(edges.values()):
        cut = samples.moments(Values(edge if design.cap is None else min(edge, design.cap)))
        for cell in (cell for cell, of in edges.items() if of == edge and cell in whole):
            tails[cell] = _sum(whole[cell]) - _sum(cut[cell]) + edge * above[cell].total
    return tails


def _of(
    cells: Sequence[tuple[Cell, Moments]],
    ranked: Mapping[Cell, tuple[float, ...]],
    tails: Mapping[Cell, float],
    icc: float,
) -> Diagnostics:
    rows = sum(each.rows for _, each in cells)
    missing = sum(each.missing for _, each in cells)
    skews = [(each.rows, _skew(each, ranked[cell][0])) for cell, each in cells]
    sums = sum(_sum(each) for _, each in cells)
    positive = sums > 0 and all(each.lowest >= 0 and cell in tails for cell, each in cells)
    return Diagnostics(
        skew=sum(weight * skew for weight, skew in skews) / rows,
        top_share=sum(tails[cell] for cell, _ in cells) / sums if positive else math.nan,
        missing=missing / (rows + missing),
        deff=max(design_effect(each, icc) for _, each in cells),
        icc=icc,
        effective_units=sum(effective_units(each) for _, each in cells),
        largest_unit=max(each.largest_unit for _, each in cells) / rows,
    )


def _skew(arm: Moments, median: float) -> float:
    spread = math.sqrt(row_variance(arm))
    return (arm.centre + ratio(arm) - median) / spread if spread > 0 and math.isfinite(spread) else math.nan


def _sum(arm: Moments) -> float:
    return arm.total + arm.rows * arm.centre
