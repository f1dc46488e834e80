"""Bounds: what every statistic returns.

A value between two one-sided bounds. Where there is no answer the interval is
the widest one and `why` says so in a sentence; it is never a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

Level = Callable[[float, bool], float]
"""(limit, above) → the smallest one-sided level at which lying above (or below) the limit is shown."""


@dataclass(frozen=True)
class Bounds:
    """A value with one-sided bounds, each holding with the confidence that was asked for.

    Args:
        value: The point estimate, in the unit of the data; NaN where there is none.
        low: Lower bound, `-inf` where nothing bounds it from below.
        high: Upper bound, `inf` likewise.
        n: How many observations it rests on.
        method: The estimator, in words.
        why: Why a bound is missing or as wide as it is, as a sentence; else empty.
        level: The smallest one-sided level at which a limit is refuted, for estimators that can tell.
        few: Whether more rows alone would give the bound that is missing.

    Raises:
        ValueError: A bound is NaN, the value lies outside its bounds, or a
            missing value has a bound or no `why`.
    """

    value: float
    low: float
    high: float
    n: int
    method: str
    why: str = ""
    level: Level | None = field(default=None, repr=False, compare=False)
    few: bool = False

    def __post_init__(self) -> None:
        if math.isnan(self.value):
            if (self.low, self.high) != (-math.inf, math.inf) or not self.why:
                raise ValueError(f"{self.method}: an unknown value has no bounds, and a reason in `why`")
        elif not self.low <= self.value <= self.high:
            raise ValueError(f"{self.method}: {self.value} is not between its bounds {self.low} and {self.high}")

    @classmethod
    def unbounded(cls, why: str, *, method: str, n: int = 0, value: float = math.nan, few: bool = False) -> Bounds:
        """No answer: the widest interval, with the reason."""
        return cls(value if math.isfinite(value) else math.nan, -math.inf, math.inf, n, method, why, few=few)


def alpha_of(confidence: float) -> float:
    """The error that one bound may make: 0.05 at 0.95.

    Raises:
        ValueError: `confidence` is not above 0.5 and below 1, or is NaN.
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, not above 0.5 and below 1")
    return 1 - confidence
