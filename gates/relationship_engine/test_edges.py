"""Phases 2 to 4: are the new engine's edges many enough, sure enough, of the right kinds, and none of them doubled?

How many a day and how many are reinforced are budgets of `rollout.yaml`; here is what takes a sentence of Python.
"""

import pytest

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
pytestmark = [pytest.mark.phase2, pytest.mark.phase3, pytest.mark.phase4]


@pytest.mark.rollback
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#low-quality-edges")
def test_most_edges_are_confident(metrics):
    """More than half of the edges of seven days have a confidence above 0.7 and up to 0.9, proven."""
    assert metrics("edge_confidence").share(0.7, 0.9) > 0.5


@pytest.mark.gate(runbook=f"{RUNBOOK}#decay-and-pruning")
def test_most_weights_are_from_1_to_2(metrics):
    """More than half of all edges, proven. A share begins above its lower end, and a new edge weighs 1."""
    assert metrics("edge_weight").share(0.999, 2) > 0.5


@pytest.mark.gate(runbook=f"{RUNBOOK}#unexpected-kinds")
def test_top_kinds_are_as_expected(metrics):
    """The three most frequent are role_at, founded and worked_at."""
    assert metrics("top_kinds") == 3


@pytest.mark.gate(runbook=f"{RUNBOOK}#unexpected-kinds")
def test_no_kind_is_unexpected(metrics):
    """No kind that the old engine never made."""
    assert metrics("unexpected_kinds") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#duplicates")
def test_no_edge_is_there_twice(metrics):
    """Each engine makes a relationship once."""
    assert metrics("duplicate_edges") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#review")
def test_doubtful_edges_are_reviewed(metrics):
    """Each edge below 0.7 has gone to review."""
    assert metrics("edges_without_review") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#over-pruning")
def test_log_and_database_agree_on_what_was_pruned(metrics):
    """Last night, to the last edge."""
    assert metrics("pruned_recorded") == metrics("pruned_logged")
