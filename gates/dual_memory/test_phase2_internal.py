"""Phase 2, internal testing: may blended recall stay on for three spaces of our own?

Its queries are randomised inside the three spaces, and a suite with known
answers is replayed in both modes. Limits without code are in `rollout.yaml`.
"""

import pytest

from pytest_rollout import check

pytestmark = pytest.mark.phase2

API = "/api/v1/dual_memory"
RUNBOOK = "docs/rollouts/dual_memory/runbook.md"
SPACES = ["dogfood-team", "internal-qa-01", "internal-qa-02"]


@pytest.mark.gate(runbook=f"{RUNBOOK}#issue-4-recall-timeout")
def test_no_blended_recall_times_out(metrics):
    """Internal testing succeeds without a single timeout."""
    assert metrics("blended_timeouts") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_blended_recall_fails(metrics):
    """And without a single error."""
    assert metrics("blended_errors") == 0


@pytest.mark.rollback
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#emergency-rollback")
def test_errors_stay_below_a_hundred_an_hour(metrics):
    """More than 100 errors an hour take the release back."""
    assert metrics("blended_errors") <= "100 /h"


@pytest.mark.rollback
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#emergency-rollback")
def test_no_crash(metrics):
    """Any crash in the last 24 hours takes the release back."""
    assert metrics("process_crashes") == 0


@pytest.mark.rollback
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#issue-2-poor-recall-quality")
def test_nobody_calls_the_quality_critical(metrics):
    """One report that calls the quality of recall critical takes the release back."""
    assert metrics("critical_quality_reports") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#issue-2-poor-recall-quality")
def test_known_answers_are_found_as_well(ab):
    """At least 2000 questions, asked in both modes: at most one point of recall and of precision is lost, proven."""
    recall, precision = ab("replay_recall").paired, ab("replay_precision").paired

    assert recall > -0.01
    assert precision > -0.01
    assert check(recall.n >= 2000, f"the suite has at least 2000 questions, {recall.n} were answered in both modes")


@pytest.mark.gate(runbook=f"{RUNBOOK}#partial-rollback")
def test_other_spaces_see_no_change(metrics):
    """No answer of a space outside the list has changed in the last 24 hours."""
    assert metrics("outside_changes") == 0


def test_blended_recall_is_on_for_three_spaces(target):
    """For these three and no others, whatever the flags say."""
    status = target.get(f"{API}/status").json()
    config = target.get(f"{API}/config").json()

    assert check(status["blended_recall"] is True, "blended recall is on")
    assert check(sorted(config["blended_spaces"]) == SPACES, f"it is on for {', '.join(SPACES)} alone")


def test_recall_is_configured_for_internal_testing(target):
    """Weights 0.10 and 0.90, at most 50 candidates, 100 ms."""
    config = target.get(f"{API}/config").json()

    assert check(config["semantic_weight"] == 0.10, "the weight of concepts is 0.10")
    assert check(config["max_candidates"] <= 50, "at most 50 candidates")
    assert check(config["timeout_ms"] == 100, "a recall gives up after 100 ms")
