"""Windows: a metric over a stretch of time, and what may be said of it.

A window knows when samples should have come and where they did not. What a
gap hides could have been anything: the highest value seen is still a lower
bound of the highest there was, so a gap opens one side of an answer and
never closes it.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from pytest_rollout.claims import Claim
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.held import Gap, Held, InARow, Lasting, Point, highest_held
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import format_duration, parse_duration

if TYPE_CHECKING:
    from pytest_rollout.stats.bounds import Bounds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
GAP_STEPS = 2.5
"""How many steps apart two samples may be before something is missing between them."""
LEAST_COVERAGE = 0.95
"""How much of a window must be known before its mean or slope is estimated."""


_ANSWERS = ".max, .min, .last, .p(99), .mean, .slope, .growth, .sustained('5m'), .consecutive(5), .stays_below(x)"
_ALSO_CALLED = {"avg": "mean", "average": "mean", "maximum": "max", "minimum": "min", "median": "p(50)"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """One series between two instants.

    Args:
        name: The metric.
        unit: Its unit.
        start: Where the window begins, UTC; samples at `start` itself are outside.
        end: Where it ends, UTC.
        step: How far apart samples should be.
        times: When each sample was taken, in seconds from `start`, rising.
        values: What it said; every one finite.
        lost: When there were samples that said no number, rising.
        confidence: Of the bounds of a mean or a slope, each.
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
    confidence: float = 0.95
    provenance: Provenance = field(default=Provenance(), repr=False)
    unknown: Reading | None = field(default=None, repr=False)
    sources: frozenset[int] = field(default=frozenset(), repr=False)

    if not TYPE_CHECKING:  # whoever checks types is told of a slip by what is declared

        def __getattr__(self, name: str) -> NoReturn:
            guess = _ALSO_CALLED.get(name) or (f"p({name[1:]})" if name[:1] == "p" and name[1:].isdecimal() else "")
            meant = f"; did you mean '.{guess}'?" if guess else ""
            raise AttributeError(f"a window has no '{name}'\nit has {_ANSWERS}{meant}")

    def __lt__(self, other: object) -> NoReturn:
        raise QuestionError(
            f"a window of {self.name} is no number: say what of it is meant, as in `.max`, `.mean`, `.last` or `.p(99)`"
        )

    __le__ = __gt__ = __ge__ = __lt__

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    @property
    def coverage(self) -> float:
        """The share of the window in which the metric is known, between 0 and 1."""
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
    def max(self) -> Estimate:
        """The highest value; a gap may hide a higher one."""
        return self._ordered("max", 1.0)

    @property
    def min(self) -> Estimate:
        """The lowest value; a gap may hide a lower one."""
        return self._ordered("min", 0.0)

    def p(self, percent: float) -> Estimate:
        """The value that `percent` of the window's samples do not exceed; missing ones may lie on either side.

        Raises:
            QuestionError: Not between 0 and 100.
        """
        given: object = percent
        if not isinstance(given, int | float) or not 0 < given < 100:
            raise QuestionError(f"{self.name}: p({percent!r}) is not a percentile between 0 and 100")
        return self._ordered(f"p{percent:g}", percent / 100)

    @property
    def last(self) -> Estimate:
        """The newest value, unless the window ends in a gap."""
        if not self.times or (self.gaps and self.gaps[-1][1] >= self.length.total_seconds()):
            return self._unknown("last", self.hidden, Reason.STALE)
        value = self.values[-1]
        return self._estimate("last", value, value, value, "newest sample")

    @property
    def mean(self) -> Estimate:
        """The mean of the process behind the series, with bounds that know that neighbours are alike."""
        from pytest_rollout.stats import series

        return self._inferred("mean", self.unit, series.mean)

    @property
    def slope(self) -> Estimate:
        """How much the value rises in an hour, with bounds."""
        from pytest_rollout.stats import series

        return self._inferred("slope", f"{self.unit}/h", series.slope)

    @property
    def growth(self) -> Estimate:
        """By how many per cent the value grows in an hour, with bounds; values are positive."""
        from pytest_rollout.stats import series

        return self._inferred("growth", "%/h", series.growth)

    def sustained(self, for_: str | timedelta) -> Kept:
        """Levels that were held for a time without a break, anywhere in the window.

        Raises:
            QuestionError: Longer than the window, or shorter than two steps.
        """
        duration = duration_of(for_)
        if not 2 * self.step <= duration <= self.length:
            raise QuestionError(
                f"{self.name}: {format_duration(duration)} is not between two steps "
                f"({format_duration(2 * self.step)}) and the window ({format_duration(self.length)})"
            )
        return Kept(self, Lasting(duration.total_seconds()), f"for {format_duration(duration)}")

    def consecutive(self, count: int) -> Kept:
        """Levels that `count` samples in a row kept, anywhere in the window.

        Raises:
            QuestionError: Fewer than two.
        """
        given: object = count
        if not isinstance(given, int) or given < 2:
            raise QuestionError(f"{self.name}: {count!r} in a row is no row: say 2 or more, or use max or min")
        return Kept(self, InARow(count), f"{count} in a row")

    def stays_above(self, limit: float | str, *, for_: str | timedelta = "") -> Claim:
        """The claim that the value was above `limit` all the time, or for the last `for_` of the window."""
        return self._tail(for_).min > limit

    def stays_below(self, limit: float | str, *, for_: str | timedelta = "") -> Claim:
        """The claim that the value was below `limit` all the time, or for the last `for_` of the window."""
        return self._tail(for_).max < limit

    def named(self, summary: str) -> Estimate:
        """The estimate that a plan's `as:` names: max, min, last, mean, slope, growth, or a percentile such as p99."""
        if summary[1:].replace(".", "", 1).isdigit() and summary.startswith("p"):
            return self.p(float(summary[1:]))
        found: Estimate = getattr(self, summary)
        return found

    def _tail(self, for_: str | timedelta) -> Window:
        if not for_:
            return self
        duration = duration_of(for_)
        if duration > self.length:
            raise QuestionError(f"{self.name}: {format_duration(duration)} is longer than the window")
        shift = (self.length - duration).total_seconds()
        first = next((index for index, at in enumerate(self.times) if at > shift), len(self.times))
        times = tuple(at - shift for at in self.times[first:])
        lost = tuple(at - shift for at in self.lost if at > shift)
        return replace(self, start=self.end - duration, times=times, values=self.values[first:], lost=lost)

    def _ordered(self, what: str, share: float) -> Estimate:
        """An order statistic; each missing sample could have been the lowest or the highest."""
        if not self.values:
            return self._unknown(what, self.hidden)
        ordered, missing = sorted(self.values), self._missing()
        value = ordered[_rank(share, len(ordered))]
        low = [-math.inf] * missing + ordered
        high = ordered + [math.inf] * missing
        rank = _rank(share, len(low))
        return self._estimate(what, value, min(low[rank], value), max(high[rank], value), "order statistic")

    def _missing(self) -> int:
        step = self.step.total_seconds()
        return sum(max(1, round((to - since) / step) - 1) for since, to in self.gaps)

    def _inferred(self, what: str, unit: str, estimator: Callable[..., Bounds]) -> Estimate:
        if not self.values or self.coverage < LEAST_COVERAGE:
            return replace(self._unknown(what, self.hidden), unit=unit, confidence=self.confidence)
        try:
            found = estimator(self.times, self.values, confidence=self.confidence)
        except ValueError as error:  # such as the growth of a value that is 0
            unknown = self._unknown(what, f"{self.name}: {error}", Reason.INCONCLUSIVE)
            return replace(unknown, unit=unit, confidence=self.confidence)
        if math.isnan(found.value):
            return replace(self._unknown(what, found.why, Reason.LOW_N), unit=unit, confidence=self.confidence)
        estimate = self._estimate(what, found.value, found.low, found.high, found.method)
        why = found.why or estimate.why
        return replace(estimate, unit=unit, confidence=self.confidence, why=why, refuting_level=found.level)

    def _estimate(self, what: str, value: float, low: float, high: float, method: str) -> Estimate:
        open_ended = math.isinf(low) or math.isinf(high)
        return Estimate(
            value,
            low,
            high,
            1.0,
            self.unit,
            n=len(self.values),
            method=method,
            why=self.hidden if open_ended else "",
            name=self._name(what),
            reason=Reason.NO_DATA if open_ended else Reason.INCONCLUSIVE,
            needs="see why samples are missing" if open_ended else "",
            provenance=self.provenance,
            sources=self.sources,
        )

    def _unknown(self, what: str, why: str, reason: Reason = Reason.NO_DATA) -> Estimate:
        if self.unknown is not None:
            return replace(self.unknown, name=self._name(what), sources=self.sources)
        needs = "see why samples are missing, or state the step at which they come"
        found = Reading.unknown(
            why, reason=reason, name=self._name(what), unit=self.unit, needs=needs, provenance=self.provenance
        )
        return replace(found, sources=self.sources)

    def _name(self, what: str) -> str:
        return f"{self.name} {what} over {format_duration(self.length)}"

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


