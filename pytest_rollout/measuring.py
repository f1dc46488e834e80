"""Measuring: what a metric's kind makes of its answers: a reading, a share, a distribution, a summary, a window.

What cannot be learned becomes a reading that nobody knows, with the reason;
nothing here raises for what a server did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_rollout.asking import Asking
from pytest_rollout.decisions import Reason
from pytest_rollout.distributions import Distribution
from pytest_rollout.errors import QuantityError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.intervals import RefutingLevel
from pytest_rollout.opened import Opened
from pytest_rollout.plan.metric import Metric, Query, Ratio
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import convert, format_duration, format_number
from pytest_rollout.sources.columns import Columns
from pytest_rollout.sources.protocol import Answer, Question, Sample
from pytest_rollout.sources.reading import Asked, Observed, doubted, or_absent, reading_of, unanswered
from pytest_rollout.timeseries import GAP_STEPS, filled
from pytest_rollout.windows import Window

if TYPE_CHECKING:
    from pytest_rollout.stats.bounds import Bounds


@dataclass(frozen=True)
class Measuring:
    """Measures the metrics of one environment as of one instant, each time anew.

    Args:
        opened: The environment's sources.
        asking: Which question is asked for what.
        confidence: Of every bound, as the plan says.
        alive: The value of a metric that says whether another one's silence means nothing.
    """

    opened: Opened
    asking: Asking
    confidence: float
    alive: Callable[[str], Estimate]

    def value(self, metric: Metric) -> Estimate:
        """A reading, or an estimate where it is a ratio, a distribution or a summary."""
        if metric.ratio is not None:
            return self._ratio(metric, metric.ratio)
        if metric.distribution:
            return self._distribution(metric)
        length = self.asking.length_of(metric)
        if length is not None:
            return self._summary(metric, length)
        observed = self._observed(metric, metric.query)
        if metric.no_data is None or not observed.empty:
            return observed.reading
        alive = self.alive(metric.no_data.alive)
        if not isinstance(alive, Reading):
            alive = Reading.unknown(f"{alive.name} is no single reading", name=alive.name)
        value, because = metric.no_data.value, metric.no_data.because
        return or_absent(observed, self.opened.asked(metric, metric.query), value=value, because=because, alive=alive)

    def _observed(self, metric: Metric, query: Query) -> Observed:
        asked = self.opened.asked(metric, query)
        try:
            return reading_of(self._answer(metric, self.asking.instant(metric, query)), asked)
        except Exception as error:  # noqa: BLE001 - whatever a source does is doubt, and the reading says so
            return unanswered(error, asked)

    def _ratio(self, metric: Metric, ratio: Ratio) -> Estimate:
        """A share with bounds that hold however often it is looked at."""
        of, over = (self._observed(replace(metric, unit=""), query).reading for query in (ratio.of, ratio.over))
        unknown = next((each for each in (of, over) if math.isnan(each.value)), None)
        if unknown is not None:
            return replace(unknown, unit=metric.unit, confidence=self.confidence)
        asked = self.opened.asked(metric, ratio.of)
        if not 0 <= of.value <= over.value:
            why = f"{format_number(of.value)} of {format_number(over.value)} is no share"
            unknown = asked.unknown(why, needs="count the same events in both queries, the first among the second")
            return replace(unknown, confidence=self.confidence)
        from pytest_rollout.stats import proportion

        found = proportion.continuous(of.value, over.value, confidence=self.confidence, deff=metric.burst)
        older = min((each for each in (of, over)), key=lambda each: each.at or self.opened.at)
        return self._estimate(found, metric, replace(older.provenance, query=asked.query), unit="share")

    def _distribution(self, metric: Metric) -> Distribution:
        """A histogram or rows, and the one number of them that the plan names."""
        asked = self.opened.asked(metric, metric.query)
        try:
            answer = self._answer(metric, self.asking.instant(metric))
            reading = reading_of(answer, asked).reading
        except Exception as error:  # noqa: BLE001 - as above
            return self._around(unanswered(error, asked).reading, metric)
        if math.isnan(reading.value):
            return self._around(reading, metric)
        if not answer.buckets:
            why = f"{metric.source} answered a number, and no histogram"
            return self._around(asked.unknown(why, needs="see its query"), metric)
        buckets = tuple((each.above, each.upto, each.count) for each in answer.buckets)
        try:
            found, unit = self._one_number(buckets, metric)
        except ValueError as error:
            why = f"{metric.source} answered no histogram that counts: {error}"
            return self._around(asked.unknown(why, needs="see its buckets"), metric)
        return self._around(self._estimate(found, metric, reading.provenance, unit=unit), metric, buckets)

    def _one_number(self, buckets: Sequence[tuple[float, float, float]], metric: Metric) -> tuple[Bounds, str]:
        """The share of an interval, or a quantile, no finer than its buckets; and the unit that it is in.

        Raises:
            ValueError: The buckets do not count anything.
        """
        confidence, deff = self.confidence, metric.burst
        if metric.within is not None:
            from pytest_rollout.stats.between import between

            return between(buckets, *metric.within, confidence=confidence, deff=deff), "share"
        from pytest_rollout.stats import histogram

        assert metric.quantile is not None
        found = histogram.quantile(buckets, metric.quantile, confidence=confidence, deff=deff, looks="continuous")
        if -math.inf < found.low < found.value:
            # A bucket holds what is above its lower edge: a limit at that edge is passed.
            found = replace(found, low=math.nextafter(found.low, math.inf))
        return found, metric.unit

    def _around(
        self, value: Estimate, metric: Metric, buckets: tuple[tuple[float, float, float], ...] = ()
    ) -> Distribution:
        confidence = self.confidence  # of what is not known too: it is a sample all the same
        value = replace(value, confidence=confidence)
        return Distribution.around(value, buckets, burst=metric.burst, confidence=confidence)

    def _estimate(self, found: Bounds, metric: Metric, provenance: Provenance, *, unit: str) -> Estimate:
        if math.isnan(found.value):
            why, needs = found.why, "ask about a longer time, or wait for more"
            unknown = Reading.unknown(why, reason=Reason.LOW_N, name=metric.name, unit=metric.unit, needs=needs)
            return replace(unknown, provenance=provenance, confidence=self.confidence)
        value, low, high = (convert(each, unit, metric.unit) for each in (found.value, found.low, found.high))
        estimate = Estimate(
            value,
            low,
            high,
            self.confidence,
            metric.unit,
            n=found.n,
            method=found.method,
            why=found.why,
            name=metric.name,
            provenance=provenance,
        )
        factor = convert(1.0, metric.unit, unit)
        return with_level(estimate, found.level, factor)

    def _summary(self, metric: Metric, length: timedelta) -> Estimate:
        """What a plan's `over:` and `as:` name; the newest sample where only a series is asked for."""
        what = metric.summary.what if metric.summary else "last"
        # The unit of a metric is that of its value; a slope's series has it without the time.
        unit = metric.unit.partition("/")[0] if what == "slope" else "" if what == "growth" else metric.unit
        window = self.window(replace(metric, unit=unit), length)
        found = window.named(what)
        try:
            factor = convert(1.0, metric.unit, found.unit)
            value, low, high = (convert(each, found.unit, metric.unit) for each in (found.value, found.low, found.high))
        except QuantityError as error:
            return self.opened.asked(metric, metric.series or metric.query).unknown(
                str(error), needs="correct the unit"
            )
        if metric.summary is None and not math.isnan(found.value):
            # The newest sample of a series is a reading like any other, and as old as it is.
            return self._last(metric, window)
        level = found.refuting_level
        named = replace(found, value=value, low=low, high=high, unit=metric.unit, name=metric.name)
        return with_level(replace(named, refuting_level=None), level, factor)

    def _last(self, metric: Metric, window: Window) -> Reading:
        taken = window.start + timedelta(seconds=window.times[-1])
        sample = Sample(value=window.values[-1], at=taken)
        return reading_of(Answer(samples=(sample,)), self.opened.asked(metric, metric.series or metric.query)).reading

    def window(self, metric: Metric, length: timedelta) -> Window:
        """Its series over the last `length`; unknown, with the reason, where there is none."""
        asked = self.opened.asked(metric, metric.series or metric.query)
        provenance = replace(asked.provenance(None), window=format_duration(length))
        empty = Window(
            name=metric.name,
            unit=metric.unit,
            start=self.opened.at - length,
            end=self.opened.at,
            step=metric.step,
            times=(),
            values=(),
            provenance=provenance,
        )
        try:
            answer = self._answer(metric, self.asking.window(metric, length))
        except Exception as error:  # noqa: BLE001 - as above
            return replace(empty, unknown=unanswered(error, asked).reading)
        doubt = doubted(answer, asked)
        if doubt is not None:
            return replace(empty, unknown=doubt)
        columns = Columns.of(answer.samples)
        window = filled(replace(empty, confidence=self.confidence), columns.times, columns.values)
        return self._fresh(window, metric, asked)

    def _fresh(self, window: Window, metric: Metric, asked: Asked) -> Window:
        """The window, unless it ends too long ago: a mean of two days must not outlive a source that died."""
        if metric.max_age is None or not window.times:
            return window
        newest = window.start + timedelta(seconds=window.times[-1])
        allowed = max(metric.max_age, GAP_STEPS * metric.step)
        if self.opened.at - newest <= allowed:
            return window
        age, most = format_duration(self.opened.at - newest), format_duration(allowed)
        why = f"the newest number of the window is {age} old, and the metric allows {most}"
        needs = "see why nothing newer arrives"
        return replace(
            window, unknown=asked.unknown(why, needs=needs, reason=Reason.STALE, taken=newest), times=(), values=()
        )

    def _answer(self, metric: Metric, question: Question) -> Answer:
        return self.opened.answer(self.asking.source(metric), question)


def with_level(estimate: Estimate, level: RefutingLevel | None, factor: float) -> Estimate:
    """The estimate with the level at which a limit is refuted, which was made for another unit."""
    if level is None:
        return estimate

    def scaled(limit: float, above: bool) -> float:
        return level(limit * factor, above)

    return replace(estimate, refuting_level=scaled)
