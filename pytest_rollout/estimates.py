"""Estimates: values with bounds, and the comparisons that make claims of them.

An `Estimate` says where a quantity lies with a stated confidence; a `Reading`
is one that is exact; a `Fact` is an exact value that is no number (a flag).
They are compared, never tested for truth: the answer is a `Claim`.

Too little data, NaN, a dead source are the widest interval with its reason
in `why`. No special case follows: such an interval lies inside no limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from pytest_rollout.claims import Claim, ClaimFacts, Truth, bounded
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.quantities import Quantity, convert, format_apart, format_number, with_unit

RefutingLevel = Callable[[float, bool], float]
"""(limit, above) → smallest one-sided level at which "above" (or below) the limit is refuted."""

Comparable = "float | int | str | Quantity | Estimate"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a number came from: asked what, of whom, as of when."""

    source: str = ""
    query: str = ""
    window: str = ""
    at: datetime | None = None
    age: timedelta | None = None


@dataclass(frozen=True, eq=False)
class Estimate:
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
    provenance: Provenance = field(default=Provenance(), repr=False)
    refuting_level: RefutingLevel | None = field(default=None, repr=False)
    sources: frozenset[int] = field(default=frozenset(), repr=False)

    __array_ufunc__ = None
    __hash__ = object.__hash__

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "confidence"):
            object.__setattr__(self, name, float(getattr(self, name)))
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
            raise QuestionError(
                f"'{sign}' asks of {self.name} what no sample can answer: claim equivalence within a margin, as in `x - margin < {self.name} < x + margin`"
            )
        return compare_with(self, sign, other)

    def __neg__(self) -> Estimate:
        flipped = self.refuting_level and (lambda limit, above, level=self.refuting_level: level(-limit, not above))
        return replace(
            self, value=-self.value, low=-self.high, high=-self.low, name=f"-{self.name}", refuting_level=flipped
        )

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
        divisor = _plain(self, other, "/")
        if divisor == 0:
            raise QuestionError(f"{self.name} is divided by 0")
        return _scaled(self, 1 / divisor, f"{self.name} / {other}")

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
        if self.exact or math.isnan(self.value):
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


@dataclass(frozen=True, eq=False)
class Fact:
    """An exact value that is no number, such as a flag: it is or is not equal to another."""

    value: bool | str
    name: str = "fact"
    provenance: Provenance = field(default=Provenance(), repr=False)
    sources: frozenset[int] = field(default=frozenset(), repr=False)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Claim:  # type: ignore[override]  # a comparison makes a claim
        return self._claim("==", other, self._same(other))

    def __ne__(self, other: object) -> Claim:  # type: ignore[override]  # as above
        return self._claim("!=", other, not self._same(other))

    def __bool__(self) -> NoReturn:
        raise QuestionError(f"{self.name} is compared, not tested: write `assert {self.name} == {self.value!r}`")

    def _same(self, other: object) -> bool:
        if type(other) is not type(self.value):
            raise QuestionError(f"{self.name} is {self.value!r}, which is not comparable with {other!r}")
        return self.value == other

    def _claim(self, sign: str, other: object, holds: bool) -> Claim:
        facts = ClaimFacts(
            text=f"{self.name} {sign} {other!r}",
            truth=Truth.PROVEN if holds else Truth.REFUTED,
            subject=f"{self.name} = {self.value!r}",
            value=self.value,
            alpha=1.0 if holds else 0.0,
            limit=f"{sign} {other!r}",
            method="reading",
            **origin(self.provenance),
        )
        return Claim(facts, self.sources)


def truth_within(estimate: Estimate, low: float, high: float, *, closed: bool) -> Truth:
    """What an interval says of `low < x < high` (or `low <= x <= high` when `closed`).

    Proven when the whole interval is inside, refuted when it is wholly
    beyond one end, else inconclusive. An end at infinity is no limit.
    """
    if math.isnan(estimate.value):
        return Truth.INCONCLUSIVE
    inside_low = low == -math.inf or estimate.low > low or (closed and estimate.low == low)
    inside_high = high == math.inf or estimate.high < high or (closed and estimate.high == high)
    if inside_low and inside_high:
        return Truth.PROVEN
    below = estimate.high < low or (not closed and estimate.high == low)
    above = estimate.low > high or (not closed and estimate.low == high)
    return Truth.REFUTED if below or above else Truth.INCONCLUSIVE


