"""Who signed, in words and as a table that any spreadsheet opens."""

import csv
import io
from datetime import UTC, datetime

import pytest

from pytest_rollout.book import PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.record import PhaseFacts, PhaseRecord, RoleRecord, Signature, StatementRecord
from pytest_rollout.reports.signed import HEADS, rests_on_people, table, told
from pytest_rollout.verdict import Traffic

AT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
UNTIL = datetime(2026, 12, 2, 2, 0, tzinfo=UTC)
ADA = Signature(principal="ada@example.org", signed_at=AT, expires_at=UNTIL, comment="=1+1")


def phase(*roles, statements=()):
    return PhaseRecord(
        rollout="shop",
        phase="canary",
        decision=Decision.HOLD,
        reasons=(),
        gates=(),
        traffic=Traffic(),
        plan_digest="",
        lock_digest="",
        evidence_digest="",
        facts=PhaseFacts(roles=roles, statements=tuple(statements)),
    )


def rows(found):
    heads, *rest = csv.reader(io.StringIO(table(found)))
    assert tuple(heads) == HEADS
    return rest


def test_a_signature_has_its_name_and_times():
    found = phase(RoleRecord(role="product", needed=1, signed=(ADA,)))

    assert told(found) == (
        "product: ada@example.org, signed 2026-11-25 02:00 UTC, counts until 2026-12-02 02:00 UTC, “=1+1”",
    )
    assert rows(found) == [["product", "ada@example.org", "2026-11-25 02:00 UTC", "2026-12-02 02:00 UTC", "'=1+1"]]


def test_every_missing_signature_is_awaited():
    found = phase(RoleRecord(role="product", needed=3, signed=(ADA,)))

    assert told(found)[1:] == ("product: awaited", "product: awaited")
    assert [row[:2] for row in rows(found)[1:]] == [["product", "awaited"]] * 2


def test_what_does_not_count_says_why():
    found = phase(RoleRecord(role="product", needed=1, refused=("bob is an author",)))

    assert told(found) == ("product: awaited", "Does not count: bob is an author")
    assert rows(found)[-1] == ["product", "does not count", "", "", "bob is an author"]


def test_a_name_without_its_time_was_verified():
    """A replay knows the names of the evidence, and nothing else."""
    found = phase(RoleRecord(role="product", needed=1, signed=(Signature(principal="ada"),)))

    assert rows(found) == [["product", "ada", "verified", "", ""]]
    assert told(found) == ("product: ada, whose signature was verified",)


@pytest.mark.parametrize(
    ("said", "line", "row"),
    [
        (
            StatementRecord(topic="survey", asked="neutral"),
            "survey, asked for “neutral”: awaited",
            ["survey", "awaited", "", "", "asked for “neutral”"],
        ),
        (
            StatementRecord(topic="survey", asked="neutral", says="worse", by="bob", at=AT, refused="another answer"),
            "survey, asked for “neutral”: “worse”, said by bob on 2026-11-25 02:00 UTC (another answer)",
            ["survey", "bob", "2026-11-25 02:00 UTC", "", "asked for “neutral”, said “worse”: another answer"],
        ),
    ],
)
def test_statements(said, line, row):
    assert told(phase(statements=[said])) == (line,)
    assert rows(phase(statements=[said])) == [row]


def test_nobody_is_asked():
    assert told(phase()) == ()
    assert rows(phase()) == []


@pytest.mark.parametrize(
    ("gate", "source", "expected"),
    [
        ("rollout.yaml::canary::approvals", "signatures", True),
        ("rollout.yaml::canary::statements", "", True),
        ("test_canary.py::test_the_owner_agrees", "signatures", True),
        ("test_canary.py::test_latency", "prometheus", False),
    ],
)
def test_which_gates_rest_on_people(gate, source, expected):
    planned = PlannedGate(id=gate, nodeid=gate, rollout="shop", phases=("canary",), title="")
    claim = ClaimFacts(text="", truth=Truth.PROVEN, source=source)

    assert rests_on_people(GateVerdict(gate=planned, decision=Decision.PROCEED, claims=(claim,))) is expected
