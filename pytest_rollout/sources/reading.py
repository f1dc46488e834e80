"""Reading: what a source's answer means for one metric.

The one place where an empty, odd, old or failed answer gets its meaning. A
value is known only when there is exactly one number, finite, and young
enough; everything else is an unknown reading that says why and what would
help. Nothing here makes a number up, but for `or_absent`, which the plan has
to ask for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError
from pytest_rollout.estimates import Reading
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import format_duration, format_number, with_unit
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Answer, Sample

FUTURE = timedelta(seconds=60)
"""How far a sample may be ahead of the asked instant before its time is not believed."""
SKEW = timedelta(seconds=30)
"""How far a source's clock may be from ours before no age that it tells is believed."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which metric a source was asked for: what the reading is called and where it comes from.

    `max_age` is None where the value does not age.
    """

    name: str
    unit: str
    at: datetime
    max_age: timedelta | None
    source: str = ""
    query: str = ""

    def unknown(
        self, why: str, *, needs: str, reason: Reason = Reason.NO_DATA, taken: datetime | None = None
    ) -> Reading:
        """An unknown reading of this metric."""
        return Reading.unknown(
            why, reason=reason, name=self.name, unit=self.unit, needs=needs, provenance=self.provenance(taken)
        )

    def provenance(self, taken: datetime | None) -> Provenance:
        """Where the reading comes from, with its age at the run's instant; a clock a little ahead makes it 0."""
        age = None if taken is None else max(self.at - taken, timedelta(0))
        return Provenance(source=self.source, query=self.query, at=taken, age=age)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """A reading, and whether it is unknown because the answer was *empty* and for no other reason."""

    reading: Reading
    empty: bool = False


def reading_of(answer: Answer, asked: Asked) -> Observed:
    """What an answer says of the metric that was asked for."""
    doubt = doubted(answer, asked)
    if doubt is not None:
        return Observed(reading=doubt)
    count = len(answer.samples)
    if count == 0:
        why = f"{_source(asked)} answered, and the result is empty"
        needs = (
            "check the query; if nothing means a number, say so in the plan (no_data: {as: …, alive: …, because: …})"
        )
        return Observed(reading=asked.unknown(why, needs=needs), empty=True)
    if count > 1:
        why = f"{count} rows where one was meant"
        return Observed(reading=asked.unknown(why, needs="aggregate in the query until one number is left"))
    return Observed(reading=_reading_of_one(answer.samples[0], asked))


def doubted(answer: Answer, asked: Asked) -> Reading | None:
    """Why an answer is not believed whatever it says; None when nothing speaks against it."""
    if answer.warnings:
        why = f"{_source(asked)} answered with a warning: {first_line(answer.warnings[0])}"
        return asked.unknown(why, needs="an answer with warnings may be a part of the data: see why")
    if answer.skew is not None and abs(answer.skew) > SKEW:
        ahead = "ahead of" if answer.skew > timedelta(0) else "behind"
        why = f"the clock of {_source(asked)} is {format_duration(answer.skew)} {ahead} ours"
        return asked.unknown(why, needs="set both clocks by NTP", reason=Reason.STALE)
    return None


def _reading_of_one(sample: Sample, asked: Asked) -> Reading:
    if not math.isfinite(sample.value):
        seen = "NaN, which is no number" if math.isnan(sample.value) else f"{sample.value:+}, which is no measurement"
        needs = "check whether the query divides by zero or averages nothing"
        return asked.unknown(f"{_source(asked)} answered {seen}", needs=needs, taken=sample.at)
    if fault := _stale(sample.at, asked):
        why, needs = fault
        return asked.unknown(why, needs=needs, reason=Reason.STALE, taken=sample.at)
    return Reading.exactly(sample.value, asked.unit, name=asked.name, provenance=asked.provenance(sample.at))


def _stale(taken: datetime | None, asked: Asked) -> tuple[str, str] | None:
    """Why a time is not good enough and what would help; None when it is."""
    if taken is None:
        if asked.max_age is None:
            return None
        limit = format_duration(asked.max_age)
        return (
            f"age unknown, and the metric allows {limit}: {_source(asked)} says no time",
            "ask so that the answer says when the number was true, or say max_age: any",
        )
    age = asked.at - taken
    if age < -FUTURE:
        # Judged even where the value does not age: it is not the value as of the asked instant.
        return f"{format_duration(age)} from the future of {_stamp(asked.at)}", "check the clocks and the query's :at"
    if asked.max_age is not None and age > asked.max_age:
        why = (
            f"{format_duration(age)} old at {_stamp(asked.at)}, and the metric allows {format_duration(asked.max_age)}"
        )
        return why, "see why nothing newer arrives"
    return None


def or_absent(observed: Observed, asked: Asked, *, value: float, because: str, alive: Reading) -> Reading:
    """The plan's `no_data: {as: value, alive: …, because: …}`: what an empty answer stands for.

    Only an *empty* answer becomes `value`; an error, NaN or an old number
    stays unknown. And only while `alive` shows that the source is fed: known,
    above zero, of known age, and no older than this metric may be.
    """
    if not observed.empty:
        return observed.reading
    if fault := _not_alive(alive, asked):
        why = f"{observed.reading.why}; that means {_shown(value, asked)} only while {alive.name} is fresh, but {fault}"
        return asked.unknown(
            why,
            needs=alive.needs or f"see why {alive.name} is not fresh",
            reason=Reason(alive.reason) if alive.why else Reason.NO_DATA,
        )
    age = format_duration(alive.age or timedelta(0))
    shown = f"{with_unit(format_number(alive.value), alive.unit)}, {age} old"
    reading = Reading.exactly(value, asked.unit, name=asked.name, provenance=asked.provenance(alive.at))
    why = f"the result is empty and counts as {_shown(value, asked)}, because {because} ({alive.name} = {shown})"
    return replace(reading, why=why)


def _not_alive(alive: Reading, asked: Asked) -> str:
    """Why `alive` shows no life; empty when it does."""
    if not math.isfinite(alive.value):
        return f"that is unknown: {alive.why}"
    if alive.value <= 0:
        return f"it is {format_number(alive.value)}, which shows no life"
    if alive.age is None:
        return "its age is unknown"
    if asked.max_age is not None and alive.age > asked.max_age:
        return f"it is {format_duration(alive.age)} old"
    return ""


def unanswered(error: Exception, asked: Asked) -> Observed:
    """An unknown reading for a question that ended in an error.

    The first line of a `SourceError` says why, the others what would do. Any
    other exception is a fault of the source's own: its type and first line,
    and never a number.
    """
    if isinstance(error, SourceError):
        why, _, rest = str(error).strip().partition("\n")
        needs = "; ".join(line.strip() for line in rest.splitlines() if line.strip())
        return Observed(reading=asked.unknown(why or "the source gave no reason", needs=needs, reason=error.reason))
    why = f"{_source(asked)} broke: {type(error).__name__}: {first_line(str(error)) or 'no message'}"
    return Observed(reading=asked.unknown(why, needs="a source says what it cannot do as SourceError"))


def _source(asked: Asked) -> str:
    return asked.source or "the source"


def _shown(value: float, asked: Asked) -> str:
    return with_unit(format_number(value), asked.unit)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
