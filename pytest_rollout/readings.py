"""Readings: the metrics and flags of one rollout, as of one instant.

Every gate of a run sees the same numbers: each is asked once, at the run's
instant, whoever asks first. What cannot be learned becomes a reading that
nobody knows, with the reason; nothing here raises for what a server did.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pytest_rollout.errors import RolloutError, SourceError, did_you_mean, listed
from pytest_rollout.estimates import Reading
from pytest_rollout.facts import Fact
from pytest_rollout.plan.model import Environment, Metric, Plan, SourceConfig
from pytest_rollout.provenance import Provenance
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.sources.protocol import Question, Source
from pytest_rollout.sources.reading import Asked, Observed, or_absent, reading_of, unanswered

TIMEOUT_SECONDS = 10.0


class Readings:
    """What the sources of one environment say, each asked at most once a run.

    Args:
        plan: The rollout's plan.
        environment: The environment that is judged, its variables filled in.
        at: The run's instant, UTC.
        folder: Where answers are shared with the other workers of the run; None when there are none.
    """

    def __init__(self, plan: Plan, environment: Environment, at: datetime, folder: Path | None) -> None:
        self._plan = plan
        self._environment = environment
        self._at = at
        self._answers = AnswerBook(folder)
        self._sources: dict[str, Source] = {}
        self._known: dict[str, Reading] = {}

    @property
    def target(self) -> str:
        """The base URL of the service; empty when the environment names none."""
        return self._environment.target

    def metric(self, name: str) -> Reading:
        """The reading of a plan's metric.

        Raises:
            RolloutError: The plan has no such metric; lists those it has.
        """
        if name not in self._known:
            self._known[name] = self._metric(name)
        return self._known[name]

    def _metric(self, name: str) -> Reading:
        metric = self._plan.metrics.get(name)
        if metric is None:
            lines = [f"{self._plan.rollout} has no metric '{name}'", f"metrics: {listed(self._plan.metrics)}"]
            raise RolloutError("\n  ".join([*lines, *did_you_mean(name, self._plan.metrics)]))
        observed = self._observed(metric)
        if metric.no_data is None:
            return observed.reading
        alive = self.metric(metric.no_data.alive) if observed.empty else observed.reading
        because = metric.no_data.because
        return or_absent(observed, self._asked(metric), value=metric.no_data.value, because=because, alive=alive)

    def flag(self, name: str) -> Fact | Reading:
        """A flag as it is now: a `Fact`, or a `Reading` when it is a number."""
        provenance = Provenance(source="flags", query=name, at=self._at)
        config = self._environment.flags
        if config is None:
            return Fact(None, name, f"environment '{self._environment.name}' names no flags", provenance=provenance)
        try:
            reader = FLAG_KINDS[config.kind].open(config.options, self._plan.folder)
            flags = self._answers.read_flags(config.name, reader, at=self._at, timeout_seconds=TIMEOUT_SECONDS)
        except SourceError as error:
            return Fact(None, name, str(error), error.reason, provenance)
        if name not in flags:
            why = "; ".join([f"there is no flag '{name}'", *did_you_mean(name, flags)])
            return Fact(None, name, why, provenance=provenance)
        value = flags[name]
        if isinstance(value, (bool, str)):
            return Fact(value, name, provenance=provenance)
        return Reading.exactly(value, name=name, provenance=provenance)

    def _observed(self, metric: Metric) -> Observed:
        asked = self._asked(metric)
        config = self._environment.sources.get(metric.source)
        if config is None:
            known = listed(self._environment.sources)
            why = f"environment '{self._environment.name}' has no source '{metric.source}' (it has: {known})"
            return unanswered(SourceError(why), asked)
        question = Question(query=metric.query, at=self._at, timeout_seconds=TIMEOUT_SECONDS)
        try:
            return reading_of(self._answers.ask(config.name, self._source(config), question), asked)
        except Exception as error:  # noqa: BLE001 - whatever a source does is doubt, and the reading says so
            return unanswered(error, asked)

    def _asked(self, metric: Metric) -> Asked:
        return Asked(
            name=metric.name,
            unit=metric.unit,
            at=self._at,
            max_age=metric.max_age,
            source=metric.source,
            query=metric.query,
        )

    def _source(self, config: SourceConfig) -> Source:
        if config.name not in self._sources:
            self._sources[config.name] = KINDS[config.kind].open(config.options, self._plan.folder)
        return self._sources[config.name]
