"""dual_memory in phases 2 to 5, fault by fault: the second table in its docs says who must say what.

A rollback goes where the table says: in phase 4 to the stage before, to 0 % when critical.

Each case looks at millions of rows. A choice of them runs always, and all
with ROLLOUT_ALL_FAULTS=1.
"""

from __future__ import annotations

import pytest
from support.oracle import TELEMETRY, chosen, rows

ROWS = [row for row in rows("dual_memory") if row.phase not in {"phase0", "phase1"}]
ALWAYS = {
    ("", "phase2", "demo"),
    ("", "phase3", "demo"),
    ("", "phase4", "demo-5"),
    ("", "phase5", "demo"),
    ("latency_25", "phase3", "demo"),
    ("srm", "phase3", "demo"),
    ("blended_errors_150", "phase2", "demo"),
    ("wrong_percentage", "phase4", "demo-5"),
    ("latency_15", "phase4", "demo-5"),
    ("sev1_incident", "phase4", "demo-50"),
    ("sev2_incident", "phase4", "demo-50"),
    ("quality_report", "phase2", "demo"),
    ("short_suite", "phase2", "demo"),
    ("formation_30_better", "phase5", "demo"),
    ("metrics_down", "phase2", "demo"),
}
LATE = {"nan": {"stale"}}
"""Further reasons of a fault: a window whose newest values are no numbers has a newest number that is old."""


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there."""
    cases = {row.case for row in ROWS}

    assert len(cases) >= 80
    assert cases >= ALWAYS


@pytest.mark.parametrize("row", chosen(ROWS, ALWAYS))
def test_every_fault_gets_its_verdict(demo, here, tmp_path, row):
    """Exit code, reason and gate are those of the table, and `rollout verify` agrees."""
    done = demo("dual_memory", row.phase, fault=row.fault, environment=row.environment)

    assert done.exit_code in row.codes, done.said
    if row.phase in {"phase3", "phase4"}:
        assert done.verdict["rollback_percentage"] == row.back
    if row.fault in TELEMETRY:
        assert done.bad.keys() == done.asking_telemetry
        assert {row.reason} <= set(done.bad.values()) <= {row.reason, *LATE.get(row.fault, set())}
    elif done.exit_code:
        assert row.reason in {done.bad.get(gate) for gate in row.gates}, done.bad
    else:
        assert done.bad == {}
    if row.fault == "srm":
        compared = {name for name in done.bad if name.startswith("query_")}
        assert compared
        assert {done.bad[name] for name in compared} == {"srm"}
    words = ["--phase", row.phase, "--env", row.environment, "--max-age", "15m"]
    verified = here("pytest_rollout.cli", "verify", str(tmp_path / "verdict.json"), *words)
    # A PROCEED under a fault says something of the gates, and nothing that a pipeline may act on.
    assert verified.returncode == (1 if row.fault and done.exit_code == 0 else done.exit_code)
