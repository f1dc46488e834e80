"""A recorded baseline comes back as it was; a damaged one, or one of another question, is none."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.recorded import RecordedBaseline

LOGS = st.lists(st.floats(-20, 20, allow_nan=False), min_size=1, max_size=30)


def recorded(logs, days=None):
    return RecordedBaseline(
        metric="memory",
        unit="MB",
        days=tuple(days or (f"2026-10-{number + 1:02}T00:00:00+00:00" for number in range(len(logs)))),
        logs=tuple(logs),
        recorded_at=datetime(2026, 11, 1, tzinfo=UTC),
        by="ada",
        asked="0123456789abcdef",
        source="telemetry",
    )


@given(LOGS)
def test_it_comes_back_as_it_was(logs):
    assert RecordedBaseline.from_json(json.loads(json.dumps(recorded(logs).as_json()))) == recorded(logs)


@given(LOGS)
def test_its_value_lies_among_its_days(logs):
    """The geometric mean; in the metric's unit."""
    value = recorded(logs).value

    assert math.exp(min(logs)) * (1 - 1e-9) <= value <= math.exp(max(logs)) * (1 + 1e-9)


def test_without_days_there_is_no_value():
    assert math.isnan(recorded([]).value)


@pytest.mark.parametrize(
    "changed",
    [
        {"logs": [1.0]},
        {"logs": [1.0, math.nan]},
        {"logs": [1.0, math.inf]},
        {"logs": "12"},
        {"days": None},
        {"recorded_at": "yesterday"},
        {"unit": None, "days": {}},
    ],
)
def test_a_damaged_baseline(changed):
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in words of its own
        RecordedBaseline.from_json({**recorded([1.0, 2.0]).as_json(), **changed})


@pytest.mark.parametrize("key", ["metric", "unit", "recorded_at", "by", "asked", "source"])
def test_a_baseline_that_lacks_something(key):
    found = {name: value for name, value in recorded([1.0, 2.0]).as_json().items() if name != key}

    with pytest.raises(KeyError):
        RecordedBaseline.from_json(found)
