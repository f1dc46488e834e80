"""Phases 2 to 5: is the service in the state that the phase is about, whatever its flags say?"""

import pytest

from pytest_rollout import check

RUNBOOK = "docs/rollouts/dual_memory/runbook.md"


@pytest.mark.phase2
@pytest.mark.phase3
@pytest.mark.phase4
@pytest.mark.phase5
@pytest.mark.gate(runbook=f"{RUNBOOK}#migration")
def test_service_does_what_the_phase_is_about(target):
    """Dual types, formation and blended recall are on: without one of them the phase judges something else."""
    status = target.get("/api/v1/dual_memory/status").json()

    assert check(status["dual_types"] is True, "dual types are on")
    assert check(status["formation"] is True, "formation is on")
    assert check(status["blended_recall"] is True, "blended recall is on")