def refuted_at(estimate: Estimate, low: float, high: float) -> float:
    """The smallest one-sided level at which `low < x < high` is still refuted; 1 when it is not.

    An estimate that does not bring its own function is known to be refuted at
    the level of its bounds and at no smaller one.
    """
    if truth_within(estimate, low, high, closed=False) is not Truth.REFUTED:
        return 1.0
    if estimate.exact:
        return 0.0
    if estimate.refuting_level is None:
        return 1.0 - estimate.confidence
    above = estimate.low >= high
    return estimate.refuting_level(high if above else low, above)


def origin(provenance: Provenance) -> dict[str, str | float | None]:
    """A provenance as the fields that a claim's facts keep of it."""
    return {
        "query": provenance.query,
        "window": provenance.window,
        "source": provenance.source,
        "at": provenance.at.isoformat(timespec="seconds") if provenance.at else "",
        "age": provenance.age.total_seconds() if provenance.age is not None else None,
    }


def claim_about(
    estimate: Estimate, truth: Truth, *, text: str, limit: str, alpha: float, near: float, **more: object
) -> Claim:
    """The claim an estimate makes, with everything a report needs to explain it.

    `near` is the limit's number: the value is shown with enough digits to
    tell it from that.
    """
    shown = format_apart(estimate.value, near)[0] if math.isfinite(near) else format_number(estimate.value)
    bounds = ""
    if not estimate.exact and not math.isnan(estimate.value):
        bounds = f"   bounds [{format_apart(estimate.low, near)[0]}, {format_apart(estimate.high, near)[0]}]"
    doubt = truth is Truth.INCONCLUSIVE
    facts = ClaimFacts(
        text=text,
        truth=truth,
        subject=f"{estimate.name} = {with_unit(shown, estimate.unit)}{bounds}",
        value=bounded(estimate.value),
        low=bounded(estimate.low),
        high=bounded(estimate.high),
        confidence=estimate.confidence,
        alpha=alpha,
        limit=limit,
        n=estimate.n,
        unit=estimate.unit,
        method=estimate.method,
        why=estimate.why,
        reason=estimate.reason if doubt else "",
        needs=(estimate.needs or _needs(estimate)) if doubt else "",
        **origin(estimate.provenance),  # type: ignore[arg-type]  # the keys and types are those of ClaimFacts
        **more,  # type: ignore[arg-type]  # as above
    )
    return Claim(facts, estimate.sources)


def _needs(estimate: Estimate) -> str:
    return "" if estimate.why else "the bounds lie on both sides of the limit: more data narrows them"


def compare_with(estimate: Estimate, sign: str, other: object) -> Claim:
    """The claim that a comparison operator makes.

    Raises:
        QuantityError: A limit in a unit of another kind.
        QuestionError: Compared with something that has no size, or two samples with each other.
    """
    limit, sources = _limit(estimate, other), other.sources if isinstance(other, Estimate) else frozenset()
    unknown = other if isinstance(other, Estimate) and math.isnan(other.value) else None
    subject = replace(estimate, sources=estimate.sources | sources)
    if unknown is not None:
        truth, alpha = Truth.INCONCLUSIVE, 1.0
        subject = replace(
            subject, why=estimate.why or unknown.why, reason=estimate.reason if estimate.why else unknown.reason
        )
    elif sign in {"==", "!="}:
        same = estimate.value == limit
        truth = (
            Truth.INCONCLUSIVE
            if math.isnan(estimate.value)
            else Truth.PROVEN
            if same == (sign == "==")
            else Truth.REFUTED
        )
        alpha = 0.0 if truth is Truth.REFUTED else 1.0
    else:
        low, high = (-math.inf, limit) if sign[0] == "<" else (limit, math.inf)
        truth = truth_within(estimate, low, high, closed=sign.endswith("="))
        alpha = refuted_at(estimate, low, high) if truth is Truth.REFUTED else 1.0
    shown = with_unit(format_apart(limit, estimate.value)[0], estimate.unit)
    name = f" ({other.name})" if isinstance(other, Estimate) else ""
    return claim_about(
        subject,
        truth,
        text=f"{estimate.name} {sign} {shown}{name}",
        limit=f"{sign} {shown}{name}",
        alpha=alpha,
        near=limit,
    )


def _limit(estimate: Estimate, other: object) -> float:
    """The other side of a comparison as a number in the estimate's unit."""
    if isinstance(other, Estimate):
        if not other.exact and not math.isnan(other.value):
            raise QuestionError(
                f"{estimate.name} and {other.name} are two samples: compare their difference, as in `ab(...).mean.delta < limit`"
            )
        return convert(other.value, other.unit, estimate.unit)
    if isinstance(other, str):
        other = Quantity.parse(other)
    if isinstance(other, Quantity):
        return other.to(estimate.unit)
    return _number(estimate, other, "compared")


