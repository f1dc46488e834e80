"""Where a number came from, as plain values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from pytest_rollout.provenance import Provenance


def test_a_provenance_becomes_plain_values():
    at = datetime(2026, 11, 1, 9, 0, 0, 123456, tzinfo=UTC)
    facts = Provenance(source="telemetry", query="q", window="24 h", at=at, age=timedelta(seconds=4.5)).facts()

    assert facts == {
        "source": "telemetry",
        "query": "q",
        "window": "24 h",
        "at": "2026-11-01T09:00:00+00:00",
        "age": 4.5,
    }
    json.dumps(facts)


def test_what_is_not_known_is_empty_and_an_unknown_age_is_null():
    """0 would be an age, and a young one."""
    assert Provenance().facts() == {"source": "", "query": "", "window": "", "at": "", "age": None}
