"""Scrape: a service's own `/metrics`, read twice, where no Prometheus reads it.

One reading says how things are, two say how fast they change:

    queue_length{queue="mail"}                              the second value
    rate(requests_total{code="500"})                        per second, between the two
    increase(requests_total{code="500"})                    between the two
    sum(…) of each of them                                  over all series that match
    sum by (le) (increase(latency_seconds_bucket))          a histogram, for quantiles

Both readings are made once for all queries of a run. A counter that fell, a
process that is another one, or two answers that are the same to the byte are
no rate: whoever cannot tell zero from a cache must not say zero.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import QuantityError, SourceError
from pytest_rollout.quantities import format_duration, parse_duration
from pytest_rollout.sources.disk import in_time
from pytest_rollout.sources.document import answers_now, first_line, text_option
from pytest_rollout.sources.exposition import Key, Series, same_process, series_of
from pytest_rollout.sources.fetch import SERVICE_OPTIONS, Service
from pytest_rollout.sources.histogram import classic
from pytest_rollout.sources.protocol import Answer, Option, OptionValue, Question, Sample, SourceKind
from pytest_rollout.sources.selector import Expression, parse_expression

_NUMBERS = ((), ("rate",), ("increase",), ("sum",), ("sum", "rate"), ("sum", "increase"))
_BY_LE = "sum by (le) "
_BUCKETS = (("increase",), (_BY_LE, "increase"))
_ENDS = re.compile(r"_(?:total|count|sum|bucket)$")


@dataclass(frozen=True)
class _Read:
    """What the service said once: its series, the text they stood in, and when that was true on our steady clock."""

    series: Mapping[Key, Series]
    content: bytes
    moment: float
    age: timedelta
    skew: timedelta | None


@dataclass(frozen=True)
class ScrapeSource:
    """A service that is read twice, `interval` apart, once for all questions about one instant.

    The service's `url` is that of the metrics; `now` is the clock, `clock` one
    that never jumps, in seconds, and `pause` waits for some of them.
    """

    service: Service
    interval: timedelta = timedelta(seconds=5)
    now: Callable[[], datetime] = field(default=utc_now, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    pause: Callable[[float], None] = field(default=time.sleep, repr=False)
    _known: dict[datetime, tuple[_Read, _Read] | SourceError] = field(default_factory=dict, repr=False, compare=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def ask(self, question: Question) -> Answer:
        """A value, a rate or a histogram out of the two readings.

        Raises:
            SourceError: No such query, no two sound readings, or nothing that they surely say.
        """
        where = self.service.shown()
        if question.start is not None:
            raise SourceError(
                f"{where}: a source of kind 'scrape' has no series over time\nask a source that keeps one"
            )
        expression = parse_expression(question.query, _BUCKETS if question.buckets else _NUMBERS, where)
        if expression.window is not None:
            took = format_duration(self.interval)
            raise SourceError(
                f"{where}: a range such as [5m] needs a history\nleave it out: two readings are {took} apart"
            )
        if not expression.name:
            raise SourceError(f"{where}: '{first_line(question.query, 80)}' names no metric")
        answers_now(question.at, self.now(), where)
        pair = self._pair(question, where)
        comparison = _Comparison(*pair, where)
        found = [each for each in pair[1].series.values() if _selected(expression, each)]
        gone = [
            each for key, each in pair[0].series.items() if _selected(expression, each) and key not in pair[1].series
        ]
        if gone and expression.functions not in {(), ("sum",)}:
            raise SourceError(f"{where}: {gone[0]} was there and is gone: a restart, perhaps\nask again")
        return self._answer(expression, found, comparison, question)

    def _answer(self, expression: Expression, found: list[Series], pair: _Comparison, question: Question) -> Answer:
        taken, skew = question.at - pair.second.age, pair.second.skew
        body = self.service.redacted("\n".join(pair.written(each) for each in found[:100]))
        if not found:
            return Answer(samples=(), body=body, skew=skew)
        at = min(each.at or taken for each in found)
        if question.buckets:
            buckets, total = classic(_cumulative(expression, found, pair), pair.where)
            return Answer(samples=(Sample(value=total, at=at),), buckets=buckets, body=body, skew=skew)
        if len(found) > 1 and expression.functions[:1] != ("sum",):
            few = ", ".join(map(str, found[:3]))
            raise SourceError(
                f"{pair.where}: {len(found)} series where one was meant: {few}\nwrite sum(…), or more labels"
            )
        read = {"rate": pair.rate, "increase": pair.increase}.get("".join(expression.functions[-1:]))
        value = math.fsum(read(each) if read else each.value for each in found)
        return Answer(samples=(Sample(value=value, at=at),), body=body, skew=skew)

    def _pair(self, question: Question, where: str) -> tuple[_Read, _Read]:
        if not self._guard.acquire(timeout=question.timeout_seconds):
            raise SourceError(f"{where}: another question is reading it for {question.timeout_seconds:g} s")
        try:
            if question.at not in self._known:
                try:
                    self._known[question.at] = self._read_twice(question.timeout_seconds, where)
                except SourceError as error:
                    self._known[question.at] = error
            known = self._known[question.at]
        finally:
            self._guard.release()
        if isinstance(known, SourceError):
            raise SourceError(str(known), reason=known.reason)
        return known

    def _read_twice(self, timeout_seconds: float, where: str) -> tuple[_Read, _Read]:
        seconds, deadline = self.interval.total_seconds(), self.clock() + timeout_seconds
        if seconds >= timeout_seconds:
            raise SourceError(
                f"{where}: two readings {seconds:g} s apart do not fit into {timeout_seconds:g} s\n"
                "make 'interval' shorter"
            )
        first = self._read(deadline - seconds, where)
        self.pause(seconds)
        return first, self._read(deadline, where)

    def _read(self, deadline: float, where: str) -> _Read:
        body = self.service.get("", max(deadline - self.clock(), 0.001))
        moment, age = self.clock() - body.age_seconds, timedelta(seconds=body.age_seconds)
        # A long exposition takes its time to be read, too.
        series = in_time(max(deadline - self.clock(), 0.001), where, lambda: series_of(body.content, where))
        return _Read(series, body.content, moment, age, body.skew)


@dataclass(frozen=True)
class _Comparison:
    """Two readings and what changed between them."""

    first: _Read
    second: _Read
    where: str

    def increase(self, series: Series) -> float:
        """By how much a counter grew.

        Raises:
            SourceError: It is no counter, or its growth cannot be known.
        """
        if not series.grows:
            raise SourceError(f"{self.where}: {series.name} is no counter, so it has no rate\nask for its value")
        if self.first.content == self.second.content:
            raise SourceError(
                f"{self.where}: both answers are the same to the byte: nothing happens, or a cache answers\n"
                "ask when there is traffic, or make 'interval' longer than the exporter's own"
            )
        same = same_process(self.first.series, self.second.series)
        if same is False or self._created(series, self.first) != self._created(series, self.second):
            raise SourceError(f"{self.where}: {series} was begun anew: a restart, or several instances at one address")
        before = self.first.series.get(series.key)
        if before is None and not same:
            raise SourceError(f"{self.where}: {series} appeared between the two answers, so its growth is unknown")
        old = 0.0 if before is None else before.value  # one process, so it began at nothing
        if not series.value >= old:
            raise SourceError(f"{self.where}: {series} fell from {old:g} to {series.value:g}: a restart\nask again")
        return series.value - old

    def rate(self, series: Series) -> float:
        """By how much a counter grew a second.

        Raises:
            SourceError: As for `increase`; or both readings are of one moment.
        """
        before = self.first.series.get(series.key)
        seconds = self.second.moment - self.first.moment
        if before is not None and before.at is not None and series.at is not None:
            seconds = (series.at - before.at).total_seconds()
        if seconds <= 0:
            raise SourceError(f"{self.where}: both values of {series} are of one moment: a cache answers")
        return self.increase(series) / seconds

    def written(self, series: Series) -> str:
        """The evidence: both values."""
        before = self.first.series.get(series.key)
        return f"{series} {'-' if before is None else repr(before.value)} → {series.value!r}"

    def _created(self, series: Series, read: _Read) -> float | None:
        """When OpenMetrics says that the counter began; None where nobody says, or it was not there yet."""
        if series.key not in self.first.series:
            return None
        base = _ENDS.sub("", series.name)
        labels = frozenset((name, value) for name, value in series.labels.items() if name != "le")
        created = read.series.get((f"{base}_created", labels))
        return None if created is None else created.value


def _selected(expression: Expression, series: Series) -> bool:
    return series.name == expression.name and expression.accepts(series.labels)


def _cumulative(expression: Expression, found: list[Series], pair: _Comparison) -> dict[str, float]:
    """The growth of each cumulative bucket by its `le`, summed over histograms that have the same buckets."""
    groups: dict[frozenset[tuple[str, str]], dict[str, float]] = {}
    for each in found:
        if "le" not in each.labels:
            raise SourceError(f"{pair.where}: {each} is no bucket of a histogram\nask for increase(…_bucket)")
        rest = frozenset((name, value) for name, value in each.labels.items() if name != "le")
        groups.setdefault(rest, {})[each.labels["le"]] = pair.increase(each)
    if len(groups) > 1 and expression.functions[0] != _BY_LE:
        raise SourceError(
            f"{pair.where}: {len(groups)} histograms where one was meant\nwrite sum by (le) (increase(…))"
        )
    bounds = {frozenset(group) for group in groups.values()}
    if len(bounds) > 1:
        raise SourceError(f"{pair.where}: the histograms have different buckets, which cannot be summed")
    return {le: math.fsum(group[le] for group in groups.values()) for le in next(iter(bounds))}


def _open(options: Mapping[str, OptionValue], folder: Path) -> ScrapeSource:
    text = text_option(options, "interval").strip() or "5s"
    try:
        interval = parse_duration(text)
    except QuantityError:
        raise SourceError(f"option 'interval' is '{first_line(text, 30)}', no duration such as 5s") from None
    return ScrapeSource(Service.of(options, folder), interval)


KIND = SourceKind(
    "scrape",
    "a service's own /metrics, read twice",
    (*SERVICE_OPTIONS, Option("interval", "from the first reading to the second, 5s where it is not said")),
    _open,
)
