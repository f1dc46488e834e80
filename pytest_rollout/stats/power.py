"""Power: what a comparison can see before it starts, and what it still needs.

A gate that cannot succeed with the traffic of its phase is a gate that nobody
should wait for. Everything here rests on one number: the error that the
difference would have with one row in the smaller arm.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Literal

from scipy.special import ndtr, ndtri, pdtr

from pytest_rollout.stats import proportion
from pytest_rollout.stats.bounds import alpha_of
from pytest_rollout.stats.sequential import Mixture

MOST_ROWS = 10**12
"""More is never, at any traffic."""

Looks = Literal["continuous", "once"]


def unit_error(treatment_variance: float, control_variance: float, *, ratio: float, deff: float = 1.0) -> float:
    """The standard error that a difference of means would have with one row in the smaller arm.

    Args:
        treatment_variance: Of one row of the smaller arm.
        control_variance: Of one row of the other.
        ratio: Rows of the other for each row of the smaller, above 0.
        deff: Design effect.
    """
    if not ratio > 0 or not deff >= 1 or min(treatment_variance, control_variance) < 0:
        raise ValueError(f"variances {treatment_variance} and {control_variance}, ratio {ratio}, deff {deff}")
    return math.sqrt(deff * (treatment_variance + control_variance / ratio))


def multiplier(rows: float, *, confidence: float, looks: Looks, planned: float | None = None) -> float:
    """How many standard errors away a bound lies: 1.645 at one look at 95 %, about 2.8 at every look.

    Args:
        rows: Effective rows of the smaller arm.
        confidence: Of each bound on its own.
        looks: Whether bounds hold at every look.
        planned: Rows for which they are shortest; `rows` without.
    """
    alpha = alpha_of(confidence)
    if looks == "once":
        return -float(ndtri(alpha))
    return Mixture.tuned(planned or rows, alpha).multiplier(rows, alpha)


def rows_needed(
    error: float, distance: float, *, confidence: float = 0.95, power: float = 0.8, looks: Looks = "continuous"
) -> int:
    """How many rows of the smaller arm prove, with a chance of `power`, that a difference keeps its limit.

    Args:
        error: See `unit_error`.
        distance: From the true difference to the limit, above 0.
        confidence: Of each bound on its own.
        power: The chance, above 0 and below 1.
        looks: Whether bounds hold at every look; the rows are then those by which one look suffices.

    Returns:
        ((k + z)·error / distance)², rounded up; a trillion is never.

    Raises:
        ValueError: An argument is out of range.

    Source:
        The normal approximation of any textbook, with the multiplier of the
        bounds that will be used; for every look at the planned rows.
    """
    if not error > 0 or not distance > 0 or not 0 < power < 1:
        raise ValueError(f"error {error}, distance {distance} and power {power}: the first two above 0, power within")
    factor = multiplier(1.0, confidence=confidence, looks=looks) + float(ndtri(power))
    return min(MOST_ROWS, math.ceil((max(0.0, factor) * error / distance) ** 2))


def detectable(
    error: float, rows: float, *, confidence: float = 0.95, power: float = 0.8, looks: Looks = "continuous"
) -> float:
    """The smallest distance between truth and limit that so many rows tell with a chance of `power`.

    Args:
        error: See `unit_error`.
        rows: Of the smaller arm, above 0.
        confidence: Of each bound on its own.
        power: The chance.
        looks: Whether bounds hold at every look.
    """
    factor = multiplier(1.0, confidence=confidence, looks=looks) + float(ndtri(power))
    return factor * error / math.sqrt(rows)


def chance(
    error: float,
    distance: float,
    rows: float,
    *,
    confidence: float = 0.95,
    looks: Looks = "continuous",
    planned: float | None = None,
) -> float:
    """The chance that a look at so many rows proves the limit; at every look together it is no smaller.

    Args:
        error: See `unit_error`.
        distance: From the true difference to the limit; below 0 where it is broken.
        rows: Of the smaller arm, above 0.
        confidence: Of each bound on its own.
        looks: Whether bounds hold at every look.
        planned: Rows for which they are shortest; `rows` without.
    """
    factor = multiplier(rows, confidence=confidence, looks=looks, planned=planned)
    return float(ndtr(distance * math.sqrt(rows) / error - factor))


def rate_chance(
    share: float,
    margin: float,
    rows: float,
    *,
    ratio: float,
    deff: float = 1.0,
    confidence: float = 0.95,
    looks: Looks = "continuous",
) -> float:
    """The chance that a rare event's difference is proven to stay below a margin, when it did not change.

    Args:
        share: Of the event, in both arms.
        margin: What the difference must stay below, above 0.
        rows: Of the smaller arm.
        ratio: Rows of the other for each row of the smaller.
        deff: Design effect, at least 1.
        confidence: Of each bound on its own.
        looks: Whether bounds hold at every look.

    Returns:
        The chance that few enough of the smaller arm's rows have the event;
        the other arm has its expected number.
    """
    most = _most_events(share, margin, rows, ratio, deff, confidence, looks)
    return float(pdtr(math.floor(most / deff), rows * share / deff)) if most >= 0 else 0.0


def rate_rows_needed(
    share: float,
    margin: float,
    *,
    ratio: float,
    deff: float = 1.0,
    confidence: float = 0.95,
    power: float = 0.8,
    looks: Looks = "continuous",
) -> int:
    """How many rows of the smaller arm prove that, with a chance of `power`; a trillion is never.

    Args:
        share: Of the event, in both arms.
        margin: What the difference must stay below, above 0.
        ratio: Rows of the other arm for each row of the smaller.
        deff: Design effect, at least 1.
        confidence: Of each bound on its own.
        power: The chance.
        looks: Whether bounds hold at every look.
    """

    def enough(rows: float) -> bool:
        found = rate_chance(share, margin, rows, ratio=ratio, deff=deff, confidence=confidence, looks=looks)
        return found >= power

    high = 64
    while high < MOST_ROWS and not enough(high):
        high *= 2
    if high >= MOST_ROWS:
        return MOST_ROWS
    return bisect_left(range(high), True, lo=high // 2, key=enough)


def _most_events(
    share: float, margin: float, rows: float, ratio: float, deff: float, confidence: float, looks: Looks
) -> int:
    """With how many events in the smaller arm the difference is still proven; -1 where with none."""
    if not 0 <= share < 1 or not margin > 0 or not rows > 0 or not ratio > 0:
        raise ValueError(f"share {share}, margin {margin}, rows {rows}, ratio {ratio}")
    bounds_of = proportion.continuous if looks == "continuous" else proportion.once
    control = bounds_of(rows * ratio * share, rows * ratio, confidence=confidence, deff=deff)

    def too_many(events: int) -> bool:
        mine = bounds_of(events, rows, confidence=confidence, deff=deff)
        return mine.value - share + math.hypot(mine.high - mine.value, share - control.low) >= margin

    most = math.floor(rows * min(1.0, share + margin))
    return bisect_left(range(most + 1), True, key=too_many) - 1
