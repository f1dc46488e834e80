"""Phase 2, parallel: does the new engine find all that the old one finds?"""

import pytest

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
pytestmark = pytest.mark.phase2


def test_both_engines_write(flags, metrics):
    """The mode is parallel, the old engine is on, and each has made edges today."""
    assert flags("engine.mode") == "parallel"
    assert flags.on("engine.old")
    assert metrics("old_edges_per_day") > 0


@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#edges-not-covered")
def test_every_old_edge_is_a_new_one_too(metrics):
    """Of seven days, not one is missing."""
    assert metrics("old_edges_per_day") > 0
    assert metrics("edges_not_covered") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#decay-and-pruning")
def test_edges_are_reinforced(metrics):
    """Weights above 1 appear."""
    assert metrics("weights_above_one") > 0
