"""Streaks: how many green days or clean hours in a row, and what broke the last row.

Pure: evaluations in, facts out. What a plan says of a period that lacks
something decides whether it ends the row or pauses it; a bad one ends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from pytest_rollout.ledger.evaluations import Evaluation
from pytest_rollout.ledger.periods import DAY, HOUR, Period, Spans, State, spans_of
from pytest_rollout.quantities import format_duration

Policy: TypeAlias = Literal["break", "pause"]
"""What a period does that lacks something: it ends the streak, or neither counts nor ends it."""


def policy_of(word: str) -> Policy:
    """The policy that a word names; another word breaks."""
    return "pause" if word == "pause" else "break"


@dataclass(frozen=True, kw_only=True)
class Streak:
    """A row of green periods that reaches to now.

    Attributes:
        length: How many, without those that paused.
        unit: `DAY` or `HOUR`.
        began: Start of the first of them; None when there is none.
        broken_on: Start of the period that ended the row before; None when nothing did.
        why: What it was, as a sentence; also when there is no row at all.
        current: The period that is not over.
        paused: How many periods inside the row neither counted nor broke it.
    """

    length: int
    unit: timedelta
    began: datetime | None = None
    broken_on: datetime | None = None
    why: str = ""
    current: Period | None = None
    paused: int = 0

    @property
    def days(self) -> int:
        """The length, of a streak of days.

        Raises:
            ValueError: It is one of hours.
        """
        return self._in(DAY)

    @property
    def hours(self) -> int:
        """The length, of a streak of hours.

        Raises:
            ValueError: It is one of days.
        """
        return self._in(HOUR)

    def _in(self, unit: timedelta) -> int:
        if unit != self.unit:
            raise ValueError(f"a streak of periods of {format_duration(self.unit)}")
        return self.length


def green_days(
    evaluations: Iterable[Evaluation],
    *,
    at: datetime,
    every: timedelta,
    since: datetime | None = None,
    missing: Policy = "break",
    information: Policy = "break",
) -> Streak:
    """How many green UTC days in a row there are, up to yesterday.

    Today is unfinished: it does not count, and breaks only when an evaluation
    in it was bad.

    Args:
        evaluations: Of one phase in one environment, in any order.
        at: As of when; later evaluations are left out.
        every: How often the phase is evaluated: whole seconds, at most a day.
            Intervals are counted from midnight, the last may be shorter.
        since: The start of the phase; what was before does not matter, and the
            day it began in is no whole day. None begins with the first
            evaluation's day.
        missing: What a day does in which an interval has no evaluation.
        information: What a day does whose only lack is information.

    Raises:
        ValueError: `every` is not such a time, or `at` or `since` has no zone.
    """
    return _streak(spans_of(evaluations, unit=DAY, at=at, every=every, since=since), DAY, missing, information)


def clean_hours(
    evaluations: Iterable[Evaluation],
    *,
    at: datetime,
    every: timedelta,
    since: datetime | None = None,
    missing: Policy = "break",
    information: Policy = "break",
) -> Streak:
    """How many clean hours in a row there are, up to the one that is over; as `green_days`, `every` at most an hour."""
    return _streak(spans_of(evaluations, unit=HOUR, at=at, every=every, since=since), HOUR, missing, information)


def _streak(spans: Spans | None, unit: timedelta, missing: Policy, information: Policy) -> Streak:
    """The row of green periods at the end of all."""
    if spans is None:
        return Streak(length=0, unit=unit, why="no evaluation yet")
    current = spans.period(spans.last)
    if current.state is State.BAD:
        return Streak(length=0, unit=unit, broken_on=current.start, why=current.why, current=current)
    length, waiting, paused, began = 0, 0, 0, spans.last
    broken: Period | None = None
    for number in range(spans.last - 1, spans.first - 1, -1):
        if number == spans.first and spans.partial:
            period = spans.period(number)
            broken = period if period.state is State.BAD else None
            break
        if spans.whole(number):
            length, paused, waiting, began = length + 1, paused + waiting, 0, number
            continue
        period = spans.period(number)
        if _breaks(period, missing, information):
            broken = period
            break
        waiting += 1  # inside the row only when a green period comes before it
    why = "" if length else "no period is over yet" if spans.first == spans.last else "none that is over counts"
    return Streak(
        length=length,
        unit=unit,
        began=datetime.fromtimestamp(began * spans.seconds, UTC) if length else None,
        broken_on=broken.start if broken else None,
        why=broken.why if broken else why,
        current=current,
        paused=paused,
    )


def _breaks(period: Period, missing: Policy, information: Policy) -> bool:
    """Whether a period that is not green ends a streak: not when all that it lacks only pauses it."""
    lacks = [policy for lacking, policy in ((period.missing, missing), (period.gathering, information)) if lacking]
    return period.state is State.BAD or any(policy != "pause" for policy in lacks)
