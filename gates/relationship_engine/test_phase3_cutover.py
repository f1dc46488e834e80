"""Phases 3 and 4: does the new engine do alone what both did?"""

import pytest

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
STRATEGIES = ("pattern", "semantic_llm", "embedding_similarity", "temporal", "graph_topology")
pytestmark = [pytest.mark.phase3, pytest.mark.phase4]


@pytest.mark.gate(runbook=f"{RUNBOOK}#the-old-engine-writes")
def test_the_old_engine_is_off(flags, metrics):
    """By its switch, by what the service says, and by what it wrote today."""
    assert flags("engine.mode") == "cutover"
    assert flags.off("engine.old")
    assert metrics("old_engine") == 0
    assert metrics("old_edges_per_day") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#a-strategy-or-the-llm-fails")
def test_all_five_strategies_are_on(flags):
    """Pattern, semantic, similarity, time and topology."""
    for name in STRATEGIES:
        assert flags.on(f"strategies.{name}")


@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#slow-events")
def test_as_many_events_are_processed_as_before(metrics):
    """At least nine tenths of those of the week before."""
    assert metrics("events_processed") / metrics("events_processed_before") >= 0.9


@pytest.mark.gate(runbook=f"{RUNBOOK}#decay-and-pruning")
def test_the_graph_grows(metrics):
    """Fewer edges are pruned in seven days than are made: decay and pruning are in balance."""
    assert metrics("edges_pruned_7d") > 0
    assert metrics("edges_created_7d") / metrics("edges_pruned_7d") > 1


@pytest.mark.phase2
@pytest.mark.gate(runbook=f"{RUNBOOK}#nightly-failed")
def test_seven_nights_were_consolidated(metrics):
    """Each of the last seven ended well."""
    assert metrics("nightly_ok") >= 7
