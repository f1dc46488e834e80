"""Every phase: what takes the release back at once, without any window, and what must never change.

Limits are budgets of `rollout.yaml` and are gates as well; here is what takes
a sentence of Python.
"""

import pytest

pytestmark = [pytest.mark.phase0, pytest.mark.phase1, pytest.mark.phase2, pytest.mark.phase3, pytest.mark.phase4]

RUNBOOK = "docs/rollouts/hybrid_rag/runbook.md"
FEATURES = (
    "hybrid_rag_enabled",
    "vector_search_enabled",
    "graph_database_enabled",
    "redis_cache_enabled",
    "ground_truth_validation_enabled",
    "performance_benchmarks_enabled",
)


@pytest.mark.rollback(to="0 %")
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#health-checks-fail")
def test_health_checks_do_not_fail_five_times_in_a_row(metrics):
    """Five rounds in a row in which fewer than five of five passed take all flags to 0 %."""
    assert metrics("health_checks").over("15m").consecutive(5).lowest >= 5


@pytest.mark.rollback(to="0 %")
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#critical-exceptions")
def test_no_critical_exception(metrics):
    """One critical exception in the log of the last hour takes all flags to 0 %, at once."""
    assert metrics("critical_exceptions") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#a-flag-serves-something-else")
def test_all_six_flags_serve_the_same(metrics):
    """No flag is ahead of the others, and none is left behind."""
    assert metrics("served_least") == metrics("served_percentage")


@pytest.mark.gate(runbook=f"{RUNBOOK}#a-flag-serves-something-else")
def test_flags_do_not_raise_themselves(flags):
    """A progressive flag moves by date unless it begins and ends at what it serves."""
    for name in FEATURES:
        assert flags(f"{name}.initial_percentage") == flags(f"{name}.rollout_percentage")
        assert flags(f"{name}.end_percentage") == flags(f"{name}.rollout_percentage")


@pytest.mark.gate(runbook=f"{RUNBOOK}#a-flag-serves-something-else")
def test_memory_compression_is_untouched(flags, metrics):
    """It is no part of this rollout: on, for everybody, before and after."""
    assert flags.on("memory_compression_enabled.enabled")
    assert flags("memory_compression_enabled.rollout_percentage") == 100
    assert metrics("compression_served") == "100 %"


@pytest.mark.gate(runbook=f"{RUNBOOK}#emergency")
def test_nobody_pulled_the_emergency_switch(flags):
    """While it is pulled nothing is served, whatever the percentage says."""
    assert flags.off("emergency_shutdown.enabled")
