"""A day against the days before: which samples make a day, and what is missing from one."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.baselines import _ratio, day_start
from pytest_rollout.recorded import RecordedBaseline
from pytest_rollout.windows import Window

END = datetime(2026, 11, 7, 9, 0, tzinfo=UTC)
DAY_SECONDS = 86_400
BEFORE = RecordedBaseline(
    metric="memory",
    unit="MB",
    days=tuple(f"2026-10-0{day}T00:00:00+00:00" for day in (1, 2, 3, 4)),
    logs=tuple(math.log(each) for each in (99.0, 100.0, 101.0, 100.0)),
    recorded_at=END,
    by="somebody",
    asked="",
    source="telemetry",
)


def day(*, seconds_missing_at_the_end):
    """The last 24 hours of a sample a minute, up to some time before the end."""
    times = [float(at) for at in range(60, DAY_SECONDS + 1 - seconds_missing_at_the_end, 60)]
    return Window(
        name="memory",
        unit="MB",
        start=END - timedelta(days=1),
        end=END,
        step=timedelta(seconds=60),
        times=tuple(times),
        values=(110.0,) * len(times),
    )


@pytest.mark.parametrize("seconds", [0, 60, 120, 300, 3600, 4 * 3600])
def test_samples_that_are_late_are_missing_and_no_more(seconds):
    """A Prometheus that is two minutes behind has not lost the day; `max_age` says how far behind it may be."""
    found = _ratio(day(seconds_missing_at_the_end=seconds), BEFORE, 14, 0.95)

    assert found.value == pytest.approx(1.1, rel=0.01)


def test_a_day_of_which_a_fifth_is_missing_is_none():
    """Wherever it is missing."""
    found = _ratio(day(seconds_missing_at_the_end=5 * 3600), BEFORE, 14, 0.95)

    assert math.isnan(found.value)
    assert found.why == "more than a fifth of the last 24 hours is missing"


def test_a_day_begins_earlier_by_what_is_missing_at_its_end():
    """And not earlier where nothing is; the second day of a window likewise."""
    assert day_start([60.0, DAY_SECONDS - 60.0], 0.0, 60.0) == 0
    assert day_start([60.0, DAY_SECONDS - 300.0], 0.0, 60.0) == -240
    assert day_start([2.0 * DAY_SECONDS - 300], DAY_SECONDS, 60.0) == DAY_SECONDS - 240
    assert day_start([], 5.0, 60.0) == 5
