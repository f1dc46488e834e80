"""Phase 0, before deployment: is everything there and tested that phase 1 needs? Any failure blocks phase 1.

Growth in the soak test and the benchmarks are budgets of `rollout.yaml`;
here is what takes a sentence of Python.
"""

import pytest

pytestmark = pytest.mark.phase0

RUNBOOK = "docs/rollouts/dual_memory/runbook.md"


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_all_prerequisite_tasks_are_complete(metrics):
    """All of the 14 tasks, and the list has all of them."""
    assert metrics("prerequisite_tasks") == 14
    assert metrics("prerequisite_tasks_complete") == 14


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_integration_suite_has_no_failure(metrics):
    """No test of the integration suite failed or broke, in a run of today."""
    assert metrics("integration_failures") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_blended_recall_is_nearly_as_fast_in_the_benchmark(metrics):
    """Blended recall takes less than 10 ms more than episodic recall at P99."""
    assert metrics("blended_benchmark_p99") - metrics("recall_benchmark_p99") < "10 ms"


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_dashboards_are_deployed(metrics):
    """Overview, formation, recall and resources."""
    assert metrics("dashboards_deployed") == 4


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_alert_rules_are_deployed(metrics):
    """All of the seven are there, and the monitoring server evaluates them."""
    assert metrics("alert_rules_healthy") == 7


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_no_alert_is_firing(metrics):
    """None of the seven fires before anything is deployed; one that is missing cannot say so."""
    assert metrics("alert_concept_formation_stuck") == 0
    assert metrics("alert_binding_leaks") == 0
    assert metrics("alert_blended_recall_slow") == 0
    assert metrics("alert_high_concept_formation_rate") == 0
    assert metrics("alert_blended_recall_timeouts") == 0
    assert metrics("alert_binding_leak") == 0
    assert metrics("alert_concept_corruption") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_formation_events_arrive_in_the_log_store(metrics):
    """One an hour in the last 24 hours; one may still be on its way."""
    assert metrics("formation_events") >= 23


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_staging_rehearsal_said_what_was_expected(metrics):
    """Each of the phases 0 to 5, rehearsed in staging."""
    assert metrics("rehearsed_phases") == 6


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_an_experiment_with_a_known_outcome_found_it(metrics):
    """The interval holds the effect that was put in, and no other experiment missed its own."""
    assert metrics("known_effects_found") >= 1
    assert metrics("known_effects_missed") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_baselines_are_recorded(metrics):
    """All six, with the figures that this plan's limits are made of."""
    assert metrics("baselines_recorded") == 6


@pytest.mark.gate(runbook=f"{RUNBOOK}#before-deployment")
def test_baselines_are_still_true(metrics):
    """What is measured now is what was recorded: limits made of old figures would be wrong from the first day."""
    assert "475 MB" <= metrics("memory_rss_bytes") <= "525 MB"
    assert "38 %" <= metrics("cpu") <= "42 %"
    assert "4 ms" <= metrics("recall_latency_p50") <= "6 ms"
    assert "40 ms" <= metrics("recall_latency_p99") <= "50 ms"
    assert 0.70 <= metrics("recall_confidence") <= 0.80
