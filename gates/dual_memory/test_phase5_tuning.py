"""Phase 5, tuning: which weight of concepts answers best: 0.15 as now, 0.20, 0.25 or 0.30?"""

import pytest

pytestmark = pytest.mark.phase5

RUNBOOK = "docs/rollouts/dual_memory/runbook.md"
ARMS = ["w020", "w025", "w030"]


@pytest.mark.gate(runbook=f"{RUNBOOK}#tuning")
def test_one_weight_wins(ab):
    """One weight answers with more confidence than 0.15, today's weight: proven, the error of all three held."""
    assert ab.winner("query_confidence", by="mean")


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.gate(runbook=f"{RUNBOOK}#issue-4-recall-timeout")
def test_no_weight_is_slower(ab, arm):
    """None of them adds 10 ms to P99."""
    assert ab("query_latency", arm=arm).p99.delta < "10 ms"


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_severe_incident(metrics):
    """A SEV1 or SEV2 incident ends the tuning."""
    assert metrics("incidents_sev1_sev2") == 0
