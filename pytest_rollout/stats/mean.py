"""Mean: how two arms' means differ, from sums over units.

One look: Welch's t, on units where rows share them. Every look: a normal
mixture. Two guards are added that a variance alone does not give. A small arm
may not have met its own outliers yet, so it is believed to be at least as
noisy as the other; and at every look, what happens to too few rows to be seen
at all may be as bad as the metric's range allows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from scipy.special import stdtrit

from pytest_rollout.stats import proportion
from pytest_rollout.stats.bounds import alpha_of
from pytest_rollout.stats.contrast import Contrast
from pytest_rollout.stats.design_effect import (
    FEWEST_UNITS,
    carried_along,
    fewest_effective_units,
    mean_variance,
    planned_effect,
    pooled_icc,
    ratio,
    recurring_icc,
    row_variance,
)
from pytest_rollout.stats.moments import Moments
from pytest_rollout.stats.mover import Pair, Reach
from pytest_rollout.stats.sequential import DEFAULT_PLANNED, Mixture

FEWEST_ROWS = 100
"""Below so many rows in an arm no mean is claimed at every look."""
MUCH_LARGER = 4
"""An arm of a quarter of the other's rows is believed to be no less noisy, at one look too."""
NO_RANGE = (
    "a mean holds at every look only where the metric's range is known: "
    "a disaster in too few rows to be seen may be of any size; claim a quantile or a rate"
)


@dataclass(frozen=True)
class Arm:
    """One arm's mean over its strata: value, variance, Student's degrees, and how many rows it has and is worth.

    `met` is how many independent rows would have met a rare disaster in the
    stratum that shows it least.
    """

    value: float
    variance: float
    degrees: float
    rows: int
    met: float


def contrast(
    control: Sequence[Moments],
    treatment: Sequence[Moments],
    weights: Sequence[float] = (1.0,),
    *,
    confidence: float = 0.95,
    looks: Literal["continuous", "once"] = "once",
    planned: float | None = None,
    value_range: float | None = None,
    apart: bool = False,
) -> Contrast:
    """Bounds of two means, of their difference and of the relative lift.

    Args:
        control: The moments of each stratum.
        treatment: The same, in the same order.
        weights: Of each stratum, 0 or more, summing to 1.
        confidence: Of each bound on its own, above 0.5 and below 1.
        looks: `once` for Welch's t at one planned look; `continuous` for bounds that hold at every look.
        planned: Rows of the smaller arm at which an answer at every look is wanted, fixed before the start;
            10 000 without. It moves where the bounds are shortest, not whether they hold.
        value_range: Highest minus lowest value that a row can have (after a cap); needed for `continuous`.
        apart: Whether strata are known to share no units; else a unit of one is believed to be in all of them.

    Returns:
        Bounds in the metric's unit; the lift as a fraction. Unbounded, with
        the reason, below 30 effective units an arm, when all rows of an arm
        are equal, when a value is infinite, and for `continuous` below 100
        rows an arm or without a range. An arm with a quarter of the other's
        rows, or less, is given at least the other's variance: of skewed rows
        Welch alone calls it falsely better in 8 to 13 % instead of 5 %. The
        honest edge: at one look, what is rarer than a row of the smaller arm
        is not seen; docs/statistics-measured.md has figures.

    Raises:
        ValueError: Strata and weights differ in number, or an argument is out of range.

    Source:
        Welch (1947), Biometrika 34; on units the delta method (see
        `design_effect.mean_variance`), Satterthwaite's degrees from units;
        the lift is Fieller's. For every look see `sequential.Mixture`.
    """
    alpha = alpha_of(confidence)
    if not len(control) == len(treatment) == len(weights) or not math.isclose(sum(weights), 1):
        raise ValueError(f"{len(control)} and {len(treatment)} strata with weights {list(weights)}, which sum to 1")
    used = [each for each, weight in enumerate(weights) if weight > 0]
    method = _method(control, looks, len(used))
    rows = tuple(sum(arm[each].rows for each in used) for arm in (control, treatment))
    values = tuple(
        sum(weights[each] * (arm[each].centre + ratio(arm[each])) for each in used) for arm in (control, treatment)
    )
    strata = {each: weights[each] for each in used}
    apart = apart or not any(arm[each].clustered for each in used for arm in (control, treatment))
    why, few = _doubt(control, treatment, strata, looks, value_range, apart=apart)
    if why:
        return Contrast.unbounded(why, method=method, rows=(rows[0], rows[1]), values=(values[0], values[1]), few=few)
    sides = [
        _arm(mine, other, strata, looks, apart=apart) for mine, other in ((control, treatment), (treatment, control))
    ]
    if looks == "once":
        return _once(sides[0], sides[1], alpha, method)
    return _continuous(sides[0], sides[1], alpha, method, planned or DEFAULT_PLANNED, value_range or 0.0)


def _once(control: Arm, treatment: Arm, alpha: float, method: str) -> Contrast:
    together = (control.variance + treatment.variance) ** 2 / sum(
        arm.variance**2 / arm.degrees for arm in (control, treatment)
    )

    @cache
    def reach(arm: Arm, level: float, degrees: float) -> Reach:
        off = -float(stdtrit(degrees, level)) * math.sqrt(arm.variance)
        return Reach(arm.value, off, off)

    return Contrast.of(
        Pair(lambda level: (reach(control, level, together), reach(treatment, level, together))),
        lambda level: reach(control, level, control.degrees),
        lambda level: reach(treatment, level, treatment.degrees),
        alpha,
        method=method,
        rows=(control.rows, treatment.rows),
    )


