"""Intervals: what two bounds say of a limit.

The one rule that the whole product rests on, and nothing else: inside is
proven, outside is refuted, anything between is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

from pytest_rollout.claim_facts import Truth

RefutingLevel = Callable[[float, bool], float]
"""(limit, above) → the smallest one-sided level at which lying above (or below) the limit is shown."""


class Bounded(Protocol):
    """A value between two bounds, each holding with probability `confidence`."""

    @property
    def value(self) -> float:
        """The point estimate; NaN when nobody knows it."""
        ...

    @property
    def low(self) -> float:
        """The lower bound, `-inf` where there is none."""
        ...

    @property
    def high(self) -> float:
        """The upper bound, `inf` where there is none."""
        ...

    @property
    def confidence(self) -> float:
        """The probability with which each bound holds."""
        ...

    @property
    def refuting_level(self) -> RefutingLevel | None:
        """The level at which a limit is refuted, for estimates that can tell."""
        ...


def truth_within(interval: Bounded, low: float, high: float, *, closed: bool) -> Truth:
    """What an interval says of `low < x < high` (`low <= x <= high` when `closed`).

    Proven when the whole interval is inside, refuted when it is wholly beyond
    one end, else inconclusive. An infinite end is no limit on that side; an
    unknown value proves nothing whatever the limit.
    """
    if math.isnan(interval.value):
        return Truth.INCONCLUSIVE
    above_low = low == -math.inf or interval.low > low or (closed and interval.low == low)
    below_high = high == math.inf or interval.high < high or (closed and interval.high == high)
    if above_low and below_high:
        return Truth.PROVEN
    below = interval.high < low or (not closed and interval.high == low)
    above = interval.low > high or (not closed and interval.low == high)
    return Truth.REFUTED if below or above else Truth.INCONCLUSIVE


def refuted_at(interval: Bounded, low: float, high: float) -> float:
    """The smallest one-sided level at which a refuted `low < x < high` is still refuted.

    0 for exact values. An estimate that does not bring its own function is
    known to be refuted at the level of its bounds, and at no smaller one.
    """
    if interval.low == interval.value == interval.high:
        return 0.0
    if interval.refuting_level is None:
        return float(1 - Fraction(repr(interval.confidence)))  # 0.05 at 0.95, and not a hair above it
    above = interval.low >= high
    return interval.refuting_level(high if above else low, above)