@dataclass(frozen=True)
class Kept:
    """Levels that were kept long enough, anywhere in a window."""

    window: Window
    long: Lasting | InARow
    words: str

    @property
    def highest(self) -> Estimate:
        """The highest level that the series stayed at or above."""
        held = self._held(self.window.values)
        return self._estimate("highest", held.shown, held.shown, held.allowed)

    @property
    def lowest(self) -> Estimate:
        """The lowest level that the series stayed at or below."""
        held = self._held([-value for value in self.window.values])
        return self._estimate("lowest", -held.shown, -held.allowed, -held.shown)

    def _held(self, values: Sequence[float]) -> Held:
        points: list[Point] = list(zip(self.window.times, values, strict=True))
        step = self.window.step.total_seconds()
        # A level that was held is not let off by one sample that says nothing; nor is it known not to have been held.
        long = [gap for gap in self.window.gaps if gap[1] - gap[0] > GAP_STEPS * step]
        short = [gap for gap in self.window.gaps if gap not in long]
        return highest_held(points, long, self.long, step, doubts=short)

    def _estimate(self, what: str, value: float, low: float, high: float) -> Estimate:
        window = self.window
        name = f"{window.name} {what} {self.words}"
        if math.isinf(value):
            why = window.hidden or f"{len(window.values)} samples, and none of them {self.words}"
            return replace(window._unknown(what, why), name=name)
        return replace(window._estimate(what, value, low, high, "held level"), name=name)


