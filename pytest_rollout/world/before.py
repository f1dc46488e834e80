"""Before: what a world's series were in two weeks before its telemetry and its phases, day by day.

What a baseline is recorded from. The days are healthy whatever fault is
injected, and the same for the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.errors import WorldError, did_you_mean, listed
from pytest_rollout.world.samples import MINUTES, samples_of
from pytest_rollout.world.series import Series

_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Before:
    """Which series a plan's metric is, and by what its values are multiplied to have the metric's unit."""

    series: str
    factor: float = 1.0


def days_before(
    wanted: Mapping[str, Before], series: Mapping[str, Series], *, seed: int, at: datetime
) -> dict[str, dict[str, list[object]]]:
    """For each metric the days before, oldest first: when each ended, and the mean of ln x.

    Raises:
        WorldError: A series that the world does not have, or one with values that are not above 0.
    """
    found: dict[str, dict[str, list[object]]] = {}
    count = MINUTES // _DAY_MINUTES
    ends = [at - timedelta(days=3 * count - 1 - day) for day in range(count)]  # no phase of a world is so old
    for metric, before in wanted.items():
        if before.series not in series:
            lines = [f"the baseline of '{metric}' is of series '{before.series}', which the world does not have"]
            raise WorldError("\n  ".join([*lines, listed(series), *did_you_mean(before.series, series)]))
        found[metric] = {
            "days": [end.isoformat() for end in ends],
            "logs": [*_logs(series[before.series], before.factor, seed)],
        }
    return found


def _logs(series: Series, factor: float, seed: int) -> list[float]:
    """The mean of ln x of each day, oldest first; the daily cycle is that of a day at every minute of it."""
    newest_first = samples_of(series, seed + 1_000_003)
    cycle = [series.daily * math.sin(2 * math.pi * minute / _DAY_MINUTES) for minute in range(_DAY_MINUTES)]
    logs = []
    for start in range(0, MINUTES, _DAY_MINUTES):
        values = [
            factor * (value + swing)
            for value, swing in zip(newest_first[start : start + _DAY_MINUTES], cycle, strict=True)
        ]
        if min(values) <= 0:
            raise WorldError(f"series '{series.metric}': a baseline needs values above 0")
        logs.append(math.fsum(map(math.log, values)) / _DAY_MINUTES)
    return logs[::-1]
