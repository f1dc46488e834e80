"""Asking: which questions a metric puts to which source, before any is put.

Readings ask them one by one; a run asks all of them at once before its first
gate. Both take them from here, so they are the same questions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.errors import SourceError, listed
from pytest_rollout.plan.environment import Environment, SourceConfig
from pytest_rollout.plan.metric import Metric, Query
from pytest_rollout.plan.model import Plan
from pytest_rollout.sources.protocol import Question

TIMEOUT_SECONDS = 10.0
_STEPS_OF_LAST = 5


@dataclass(frozen=True)
class Asking:
    """The questions of one rollout's metrics, in one environment, as of one instant."""

    plan: Plan
    environment: Environment
    at: datetime

    def source(self, metric: Metric) -> SourceConfig:
        """The source of a metric.

        Raises:
            SourceError: The environment has no source of that name.
        """
        config = self.environment.sources.get(metric.source)
        if config is None:
            known = listed(self.environment.sources)
            raise SourceError(
                f"environment '{self.environment.name}' has no source '{metric.source}' (it has: {known})"
            )
        return config

    def instant(self, metric: Metric, query: Query | None = None) -> Question:
        """The question for one number, or for a histogram where the metric is of one.

        Raises:
            SourceError: No query for the kind of the metric's source.
        """
        text = self._text(metric, query or metric.query, "query")
        return Question(
            query=text,
            at=self.at,
            timeout_seconds=TIMEOUT_SECONDS,
            buckets=metric.distribution,
            step=metric.step,
        )

    def window(self, metric: Metric, length: timedelta) -> Question:
        """The question for the series of the last `length`.

        Raises:
            SourceError: As for `instant`; or the metric is no plain number and has no series.
        """
        if metric.ratio is not None or metric.distribution:
            what = "a ratio" if metric.ratio is not None else "of a histogram"
            raise SourceError(f"'{metric.name}' is {what} and has no series\ngive the window in its query")
        text = self._text(metric, metric.series or metric.query, "series")
        return Question(
            query=text, at=self.at, timeout_seconds=TIMEOUT_SECONDS, start=self.at - length, step=metric.step
        )

    def of(self, metric: Metric, *, windows: Collection[timedelta] = ()) -> list[Question]:
        """Every question of a metric: for its value, and for the windows that a gate or level looks at."""
        found = []
        try:
            if metric.ratio is not None:
                found += [self.instant(metric, metric.ratio.of), self.instant(metric, metric.ratio.over)]
            elif length := self.length_of(metric):
                found.append(self.window(metric, length))
            else:
                found.append(self.instant(metric))
            found += [self.window(metric, length) for length in windows]
        except SourceError:
            return found  # said by the reading, to the gate that asks
        return found

    def length_of(self, metric: Metric) -> timedelta | None:
        """The window that a metric's value itself comes from; None where it is asked for as one number."""
        if metric.summary is not None:
            return metric.summary.over
        if metric.query or metric.ratio is not None:
            return None
        return max(metric.max_age or timedelta(0), _STEPS_OF_LAST * metric.step)

    def lookback(self, held: timedelta) -> timedelta:
        """How far back a level with `for:` looks: to the look before this one, and that long again."""
        return self.plan.every + held

    def _text(self, metric: Metric, query: Query, key: str) -> str:
        kind = self.source(metric).kind
        if text := query.to(kind):
            return text
        raise SourceError(
            f"'{metric.name}' has no {key} for a source of kind '{kind}'\nwrite it in the plan: {key}: {{{kind}: ...}}"
        )
