"""Phase 1, shadow: would the new engine find what the old one finds, and does it write nothing?

Time, cost and numbers of edges are budgets of `rollout.yaml`.
"""

import pytest

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
pytestmark = pytest.mark.phase1


@pytest.mark.rollback
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#shadow-mode-writes")
def test_nothing_is_written(metrics):
    """Not one edge of the database is the new engine's."""
    assert metrics("edges_by_new_engine") == 0


def test_the_engine_is_in_shadow(flags):
    """Its mode is shadow, and the old engine is on."""
    assert flags("engine.mode") == "shadow"
    assert flags.on("engine.old")


@pytest.mark.gate(runbook=f"{RUNBOOK}#errors")
def test_no_error_in_seven_days(metrics):
    """The log of seven days has none."""
    assert metrics("errors_logged") == 0


@pytest.mark.parametrize("kind", ["role_at", "founded", "worked_at"])
@pytest.mark.gate(runbook=f"{RUNBOOK}#too-few-or-too-many-edges")
def test_as_many_are_found_as_expected(metrics, kind):
    """At least as many of each kind as the old engine made in the same seven days."""
    assert metrics(f"would_be_{kind}") >= metrics(f"old_{kind}")
