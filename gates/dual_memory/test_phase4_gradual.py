"""Phase 4, gradual rollout: may the traffic go to the next stage?

Stages, holds and comparisons are in `rollout.yaml`; here are the triggers of
single stages, and what takes a sentence of Python.
"""

import pytest

pytestmark = pytest.mark.phase4

API = "/api/v1/dual_memory"
RUNBOOK = "docs/rollouts/dual_memory/runbook.md"


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_severe_incident(metrics):
    """A SEV1 or SEV2 incident takes the release back, to the stage before."""
    assert metrics("incidents_sev1_sev2") == 0


@pytest.mark.rollback(to="0 %")
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_sev1(metrics):
    """A SEV1 incident takes the release back all the way."""
    assert metrics("incidents_sev1") == 0


@pytest.mark.rollback
@pytest.mark.stage("5 %")
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#issue-4-recall-timeout")
def test_nobody_waits_longer_at_first(ab):
    """At 5 %, P99 that has grown by more than 10 ms takes the release back; that it has not is proven."""
    assert ab("query_latency").p99.delta < "10 ms"


@pytest.mark.rollback
@pytest.mark.stage("25 %")
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_more_recalls_fail(ab):
    """At 25 %, errors that have grown by more than 0.1 pp take the release back; that they have not is proven."""
    assert ab("query_errors").rate.delta < "0.1 pp"


@pytest.mark.rollback
@pytest.mark.stage("50 %", "100 %")
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#issue-2-poor-recall-quality")
def test_answers_stay_as_sure(ab):
    """From 50 % on, mean confidence that fell by more than 0.05 takes the release back; that it did not is proven."""
    assert ab("query_confidence").mean.delta > -0.05


@pytest.mark.gate(runbook=f"{RUNBOOK}#partial-rollback")
def test_as_many_spaces_are_served_as_planned(target, stage):
    """The service blends recall for the share of spaces that the stage says, within a tenth of it."""
    served = target.get(f"{API}/assignment_stats").json()["served"]

    assert stage.current * 0.9 <= served
    assert stage.current * 1.1 >= served