def _continuous(
    control: Arm, treatment: Arm, alpha: float, method: str, planned: float, value_range: float
) -> Contrast:
    # Rows are the clock, of arms and of plans: what units carry along is in the variance, and how much that will be
    # at the planned rows nobody knows before the start.
    mixture = Mixture.tuned(planned, alpha)
    clock = min(control.rows, treatment.rows)
    met = min(control.met, treatment.met)

    def reach(arm: Arm, level: float, rows: float) -> Reach:
        off = mixture.multiplier(rows, level) * math.sqrt(arm.variance)
        return Reach(arm.value, off, off)

    @cache
    def unseen(level: float, rows: float) -> float:
        """What so few rows as were never met may add to a mean."""
        return value_range * proportion.continuous(0, rows, confidence=1 - level).high

    def alone(arm: Arm, level: float) -> Reach:
        mine, hidden = reach(arm, level, arm.rows), unseen(level, arm.met)
        return Reach(arm.value, mine.below + hidden, mine.above + hidden)

    return Contrast.of(
        Pair(
            lambda level: (reach(control, level, clock), reach(treatment, level, clock)),
            slack=lambda level: unseen(level, met),
        ),
        lambda level: alone(control, level),
        lambda level: alone(treatment, level),
        alpha,
        method=method,
        rows=(control.rows, treatment.rows),
    )


def _arm(
    mine: Sequence[Moments], other: Sequence[Moments], strata: Mapping[int, float], looks: str, *, apart: bool
) -> Arm:
    """One arm over its strata; a unit that is in several of them is off the same way in all."""
    icc = recurring_icc([arm[each] for each in strata for arm in (mine, other)])
    value = spreads = 0.0
    met = math.inf
    parts: list[tuple[float, float, int]] = []
    for each, weight in strata.items():
        arm = mine[each]
        guarded = looks == "continuous" or other[each].rows >= MUCH_LARGER * arm.rows
        variance = _guarded(arm, other[each]) if guarded else mean_variance(arm)
        spread = max(row_variance(arm), row_variance(other[each]) if guarded else 0.0)
        deff = max(1.0, variance * arm.rows / spread) if spread > 0 else 1.0
        alone = variance if apart else variance * (1 - carried_along(icc, deff))
        value += weight * (arm.centre + ratio(arm))
        spreads += weight * spread
        met = min(met, (spread / variance if variance > 0 else arm.rows) / weight)
        parts.append((weight * math.sqrt(variance - alone), weight**2 * alone, arm.units - 1))
    shared = sum(alike for alike, _, _ in parts)
    variance = shared**2 + sum(alone for _, alone, _ in parts)
    # How far off the variance itself may be: of the same units it is so in all strata alike, of others in each anew.
    off = [(shared * alike + alone) / math.sqrt(degrees) for alike, alone, degrees in parts]
    curvature = sum(each**2 for each in off) if apart else sum(off) ** 2
    rows = sum(mine[each].rows for each in strata)
    return Arm(value, variance, variance**2 / curvature, rows, min(met, spreads / variance))


def _guarded(mine: Moments, other: Moments) -> float:
    """An arm's variance, no smaller than if its rows varied as those of the other arm do."""
    return max(mean_variance(mine), row_variance(other) * planned_effect(mine, pooled_icc([other])) / mine.rows)


def _doubt(
    control: Sequence[Moments],
    treatment: Sequence[Moments],
    used: Mapping[int, float],
    looks: str,
    value_range: float | None,
    *,
    apart: bool,
) -> tuple[str, bool]:
    """Why there are no bounds, or nothing; and whether more rows would give them."""
    if looks == "continuous" and value_range is None:
        return NO_RANGE, False
    least = FEWEST_ROWS if looks == "continuous" else 2
    for name, arm in (("control", control), ("treatment", treatment)):
        strata = [arm[each] for each in used]
        if few := [each.rows for each in strata if each.rows < least]:
            return f"{few[0]} rows of {name}{_within(strata)} are too few for a mean: at least {least}", True
        if any(not math.isfinite(each.total) for each in strata):
            return f"some rows of {name} are infinite (timeouts), so it has no mean: claim a quantile or a rate", False
        units = fewest_effective_units(strata, list(used.values()), apart=apart)
        if units < FEWEST_UNITS or any(each.units < 2 for each in strata):
            kind = "units" if strata[0].clustered else "rows"
            return f"{units:.3g} effective {kind} of {name} are too few for a mean: at least {FEWEST_UNITS}", True
        flat = [row_variance(each) == 0 for each in strata]
        if all(flat) or (looks == "once" and any(mean_variance(each) == 0 for each in strata)):
            return f"the rows of {name} do not vary, which says nothing about how far its mean may be off", False
    return "", False


def _within(strata: Sequence[Moments]) -> str:
    return " in a stratum" if len(strata) > 1 else ""


def _method(arm: Sequence[Moments], looks: str, strata: int) -> str:
    units = ", units by the delta method" if any(each.clustered for each in arm) else ""
    within = f", {strata} strata" if strata > 1 else ""
    if looks == "continuous":
        return f"mean, normal mixture valid at every look{units}{within}"
    return f"mean, Welch{units}{within}"
