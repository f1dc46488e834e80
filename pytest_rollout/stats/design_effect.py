"""Design effect: how many dependent rows tell as much as one.

Rows of one space, tenant or person are alike. The likeness is learnt from
both arms together, because one small arm would learn it badly, and the larger
of what was learnt and what the arm itself shows is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from pytest_rollout.stats.moments import Moments

FEWEST_UNITS = 30
"""Below so many effective units nothing is known about how units differ."""
FLAT = 1e-14
"""A spread this small, against the values themselves, is what floats leave of none."""


def ratio(arm: Moments) -> float:
    """The mean over rows, less the centre: ΣS / ΣN."""
    return arm.total / arm.rows if arm.rows else math.nan


def row_variance(arm: Moments) -> float:
    """The variance of one row, with n - 1; 0 where all rows are equal and NaN where one is infinite."""
    if arm.rows < 2:
        return 0.0
    mean = ratio(arm)
    variance = (arm.values_squared - arm.rows * mean * mean) / (arm.rows - 1)
    return 0.0 if variance <= FLAT * arm.values_squared / arm.rows else variance


def mean_variance(arm: Moments) -> float:
    """The variance of the mean over rows; the delta method on unit sums, with K - 1.

    Where each unit has one row it is the row variance over n, exactly.

    Source:
        Deng, Knoblich & Lu (2018), Applying the delta method in metric
        analytics, KDD; Cochran (1977), Sampling techniques, ch. 9A.
    """
    if arm.units < 2 or row_variance(arm) == 0:
        return 0.0
    return arm.units / (arm.units - 1) * max(0.0, _unit_squares(arm)) / arm.rows**2


def effective_units(arm: Moments) -> float:
    """K_eff = (ΣN)² / ΣN²: as many units of one size would weigh the same."""
    return arm.rows**2 / arm.rows_squared if arm.rows_squared else 0.0


def pooled_icc(arms: Iterable[Moments]) -> float:
    """The correlation of two rows of one unit, from all arms (and strata) together; at least 0.

    Each arm weighs by its pairs of rows. 0 where no unit has two rows, or nothing varies.
    """
    excess = pairs = 0.0
    for arm in arms:
        variance = row_variance(arm)
        if variance > 0:
            excess += _unit_squares(arm) / variance - arm.rows
            pairs += arm.rows_squared - arm.rows
    return min(1.0, max(0.0, excess / pairs)) if pairs > 0 else 0.0


def design_effect(arm: Moments, icc: float, *, floor: float = 1.0) -> float:
    """The design effect of one arm: the largest of the floor, its own, and what the pooled correlation makes of it.

    Args:
        arm: Its moments, of values or of an indicator.
        icc: The pooled correlation within units.
        floor: What is believed without evidence: bursts that were not seen yet.
    """
    if not arm.clustered:
        return floor
    variance = row_variance(arm)
    own = mean_variance(arm) * arm.rows / variance if variance > 0 and arm.largest_unit > 1 else 1.0
    return max(floor, own, planned_effect(arm, icc))


def planned_effect(arm: Moments, icc: float) -> float:
    """1 + ICC·(ΣN²/ΣN - 1): the design effect of these unit sizes."""
    return 1 + icc * (arm.rows_squared / arm.rows - 1) if arm.rows else 1.0


def _unit_squares(arm: Moments) -> float:
    """Σ (S_k - R·N_k)²."""
    mean = ratio(arm)
    return arm.total_squared - 2 * mean * arm.rows_total + mean * mean * arm.rows_squared
