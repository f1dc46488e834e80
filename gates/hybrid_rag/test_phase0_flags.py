"""Phase 0, hours 0 to 3: are the flags there, at 0 %, and can they be put back?"""

import pytest

pytestmark = pytest.mark.phase0

RUNBOOK = "docs/rollouts/hybrid_rag/runbook.md"


@pytest.mark.rollback(to="0 %")
@pytest.mark.gate(severity="blocker", runbook=f"{RUNBOOK}#hour-0")
def test_flags_were_created_without_an_error(metrics):
    """An error while flags are created ends the rollout at hour 0."""
    assert metrics("flag_creation_errors") == 0


@pytest.mark.gate(runbook=f"{RUNBOOK}#hour-0")
def test_all_six_flags_exist(metrics):
    """The six of this rollout, no fewer and no more."""
    assert metrics("flags_created") == 6


@pytest.mark.gate(runbook=f"{RUNBOOK}#hour-0")
def test_the_flag_file_has_a_backup(metrics):
    """Taken in the last twelve hours, and read back: a backup that nobody restored is a hope."""
    assert metrics("flag_backups") >= 1
