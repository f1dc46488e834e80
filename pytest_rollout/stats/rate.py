"""Rate: how two arms' shares differ, from counts over units.

Errors, timeouts, exceedances: each row has the event or not. The bounds of
each arm are those of `proportion`, so that no event at all is still an
answer, and a design effect says how far events come together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pytest_rollout.stats import proportion
from pytest_rollout.stats.bounds import alpha_of
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

BURST = 2.0
"""What is believed of events that share units before one was seen: they come in pairs."""


@dataclass(frozen=True)
class Count:
    """Events of so many rows in one stratum of an arm, their design effect, and how much of it units carry along."""

    weight: float
    events: float
    rows: int
    deff: float
    shared: float


def contrast(
    control: Sequence[Moments],
    treatment: Sequence[Moments],
    weights: Sequence[float] = (1.0,),
    *,
    confidence: float = 0.95,
    looks: Literal["continuous", "once"] = "once",
    burst: float | None = None,
    apart: bool = False,
) -> Contrast:
    """Bounds of two shares, of their difference and of the relative lift.

    Args:
        control: The moments of each stratum, of rows that are 0 or 1.
        treatment: The same, in the same order.
        weights: Of each stratum, 0 or more, summing to 1.
        confidence: Of each bound on its own, above 0.5 and below 1.
        looks: `once` for Clopper-Pearson bounds of each arm, at one planned look; `continuous` for bounds that hold
            at every look.
        burst: The least design effect that is believed; 2 without where rows share units, and 1 where not.
        apart: Whether strata are known to share no units; else a unit of one is believed to be in all of them.

    Returns:
        Bounds of shares, as fractions. Without an event in either arm a
        difference below 0.1 % takes about 3 000 · deff treated rows at one
        look and 3 800 · deff at every look. Unbounded, with the reason, below
        30 effective units an arm and without rows. The honest edge: events
        that come in larger bursts than `burst`, and have not come yet.

    Raises:
        ValueError: Strata and weights differ in number, or an argument is out of range.

    Source:
        Newcombe (1998), Interval estimation for the difference between
        independent proportions, Statistics in Medicine 17, method 10, with
        Clopper-Pearson's bounds in place of Wilson's (see `proportion.once`
        for why), and with those of `proportion.continuous`.
    """
    alpha = alpha_of(confidence)
    if not len(control) == len(treatment) == len(weights) or not math.isclose(sum(weights), 1):
        raise ValueError(f"{len(control)} and {len(treatment)} strata with weights {list(weights)}, which sum to 1")
    used = [each for each, weight in enumerate(weights) if weight > 0]
    rows = (sum(control[each].rows for each in used), sum(treatment[each].rows for each in used))
    clustered = any(arm[each].clustered for each in used for arm in (control, treatment))
    method = _method(clustered, looks, len(used))
    strata = {each: weights[each] for each in used}
    why, few = _doubt(control, treatment, strata, clustered, apart=apart or not clustered)
    if why:
        return Contrast.unbounded(why, method=method, rows=rows, few=few)
    floor = burst if burst is not None else (BURST if clustered else 1.0)
    icc = pooled_icc(arm[each] for each in used for arm in (control, treatment))
    carried = recurring_icc([arm[each] for each in used for arm in (control, treatment)])
    together = len(used) > 1 and clustered and not apart
    counts = []
    for arm in (control, treatment):
        deffs = {each: design_effect(arm[each], icc, floor=floor) for each in used}
        shared = {each: carried_along(carried, deff) if together else 0.0 for each, deff in deffs.items()}
        counts.append(
            [Count(weights[each], _events(arm[each]), arm[each].rows, deffs[each], shared[each]) for each in used]
        )

    @cache
    def reach(side: int, level: float) -> Reach:
        return _reach(counts[side], level, looks)

    return Contrast.of(
        Pair(lambda level: (reach(0, level), reach(1, level))),
        lambda level: reach(0, level),
        lambda level: reach(1, level),
        alpha,
        method=f"{method}, deff {max(each.deff for arm in counts for each in arm):.3g}" if clustered else method,
        rows=rows,
    )


def are_shares(arm: Moments) -> bool:
    """Whether every row is 0 or 1: only of such rows the squares sum to the values."""
    events, squares = _sums(arm)
    return bool(arm.rows == 0 or (arm.lowest >= 0 and arm.highest <= 1 and abs(squares - events) <= 1e-9 * arm.rows))


def _sums(arm: Moments) -> tuple[float, float]:
    """Σ y and Σ y², without the centre."""
    events = arm.total + arm.rows * arm.centre
    return events, arm.values_squared + 2 * arm.centre * arm.total + arm.rows * arm.centre**2


def _events(arm: Moments) -> float:
    return float(round(_sums(arm)[0]))


def _reach(counts: Sequence[Count], alpha: float, looks: str) -> Reach:
    """An arm over its strata at one level."""
    bounds_of = proportion.continuous if looks == "continuous" else proportion.once
    parts = []
    for count in counts:
        found = bounds_of(count.events, count.rows, confidence=1 - alpha, deff=count.deff)
        reach = Reach(found.value, found.value - found.low, found.high - found.value)
        parts.append(Part(count.weight, reach, shared=count.shared))
    joined = combined(parts)
    if len(parts) == 1:
        return joined
    # A stratum of few events reaches down to none and no further, however little it knows: the sum of many such
    # would know too much. So all events together are asked too, and the further of both answers is believed.
    below = _pooled(counts, alpha, looks, lambda count: count.events)
    above = _pooled(counts, alpha, looks, lambda count: count.rows - count.events)
    return Reach(joined.value, max(joined.below, below), max(joined.above, above))


def _pooled(counts: Sequence[Count], alpha: float, looks: str, of: Callable[[Count], float]) -> float:
    """How far below its value the weighted share of something rare may lie, from its events in all strata together.

    As many events of one weight as would vary as much.

    Source:
        Fay & Feuer (1997), Confidence intervals for directly standardized
        rates: a method based on the gamma distribution, Statistics in Medicine 16.
    """
    errors = [Reach(0.0, math.sqrt(of(each) * each.deff) / each.rows, 0.0) for each in counts]
    parts = [Part(each.weight, error, each.shared) for each, error in zip(counts, errors, strict=True)]
    share = sum(each.weight * of(each) / each.rows for each in counts)
    variance = combined(parts).below ** 2
    if variance == 0:
        return 0.0
    bounds_of = proportion.continuous if looks == "continuous" else proportion.once
    found = bounds_of(min(share, 1.0) * share / variance, share / variance, confidence=1 - alpha)
    return found.value - found.low


def _doubt(
    control: Sequence[Moments], treatment: Sequence[Moments], used: Mapping[int, float], clustered: bool, *, apart: bool
) -> tuple[str, bool]:
    """Why there are no bounds, or nothing; and whether more rows would give them."""
    for name, arm in (("control", control), ("treatment", treatment)):
        strata = [arm[each] for each in used]
        if not strata or any(each.rows == 0 for each in strata):
            return f"{name} has no rows{' in a stratum' if len(strata) > 1 else ''}", True
        if not all(are_shares(each) for each in strata):
            return f"some rows of {name} are neither 0 nor 1, so there is no rate: claim a mean or a quantile", False
        units = fewest_effective_units(strata, list(used.values()), apart=apart)
        if clustered and units < FEWEST_UNITS:
            return f"{units:.3g} effective units of {name} are too few for a rate: at least {FEWEST_UNITS}", True
    return "", False


def _method(clustered: bool, looks: str, strata: int) -> str:
    how = "beta-mixture e-values valid at every look" if looks == "continuous" else "Clopper-Pearson"
    return f"share, {how}, arms joined by MOVER{', units' * clustered}{f', {strata} strata' * (strata > 1)}"
