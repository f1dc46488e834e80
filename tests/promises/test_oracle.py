"""dual_memory, fault by fault: the first table in its docs says who must say what, and every run agrees."""

from __future__ import annotations

import pytest
from support.oracle import TELEMETRY, rows

ROWS = [row for row in rows("dual_memory") if row.phase in {"phase0", "phase1"}]
WITH_WORKERS = {("", "phase1"), ("memory_25", "phase1"), ("stale", "phase1"), ("soak_leak", "phase0")}
"""Tried with two workers as well."""
LATE = {"nan": {"stale"}}
"""Further reasons of a fault: a window whose newest values are no numbers has a newest number that is old."""


def cases():
    """A case a row, some of them twice."""
    for row in ROWS:
        yield pytest.param(row, (), id=row.name)
        if row.case[:2] in WITH_WORKERS:
            yield pytest.param(row, ("-n", "2"), id=f"{row.name}-xdist")


def test_the_table_is_read():
    """An empty table would prove nothing, and neither would one without a phase."""
    found = {row.case[:2] for row in ROWS}

    assert len(found) >= 38
    assert {phase for _, phase in found} == {"phase0", "phase1"}
    assert found >= WITH_WORKERS


@pytest.mark.parametrize(("row", "workers"), list(cases()))
def test_every_fault_gets_its_verdict(demo, here, tmp_path, row, workers):
    """Exit code, reason and gate are those of the table, and `rollout verify` agrees."""
    done = demo("dual_memory", row.phase, *workers, fault=row.fault)

    assert done.exit_code == row.exit_code, done.said
    assert row.reason in {"", *done.bad.values()}
    if row.fault in TELEMETRY:
        more = LATE.get(row.fault, set())
        assert done.bad.keys() == done.asking_telemetry
        assert {row.reason} <= set(done.bad.values()) <= {row.reason, *more}
    elif row.fault != "world_dies":
        assert done.bad.keys() == row.gates
    verify = ["verify", str(tmp_path / "verdict.json"), "--phase", row.phase, "--env", "demo", "--max-age", "15m"]
    verified = here("pytest_rollout.cli", *verify)
    # A PROCEED under a fault says something of the gates, and nothing that a pipeline may act on.
    assert verified.returncode == (1 if row.fault and row.exit_code == 0 else row.exit_code)


def test_the_failing_gate_names_metric_value_limit_and_action(demo):
    """At two in the morning the screen says what is wrong, by how much, and what to do."""
    done = demo("dual_memory", "phase1", fault="memory_25")

    for told in (
        "memory_rss_bytes",
        "memory_rss_bytes against its baseline = 2",
        "≤ 20 % (critical)",
        "action: check concept cache eviction",
        "runbook: ",
    ):
        assert told in done.said
