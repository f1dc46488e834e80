"""enrichment, fault by fault: the table in its docs says who must say what, and every run agrees.

A choice of its rows runs always, and all of them with ROLLOUT_ALL_FAULTS=1.
"""

from __future__ import annotations

import pytest
from support.oracle import TELEMETRY, chosen, rows

ROWS = rows("enrichment")
HALF = {"phase1": 0.0, "phase2": 5.0, "phase3": 25.0, "phase4": 50.0, "phase5": 50.0}
"""Where a rollback by half rests, by the phase that it is of."""
LOAD, SLOW, TURNS = "test_load_is_borne", "the sender", 3
AND_MORE = "and every gate"
ALWAYS = {
    ("", "phase0", "demo"),
    ("", "phase2", "demo"),
    ("", "phase4", "demo"),
    ("load_collapse", "phase0", "demo"),
    ("errors_6", "phase3", "demo"),
    ("p95_50", "phase2", "demo"),
    ("disk_nearly_full", "phase5", "demo"),
    ("service_down", "phase1", "demo"),
    ("stale", "phase1", "demo"),
    ("unsigned", "phase5", "demo"),
}


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there."""
    cases = {row.case for row in ROWS}

    assert len(ROWS) >= 130
    assert {phase for _, phase, _ in cases} == {f"phase{number}" for number in range(6)}
    assert cases >= ALWAYS


@pytest.mark.parametrize("row", chosen(ROWS, ALWAYS))
def test_every_fault_gets_its_verdict(demo, row):
    """Exit code, reason and gates are those of the table, and no other gate says anything but PROCEED."""
    for _ in range(TURNS):
        done = demo("enrichment", row.phase, fault=row.fault, environment=row.environment)
        bad = done.bad
        if LOAD in row.gates or LOAD not in bad or SLOW not in done.said:
            break  # else this machine cannot send 1000 requests in time, and the service is not what is slow

    assert done.exit_code == row.exit_code, (bad, done.said)
    assert row.reason in {"", *bad.values()}, bad
    to_half = HALF[row.phase] if row.reason == "critical" else 0.0  # P0 goes all the way
    assert done.verdict["rollback_percentage"] == (to_half if row.exit_code == 20 else None)
    if row.fault in TELEMETRY:
        assert bad.keys() == done.asking_telemetry
        assert {why for name, why in bad.items() if name not in row.gates} == {row.reason}
        assert {bad[name] for name in row.gates} <= {"stale"}
    elif AND_MORE in row.says:
        assert bad.keys() >= row.gates, bad
    else:
        assert {each for each in bad if not is_doubt_of(each, bad)} == row.gates, bad


def is_doubt_of(gate, bad):
    """Whether a gate only says less surely what another one says: a last day of a whole phase, or P99 beside P95."""
    return gate.startswith("query_latency.") and "query_latency.p95" in bad and gate != "query_latency.p95"


def test_the_drill_measures_time_and_loss(demo):
    """From 50 % to 0 %, verified by the service, with counts and checksum that are what they were."""
    done = demo("enrichment", "drill")
    (claims,) = done.claims.values()
    told = {claim["text"]: claim for claim in claims}

    assert done.exit_code == 0, done.said
    took = next(claim for text, claim in told.items() if "decision to verified" in text)
    assert 0 < took["value"] < 300
    assert sum("less before == 0" in text for text in told) == 3
    assert all(claim["truth"] == "proven" for claim in claims)
