"""Estimates: values with bounds, and the comparisons that make claims of them.

An `Estimate` says where a quantity lies with a stated confidence; a `Reading`
is one that is exact. They are compared, never tested for truth: the answer is
a `Claim`.

Too little data, NaN, a dead source are the widest interval with its reason
in `why`. No special case follows: such an interval lies inside no limit.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol, SupportsFloat

from pytest_rollout.claim_facts import ClaimFacts, Truth, bounded
from pytest_rollout.claims import Claim
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.intervals import RefutingLevel, refuted_at, truth_within
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import Quantity, Unit, convert, format_apart, format_duration, format_number, with_unit


class History(Protocol):
    """What a value was before: asked of a metric's past by a level that says `for:`."""

    def __call__(self, held: timedelta) -> tuple[Estimate, Estimate]:
        """The lowest and the highest level that was held for `held` since the look before this one."""
        ...


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
    history: History | None = field(default=None, repr=False)

    __array_ufunc__ = None
    __hash__ = object.__hash__

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
            raise _no_equality(self, sign)
        return compare_with(self, sign, other)

    def __neg__(self) -> Estimate:
        return replace(
            self,
            value=-self.value,
            low=-self.high,
            high=-self.low,
            name=f"-{self.name}",
            refuting_level=_mirrored(self.refuting_level),
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


def claim_about(
    estimate: Estimate,
    truth: Truth,
    *,
    text: str,
    limit: str,
    near: float,
    alpha: float = 1.0,
    level: str = "",
    decision: Decision | None = None,
    trigger: bool = False,
    to: str = "",
    action: str = "",
    runbook: str = "",
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
        subject=f"{estimate.name} = {shown if math.isnan(estimate.value) else with_unit(shown, estimate.unit)}{bounds}",
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
        needs=(estimate.needs or _needs(estimate, near)) if doubt else "",
        level=level,
        decision=decision,
        trigger=trigger,
        to=to,
        action=action,
        runbook=runbook,
        **estimate.provenance.facts(),
    )
    return Claim(facts, estimate.sources)


MOST_TIMES = 1000
"""So many times the data are never gathered."""


def _needs(estimate: Estimate, near: float) -> str:
    """What would end the doubt about a limit: how much more data, where bounds narrow with their root."""
    off = abs(near - estimate.value)
    reach = estimate.high - estimate.value if near >= estimate.value else estimate.value - estimate.low
    if estimate.counted and estimate.n and math.isfinite(off) and math.isfinite(reach):
        if reach ** (1 / estimate.narrows) >= MOST_TIMES * off ** (1 / estimate.narrows):
            return "the value is so close to the limit that no amount of data in reach tells"
        rows = math.ceil(estimate.n * (reach / off) ** (1 / estimate.narrows))
        more = f"about {rows - estimate.n} more {estimate.counted} ({rows} in all{_how_long(estimate, rows)})"
        return f"{more} would decide it, for or against, if the value stays as it is"
    return "" if estimate.why else "the bounds lie on both sides of the limit: more data narrows them"


def _how_long(estimate: Estimate, rows: int) -> str:
    """How long it takes until there are so many rows, at the rate at which they came so far."""
    if estimate.lasted is None or not estimate.n:
        return ""
    hours = math.ceil(estimate.lasted / timedelta(hours=1) * (rows - estimate.n) / estimate.n)
    return f", {format_duration(timedelta(hours=hours))} more at the rate so far"


_NO_NUMBERS = frozenset({"bool", "bool_"})
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compare_with(estimate: Estimate, sign: str, other: object) -> Claim:
    """The claim that a comparison operator makes.

    Raises:
        QuantityError: A limit in a unit of another kind.
        QuestionError: Compared with something that has no size, two samples with each other,
            or a sample by equality, whichever side it stands on.
    """
    if sign in {"==", "!="}:
        for side in (estimate, other):
            if isinstance(side, Estimate) and _sampled(side):
                raise _no_equality(side, sign)
    if isinstance(other, Estimate) and _sampled(other) and not _sampled(estimate):
        return compare_with(other, _MIRRORED.get(sign, sign), estimate)
    limit = _limit(estimate, other)
    shown = with_unit(format_apart(limit, estimate.value)[0], estimate.unit)
    if isinstance(other, Estimate):
        estimate = replace(_doubted(estimate, other), sources=estimate.sources | other.sources)
        shown = f"{shown} ({other.name})"
    if sign in {"==", "!="}:
        truth = _equal(estimate.value, limit) if sign == "==" else _differs(estimate.value, limit)
        alpha = 0.0 if truth is Truth.REFUTED else 1.0
    else:
        low, high = (-math.inf, limit) if sign[0] == "<" else (limit, math.inf)
        truth = truth_within(estimate, low, high, closed=sign.endswith("="))
        alpha = refuted_at(estimate, low, high) if truth is Truth.REFUTED else 1.0
    text = f"{estimate.name} {sign} {_as_written(other)}"
    return claim_about(estimate, truth, text=text, limit=f"{sign} {shown}", near=limit, alpha=alpha)


def _as_written(other: object) -> str:
    """The other side of a comparison as it may stand in Python."""
    if isinstance(other, Estimate):
        return other.name
    if isinstance(other, (str, Quantity)):
        return repr(str(other))
    return f"{other}"


def _sampled(estimate: Estimate) -> bool:
    """Whether the value is known, and not exactly."""
    return not (estimate.exact or math.isnan(estimate.value))


def _no_equality(estimate: Estimate, sign: str) -> QuestionError:
    return QuestionError(
        f"'{sign}' asks of {estimate.name} what no sample can answer: "
        f"claim equivalence within a margin, as in `x - margin < {estimate.name} < x + margin`"
    )


def _doubted(estimate: Estimate, other: Estimate) -> Estimate:
    """The estimate as far as it is known beside `other`: not at all, when nobody knows `other`."""
    if math.isnan(estimate.value) or not math.isnan(other.value):
        return estimate
    return replace(estimate, value=math.nan, why=other.why, reason=other.reason, needs=other.needs)


def _equal(value: float, limit: float) -> Truth:
    if math.isnan(value):
        return Truth.INCONCLUSIVE
    return Truth.PROVEN if value == limit else Truth.REFUTED


def _differs(value: float, limit: float) -> Truth:
    if math.isnan(value):
        return Truth.INCONCLUSIVE
    return Truth.PROVEN if value != limit else Truth.REFUTED


def _limit(estimate: Estimate, other: object) -> float:
    """The other side of a comparison as a number in the estimate's unit."""
    if isinstance(other, Estimate):
        if _sampled(other):
            raise QuestionError(
                f"{estimate.name} and {other.name} are two samples: "
                "compare their difference, as in `ab(...).mean.delta < limit`"
            )
        return convert(other.value, other.unit, estimate.unit)
    if isinstance(other, str):
        text, other = other, Quantity.parse(other)
        if not other.unit and Unit.parse("").kind != Unit.parse(estimate.unit).kind:
            meant = f"write '{text.strip()} {estimate.unit}', or the number without quotes"
            raise QuantityError(f"{estimate.name} is compared with '{text.strip()}', which has no unit: {meant}")
    if isinstance(other, Quantity):
        if other.sign == "±":
            raise QuestionError(
                f"'{other}' has two ends, and one is compared with: write `-limit < {estimate.name} < limit`"
            )
        return other.to(estimate.unit)
    return _number(estimate, other, "compared")


def _plain(estimate: Estimate, other: object, sign: str) -> float:
    if isinstance(other, Estimate):
        raise QuestionError(
            f"{estimate.name} {sign} {other.name} has no bounds that hold: "
            "claim something of each, or of a ratio of two readings"
        )
    return _number(estimate, other, "multiplied or divided")


def _number(estimate: Estimate, other: object, done: str) -> float:
    # Numbers first: asking a protocol costs more than the rest of a claim.
    if type(other) not in {int, float} and (
        type(other).__name__ in _NO_NUMBERS or not isinstance(other, SupportsFloat)
    ):
        raise _not_a_number(estimate, other, done)
    try:
        number = float(other)  # type: ignore[arg-type]  # asked just above
    except (TypeError, ValueError, OverflowError) as error:  # an array, or more than a float can hold
        raise _not_a_number(estimate, other, done) from error
    if not math.isfinite(number):
        raise QuestionError(f"{estimate.name} is {done} with {number}, which no value can be held against")
    return number


def _not_a_number(estimate: Estimate, other: object, done: str) -> QuestionError:
    if type(other).__name__ == "Limit":  # which is a layer above
        inside = f"write `assert {estimate.name} in budget(…)`"
        return QuestionError(f"{estimate.name} is {done} with a budget, which may have two ends and levels: {inside}")
    shown = reprlib.repr(other)
    said = f"{estimate.name} is {done} with {shown}, which is not a number or a quantity such as '10 ms'"
    if type(other).__name__.startswith("Approx"):  # pytest's own
        said += f": say the interval that is meant, as in `low <= {estimate.name} <= high`"
    return QuestionError(said)


def _shifted(estimate: Estimate, other: object, sign: str) -> Estimate:
    if isinstance(other, Estimate):
        return _combined(estimate, other, sign)
    by = _limit(estimate, other) * (1 if sign == "+" else -1)
    return _moved(estimate, by, f"{estimate.name} {sign} {other}")


def _combined(estimate: Estimate, other: Estimate, sign: str) -> Estimate:
    """A sum or difference of two estimates, at least one of them exact."""
    name, sources = f"{estimate.name} {sign} {other.name}", estimate.sources | other.sources
    if math.isnan(estimate.value) or math.isnan(other.value):
        return _unknown_of(estimate, other, name, estimate.unit)
    if not (estimate.exact or other.exact):
        raise QuestionError(f"{name}: two samples have joint bounds of their own; use `ab(...).mean.delta`")
    if other.exact:
        by = convert(other.value, other.unit, estimate.unit) * (1 if sign == "+" else -1)
        return replace(_moved(estimate, by, name), sources=sources)
    other = other if sign == "+" else -other
    by = convert(estimate.value, estimate.unit, other.unit)
    return replace(_moved(other, by, name), sources=sources)


def _moved(estimate: Estimate, by: float, name: str) -> Estimate:
    return replace(
        estimate,
        value=estimate.value + by,
        low=estimate.low + by,
        high=estimate.high + by,
        name=name,
        refuting_level=_rescaled(estimate.refuting_level, by, 1.0),
    )


def _scaled(estimate: Estimate, factor: float, name: str) -> Estimate:
    if factor == 0 or not math.isfinite(factor):
        raise QuestionError(f"{name}: a factor of {factor} leaves nothing to judge")
    return _stretched(estimate, lambda number: number * factor, factor, name)


def _divided(estimate: Estimate, divisor: float, name: str) -> Estimate:
    if divisor == 0:
        raise QuestionError(f"{estimate.name} is divided by 0")
    # Not times 1 / divisor: 49 * (1 / 49) is not 1, and a limit met exactly is met.
    return _stretched(estimate, lambda number: number / divisor, 1 / divisor, name)


def _stretched(estimate: Estimate, by: Callable[[float], float], factor: float, name: str) -> Estimate:
    ends = sorted((by(estimate.low), by(estimate.high)))
    level = _rescaled(estimate.refuting_level, 0.0, abs(factor))
    level = level if factor > 0 else _mirrored(level)
    return replace(estimate, value=by(estimate.value), low=ends[0], high=ends[1], name=name, refuting_level=level)


def _rescaled(inner: RefutingLevel | None, shift: float, factor: float) -> RefutingLevel | None:
    if inner is None:
        return None

    def level(limit: float, above: bool) -> float:
        return inner((limit - shift) / factor, above)

    return level


def _mirrored(inner: RefutingLevel | None) -> RefutingLevel | None:
    if inner is None:
        return None

    def level(limit: float, above: bool) -> float:
        return inner(-limit, not above)

    return level


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
