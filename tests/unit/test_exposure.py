"""Since when rows count, and which percentage of the traffic is a stratum from when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.exposure import Exposure, strata
from pytest_rollout.plan.nodes import Place
from pytest_rollout.plan.phase import Phase, Stage
from pytest_rollout.remembered import Remembered

AT, HOUR, DAY = datetime(2026, 11, 1, 9, tzinfo=UTC), timedelta(hours=1), timedelta(days=1)
PLACE = Place(Path("rollout.yaml"), 1, 1, "")


def exposure(*percents, traffic=(), started=AT - 9 * DAY, since=None):
    """A phase with stages, and a traffic whose percentages came some time ago."""
    stages = tuple(Stage(percent=each, hold=None, approvals={}, place=PLACE) for each in percents)
    phase = Phase(name="gradual", title="", budgets={}, place=PLACE, stages=stages)
    served = tuple((percent, AT - ago) for percent, ago in traffic)
    return Exposure(phase, Remembered(started=started, traffic=served), AT, since)


@pytest.mark.parametrize(
    ("past", "start"),
    [
        pytest.param({}, AT - 9 * DAY, id="since the phase began"),
        pytest.param({"started": None}, AT - timedelta(seconds=1), id="it begins with this run"),
        pytest.param({"started": AT + HOUR}, AT - timedelta(seconds=1), id="it begins later"),
        pytest.param({"since": AT - 20 * DAY}, AT - 20 * DAY, id="planned with rows of before"),
    ],
)
def test_rows_count_since_the_phase_began(past, start):
    span = exposure(**past).span()

    assert (span.start, span.end, span.stages) == (start, AT, {})


def test_what_was_served_before_the_first_stage_does_not_count():
    """And what is served from now on is in no row yet."""
    span = exposure(5, 25, traffic=[(1, 8 * DAY), (5, 3 * DAY), (25, HOUR), (50, -HOUR)]).span()

    assert span.start == AT - 3 * DAY
    assert span.stages == {"5 %": AT - 3 * DAY, "25 %": AT - HOUR}


@pytest.mark.parametrize(
    ("traffic", "days"),
    [
        ([(5, 8), (0, 6), (5, 3)], 3),
        ([(5, 8), (0, 6), (5, 3), (25, 1)], 3),
        ([(5, 8), (0, 6), (5, 5), (0, 4), (5, 3)], 3),
        ([(5, 8), (25, 6), (5, 3)], 8),  # a part of it: the release is in all the time
        ([(5, 8), (0, 6)], 8),  # what takes the release back is still seen
    ],
)
def test_rows_before_the_traffic_was_taken_away_are_of_another_release(traffic, days):
    """A fixed release is not judged by two weeks of the one that was taken back."""
    span = exposure(5, 25, traffic=[(percent, ago * DAY) for percent, ago in traffic]).span()

    assert span.start == AT - days * DAY


def test_a_percentage_that_comes_again_is_another_stratum():
    named = strata([(5, AT), (1, AT + HOUR), (5, AT + 2 * HOUR), (5, AT + 3 * HOUR)])

    assert list(named) == ["5 %", "1 %", "5 % (2)", "5 % (3)"]
    assert named["5 % (2)"] == (5, AT + 2 * HOUR)


def test_the_last_day_begins_in_the_stage_that_was_served_then():
    span = exposure(5, 25, traffic=[(1, 8 * DAY), (5, 3 * DAY), (25, HOUR)]).span(last_day=True)

    assert span.start == AT - DAY
    assert span.stages == {"5 %": AT - 3 * DAY, "25 %": AT - HOUR}


def test_traffic_that_was_never_a_stage_is_counted_from_the_start():
    """Rows from before anybody wrote a percentage down are those of the first one."""
    span = exposure(5, 25, traffic=[(1, 3 * DAY)]).span()

    assert (span.start, span.stages) == (AT - 9 * DAY, {"1 %": AT - 9 * DAY})
