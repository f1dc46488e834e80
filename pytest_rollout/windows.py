"""Windows: a metric over a stretch of time, and what may be said of it.

What a gap hides could have been anything: the highest value seen is still a lower
bound of the highest there was, so a gap opens one side of an answer and
never closes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from pytest_rollout.claims import Claim
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.held import Held, InARow, Lasting, Point, highest_held
from pytest_rollout.quantities import duration_of, format_duration
from pytest_rollout.timeseries import GAP_STEPS, TimeSeries

if TYPE_CHECKING:
    from pytest_rollout.stats.bounds import Bounds

LEAST_COVERAGE = 0.95
"""How much of a window must be known before its mean or slope is estimated."""


_ANSWERS = ".max, .min, .last, .p(99), .mean, .slope, .growth, .sustained('5m'), .consecutive(5), .stays_below(x)"
_ALSO_CALLED = {"avg": "mean", "average": "mean", "maximum": "max", "minimum": "min", "median": "p(50)"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Window(TimeSeries):
    """One series between two instants, and what may be said of it.

    Args:
        confidence: Of the bounds of a mean or a slope, each.
        sources: Which reads of the running gate it rests on.
    """

    confidence: float = 0.95
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


def _rank(share: float, count: int) -> int:
    return max(0, math.ceil(share * count) - 1)
