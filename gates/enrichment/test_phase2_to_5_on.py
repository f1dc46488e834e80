"""Phases 2 to 5, 10 to 100 %: is the service what its settings say, and does it answer?

Levels, comparisons with plain answers and with what was before are in
`rollout.yaml`; here is what takes a sentence of Python.
"""

import pytest

from pytest_rollout import check

RUNBOOK = "docs/rollouts/enrichment/runbook.md"


@pytest.mark.phase1
@pytest.mark.phase2
@pytest.mark.phase3
@pytest.mark.phase4
@pytest.mark.phase5
@pytest.mark.rollback(to="0 %")
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#service-down")
def test_service_is_up(target):
    """A service that is down is P0: it is switched off at once."""
    assert check(target.get("/health").status_code == 200, "the service says that it is healthy")


@pytest.mark.phase2
@pytest.mark.phase3
@pytest.mark.phase4
@pytest.mark.phase5
@pytest.mark.gate(runbook=f"{RUNBOOK}#wrong-percentage")
def test_as_many_queries_are_enriched_as_planned(metrics, stage):
    """The usage rate is the rollout percentage, within a tenth of it, proven from counts."""
    assert stage.current > 0
    assert metrics("usage_rate") - stage.current * 0.9 > 0
    assert metrics("usage_rate") - stage.current * 1.1 < 0


@pytest.mark.phase2
@pytest.mark.gate(runbook=f"{RUNBOOK}#poor-answers")
def test_enriched_answers_are_better(ab):
    """The score of enriched answers is higher than that of plain ones, proven."""
    assert ab("query_score").mean.delta > 0


@pytest.mark.phase2
@pytest.mark.phase3
@pytest.mark.phase4
def test_one_hop_is_set(flags):
    """MAX_HOPS is 1 until phase 5."""
    assert flags.on("ENABLE_MULTI_HOP")
    assert flags("MAX_HOPS") == 1


@pytest.mark.phase5
def test_two_hops_are_set(flags):
    """MAX_HOPS is 2."""
    assert flags.on("ENABLE_MULTI_HOP")
    assert flags("MAX_HOPS") == 2
