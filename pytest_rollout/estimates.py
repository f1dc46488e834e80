"""Estimates: values with bounds, which are compared, never tested for truth; the answer is a `Claim`.

An `Estimate` says where a quantity lies with a stated confidence; a `Reading`
is one that is exact. What can be calculated with them keeps bounds that hold,
and all else is refused.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol

from pytest_rollout.claims import Claim
from pytest_rollout.comparing import compare_with, limit_of, no_equality, number_of
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError
from pytest_rollout.intervals import Interval, moved, sampled, stretched
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import convert, format_duration, format_number, with_unit


class History(Protocol):
    """What a value was before: asked of a metric's past by a level that says `for:`."""

    def __call__(self, held: timedelta) -> tuple[Estimate, Estimate]:
        """The lowest and the highest level that was held for `held` since the look before this one."""
        ...


@dataclass(frozen=True, eq=False)
class Estimate(Interval):
    """A value with one-sided bounds, each holding with probability `confidence`.

    Args:
        value: The point estimate, in `unit`; NaN where there is none.
        low: Lower bound, `-inf` where nothing bounds it from below.
        high: Upper bound, `inf` likewise.
        confidence: Of each bound on its own; 0.975 gives the usual two-sided 95 % interval.
        unit: As in a plan: `ms`, `1/h`, `%`, or nothing.
        n: How many observations it rests on, where that means something.
        method: The estimator, in words.
        why: Why a bound is missing, as a sentence; empty when both are there.
        name: What was estimated, as reports call it.
        reason: The code under which doubt holds a release.
        needs: What would end the doubt.
        counted: What `n` counts, such as `rows of treatment`, where more of them narrow the bounds.
        narrows: With which power of `n`: a half, so that four times as many halve them, or 1 where they count
            what has not happened once.
        lasted: In how long those came; None where nobody knows.
        provenance: Where the value came from.
        refuting_level: The least one-sided level at which it is shown to lie above (or below) a limit; None where
            nobody computes it.
        sources: Which reads of the running gate it rests on.
        history: What it was before, for levels that say `for:`; None where nobody remembers.

    A value that lies beyond every number (an overflow) is unknown, like NaN.

    Raises:
        QuantityError: The bounds are NaN, or the value lies outside them.
    """

    history: History | None = field(default=None, repr=False)

    __array_ufunc__ = None
    __hash__ = object.__hash__

    def held(self, held: timedelta) -> tuple[Estimate, Estimate]:
        """The lowest and the highest level held for `held` lately; unknown without a history."""
        if self.history is None:
            why = f"{self.name} has no history, so nobody knows whether it was so for {format_duration(held)}"
            unknown = replace(Reading.unknown(why, name=self.name, unit=self.unit), sources=self.sources)
            return unknown, unknown
        lowest, highest = self.history(held)
        return replace(lowest, sources=self.sources), replace(highest, sources=self.sources)

    def share(self, above: float | str = -math.inf, upto: float | str = math.inf) -> Estimate:
        """The share of the values in an interval, where there is a distribution; see `distributions`.

        Raises:
            QuestionError: This is one number.
        """
        raise self._no_distribution(f"share from {above} to {upto}")

    def drift(self, other: Estimate) -> Estimate:
        """How far a distribution is from another, where there is one; see `distributions`.

        Raises:
            QuestionError: This is one number.
        """
        raise self._no_distribution(f"drift from {other.name}")

    if not TYPE_CHECKING:  # a reading has it; see `MetricReading.over`

        def over(self, length: object) -> NoReturn:
            """The values over a time, which only a metric that is one number has."""
            del length
            raise QuestionError(f"{self.name} has no window: `.over()` is for metrics that are one number at a time")

    def _no_distribution(self, asked: str) -> QuestionError:
        return QuestionError(
            f"{self.name} is one number, and has no {asked}: give the metric a query that answers many values, "
            "and 'quantile: 0.5' or 'within: [low, high]'"
        )

    def __lt__(self, other: object) -> Claim:
        return compare_with(self, "<", other)

    def __le__(self, other: object) -> Claim:
        return compare_with(self, "<=", other)

    def __gt__(self, other: object) -> Claim:
        return compare_with(self, ">", other)

    def __ge__(self, other: object) -> Claim:
        return compare_with(self, ">=", other)

    def __eq__(self, other: object) -> Claim:  # type: ignore[override]  # a comparison makes a claim, as NumPy's makes an array
        return self._equality("==", other)

    def __ne__(self, other: object) -> Claim:  # type: ignore[override]  # as above
        return self._equality("!=", other)

    def _equality(self, sign: str, other: object) -> Claim:
        if not isinstance(self, Reading):
            raise no_equality(self, sign)
        return compare_with(self, sign, other)

    def __neg__(self) -> Estimate:
        return stretched(self, operator.neg, -1.0, f"-{self.name}")

    def __add__(self, other: object) -> Estimate:
        return _shifted(self, other, "+")

    def __radd__(self, other: object) -> Estimate:
        return _shifted(self, other, "+")

    def __sub__(self, other: object) -> Estimate:
        return _shifted(self, other, "-")

    def __rsub__(self, other: object) -> Estimate:
        return _shifted(-self, other, "+")

    def __mul__(self, other: object) -> Estimate:
        return _scaled(self, _plain(self, other, "*"), f"{self.name} * {other}")

    def __rmul__(self, other: object) -> Estimate:
        return _scaled(self, _plain(self, other, "*"), f"{other} * {self.name}")

    def __truediv__(self, other: object) -> Estimate:
        if isinstance(other, Estimate):
            return _ratio(self, other)
        return _divided(self, _plain(self, other, "/"), f"{self.name} / {other}")

    def __abs__(self) -> NoReturn:
        raise QuestionError(
            f"abs({self.name}) loses the sign that the bounds need: write `-limit < {self.name} < limit`"
        )

    def __bool__(self) -> NoReturn:
        raise QuestionError(f"{self.name} is neither true nor false: compare it, as in `assert {self.name} < limit`")

    def __float__(self) -> NoReturn:
        raise QuestionError(
            f"{self.name} is a value with bounds, not a number: compare it, or read `.value`, which makes no claim"
        )

    __int__ = __index__ = __complex__ = __float__

    def __round__(self, digits: int = 0) -> NoReturn:
        raise QuestionError(f"rounding {self.name} would move its bounds: compare it as it is")

    def __str__(self) -> str:
        value = with_unit(format_number(self.value), self.unit)
        if not sampled(self):
            return f"{self.name} = {value}"
        return f"{self.name} = {value}   bounds [{format_number(self.low)}, {format_number(self.high)}]"


