"""Phase 2, resources and correctness: what does a run take, what does it leave behind, and how does it fail?

Memory, mix, processes and half-written results are budgets of `rollout.yaml`.
"""

import pytest

RUNBOOK = "docs/rollouts/competitive_bench/runbook.md"
pytestmark = [pytest.mark.phase2, pytest.mark.gate(runbook=f"{RUNBOOK}#a-scenario-fails")]


def test_every_scenario_ran(metrics):
    """What is said of memory and mix is said of all four."""
    assert metrics("runs_tried") == 4


def test_failures_end_as_they_should(metrics):
    """Out of memory, malformed, interrupted, terminated, killed: five ways to fail, each with its exit status."""
    assert metrics("failures_tried") == 5
    assert metrics("failures_otherwise") == 0
