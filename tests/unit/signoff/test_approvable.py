"""Which verdicts may be approved: good ones, and those that wait for time and signatures alone."""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import timedelta

import pytest

from pytest_rollout.errors import SignoffError
from pytest_rollout.receipt import SCHEMA
from pytest_rollout.signoff.approvable import approvable

CLAIM = {"truth": "proven"}
GATE = {"id": "test_x.py::test_a", "counts": True, "decision": "PROCEED", "reason": None, "claims": [CLAIM]}
WAITS = GATE | {"decision": "HOLD", "reason": "approval", "claims": [{"truth": "inconclusive"}]}
SENTENCES = {"approval": "product is awaited", "streak": "3 green days are needed", "hold-time": "5 h more"}


@pytest.fixture
def document(now):
    """A live verdict of one phase that PROCEEDs."""
    return {
        "schema": SCHEMA,
        "run_id": "run-1",
        "mode": "live",
        "decision": "PROCEED",
        "exit_code": 0,
        "environment": "production",
        "embedded": False,
        "fault": None,
        "evaluated_at": (now - timedelta(hours=1)).isoformat(),
        "reasons": [],
        "verdicts": [
            {
                "rollout": "shop",
                "phase": "canary",
                "stage": "25 %",
                "decision": "PROCEED",
                "reasons": [],
                "plan_digest": "a" * 64,
                "evidence_digest": "d" * 64,
                "gates": [GATE],
            }
        ],
    }


@pytest.fixture
def holding(document):
    """The same, held for these reasons."""

    def holding(*codes, gates=(GATE, WAITS)):
        held = copy.deepcopy(document) | {"decision": "HOLD", "exit_code": 10}
        reasons = [{"code": code, "sentence": SENTENCES.get(code, "so it is"), "gate": None} for code in codes]
        held["verdicts"][0] |= {"decision": "HOLD", "reasons": reasons, "gates": list(gates)}
        return held

    return holding


@pytest.fixture
def approved(now):
    """What may be approved of a document."""

    def approved(document, **more):
        facts = {"rollout": "shop", "phase": "canary", "environment": "production", "stage": "25 %", "now": now}
        return approvable(json.dumps(document).encode(), **facts | more)

    return approved


def test_a_verdict_that_proceeds(document, approved, now):
    """With all that an approval names."""
    judged = approved(document)

    assert judged.verdict_digest == hashlib.sha256(json.dumps(document).encode()).hexdigest()
    assert (judged.plan_digest, judged.evidence_digest, judged.run_id) == ("a" * 64, "d" * 64, "run-1")
    assert (judged.stage, judged.environment, judged.embedded, judged.gates) == ("25 %", "production", False, 1)
    assert judged.evaluated_at == now - timedelta(hours=1)


@pytest.mark.parametrize("codes", [("approval",), ("streak",), ("hold-time", "approval", "streak")])
def test_a_hold_that_waits(holding, approved, codes):
    """For time and signatures alone; both can be waited for side by side."""
    assert approved(holding(*codes)).reasons == tuple(f"{code}: {SENTENCES[code]}" for code in codes)


@pytest.mark.parametrize("code", ["failed", "no-data", "information", "inconclusive", "prerequisite", "emergency"])
def test_a_hold_for_more_than_that(holding, approved, code):
    """Nor beside what can be waited for."""
    with pytest.raises(SignoffError, match=f"it holds for more than time and signatures: {code}: so it is"):
        approved(holding("approval", code) | {"exit_code": 1})


def test_a_hold_of_a_world_with_a_fault(holding, approved):
    """Whatever it decided."""
    with pytest.raises(SignoffError, match="it judged a world with the fault 'leak' injected"):
        approved(holding("approval") | {"fault": "leak"})


def test_a_rollback(holding, approved):
    """Nobody's name makes it good."""
    rolled = holding("critical") | {"decision": "ROLLBACK", "exit_code": 20}
    rolled["verdicts"][0]["decision"] = "ROLLBACK"

    with pytest.raises(SignoffError, match="it says ROLLBACK: a release that is to be taken back is not approved"):
        approved(rolled)


