"""Design effect: how many dependent rows tell as much as one.

Rows of one space, tenant or person are alike. The likeness is learnt from
both arms together, because one small arm would learn it badly, and the larger
of what was learnt and what the arm itself shows is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

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


def fewest_effective_units(arm: Sequence[Moments], weights: Sequence[float], *, apart: bool) -> float:
    """K_eff of an arm over its strata, as few as there may be: a unit that has rows in ten stages is one and not ten.

    Args:
        arm: Its moments in each stratum, each with rows.
        weights: Of each stratum, above 0 and summing to 1.
        apart: Whether strata are known to share no units.
    """
    shares = [weight / math.sqrt(effective_units(each)) for each, weight in zip(arm, weights, strict=True)]
    if apart:
        return round(1 / math.fsum(each**2 for each in shares), 9)
    return round(math.fsum(shares) ** -2, 9)


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


def recurring_icc(arms: Sequence[Moments]) -> float:
    """The correlation of two rows of one unit in different strata, as high as it may well be.

    It is not seen in sums, so it is believed to be that within strata, and a
    standard error more; 1 where no unit has two rows in a stratum.
    """
    pairs = math.fsum(arm.rows_squared - arm.rows for arm in arms)
    return min(1.0, pooled_icc(arms) + math.sqrt(2 / pairs)) if pairs > 0 else 1.0


def carried_along(icc: float, deff: float) -> float:
    """The share of a mean's variance that recurring units carry along; the rest is of each row alone.

    Args:
        icc: See `recurring_icc`.
        deff: The design effect, at least 1.
    """
    return 1 - (1 - icc) / deff


def _unit_squares(arm: Moments) -> float:
    """Σ (S_k - R·N_k)²."""
    mean = ratio(arm)
    return arm.total_squared - 2 * mean * arm.rows_total + mean * mean * arm.rows_squared
