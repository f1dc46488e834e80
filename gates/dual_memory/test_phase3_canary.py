"""Phase 3, canary: may blended recall stay on for 1 % of the spaces?

What is compared with the control group is in `rollout.yaml`; here is what
takes a sentence of Python.
"""

import pytest

from pytest_rollout import Inconclusive, check

pytestmark = pytest.mark.phase3

API = "/api/v1/dual_memory"
RUNBOOK = "docs/rollouts/dual_memory/runbook.md"


def test_both_groups_have_a_thousand_queries(ab):
    """Fewer say nothing about one query in a hundred; until there are so many, the canary waits."""
    latency = ab("query_latency")
    fewest = min(latency.n[arm].rows for arm in ("control", "treatment"))
    if fewest < 1000:
        raise Inconclusive(f"the smaller group has {fewest} queries of 1000", reason="information")

    assert check(fewest >= 1000, f"each group has at least 1000 queries, the smaller one {fewest}")
    assert latency.p50.delta < "5 ms"


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_severe_incident(metrics):
    """A SEV1 or SEV2 incident takes the release back."""
    assert metrics("incidents_sev1_sev2") == 0


@pytest.mark.rollback
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#issue-2-poor-recall-quality")
def test_few_complain(metrics):
    """More than 5 complaints about recall take the release back."""
    assert metrics("recall_complaints") <= 5


def test_recall_is_configured_for_the_canary(target):
    """Weights 0.15 and 0.85, at most 100 candidates, 50 ms."""
    config = target.get(f"{API}/config").json()

    assert check(config["semantic_weight"] == 0.15, "the weight of concepts is 0.15")
    assert check(config["max_candidates"] <= 100, "at most 100 candidates")
    assert check(config["timeout_ms"] == 50, "a recall gives up after 50 ms")
