"""Readings: the metrics and flags of one rollout, as of one instant.

Every gate of a run sees the same numbers: each is asked once, at the run's
instant, whoever asks first. What cannot be learned becomes a reading that
nobody knows, with the reason; nothing here raises for what a server did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from pytest_rollout.ahead import Ask
from pytest_rollout.asking import TIMEOUT_SECONDS, Asking
from pytest_rollout.errors import QuestionError, RolloutError, SourceError, did_you_mean, listed
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.facts import Fact
from pytest_rollout.measuring import Measuring
from pytest_rollout.opened import Opened
from pytest_rollout.plan.environment import Environment
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.model import Plan
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import duration_of
from pytest_rollout.sources import BUILT_IN, Kinds
from pytest_rollout.sources.once import AnswerBook, question_key
from pytest_rollout.sources.protocol import Question
from pytest_rollout.sources.reading import Asked, unanswered
from pytest_rollout.sources.tables import TableSource
from pytest_rollout.sources.told import Told
from pytest_rollout.windows import Window


@dataclass(frozen=True, eq=False)
class MetricReading(Reading):
    """A metric as it is now, which knows where to ask how it was before.

    `of` is its name: what was calculated with it has another one, and no past of its own.
    """

    windows: Callable[[timedelta], Window] | None = field(default=None, repr=False)
    of: str = ""

    __hash__ = object.__hash__

    def over(self, length: str | timedelta) -> Window:
        """The metric over the last `length`, such as "24h".

        Raises:
            QuestionError: No duration; or this is a part of a calculation, which has no past of its own.
        """
        duration = duration_of(length)
        if self.windows is None or self.name != self.of:
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
        self._opened = Opened(environment, plan.folder, at, answers, kinds)
        self._measuring = Measuring(self._opened, self.asking, plan.confidence, self.metric)
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
            value = self._measuring.value(metric)
            self._known[name] = self._with_past(value, name) if isinstance(value, Reading) else value
        return self._known[name]

    def window(self, name: str, length: timedelta) -> Window:
        """The series of a metric over the last `length`; unknown, with the reason, where there is none.

        Raises:
            RolloutError: The plan has no such metric.
        """
        if (name, length) not in self._windows:
            self._windows[name, length] = self._measuring.window(self._metric(name), length)
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
                config = self.asking.source(metric)
                source = self._opened.source(config)
                self.answers.fetch(config.name, source, replace(question, timeout_seconds=within))

        return put

    def flag(self, name: str) -> Fact | Reading:
        """A flag as it is now: a `Fact`, or a `Reading` when it is a number."""
        provenance = Provenance(source="flags", query=name, at=self._at)
        try:
            flags = self._opened.flags()
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
            return Reading.exactly(len(self._opened.flags()), name="flags", provenance=asked.provenance(self._at))
        except SourceError as error:
            return unanswered(error, asked).reading

    def _metric(self, name: str) -> Metric:
        metric = self._plan.metrics.get(name)
        if metric is None:
            lines = [f"{self._plan.rollout} has no metric '{name}'", f"metrics: {listed(self._plan.metrics)}"]
            raise RolloutError("\n  ".join([*lines, *did_you_mean(name, self._plan.metrics)]))
        return metric

    def _with_past(self, reading: Reading, name: str) -> MetricReading:
        def history(held: timedelta) -> tuple[Estimate, Estimate]:
            kept = self.window(name, self.asking.lookback(held)).sustained(held)
            return kept.lowest, kept.highest

        facts = {each.name: getattr(reading, each.name) for each in fields(reading)}
        windows = self.window
        return MetricReading(
            **{**facts, "history": history}, windows=lambda length: windows(name, length), of=reading.name
        )

    def table_source(self, metric: Metric) -> TableSource:
        """The source of an experiment's rows, opened when it is first asked.

        Raises:
            SourceError: The environment has no such source.
        """
        return self._opened.source(self.asking.source(metric))

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
        except Exception as error:  # noqa: BLE001 - whatever a source does is doubt, and the reading says so
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
