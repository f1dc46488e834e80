"""Phases 1 to 4: what takes the release back at once, what may never be lost, and what must go on whatever fails.

Limits are budgets of `rollout.yaml` and are gates as well; here is what takes
a sentence of Python.
"""

import pytest

from pytest_rollout import check

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
STRATEGIES = ("pattern", "semantic_llm", "embedding_similarity", "temporal", "graph_topology")
pytestmark = [pytest.mark.phase1, pytest.mark.phase2, pytest.mark.phase3, pytest.mark.phase4]


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#crash")
def test_the_engine_has_not_crashed(metrics):
    """No crash in the log of a day."""
    assert metrics("crashes") == 0


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#crash")
def test_the_engine_answers(target):
    """An engine that is down is taken back at once."""
    assert check(target.get("/status").status_code == 200, "the engine says how it is")


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#database-down")
def test_the_database_is_up(target):
    """As the engine sees it."""
    assert check(target.get("/status").json().get("database") == "up", "the engine reaches its database")


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#nightly-failed")
def test_last_night_was_consolidated(metrics):
    """A night that failed, or that did not take place, is critical."""
    assert metrics("nightly_last") >= 1


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#the-engine-hangs")
def test_every_event_is_processed(metrics):
    """Whichever strategy fails, no event waits for more than ten minutes."""
    assert metrics("events_unprocessed") == 0


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#lost-data")
def test_no_edge_is_lost(metrics):
    """Edges and pruned edges are those of the backup and those that were reported since, to the last one."""
    assert metrics("edges_accounted") == metrics("edges_in_backup")


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#lost-data")
def test_no_entity_is_lost(metrics):
    """At least those of the backup; and every edge has both of its entities."""
    assert metrics("entities_stored") >= metrics("entities_in_backup")
    assert metrics("edges_without_entity") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#lost-data")
def test_every_role_has_its_organisation(metrics):
    """Eight roles, eight edges: as many as there are."""
    assert metrics("roles") > 0
    assert metrics("roles_with_organisation") == metrics("roles")


@pytest.mark.gate(runbook=f"{RUNBOOK}#a-strategy-or-the-llm-fails")
def test_every_strategy_works(target):
    """One that fails holds the rollout; the pipeline goes on without it."""
    states = target.get("/status").json().get("strategies", {})
    for name in STRATEGIES:
        assert check(states.get(name) == "working", f"the strategy {name} works")
