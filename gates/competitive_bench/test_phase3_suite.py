"""Phase 3, the suite: did every scenario run alone, watched, and does the suite end cleanly when it must?

Time, memory, processes and results that cannot be read are budgets of `rollout.yaml`.
"""

import pytest

RUNBOOK = "docs/rollouts/competitive_bench/runbook.md"
pytestmark = [pytest.mark.phase3, pytest.mark.gate(runbook=f"{RUNBOOK}#a-scenario-fails")]


def test_every_scenario_has_a_result(metrics):
    """All four, each round; one that failed was tried again, and what succeeded is kept either way."""
    assert metrics("scenarios_done") == 4
    assert metrics("rounds_failed") == 0


def test_results_are_files(metrics):
    """One at least for each scenario."""
    assert metrics("results_there") >= 4


def test_runs_do_what_their_seed_says(metrics):
    """The operations that were done have the SHA-256 that the scenario states."""
    assert metrics("suite_not_seeded") == 0


def test_a_run_can_be_made_again(metrics):
    """It does the same, and its result is replaced as a whole."""
    assert metrics("runs_otherwise_again") == 0


def test_runs_are_watched(metrics):
    """Twelve looks at the host in each run."""
    assert metrics("samples") >= 12


def test_the_suite_ends_cleanly_at_a_signal(metrics):
    """SIGINT and SIGTERM: the result before stays whole, that of the moment is not there, the status says which."""
    assert metrics("ends_tried") == 2
    assert metrics("ends_unclean") == 0
