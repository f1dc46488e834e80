"""Periods: UTC days or hours, and what the evaluations of each add up to.

Pure: evaluations in, facts out. A period is green when every declared
interval in it has at least one evaluation, and every one is good.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from pytest_rollout.ledger.evaluations import Evaluation, Quality
from pytest_rollout.quantities import format_duration

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


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


class Spans(NamedTuple):
    """All periods, by number since 1970; only those that somebody looks at are put into words.

    Attributes:
        tallies: What the evaluations of each add up to; nothing for those that have none.
        first: The number of the first.
        last: That of the one that is not over.
        seconds: The length of each.
        slots: How many intervals each has.
        partial: Whether the first is no whole one.
    """

    tallies: dict[int, _Tally]
    first: int
    last: int
    seconds: int
    slots: int
    partial: bool

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


def spans_of(
    evaluations: Iterable[Evaluation], *, unit: timedelta, at: datetime, every: timedelta, since: datetime | None
) -> Spans | None:
    """The periods from the first to the one that `at` lies in; None when there is nothing to look at.

    Raises:
        ValueError: `every` is no whole seconds or longer than `unit`, or a time has no zone.
    """
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
    return Spans(
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


def periods(
    evaluations: Iterable[Evaluation],
    *,
    unit: timedelta,
    at: datetime,
    every: timedelta,
    since: datetime | None = None,
) -> tuple[Period, ...]:
    """Every period from the first to the one that `at` lies in, in order; none when there is nothing to look at."""
    spans = spans_of(evaluations, unit=unit, at=at, every=every, since=since)
    return tuple(spans.period(number) for number in range(spans.first, spans.last + 1)) if spans else ()
