"""When a phase is looked at next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_rollout.plan.phase import Look
from pytest_rollout.schedule import due

SINCE = datetime(2026, 11, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCHEDULE = (
    Look(every=MINUTE, lasting=15 * MINUTE),
    Look(every=30 * MINUTE, lasting=120 * MINUTE),
    Look(every=60 * MINUTE),
)


@pytest.mark.parametrize(
    ("judged", "next_look", "every"),
    [
        (None, 0, 1),
        (-5, 0, 1),  # before the phase began, or its traffic changed
        (0, 1, 1),
        (14, 15, 1),
        (14.5, 15, 1),
        (15, 45, 30),
        (130, 135, 30),
        (135, 195, 60),
        (6000, 6060, 60),
    ],
)
def test_the_next_look(judged, next_look, every):
    found = due(SCHEDULE, since=SINCE, judged=None if judged is None else SINCE + judged * MINUTE)

    assert found.at == SINCE + next_look * MINUTE
    assert found.every == every * MINUTE


def test_how_it_is_said():
    found = due(SCHEDULE, since=SINCE, judged=SINCE)

    assert found.said(SINCE) == "2026-11-01 09:01 UTC (every 1 min now)"
    assert found.said(SINCE + 11 * MINUTE) == "overdue by 10 min (every 1 min now)"
    assert due((), since=SINCE, judged=None) is None