def test_a_hold_without_a_reason(holding, approved):
    """Something was taken out of it."""
    with pytest.raises(SignoffError, match="it says HOLD with 0 reasons against it"):
        approved(holding() | {"exit_code": 1})


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (GATE | {"decision": "HOLD", "reason": "failed"}, r"test_a: HOLD\[failed\]"),
        (
            GATE | {"decision": "ROLLBACK", "reason": "critical"},
            r"test_a: ROLLBACK\[critical\]|its phases say ROLLBACK",
        ),
        (GATE | {"claims": []}, "its claims are not all proven"),
        (GATE | {"claims": [CLAIM, {"truth": "inconclusive"}]}, "its claims are not all proven"),
        (WAITS | {"claims": [{"truth": "refuted"}]}, "its claims are not all proven"),
        (GATE | {"counts": "no", "decision": "HOLD", "reason": "failed"}, r"HOLD\[failed\]"),
    ],
)
def test_a_gate_below_that_says_otherwise(holding, approved, gate, said):
    """The reasons above it could have been edited."""
    with pytest.raises(SignoffError, match=said):
        approved(holding("approval", gates=(gate,)))


def test_a_verdict_of_shadow_gates_alone(holding, approved):
    """Nothing in it counts, so there is nothing to approve."""
    with pytest.raises(SignoffError, match="no gate of it counts"):
        approved(holding("approval", gates=(GATE | {"counts": False},)))


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ({"mode": "past"}, {}, "it is a past run: only a live one may release"),
        ({"mode": "replay"}, {}, "it is a replay run: only a live one may release"),
        ({"environment": "staging"}, {}, "it judged environment 'staging', not 'production'"),
        ({"fault": "leak"}, {}, "with the fault 'leak' injected"),
        ({"embedded": True}, {"environment": ""}, "an embedded world and not your system"),
        ({"schema": "other"}, {}, "its schema is 'other'"),
        ({"exit_code": 1}, {}, "it says PROCEED and exit code 1"),
        ({"evaluated_at": "2027-01-01T00:00:00+00:00"}, {}, "it is from the future"),
        ({"reasons": [{"code": "failed", "sentence": "pytest", "gate": None}]}, {}, "failed: pytest|PROCEED"),
        ({}, {"phase": "everyone"}, "it does not judge shop everyone; it judged shop canary"),
        ({}, {"rollout": "pay"}, "it does not judge pay canary"),
        ({}, {"stage": "5 %"}, "it judged stage 25 %, not 5 %"),
        ({}, {"stage": ""}, "it judged stage 25 %, not none"),
    ],
)
def test_a_verdict_of_something_else(document, approved, change, more, said):
    """All that `rollout verify` objects to, and the stage."""
    with pytest.raises(SignoffError, match=said):
        approved(document | change, **more)


def test_an_embedded_world_that_is_named(document, approved):
    """To try approvals on; it says so."""
    assert approved(document | {"embedded": True, "environment": "demo"}, environment="demo").embedded
    assert approved(document, stage=None).stage == "25 %"


@pytest.mark.parametrize("embedded", [None, "no", 0])
def test_embedded_is_a_word_that_is_taken_as_it_stands(document, approved, embedded):
    """Whatever is not exactly false counts as an embedded world."""
    with pytest.raises(SignoffError, match="an embedded world"):
        approved(document | {"embedded": embedded}, environment="")


def test_a_phase_that_was_judged_twice(document, approved):
    """Which of them would be approved?"""
    document["verdicts"] *= 2

    with pytest.raises(SignoffError, match="it judges the phase 2 times"):
        approved(document)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b'{"schema": 1, "schema": 2}', b"null", b"[" * 5000, b'{"schema": NaN}']
)
def test_bytes_that_are_no_verdict(data, now):
    """With the reason, and no traceback."""
    with pytest.raises(SignoffError, match=r"not a verdict|cannot be approved"):
        approvable(data, rollout="shop", phase="canary", environment="", stage=None, now=now)


def test_another_phase_of_the_same_run_may_fail(document, approved):
    """Only the phase that is approved is looked at."""
    other = copy.deepcopy(document["verdicts"][0]) | {"phase": "everyone", "decision": "HOLD"}
    other["reasons"] = [{"code": "failed", "sentence": "so it is", "gate": None}]
    document |= {"decision": "HOLD", "exit_code": 1, "verdicts": [document["verdicts"][0], other]}

    assert approved(document).decision == "PROCEED"
    with pytest.raises(SignoffError, match="failed: so it is"):
        approved(document, phase="everyone")
