"""Time series: the samples of a metric between two instants, and where some are missing.

A series knows when samples should have come and where they did not. What
stands in a gap could have been anything.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from pytest_rollout.estimates import Reading
from pytest_rollout.held import Gap
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import format_duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
GAP_STEPS = 2.5
"""How many steps apart two samples may be before something is missing between them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TimeSeries:
    """What a source said of one metric over a stretch of time.

    Args:
        name: The metric.
        unit: Its unit.
        start: Where the stretch begins, UTC; samples at `start` itself are outside.
        end: Where it ends, UTC.
        step: How far apart samples should be.
        times: When each sample was taken, in seconds from `start`, rising.
        values: What it said; every one finite.
        lost: When there were samples that said no number, rising.
        provenance: Where they came from.
        unknown: Why there is no series at all, as a reading; None when there is one.
    """

    name: str
    unit: str
    start: datetime
    end: datetime
    step: timedelta
    times: tuple[float, ...] = field(repr=False)
    values: tuple[float, ...] = field(repr=False)
    lost: tuple[float, ...] = field(default=(), repr=False)
    provenance: Provenance = field(default=Provenance(), repr=False)
    unknown: Reading | None = field(default=None, repr=False)

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    @property
    def coverage(self) -> float:
        """The share of the time in which the metric is known, between 0 and 1."""
        hidden = sum(to - since for since, to in self.gaps)
        return max(0.0, 1 - hidden / self.length.total_seconds()) if self.times else 0.0

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Stretches in which nothing is known, in seconds from the start.

        Those of more than two and a half steps without a sample, and those in which one came that is no number.
        """
        step, end = self.step.total_seconds(), self.length.total_seconds()
        if not self.times:
            return ((0.0, end),)
        marks = [0.0, *self.times, end]
        spoilt = {bisect_left(self.times, each) for each in self.lost}
        return tuple(
            (since, to)
            for number, (since, to) in enumerate(pairwise(marks))
            if to - since > GAP_STEPS * step or number in spoilt
        )

    @property
    def hidden(self) -> str:
        """What is missing, in words."""
        if not self.times:
            return f"no sample in {format_duration(self.length)}"
        if not self.gaps:
            return ""
        longest = max(self.gaps, key=lambda gap: gap[1] - gap[0])
        since = self.start + timedelta(seconds=longest[0])
        return (
            f"{self.coverage:.1%} of {format_duration(self.length)} is covered: "
            f"{len(self.gaps)} gap{'s' if len(self.gaps) > 1 else ''}, the longest "
            f"{format_duration(timedelta(seconds=longest[1] - longest[0]))} from {since:%Y-%m-%d %H:%M} UTC, "
            f"where a sample is due every {format_duration(self.step)}"
        )

    def _missing(self) -> int:
        """How many samples did not come."""
        step = self.step.total_seconds()
        return sum(max(1, round((to - since) / step) - 1) for since, to in self.gaps)


Series = TypeVar("Series", bound=TimeSeries)


def filled(series: Series, times: Sequence[int | None], values: Sequence[float]) -> Series:
    """An empty series filled with what a source said.

    Samples that are no number are missing ones. A time that is unknown,
    outside the stretch or not after the one before it makes all of it unknown:
    which value belongs where would be a guess.

    Args:
        series: Without samples.
        times: When each sample was taken, in microseconds since 1970 UTC; None where that is unknown.
        values: What each says, as many as there are times.
    """
    start, end = (series.start - _EPOCH) // _MICROSECOND, series.length.total_seconds()
    seconds = [math.nan if at is None else (at - start) / 1_000_000 for at in times]
    if not all(map(operator.lt, [0.0, *seconds], seconds)) or (seconds and seconds[-1] > end):
        return replace(series, unknown=_misplaced(series, seconds))
    floats = tuple(map(float, values))
    if all(map(math.isfinite, floats)):
        return replace(series, times=tuple(seconds), values=floats)
    known = [(at, value) for at, value in zip(seconds, floats, strict=True) if math.isfinite(value)]
    lost = tuple(at for at, value in zip(seconds, floats, strict=True) if not math.isfinite(value))
    return replace(series, times=tuple(at for at, _ in known), values=tuple(value for _, value in known), lost=lost)


def _misplaced(series: TimeSeries, seconds: Sequence[float]) -> Reading:
    """The first sample whose time is not after the one before it, or behind the end."""
    end = series.length.total_seconds()
    previous, wrong = next((before, at) for before, at in pairwise([0.0, *seconds]) if not before < at <= end)
    after = series.start + timedelta(seconds=previous)
    found = "a sample without a time"
    if not math.isnan(wrong):
        found = f"a sample of {series.start + timedelta(seconds=wrong):%Y-%m-%d %H:%M:%S} UTC"
    return Reading.unknown(
        f"{found} where one after {after:%Y-%m-%d %H:%M:%S} and up to {series.end:%Y-%m-%d %H:%M:%S} UTC was due",
        name=series.name,
        unit=series.unit,
        needs="return one series, in time order, within the window",
        provenance=series.provenance,
    )
