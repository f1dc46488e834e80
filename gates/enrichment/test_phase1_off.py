"""Phase 1, 0 %: is the service as healthy as before, with everything switched off?

Errors, latency and what the service needs are budgets of `rollout.yaml`.
"""

import pytest

from pytest_rollout import check

RUNBOOK = "docs/rollouts/enrichment/runbook.md"
pytestmark = pytest.mark.phase1


@pytest.mark.gate(runbook=f"{RUNBOOK}#wrong-percentage")
def test_service_says_that_it_is_off(target):
    """Multi-hop is disabled, and 0 % are enriched."""
    config = target.get("/api/query/enrichment/config").json()

    assert check(config["multi_hop_enabled"] is False, "multi-hop is disabled")
    assert check(config["rollout_percentage"] == 0, "0 % are enriched")


def test_settings_are_those_of_this_phase(flags):
    """Everything off, and no hops."""
    assert flags.off("ENABLE_MULTI_HOP")
    assert flags.off("ENABLE_REASONING")
    assert flags("MAX_HOPS") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#wrong-percentage")
def test_nothing_is_enriched(metrics):
    """Less than 0.1 % of the queries, proven from their counts."""
    assert metrics("usage_rate") < "0.1 %"