def _plain(estimate: Estimate, other: object, sign: str) -> float:
    if isinstance(other, Estimate):
        raise QuestionError(
            f"{estimate.name} {sign} {other.name} has no bounds that hold: claim something of each, or of a ratio of two readings"
        )
    return _number(estimate, other, "multiplied or divided")


def _number(estimate: Estimate, other: object, done: str) -> float:
    if isinstance(other, bool) or not hasattr(other, "__float__") or isinstance(other, (str, bytes)):
        raise QuestionError(
            f"{estimate.name} is {done} with {other!r}, which is not a number or a quantity such as '10 ms'"
        )
    number = float(other)
    if not math.isfinite(number):
        raise QuestionError(f"{estimate.name} is {done} with {number}, which no value can be held against")
    return number


def _shifted(estimate: Estimate, other: object, sign: str) -> Estimate:
    if isinstance(other, Estimate) and not (
        estimate.exact or other.exact or math.isnan(estimate.value) or math.isnan(other.value)
    ):
        raise QuestionError(
            f"{estimate.name} {sign} {other.name}: two samples are not independent by themselves; use `ab(...).mean.delta`"
        )
    if isinstance(other, Estimate) and (math.isnan(other.value) or not other.exact):
        wide, fixed = (other if sign == "+" else -other), estimate
        if math.isnan(wide.value) or math.isnan(fixed.value):
            return _unknown_of(estimate, other, f"{estimate.name} {sign} {other.name}", estimate.unit)
        moved = _shifted(replace(wide, unit=estimate.unit, **_bounds_in(wide, estimate.unit)), fixed.value, "+")
        return replace(moved, name=f"{estimate.name} {sign} {other.name}", sources=estimate.sources | other.sources)
    by = _limit(estimate, other) * (1 if sign == "+" else -1)
    level = estimate.refuting_level and (lambda limit, above, inner=estimate.refuting_level: inner(limit - by, above))
    shown = other.name if isinstance(other, Estimate) else str(other)
    sources = estimate.sources | (other.sources if isinstance(other, Estimate) else frozenset())
    return replace(
        estimate,
        value=estimate.value + by,
        low=estimate.low + by,
        high=estimate.high + by,
        name=f"{estimate.name} {sign} {shown}",
        refuting_level=level,
        sources=sources,
    )


def _bounds_in(estimate: Estimate, unit: str) -> dict[str, float]:
    return {name: convert(getattr(estimate, name), estimate.unit, unit) for name in ("value", "low", "high")}


def _scaled(estimate: Estimate, factor: float, name: str) -> Estimate:
    if factor == 0 or not math.isfinite(factor):
        raise QuestionError(f"{name}: a factor of {factor} leaves nothing to judge")
    ends = sorted((estimate.low * factor, estimate.high * factor))
    level = estimate.refuting_level and (
        lambda limit, above, inner=estimate.refuting_level: inner(limit / factor, above == (factor > 0))
    )
    return replace(estimate, value=estimate.value * factor, low=ends[0], high=ends[1], name=name, refuting_level=level)


def _ratio(above: Estimate, below: Estimate) -> Estimate:
    name, unit = f"{above.name} / {below.name}", ""
    if math.isnan(above.value) or math.isnan(below.value):
        return _unknown_of(above, below, name, unit)
    if not (above.exact and below.exact):
        raise QuestionError(f"{name}: a ratio of samples needs their joint bounds; use `ab(...).mean.lift`")
    divisor = convert(below.value, below.unit, above.unit)
    if divisor == 0:
        unknown = Reading.unknown(
            f"{below.name} is 0, so the ratio has no value", name=name, unit=unit, provenance=above.provenance
        )
        return replace(unknown, sources=above.sources | below.sources)
    ratio = above.value / divisor
    return replace(
        above, value=ratio, low=ratio, high=ratio, unit=unit, name=name, sources=above.sources | below.sources
    )


def _unknown_of(one: Estimate, other: Estimate, name: str, unit: str) -> Estimate:
    missing = one if math.isnan(one.value) else other
    unknown = Reading.unknown(
        missing.why,
        reason=Reason(missing.reason),
        name=name,
        unit=unit,
        needs=missing.needs,
        provenance=missing.provenance,
    )
    return replace(unknown, sources=one.sources | other.sources)
