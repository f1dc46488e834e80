"""competitive_bench, fault by fault: the table in its docs says who must say what, and every run agrees.

A choice of its rows runs always, and all of them with ROLLOUT_ALL_FAULTS=1.
The campaign's programs are new processes in any case.
"""

from __future__ import annotations

import pytest
from support.oracle import chosen, rows

ROWS = rows("competitive_bench")
ALWAYS = {
    ("", "phase3"),
    ("nondeterministic_seed", "phase1"),
    ("leak", "phase2"),
    ("killed_run", "phase3"),
    ("slow_scenario", "phase4"),
    ("corrupt_result", "phase4"),
    ("missing_baseline", "phase4"),
}


def test_the_table_is_read():
    """An empty table would prove nothing; neither would a choice of rows that are not there, nor rows twice."""
    cases = [row.case[:2] for row in ROWS]

    assert len(cases) >= 45
    assert len(set(cases)) == len(cases)
    assert {phase for _, phase in cases} == {f"phase{number}" for number in range(5)}
    assert set(cases) >= ALWAYS


@pytest.mark.parametrize("row", chosen(ROWS, ALWAYS, lambda row: row.case[:2]))
def test_every_fault_gets_its_verdict(demo, row):
    """Exit code, reason and gates are those of the table."""
    done = demo("competitive_bench", row.phase, fault=row.fault)

    assert done.exit_code == row.exit_code, done.said
    assert row.reason in {"", *done.bad.values()}
    assert done.bad.keys() == row.gates, done.said
