"""What one look at a phase does to its day: nothing that is not understood is good."""

from __future__ import annotations

import json

import pytest

from pytest_rollout.ledger.evaluations import Quality, outcome_of, quality_of

GOOD, GATHERING, BAD, OTHER = Quality.GOOD, Quality.GATHERING, Quality.BAD, Quality.NOT_LIVE


@pytest.mark.parametrize(
    ("decision", "reasons", "waiting", "quality"),
    [
        ("PROCEED", [], False, GOOD),
        ("HOLD", ["hold-time"], True, GOOD),
        ("HOLD", ["streak", "approval", "hold-time"], True, GOOD),
        ("HOLD", ["information"], True, GATHERING),
        ("HOLD", ["information", "streak"], True, GATHERING),
        ("HOLD", ["hold-time"], False, BAD),
        ("HOLD", ["hold-time", "no-data"], True, BAD),
        ("HOLD", ["prerequisite"], True, BAD),
        ("HOLD", [], True, BAD),
        ("PROCEED", ["warning"], False, BAD),
        ("ROLLBACK", ["critical"], False, BAD),
        ("ROLLBACK", ["hold-time"], True, BAD),
        ("proceed", [], False, BAD),
        ("", [], True, BAD),
    ],
)
def test_what_an_evaluation_does_to_its_day(decision, reasons, waiting, quality):
    """PROCEED, or a HOLD that waits for time, a streak or an approval and for nothing else."""
    assert quality_of(decision, reasons, waiting=waiting) is quality


@pytest.mark.parametrize(
    ("change", "quality"),
    [
        ({}, GOOD),
        ({"mode": "past"}, OTHER),
        ({"mode": "replay"}, OTHER),
        ({"mode": "replay", "decision": "ROLLBACK"}, OTHER),
        ({"waiting": 1}, GOOD),
        ({"decision": "HOLD", "reasons": ["streak"], "waiting": 1}, BAD),
        ({"reasons": None}, BAD),
        ({"reasons": "streak"}, BAD),
    ],
)
def test_the_body_of_an_entry(change, quality):
    body = {"decision": "PROCEED", "reasons": [], "waiting": False, "mode": "live"} | change

    assert outcome_of(json.dumps(body))[0] is quality


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"mode": "live"}', '{"decision": "PROCEED"}'])
def test_a_body_that_cannot_be_read_is_bad(content):
    assert outcome_of(content) == (BAD, "an evaluation that cannot be read")
