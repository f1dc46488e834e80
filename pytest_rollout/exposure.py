"""Exposure: which of a phase's rows count, and which percentage of the traffic was served when.

Rows count from when the phase began, or its first stage was reached, to the
run's instant. Each percentage of traffic is a stratum of its own, because a
mean over several is not that of any of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.experiment.table import Span
from pytest_rollout.plan.phase import Phase, percent_text
from pytest_rollout.remembered import Remembered
from pytest_rollout.stages import TOLERANCE

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Exposure:
    """The time of one phase that is looked at.

    Args:
        phase: The phase.
        past: What is remembered of it: since when it lasts, and its traffic.
        at: The run's instant.
        since: Since when rows count, for those who plan a phase that has not begun; None for since it began.
    """

    phase: Phase
    past: Remembered
    at: datetime
    since: datetime | None = None

    def span(self, *, last_day: bool = False) -> Span:
        """From the first row that counts to now, or of that only the last 24 hours."""
        start = self._start()
        if last_day:
            start = max(start, self.at - DAY)
        stages = self._stages()
        late = [label for label, since in stages.items() if since <= start]
        for label in late[:-1]:
            del stages[label]
        if not late and stages:
            stages[next(iter(stages))] = start
        return Span(start, self.at, stages)

    def _start(self) -> datetime:
        if self.since is not None:
            return self.since
        started = self.past.started
        start = started if started is not None and started < self.at else self.at - timedelta(seconds=1)
        # What was served before the first stage is no part of what the stages compare.
        planned = {stage.percent for stage in self.phase.stages}
        reached = (since for percent, since in self.past.traffic if percent in planned and since < self.at)
        return max(start, next(reached, start), self._came_again() or start)

    def _came_again(self) -> datetime | None:
        """When the traffic came back that had been taken away, after which it may be another release; None if never."""
        lowest, seen, gone = self.phase.lowest - TOLERANCE, False, False
        again: datetime | None = None
        for percent, since in self.past.traffic:
            if since < self.at and percent < lowest:
                gone, again = seen, None
            elif since < self.at:
                gone, again, seen = False, since if gone else again, True
        return again

    def _stages(self) -> dict[str, datetime]:
        if not self.phase.stages:
            return {}
        served = ((percent, since) for percent, since in self.past.traffic if since < self.at)
        return {label: since for label, (_, since) in strata(served).items()}


def strata(traffic: Iterable[tuple[float, datetime]]) -> dict[str, tuple[float, datetime]]:
    """Each percentage of traffic, by its name as a stratum; one that comes again is another stratum."""
    named: dict[str, tuple[float, datetime]] = {}
    for percent, since in traffic:
        label, again = percent_text(percent), 2
        while label in named:
            label, again = f"{percent_text(percent)} ({again})", again + 1
        named[label] = percent, since
    return named
