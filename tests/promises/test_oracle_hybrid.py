"""hybrid_rag, fault by fault: the table in its docs says who must say what, and where the traffic goes back to.

A choice of its rows runs always, and all with ROLLOUT_ALL_FAULTS=1.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from support.oracle import REPOSITORY, TELEMETRY, chosen, rows

from pytest_rollout.world.load import load_world

ROWS = rows("hybrid_rag")
ALWAYS = {
    ("", "phase3", "demo"),
    ("", "phase4", "demo-15"),
    ("errors_07", "phase2", "demo"),
    ("spike_4min", "phase2", "demo"),
    ("spike_6min", "phase4", "demo"),
    ("health_down", "phase3", "demo"),
    ("spontaneous_activation", "phase0", "demo"),
    ("stale", "phase2", "demo"),
}


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there, nor rows twice."""
    cases = [row.case for row in ROWS]

    assert len(cases) >= 140
    assert len(set(cases)) == len(cases)
    assert {phase for _, phase, _ in cases} == {f"phase{number}" for number in range(5)}
    assert set(cases) >= ALWAYS


@pytest.mark.parametrize("row", chosen(ROWS, ALWAYS))
def test_every_fault_gets_its_verdict(demo, row):
    """Exit code, reason, gates, and where a rollback goes, are those of the table."""
    done = demo("hybrid_rag", row.phase, fault=row.fault, environment=row.environment)

    assert done.exit_code == row.exit_code, done.said
    assert row.reason in {"", *done.bad.values()}
    assert done.verdict["rollback_percentage"] == row.back
    if row.fault in TELEMETRY:
        # A window that is empty has no data, and one whose newest samples are no numbers is stale.
        more = {"no-data", "stale"} if row.fault != "metrics_down" else set()
        assert done.bad.keys() == done.asking_telemetry
        assert {row.reason} <= set(done.bad.values()) <= {row.reason, *more}
    else:
        assert done.bad.keys() == row.gates


@pytest.mark.parametrize(
    ("fault", "phase", "percent"),
    [("errors_07", "phase2", "5"), ("spike_6min", "phase4", "0")],
    ids=["sustained-to-5", "emergency-to-0"],
)
def test_a_rollback_sets_the_world_s_own_flags_and_nothing_else(demo, fault, phase, percent):
    """Byte for byte what the plan says, served within the objective, and memory compression as it was."""
    done = demo("hybrid_rag", phase, "--rollout-act", fault=fault)
    told = done.verdict["actions"]
    served = {"phase2": 10.0, "phase4": 25.0}[phase]
    world = load_world(REPOSITORY / "gates" / "hybrid_rag" / "world.py").showing(phase, served)
    before = json.dumps(dict(world.flags), indent=1) + "\n"
    after = before.replace(f'_percentage": {served}', f'_percentage": {percent}')

    assert done.exit_code == 20, done.said
    assert told["state"] == "done"
    assert told["seconds"] <= told["rto_seconds"] == 120
    assert [each["held"] for each in told["verified"]] == [True, True]
    (step,) = told["steps"]
    assert before.count(f'_percentage": {served}') == 18
    assert step["before"] == hashlib.sha256(before.encode()).hexdigest()
    assert step["after"] == hashlib.sha256(after.encode()).hexdigest()
    assert step["backup"].startswith(str(Path(step["backup"]).parent / "flags.json."))


def test_a_checkpoint_holds_what_was_measured_and_nothing_else(demo, here, tmp_path):
    """Its numbers are the receipt's own; a phase without a checkpoint, and another receipt, are refused."""
    done = demo("hybrid_rag", "phase3", fault="latency_250")
    receipt_file = str(tmp_path / "verdict.json")

    def write_up(phase):
        words = ["checkpoint", "gates/hybrid_rag", phase, "--rollout-env", "demo", "--receipt", receipt_file]
        return here("pytest_rollout.cli", *words)

    found = json.loads(write_up("phase3").stdout)
    claims = [claim for each in done.claims.values() for claim in each]

    assert (found["checkpoint"], found["percentage"], found["decision"]) == ("hour 48", 10, "HOLD")
    assert found["recommendation"] == "hold for 24 h more"
    assert found["next_milestone"].startswith("phase4: ")
    assert found["counted"].keys() == {
        "hours_in_phase",
        "clean_hours",
        "open_incidents",
        "interventions",
        "rollbacks",
    }
    assert [issue["code"] for issue in found["issues"]] == ["warning"]
    assert {each["what"] for each in found["measured"]} >= {"error_rate", "latency_p95", "cache_hits", "cost"}
    for each in found["measured"]:
        assert any(claim["value"] == each["value"] and claim["limit"] == each["limit"] for claim in claims)
    assert {"says": "the cohort is Builder, Deploy, QA, Support, Marketing", "truth": "proven"}.items() <= next(
        fact for fact in found["facts"] if "cohort" in fact["says"]
    ).items()
    refused = write_up("phase1")
    assert refused.returncode == 4
    assert "it does not judge hybrid-rag phase1" in refused.stderr