def window_of(samples: Sequence[tuple[datetime | None, float]], window: Window) -> Window:
    """An empty window filled with samples; see `filled`."""
    times = [None if at is None else (at - _EPOCH) // _MICROSECOND for at, _ in samples]
    return filled(window, times, [value for _, value in samples])


def filled(window: Window, times: Sequence[int | None], values: Sequence[float]) -> Window:
    """An empty window filled with what a source said.

    Samples that are no number are missing ones. A time that is unknown,
    outside the window or not after the one before it makes all of it unknown:
    which value belongs where would be a guess.

    Args:
        window: The window, without samples.
        times: When each sample was taken, in microseconds since 1970 UTC; None where that is unknown.
        values: What each says, as many as there are times.
    """
    start, end = (window.start - _EPOCH) // _MICROSECOND, window.length.total_seconds()
    seconds = [math.nan if at is None else (at - start) / 1_000_000 for at in times]
    if not all(map(operator.lt, [0.0, *seconds], seconds)) or (seconds and seconds[-1] > end):
        return replace(window, unknown=_misplaced(window, seconds))
    floats = tuple(map(float, values))
    if all(map(math.isfinite, floats)):
        return replace(window, times=tuple(seconds), values=floats)
    known = [(at, value) for at, value in zip(seconds, floats, strict=True) if math.isfinite(value)]
    lost = tuple(at for at, value in zip(seconds, floats, strict=True) if not math.isfinite(value))
    return replace(window, times=tuple(at for at, _ in known), values=tuple(value for _, value in known), lost=lost)


def _misplaced(window: Window, seconds: Sequence[float]) -> Reading:
    """The first sample whose time is not after the one before it, or behind the window's end."""
    end = window.length.total_seconds()
    previous, wrong = next((before, at) for before, at in pairwise([0.0, *seconds]) if not before < at <= end)
    after = window.start + timedelta(seconds=previous)
    found = "a sample without a time"
    if not math.isnan(wrong):
        found = f"a sample of {window.start + timedelta(seconds=wrong):%Y-%m-%d %H:%M:%S} UTC"
    return Reading.unknown(
        f"{found} where one after {after:%Y-%m-%d %H:%M:%S} and up to {window.end:%Y-%m-%d %H:%M:%S} UTC was due",
        name=window.name,
        unit=window.unit,
        needs="return one series, in time order, within the window",
        provenance=window.provenance,
    )


def _rank(share: float, count: int) -> int:
    return max(0, math.ceil(share * count) - 1)


def duration_of(length: object) -> timedelta:
    """How long a question asks about: a text such as "24h", or a `timedelta`; above 0.

    Raises:
        QuestionError: Anything else, such as a plain number, whose unit nobody knows.
    """
    if not isinstance(length, str | timedelta):
        raise QuestionError(f"{length!r} is no duration: write it with its unit, as in '24h'")
    try:
        found = parse_duration(length) if isinstance(length, str) else length
    except QuantityError as error:
        raise QuestionError(str(error)) from None
    if found <= timedelta(0):
        raise QuestionError(f"{length} is no duration: it has to be above 0")
    return found
