"""Comparing: the claim that an interval makes about a limit.

Whatever stands on the other side (a number, a text with a unit, an exact
reading) becomes a number in the interval's unit, or is refused in words.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import SupportsFloat

from pytest_rollout.claim_facts import ClaimFacts, Truth, bounded
from pytest_rollout.claims import Claim
from pytest_rollout.decisions import Decision
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.intervals import Interval, refuted_at, sampled, truth_within
from pytest_rollout.quantities import Quantity, Unit, convert, format_apart, format_duration, format_number, with_unit


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """What a plan says of a limit that is crossed: see `Level`; `trigger` is whether it could take the release back."""

    level: str = ""
    decision: Decision | None = None
    trigger: bool = False
    to: str = ""
    action: str = ""
    runbook: str = ""


def claim_about(
    estimate: Interval,
    truth: Truth,
    *,
    text: str,
    limit: str,
    near: float,
    alpha: float = 1.0,
    consequence: Consequence = Consequence(),
) -> Claim:
    """The claim an estimate makes, with everything a report needs to explain it.

    `near` is the limit's number: the value is shown with enough digits to
    tell it from that.
    """
    shown = format_apart(estimate.value, near)[0] if math.isfinite(near) else format_number(estimate.value)
    bounds = ""
    if sampled(estimate):
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
        **vars(consequence),
        **estimate.provenance.facts(),
    )
    return Claim(facts, estimate.sources)


_MOST_TIMES = 1000
"""So many times the data are never gathered."""


def _needs(estimate: Interval, near: float) -> str:
    """What would end the doubt about a limit: how much more data, where bounds narrow with their root."""
    off = abs(near - estimate.value)
    reach = estimate.high - estimate.value if near >= estimate.value else estimate.value - estimate.low
    if estimate.counted and estimate.n and math.isfinite(off) and math.isfinite(reach):
        if reach ** (1 / estimate.narrows) >= _MOST_TIMES * off ** (1 / estimate.narrows):
            return "the value is so close to the limit that no amount of data in reach tells"
        rows = math.ceil(estimate.n * (reach / off) ** (1 / estimate.narrows))
        more = f"about {rows - estimate.n} more {estimate.counted} ({rows} in all{_how_long(estimate, rows)})"
        return f"{more} would decide it, for or against, if the value stays as it is"
    return "" if estimate.why else "the bounds lie on both sides of the limit: more data narrows them"


def _how_long(estimate: Interval, rows: int) -> str:
    """How long it takes until there are so many rows, at the rate at which they came so far."""
    if estimate.lasted is None or not estimate.n:
        return ""
    hours = math.ceil(estimate.lasted / timedelta(hours=1) * (rows - estimate.n) / estimate.n)
    return f", {format_duration(timedelta(hours=hours))} more at the rate so far"


_NO_NUMBERS = frozenset({"bool", "bool_"})


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compare_with(estimate: Interval, sign: str, other: object) -> Claim:
    """The claim that a comparison operator makes.

    Raises:
        QuantityError: A limit in a unit of another kind.
        QuestionError: Compared with something that has no size, two samples with each other,
            or a sample by equality, whichever side it stands on.
    """
    if sign in {"==", "!="}:
        for side in (estimate, other):
            if isinstance(side, Interval) and sampled(side):
                raise no_equality(side, sign)
    if isinstance(other, Interval) and sampled(other) and not sampled(estimate):
        return compare_with(other, _MIRRORED.get(sign, sign), estimate)
    limit = limit_of(estimate, other)
    shown = with_unit(format_apart(limit, estimate.value)[0], estimate.unit)
    if isinstance(other, Interval):
        estimate = replace(_doubted(estimate, other), sources=estimate.sources | other.sources)
        shown = f"{shown} ({other.name})"
    if sign in {"==", "!="}:
        truth = _equality(estimate.value, sign, limit)
        alpha = 0.0 if truth is Truth.REFUTED else 1.0
    else:
        low, high = (-math.inf, limit) if sign[0] == "<" else (limit, math.inf)
        truth = truth_within(estimate, low, high, closed=sign.endswith("="))
        alpha = refuted_at(estimate, low, high) if truth is Truth.REFUTED else 1.0
    text = f"{estimate.name} {sign} {_as_written(other)}"
    return claim_about(estimate, truth, text=text, limit=f"{sign} {shown}", near=limit, alpha=alpha)


def _as_written(other: object) -> str:
    """The other side of a comparison as it may stand in Python."""
    if isinstance(other, Interval):
        return other.name
    if isinstance(other, (str, Quantity)):
        return repr(str(other))
    return f"{other}"


def no_equality(estimate: Interval, sign: str) -> QuestionError:
    """Why a sample is never said to be equal, or not, to anything."""
    return QuestionError(
        f"'{sign}' asks of {estimate.name} what no sample can answer: "
        f"claim equivalence within a margin, as in `x - margin < {estimate.name} < x + margin`"
    )


def _equality(value: float, sign: str, limit: float) -> Truth:
    if math.isnan(value):
        return Truth.INCONCLUSIVE
    return Truth.PROVEN if (value == limit) == (sign == "==") else Truth.REFUTED


def _doubted(estimate: Interval, other: Interval) -> Interval:
    """The estimate as far as it is known beside `other`: not at all, when nobody knows `other`."""
    if math.isnan(estimate.value) or not math.isnan(other.value):
        return estimate
    return replace(estimate, value=math.nan, why=other.why, reason=other.reason, needs=other.needs)


def limit_of(estimate: Interval, other: object) -> float:
    """The other side of a comparison as a number in the estimate's unit."""
    if isinstance(other, Interval):
        if sampled(other):
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
    return number_of(estimate, other, "compared")


def number_of(estimate: Interval, other: object, done: str) -> float:
    """A number of any library as a float.

    Raises:
        QuestionError: None that a value can be `done` with, such as a bool, an array or infinity.
    """
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


def _not_a_number(estimate: Interval, other: object, done: str) -> QuestionError:
    if type(other).__name__ == "Limit":  # which is a layer above
        inside = f"write `assert {estimate.name} in budget(…)`"
        return QuestionError(f"{estimate.name} is {done} with a budget, which may have two ends and levels: {inside}")
    shown = reprlib.repr(other)
    said = f"{estimate.name} is {done} with {shown}, which is not a number or a quantity such as '10 ms'"
    if type(other).__name__.startswith("Approx"):  # pytest's own
        said += f": say the interval that is meant, as in `low <= {estimate.name} <= high`"
    return QuestionError(said)
