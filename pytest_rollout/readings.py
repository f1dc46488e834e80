"""Readings: the metrics and flags of one rollout, as of one instant.

Every gate of a run sees the same numbers: each is asked once, at the run's
instant, whoever asks first. What cannot be learned becomes a reading that
nobody knows, with the reason; nothing here raises for what a server did.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pytest_rollout.ahead import DEADLINE_SECONDS, Ask
from pytest_rollout.asking import TIMEOUT_SECONDS, Asking
from pytest_rollout.decisions import Reason
from pytest_rollout.distributions import Distribution
from pytest_rollout.errors import QuantityError, QuestionError, RolloutError, SourceError, did_you_mean, listed
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.facts import Fact
from pytest_rollout.intervals import RefutingLevel
from pytest_rollout.plan.model import Environment, Metric, Plan, Query, Ratio, SourceConfig
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import convert, format_duration, format_number, parse_duration
from pytest_rollout.sources import BUILT_IN, Kinds
from pytest_rollout.sources.columns import Columns
from pytest_rollout.sources.once import AnswerBook, question_key
from pytest_rollout.sources.protocol import Answer, FlagValue, Question, Sample, Source, SourceKind
from pytest_rollout.sources.reading import Asked, Observed, doubted, or_absent, reading_of, unanswered
from pytest_rollout.sources.tables import Column, Row, Statement, TableSource
from pytest_rollout.sources.told import Told
from pytest_rollout.windows import GAP_STEPS, Window, filled

if TYPE_CHECKING:
    from pytest_rollout.stats.bounds import Bounds


@dataclass(frozen=True, eq=False)
class MetricReading(Reading):
    """A metric as it is now, which knows where to ask how it was before."""

    windows: Callable[[timedelta], Window] | None = field(default=None, repr=False)

    __hash__ = object.__hash__

    def over(self, length: str | timedelta) -> Window:
        """The metric over the last `length`, such as "24h".

        Raises:
            QuestionError: No duration; or this is a part of a calculation, which has no past of its own.
        """
        try:
            duration = parse_duration(length) if isinstance(length, str) else length
        except QuantityError as error:
            raise QuestionError(str(error)) from None
        if self.windows is None:
            raise QuestionError(f"{self.name} has no past: take the window first, as in metrics('x').over('24h')")
        return replace(self.windows(duration), sources=self.sources)


class Readings:
    """What the sources of one environment say, each asked at most once a run.

    Args:
        plan: The rollout's plan.
        environment: The environment that is judged, its variables filled in.
        at: The run's instant, UTC.
        answers: What was asked in this run and what was said.
        kinds: How each kind of source and of flags is opened.
    """

    def __init__(
        self,
        plan: Plan,
        environment: Environment,
        at: datetime,
        answers: AnswerBook,
        *,
        kinds: Kinds = BUILT_IN,
    ) -> None:
        self.asking = Asking(plan, environment, at)
        self.answers = answers
        self._plan = plan
        self._environment = environment
        self._at = at
        self._kinds = kinds
        self._sources: dict[str, _Unopened] = {}
        self._known: dict[str, Estimate] = {}
        self._windows: dict[tuple[str, timedelta], Window] = {}

    @property
    def target(self) -> str:
        """The base URL of the service; empty when the environment names none."""
        return self._environment.target

    @property
    def at(self) -> datetime:
        """The run's instant, UTC."""
        return self._at

    @property
    def environment(self) -> str:
        """The name of the environment."""
        return self._environment.name

    @property
    def load_hosts(self) -> tuple[str, ...]:
        """Further addresses whose hosts the environment allows to be loaded."""
        return self._environment.load

    def metric(self, name: str) -> Estimate:
        """The value of a plan's metric: a reading, or an estimate where it is a ratio or a summary.

        Raises:
            RolloutError: The plan has no such metric; lists those it has.
        """
        if name not in self._known:
            metric = self._metric(name)
            value = self._value(metric)
            self._known[name] = self._with_past(value, name) if isinstance(value, Reading) else value
        return self._known[name]

    def window(self, name: str, length: timedelta) -> Window:
        """The series of a metric over the last `length`; unknown, with the reason, where there is none.

        Raises:
            RolloutError: The plan has no such metric.
        """
        if (name, length) not in self._windows:
            self._windows[name, length] = self._window(self._metric(name), length)
        return self._windows[name, length]

    def asks(self, name: str, windows: Collection[timedelta] = ()) -> list[Ask]:
        """What a gate that names a metric will ask; nothing for one that is not there."""
        metric = self._plan.metrics.get(name)
        if metric is None:
            return []
        alive = self.asks(metric.no_data.alive) if metric.no_data else []
        return alive + [
            Ask(question_key(metric.source, question), f"{name} ({metric.source})", self._putting(metric, question))
            for question in self.asking.of(metric, windows=windows)
        ]

    def ask_flags(self) -> list[Ask]:
        """What a gate that reads flags will ask."""
        if self._environment.flags is None:
            return []

        def put(_: float) -> None:
            self.flag("")  # whichever is asked, all of them are read

        return [Ask(("flags",), "flags", put)]

    def _putting(self, metric: Metric, question: Question) -> Callable[[float], None]:
        def put(seconds_left: float) -> None:
            within = min(question.timeout_seconds, seconds_left)
            with suppress(SourceError):  # said again, by the answer book, to the gate that asks
                config, source = self._source_of(metric)
                self.answers.fetch(config.name, source, replace(question, timeout_seconds=within))

        return put

    def flag(self, name: str) -> Fact | Reading:
        """A flag as it is now: a `Fact`, or a `Reading` when it is a number."""
        provenance = Provenance(source="flags", query=name, at=self._at)
        try:
            flags = self._flags()
        except SourceError as error:
            return Fact(None, name, str(error), error.reason, provenance)
        if name not in flags:
            why = "; ".join([f"there is no flag '{name}'", *did_you_mean(name, flags)])
            return Fact(None, name, why, provenance=provenance)
        value = flags[name]
        if isinstance(value, (bool, str)):
            return Fact(value, name, provenance=provenance)
        return Reading.exactly(value, name=name, provenance=provenance)

    def flag_count(self) -> Reading | None:
        """How many flags there are, unknown where they cannot be read; None where the environment names none."""
        if self._environment.flags is None:
            return None
        asked = Asked(name="flags", unit="", at=self._at, max_age=None, source="flags")
        try:
            return Reading.exactly(len(self._flags()), name="flags", provenance=asked.provenance(self._at))
        except SourceError as error:
            return unanswered(error, asked).reading

    def _flags(self) -> Mapping[str, FlagValue]:
        config = self._environment.flags
        if config is None:
            raise SourceError(f"environment '{self._environment.name}' names no flags")
        return self.answers.read_flags(
            config.name, lambda: self._read_flags(config), at=self._at, timeout_seconds=TIMEOUT_SECONDS
        )

    def _read_flags(self, config: SourceConfig) -> Mapping[str, FlagValue]:
        reader = self._kinds.flags[config.kind].open(config.options, self._plan.folder)
        return reader.read(self._at, TIMEOUT_SECONDS)

    def _metric(self, name: str) -> Metric:
        metric = self._plan.metrics.get(name)
        if metric is None:
            lines = [f"{self._plan.rollout} has no metric '{name}'", f"metrics: {listed(self._plan.metrics)}"]
            raise RolloutError("\n  ".join([*lines, *did_you_mean(name, self._plan.metrics)]))
        return metric

    def _value(self, metric: Metric) -> Estimate:
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
        alive = self.metric(metric.no_data.alive)
        if not isinstance(alive, Reading):
            alive = Reading.unknown(f"{alive.name} is no single reading", name=alive.name)
        value, because = metric.no_data.value, metric.no_data.because
        return or_absent(observed, self._asked(metric, metric.query), value=value, because=because, alive=alive)

    def _observed(self, metric: Metric, query: Query) -> Observed:
        asked = self._asked(metric, query)
        try:
            return reading_of(self._answer(metric, self.asking.instant(metric, query)), asked)
        except Exception as error:  # noqa: BLE001 - whatever a source does is doubt, and the reading says so
            return unanswered(error, asked)

    def _ratio(self, metric: Metric, ratio: Ratio) -> Estimate:
        """A share with bounds that hold however often it is looked at."""
        of, over = (self._observed(replace(metric, unit=""), query).reading for query in (ratio.of, ratio.over))
        unknown = next((each for each in (of, over) if math.isnan(each.value)), None)
        if unknown is not None:
            return replace(unknown, unit=metric.unit)
        asked = self._asked(metric, ratio.of)
        if not 0 <= of.value <= over.value:
            why = f"{format_number(of.value)} of {format_number(over.value)} is no share"
            return asked.unknown(why, needs="count the same events in both queries, the first among the second")
        from pytest_rollout.stats import proportion

        found = proportion.continuous(of.value, over.value, confidence=self._plan.confidence, deff=metric.burst)
        older = min((each for each in (of, over)), key=lambda each: each.at or self._at)
        return self._estimate(found, metric, replace(older.provenance, query=asked.query), unit="share")

    def _distribution(self, metric: Metric) -> Distribution:
        """A histogram or rows, and the one number of them that the plan names."""
        asked = self._asked(metric, metric.query)
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
        confidence, deff = self._plan.confidence, metric.burst
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
        confidence = self._plan.confidence
        return Distribution.around(value, buckets, burst=metric.burst, confidence=confidence)

    def _estimate(self, found: Bounds, metric: Metric, provenance: Provenance, *, unit: str) -> Estimate:
        if math.isnan(found.value):
            why, needs = found.why, "ask about a longer time, or wait for more"
            unknown = Reading.unknown(why, reason=Reason.LOW_N, name=metric.name, unit=metric.unit, needs=needs)
            return replace(unknown, provenance=provenance)
        value, low, high = (convert(each, unit, metric.unit) for each in (found.value, found.low, found.high))
        estimate = Estimate(
            value,
            low,
            high,
            self._plan.confidence,
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
        window = self._window(replace(metric, unit=unit), length)
        found = window.named(what)
        try:
            factor = convert(1.0, metric.unit, found.unit)
            value, low, high = (convert(each, found.unit, metric.unit) for each in (found.value, found.low, found.high))
        except QuantityError as error:
            return self._asked(metric, metric.series or metric.query).unknown(str(error), needs="correct the unit")
        if metric.summary is None and not math.isnan(found.value):
            # The newest sample of a series is a reading like any other, and as old as it is.
            return self._last(metric, window)
        level = found.refuting_level
        named = replace(found, value=value, low=low, high=high, unit=metric.unit, name=metric.name)
        return with_level(replace(named, refuting_level=None), level, factor)

    def _last(self, metric: Metric, window: Window) -> Reading:
        taken = window.start + timedelta(seconds=window.times[-1])
        sample = Sample(value=window.values[-1], at=taken)
        return reading_of(Answer(samples=(sample,)), self._asked(metric, metric.series or metric.query)).reading

    def _window(self, metric: Metric, length: timedelta) -> Window:
        asked = self._asked(metric, metric.series or metric.query)
        provenance = replace(asked.provenance(None), window=format_duration(length))
        empty = Window(
            name=metric.name,
            unit=metric.unit,
            start=self._at - length,
            end=self._at,
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
        window = filled(replace(empty, confidence=self._plan.confidence), columns.times, columns.values)
        return self._fresh(window, metric, asked)

    def _fresh(self, window: Window, metric: Metric, asked: Asked) -> Window:
        """The window, unless it ends too long ago: a mean of two days must not outlive a source that died."""
        if metric.max_age is None or not window.times:
            return window
        newest = window.start + timedelta(seconds=window.times[-1])
        allowed = max(metric.max_age, GAP_STEPS * metric.step)
        if self._at - newest <= allowed:
            return window
        age, most = format_duration(self._at - newest), format_duration(allowed)
        why = f"the newest number of the window is {age} old, and the metric allows {most}"
        needs = "see why nothing newer arrives"
        return replace(
            window, unknown=asked.unknown(why, needs=needs, reason=Reason.STALE, taken=newest), times=(), values=()
        )

    def _with_past(self, reading: Reading, name: str) -> MetricReading:
        def history(held: timedelta) -> tuple[Estimate, Estimate]:
            kept = self.window(name, self.asking.lookback(held)).sustained(held)
            return kept.lowest, kept.highest

        facts = {each.name: getattr(reading, each.name) for each in fields(reading)}
        return MetricReading(**{**facts, "history": history}, windows=lambda length: self.window(name, length))

    def _answer(self, metric: Metric, question: Question) -> Answer:
        config, source = self._source_of(metric)
        return self.answers.ask(config.name, source, question)

    def table_source(self, metric: Metric) -> TableSource:
        """The source of an experiment's rows, opened when it is first asked.

        Raises:
            SourceError: The environment has no such source.
        """
        return self._source_of(metric)[1]

    def rows_of(self, name: str) -> Reading:
        """How many columns the table of an experiment's rows has; unknown where one that the metric names is not there.

        Raises:
            RolloutError: The plan has no such metric.
        """
        metric = self._metric(name)
        samples = metric.samples
        wanted = [each for each in (samples.column, samples.timed_out, samples.pairs) if each] if samples else []
        asked = Asked(name=f"{name} rows", unit="", at=self._at, max_age=None, source=metric.source)
        try:
            table = self.table_name(metric)
            found = Told(metric.source, self.table_source(metric), self.answers).columns(table, TIMEOUT_SECONDS)
        except Exception as error:  # noqa: BLE001 - as above
            return unanswered(error, asked).reading
        there = {each.lower() for each in found}
        missing = [each for each in wanted if each.lower() not in there]
        if missing or not wanted:
            return asked.unknown(
                f"{table} has no column {listed(missing) or 'for it'}", needs=f"it has: {listed(found) or 'none'}"
            )
        return Reading.exactly(len(found), name=asked.name, provenance=asked.provenance(self._at))

    def table_name(self, metric: Metric) -> str:
        """The table that a metric's rows are in: as the source says, else one of the source's name."""
        config = self.asking.source(metric)
        named = config.options.get("table")
        return named if isinstance(named, str) else "file" if config.kind == "file" else config.name

    def _source_of(self, metric: Metric) -> tuple[SourceConfig, _Unopened]:
        config = self.asking.source(metric)
        unopened = _Unopened(self._kinds.sources[config.kind], config, self._plan.folder)
        return config, self._sources.setdefault(config.name, unopened)

    def _asked(self, metric: Metric, query: Query) -> Asked:
        config = self._environment.sources.get(metric.source)
        return Asked(
            name=metric.name,
            unit=metric.unit,
            at=self._at,
            max_age=metric.max_age,
            source=metric.source,
            query=query.to(config.kind if config else ""),
        )


class _Unopened:
    """A source that is opened by its first question, so that a replay opens none."""

    def __init__(self, kind: SourceKind, config: SourceConfig, folder: Path) -> None:
        self._kind, self._config, self._folder = kind, config, folder
        self._guard = threading.Lock()
        self._opened: Source | None = None

    def ask(self, question: Question) -> Answer:
        if question.timeout_seconds <= 0:
            raise SourceError(
                f"not asked: all questions of the run together took more than {DEADLINE_SECONDS:g} s\n"
                "see which source is slow, or ask less of it"
            )
        return self._open().ask(question)

    @property
    def speech(self) -> str:
        return self._tables().speech

    def columns(self, table: str, seconds: float) -> Mapping[str, Column]:
        return self._tables().columns(table, seconds)

    def rows(self, statement: Statement) -> Sequence[Row]:
        return self._tables().rows(statement)

    def _open(self) -> Source:
        with self._guard:
            if self._opened is None:
                self._opened = self._kind.open(self._config.options, self._folder)
        return self._opened

    def _tables(self) -> TableSource:
        source = self._open()
        if not all(hasattr(source, each) for each in ("speech", "columns", "rows")):
            raise SourceError(f"{self._config.name}: a source of kind '{self._config.kind}' has no tables")
        return cast("TableSource", source)


def with_level(estimate: Estimate, level: RefutingLevel | None, factor: float) -> Estimate:
    """The estimate with the level at which a limit is refuted, which was made for another unit."""
    if level is None:
        return estimate

    def scaled(limit: float, above: bool) -> float:
        return level(limit * factor, above)

    return replace(estimate, refuting_level=scaled)
