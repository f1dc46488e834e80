"""Streaks: how many green days or clean hours in a row, and what broke the last row.

Pure: evaluations in, facts out. A period (a UTC day, an hour) is green when
every declared interval in it has at least one evaluation, and every one is
PROCEED or a HOLD that waits only for time, a streak or an approval. Only live
evaluations count; what is not understood is bad.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Literal, NamedTuple, TypeAlias

from pytest_rollout.decisions import WAITING, Decision, Reason
from pytest_rollout.quantities import format_duration

Policy: TypeAlias = Literal["break", "pause"]
"""What a period does that lacks something: it ends the streak, or neither counts nor ends it."""


def policy_of(word: str) -> Policy:
    """The policy that a word names; another word breaks."""
    return "pause" if word == "pause" else "break"


DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIVE = "live"

_PATIENT = frozenset(str(reason) for reason in WAITING - {Reason.INFORMATION})
_GATHERING = frozenset(str(reason) for reason in WAITING)


class Quality(Enum):
    """What one evaluation does to its period."""

    GOOD = "good"
    GATHERING = "gathering"
    BAD = "bad"
    NOT_LIVE = "not live"


class Evaluation(NamedTuple):
    """One evaluation, as far as a streak looks: when, its quality, what was said, and at which stage.

    A tuple, because a year has thousands of them.
    """

    at: datetime
    quality: Quality
    said: str = ""
    stage: str = ""

    @property
    def proceeds(self) -> bool:
        """Whether it said PROCEED, and nothing against it."""
        return self.quality is Quality.GOOD and self.said == Decision.PROCEED.value


def outcome_of(content: str) -> tuple[Quality, str]:
    """The quality of an evaluation and what was said, from the JSON of its entry's body.

    One that cannot be read is bad.
    """
    try:
        body = json.loads(content)
        decision, reasons = str(body["decision"]), [str(each) for each in body["reasons"]]
        if body["mode"] != LIVE:
            return Quality.NOT_LIVE, str(body["mode"])
        quality = quality_of(decision, reasons, waiting=body["waiting"] is True)
    except (ValueError, LookupError, TypeError):
        return Quality.BAD, "an evaluation that cannot be read"
    return quality, f"{decision}[{', '.join(sorted(reasons))}]" if reasons else decision


def quality_of(decision: str, reasons: Iterable[str], *, waiting: bool) -> Quality:
    """What a decision with its reasons does to a streak.

    Args:
        decision: As in a receipt.
        reasons: Its codes, all of them.
        waiting: Whether the verdict was a healthy HOLD: nothing refuted.
    """
    codes = frozenset(reasons)
    if decision == Decision.PROCEED.value and not codes:
        return Quality.GOOD
    if decision != Decision.HOLD.value or not waiting or not codes:
        return Quality.BAD
    return Quality.GOOD if codes <= _PATIENT else Quality.GATHERING if codes <= _GATHERING else Quality.BAD


class State(Enum):
    """What a period was."""

    GREEN = "green"
    GATHERING = "gathering"
    MISSING = "missing"
    BAD = "bad"
    PARTIAL = "partial"
    UNFINISHED = "unfinished"


class Period(NamedTuple):
    """One day or hour: its state, how many evaluations it has, and of how many intervals none.

    `gathering` says that an evaluation lacked information, whatever else the
    period lacks. PARTIAL is the one in which counting began, UNFINISHED the
    one that `at` lies in, each where nothing in it is bad.
    """

    start: datetime
    state: State
    evaluations: int = 0
    missing: int = 0
    gathering: bool = False
    why: str = ""


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
    return _streak(_spans(evaluations, unit=DAY, at=at, every=every, since=since), DAY, missing, information)


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
    return _streak(_spans(evaluations, unit=HOUR, at=at, every=every, since=since), HOUR, missing, information)


def periods(
    evaluations: Iterable[Evaluation],
    *,
    unit: timedelta,
    at: datetime,
    every: timedelta,
    since: datetime | None = None,
) -> tuple[Period, ...]:
    """Every period from the first to the one that `at` lies in, in order; none when there is nothing to look at."""
    spans = _spans(evaluations, unit=unit, at=at, every=every, since=since)
    return tuple(spans.period(number) for number in range(spans.first, spans.last + 1)) if spans else ()


class _Tally:
    """What the evaluations of one period add up to; `slots` has a bit for each interval that has one."""

    __slots__ = ("bad", "evaluations", "gathering", "slots")

    def __init__(self) -> None:
        self.slots, self.evaluations, self.gathering = 0, 0, False
        self.bad: Evaluation | None = None

    def add(self, evaluation: Evaluation, slot: int) -> None:
        self.slots |= 1 << slot
        self.evaluations += 1
        if evaluation.quality is Quality.GOOD:
            return
        if evaluation.quality is Quality.GATHERING:
            self.gathering = True
        elif self.bad is None or (evaluation.at, evaluation.said) < (self.bad.at, self.bad.said):
            self.bad = evaluation


_NOTHING = _Tally()


class _Spans(NamedTuple):
    """All periods, by number since 1970; only those that somebody looks at are put into words."""

    tallies: dict[int, _Tally]
    first: int
    last: int
    seconds: int
    slots: int
    partial: bool
    """Whether the first is no whole one."""

    def whole(self, number: int) -> bool:
        """Whether a period is green, without more ado: nearly all of them are."""
        tally = self.tallies.get(number, _NOTHING)
        return tally.slots.bit_count() == self.slots and tally.bad is None and not tally.gathering

    def period(self, number: int) -> Period:
        """One period; what is not over, or began in the middle, is marked as such unless it is bad."""
        period = _period(number, self.tallies.get(number, _NOTHING), self.seconds, self.slots)
        if period.state is State.BAD:
            return period
        if number == self.last:
            return period._replace(state=State.UNFINISHED, why="")
        return period._replace(state=State.PARTIAL, why="") if number == self.first and self.partial else period


def _spans(
    evaluations: Iterable[Evaluation], *, unit: timedelta, at: datetime, every: timedelta, since: datetime | None
) -> _Spans | None:
    seconds, step = int(unit.total_seconds()), int(every.total_seconds())
    if not 1 <= step <= seconds or timedelta(seconds=step) != every:
        raise ValueError(f"evaluated every {format_duration(every)}: whole seconds, at most {format_duration(unit)}")
    if at.tzinfo is None or (since is not None and since.tzinfo is None):
        raise ValueError("a time without a zone")
    tallies: dict[int, _Tally] = {}
    first = since
    for each in evaluations:
        if each.quality is Quality.NOT_LIVE or each.at > at or (since is not None and each.at < since):
            continue
        if since is None and (first is None or each.at < first):
            first = each.at
        moment = int(each.at.timestamp())
        tally = tallies.get(moment // seconds)
        if tally is None:
            tally = tallies[moment // seconds] = _Tally()
        tally.add(each, moment % seconds // step)
    if first is None or first > at:
        return None
    return _Spans(
        tallies=tallies,
        first=int(first.timestamp()) // seconds,
        last=int(at.timestamp()) // seconds,
        seconds=seconds,
        slots=-(-seconds // step),
        partial=since is not None and since.timestamp() % seconds != 0,
    )


def _period(number: int, tally: _Tally, unit: int, slots: int) -> Period:
    start = datetime.fromtimestamp(number * unit, UTC)
    missing = slots - tally.slots.bit_count()
    state, why = State.GREEN, ""
    if tally.bad is not None:
        state, why = State.BAD, f"{tally.bad.said} at {tally.bad.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    elif missing:
        what = f"{missing} of {slots} evaluations are missing" if slots > 1 else "no evaluation"
        state, why = State.MISSING, f"{what} {_when(start, unit)}"
    elif tally.gathering:
        state, why = State.GATHERING, f"information was still gathered {_when(start, unit)}"
    return Period(start, state, tally.evaluations, missing, tally.gathering, why)


def _when(start: datetime, unit: int) -> str:
    return f"on {start:%Y-%m-%d}" if unit == DAY.total_seconds() else f"from {start:%Y-%m-%d %H:%M} UTC"


def _streak(spans: _Spans | None, unit: timedelta, missing: Policy, information: Policy) -> Streak:
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
