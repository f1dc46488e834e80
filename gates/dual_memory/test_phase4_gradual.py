"""Phase 4, gradual rollout: may the traffic go to the next stage?

Stages, holds and comparisons are in `rollout.yaml`; here are the triggers of
single stages, and what takes a sentence of Python.
"""

import pytest

pytestmark = pytest.mark.phase4

API = "/api/v1/dual_memory"
RUNBOOK = "docs/rollouts/dual_memory/runbook.md"


@pytest.mark.rollback(to="0 %")
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_severe_incident(metrics):
    """A SEV1 or SEV2 incident takes the release back, all the way."""
    assert metrics("incidents_sev1_sev2") == 0


@pytest.mark.stage("5 %")
@pytest.mark.gate(runbook=f"{RUNBOOK}#issue-4-recall-timeout")
def test_nobody_waits_longer_at_first(ab):
    """At 5 %, P99 grows by less than 10 ms, proven."""
    assert ab("query_latency").p99.delta < "10 ms"


@pytest.mark.stage("25 %")
@pytest.mark.gate(runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_more_recalls_fail(ab):
    """At 25 %, errors grow by less than 0.1 pp, proven."""
    assert ab("query_errors").rate.delta < "0.1 pp"


@pytest.mark.stage("50 %")
@pytest.mark.gate(runbook=f"{RUNBOOK}#issue-2-poor-recall-quality")
def test_answers_stay_as_sure(ab):
    """At 50 %, mean confidence is within 0.05, proven."""
    assert -0.05 < ab("query_confidence").mean.delta < 0.05


@pytest.mark.gate(runbook=f"{RUNBOOK}#partial-rollback")
def test_as_many_spaces_are_served_as_planned(target, stage):
    """The service blends recall for the share of spaces that the stage says, within a tenth of it."""
    served = target.get(f"{API}/assignment_stats").json()["served"]

    assert stage.current * 0.9 <= served
    assert stage.current * 1.1 >= served
