"""relationship_engine, fault by fault: the table in its docs says who must say what.

A choice of its rows runs always, and all with ROLLOUT_ALL_FAULTS=1.
"""

from __future__ import annotations

import pytest
from support.oracle import REPOSITORY, TELEMETRY, chosen, rows

from pytest_rollout.world.load import load_world
from pytest_rollout.world.model import ANY_WORLD

ROWS = rows("relationship_engine")
ALWAYS = {
    ("", "phase0"),
    ("", "phase3"),
    ("engine_crash", "phase2"),
    ("pruned_12", "phase3"),
    ("confidence_low", "phase2"),
    ("nightly_130", "phase1"),
    ("llm_down", "phase3"),
    ("edges_lost", "phase4"),
    ("shadow_writes", "phase1"),
    ("cost_11", "phase2"),
    ("stale", "phase1"),
}


def test_the_table_is_read():
    """No row twice, every phase, every fault of the world, and each choice is a row that there is."""
    cases = [row.case[:2] for row in ROWS]
    world = load_world(REPOSITORY / "gates" / "relationship_engine" / "world.py")

    assert len(cases) >= 150
    assert len(set(cases)) == len(cases)
    assert {phase for _, phase in cases} == {f"phase{number}" for number in range(5)}
    assert {fault for fault, _ in cases} == {"", *world.faults, *ANY_WORLD}
    assert set(cases) >= ALWAYS


@pytest.mark.parametrize("row", chosen(ROWS, ALWAYS, lambda row: row.case[:2]))
def test_every_fault_gets_its_verdict(demo, row):
    """Exit code, reason and gates are those of the table, and no other gate says anything but PROCEED."""
    done = demo("relationship_engine", row.phase, fault=row.fault)

    assert done.exit_code == row.exit_code, done.said
    assert row.reason in {"", *done.bad.values()}
    if row.fault in TELEMETRY:
        assert done.bad.keys() == done.asking_telemetry
        assert set(done.bad.values()) == {row.reason}
    else:
        assert done.bad.keys() == row.gates


def test_a_rollback_starts_the_old_engine_and_stops_the_new_one(demo):
    """As the service says itself, within the objective."""
    done = demo("relationship_engine", "phase3", "--rollout-act", fault="pruned_12")
    told = done.verdict["actions"]

    assert done.exit_code == 20, done.said
    assert told["state"] == "done"
    assert told["seconds"] <= told["rto_seconds"] == 900
    assert [each["held"] for each in told["verified"]] == [True]
    (step,) = told["steps"]
    assert step["before"] != step["after"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [("", "on track"), ("unsigned", "on track"), ("nightly_70", "minor issues"), ("engine_crash", "blocked")],
    ids=["healthy", "waiting", "hold", "rollback"],
)
def test_the_weekly_status_says_how_it_stands(demo, here, tmp_path, fault, says):
    """On track, minor issues or blocked; the phase, what was measured, what is open, and what comes next."""
    demo("relationship_engine", "phase2", fault=fault)
    words = ["message", "gates/relationship_engine", "status", "--verdict", str(tmp_path / "verdict.json")]

    told = here("pytest_rollout.cli", *words)

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"## relationship-engine: {says}\n")
    for part in ("**Phase**: Parallel", "**Metrics**", "**Issues**", "**Next steps**"):
        assert part in told.stdout
    assert ("nightly_seconds = 70 s" in told.stdout) == (fault == "nightly_70")