@dataclass(frozen=True, eq=False)
class Reading(Estimate):
    """An exact estimate: what a source said at one instant. Only a reading has `==`."""

    __hash__ = object.__hash__

    @classmethod
    def exactly(
        cls, value: float, unit: str = "", *, name: str = "reading", provenance: Provenance | None = None
    ) -> Reading:
        """A value that is known: both bounds are the value. NaN is unknown."""
        return cls(value, value, value, 1.0, unit, name=name, method="reading", provenance=provenance or Provenance())

    @classmethod
    def unknown(
        cls,
        why: str,
        *,
        reason: Reason = Reason.NO_DATA,
        name: str = "reading",
        unit: str = "",
        needs: str = "",
        provenance: Provenance | None = None,
    ) -> Reading:
        """A value that nobody knows, with the reason; every claim of it is inconclusive."""
        return cls(
            math.nan,
            -math.inf,
            math.inf,
            1.0,
            unit,
            method="reading",
            why=why,
            name=name,
            reason=reason,
            needs=needs,
            provenance=provenance or Provenance(),
        )

    @property
    def at(self) -> datetime | None:
        """When the source took the value, UTC."""
        return self.provenance.at

    @property
    def age(self) -> timedelta | None:
        """How old it was at the run's instant; None when the source does not say."""
        return self.provenance.age


def _plain(estimate: Estimate, other: object, sign: str) -> float:
    if isinstance(other, Estimate):
        raise QuestionError(
            f"{estimate.name} {sign} {other.name} has no bounds that hold: "
            "claim something of each, or of a ratio of two readings"
        )
    return number_of(estimate, other, "multiplied or divided")


def _shifted(estimate: Estimate, other: object, sign: str) -> Estimate:
    if isinstance(other, Estimate):
        return _combined(estimate, other, sign)
    by = limit_of(estimate, other) * (1 if sign == "+" else -1)
    return moved(estimate, by, f"{estimate.name} {sign} {other}")


def _combined(estimate: Estimate, other: Estimate, sign: str) -> Estimate:
    """A sum or difference of two estimates, at least one of them exact."""
    name, sources = f"{estimate.name} {sign} {other.name}", estimate.sources | other.sources
    if math.isnan(estimate.value) or math.isnan(other.value):
        return _unknown_of(estimate, other, name, estimate.unit)
    if not (estimate.exact or other.exact):
        raise QuestionError(f"{name}: two samples have joint bounds of their own; use `ab(...).mean.delta`")
    if other.exact:
        by = convert(other.value, other.unit, estimate.unit) * (1 if sign == "+" else -1)
        return replace(moved(estimate, by, name), sources=sources)
    other = other if sign == "+" else -other
    by = convert(estimate.value, estimate.unit, other.unit)
    return replace(moved(other, by, name), sources=sources)


def _scaled(estimate: Estimate, factor: float, name: str) -> Estimate:
    if factor == 0 or not math.isfinite(factor):
        raise QuestionError(f"{name}: a factor of {factor} leaves nothing to judge")
    return stretched(estimate, lambda number: number * factor, factor, name)


def _divided(estimate: Estimate, divisor: float, name: str) -> Estimate:
    if divisor == 0:
        raise QuestionError(f"{estimate.name} is divided by 0")
    # Not times 1 / divisor: 49 * (1 / 49) is not 1, and a limit met exactly is met.
    return stretched(estimate, lambda number: number / divisor, 1 / divisor, name)


def _ratio(above: Estimate, below: Estimate) -> Estimate:
    name, sources = f"{above.name} / {below.name}", above.sources | below.sources
    if math.isnan(above.value) or math.isnan(below.value):
        return _unknown_of(above, below, name, "")
    if not (above.exact and below.exact):
        raise QuestionError(f"{name}: a ratio of samples needs their joint bounds; use `ab(...).mean.lift`")
    divisor = convert(below.value, below.unit, above.unit)
    if divisor == 0:
        why = f"{below.name} is 0, so the ratio has no value"
        return replace(Reading.unknown(why, name=name, provenance=above.provenance), sources=sources)
    ratio = above.value / divisor
    return replace(above, value=ratio, low=ratio, high=ratio, unit="", name=name, sources=sources)


def _unknown_of(one: Estimate, other: Estimate, name: str, unit: str) -> Estimate:
    missing = one if math.isnan(one.value) else other
    return replace(missing, name=name, unit=unit, sources=one.sources | other.sources)
