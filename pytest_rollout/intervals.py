"""Intervals: values between two bounds, and what those say of a limit.

The one rule that the whole product rests on, and nothing else: inside is
proven, outside is refuted, anything between is inconclusive. Too little data,
NaN, a dead source are the widest interval with its reason in `why`; no
special case follows, because such an interval lies inside no limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction
from typing import TypeVar

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError
from pytest_rollout.provenance import Provenance

RefutingLevel = Callable[[float, bool], float]
"""(limit, above) → the smallest one-sided level at which lying above (or below) the limit is shown."""


@dataclass(frozen=True, eq=False)
class Interval:
    """A value between two bounds, and all that explains them; `Estimate` says what each field is.

    Raises:
        QuantityError: The bounds are NaN, or the value lies outside them.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95
    unit: str = ""
    n: int | None = None
    method: str = ""
    why: str = ""
    name: str = "estimate"
    reason: str = Reason.INCONCLUSIVE
    needs: str = ""
    counted: str = ""
    narrows: float = 0.5
    lasted: timedelta | None = None
    provenance: Provenance = field(default=Provenance(), repr=False)
    refuting_level: RefutingLevel | None = field(default=None, repr=False)
    sources: frozenset[int] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "confidence"):
            object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "n", None if self.n is None else int(self.n))
        if self.exact and math.isinf(self.value):
            object.__setattr__(self, "why", self.why or f"{self.name} is {self.value:+}, which is no measurement")
            object.__setattr__(self, "reason", Reason.NO_DATA)
            object.__setattr__(self, "value", math.nan)
        if math.isnan(self.value) and not self.why:
            object.__setattr__(self, "why", f"{self.name} is NaN, which is no number")
            object.__setattr__(self, "reason", Reason.NO_DATA)
        if math.isnan(self.value):
            object.__setattr__(self, "low", -math.inf)
            object.__setattr__(self, "high", math.inf)
        elif not self.low <= self.value <= self.high:
            raise QuantityError(
                f"{self.name}: the value {self.value} is not between its bounds {self.low} and {self.high}"
            )
        if not 0.5 < self.confidence <= 1:
            raise QuantityError(f"{self.name}: confidence {self.confidence} is not between 0.5 and 1")

    @property
    def exact(self) -> bool:
        """Whether the value is a fact, not a sample: both bounds are the value itself."""
        return self.low == self.value == self.high


Kind = TypeVar("Kind", bound=Interval)


def sampled(interval: Interval) -> bool:
    """Whether the value is known, and not exactly."""
    return not (interval.exact or math.isnan(interval.value))


def moved(interval: Kind, by: float, name: str) -> Kind:
    """The interval of a sum with a number."""
    return replace(
        interval,
        value=interval.value + by,
        low=interval.low + by,
        high=interval.high + by,
        name=name,
        refuting_level=_carried(interval.refuting_level, shift=by),
    )


def stretched(interval: Kind, by: Callable[[float], float], factor: float, name: str) -> Kind:
    """The interval of a multiple: what `by` makes of each number, which is `factor` times it."""
    low, high = sorted((by(interval.low), by(interval.high)))
    level = _carried(interval.refuting_level, factor=factor)
    return replace(interval, value=by(interval.value), low=low, high=high, name=name, refuting_level=level)


def _carried(inner: RefutingLevel | None, *, factor: float = 1.0, shift: float = 0.0) -> RefutingLevel | None:
    """The levels of what became of a value; a negative factor turns above into below."""
    if inner is None:
        return None

    def level(limit: float, above: bool) -> float:
        return inner((limit - shift) / factor, above == (factor > 0))

    return level


def truth_within(interval: Interval, low: float, high: float, *, closed: bool) -> Truth:
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


def refuted_at(interval: Interval, low: float, high: float) -> float:
    """The smallest one-sided level at which a refuted `low < x < high` is still refuted.

    0 for exact values. An estimate that does not bring its own function is
    known to be refuted at the level of its bounds, and at no smaller one.
    """
    if interval.exact:
        return 0.0
    if interval.refuting_level is None:
        return float(1 - Fraction(repr(interval.confidence)))  # 0.05 at 0.95, and not a hair above it
    above = interval.low >= high
    return interval.refuting_level(high if above else low, above)
