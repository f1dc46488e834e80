"""Phases 2 to 4 end with a checkpoint: was there a day without anything to explain?"""

import pytest

pytestmark = [pytest.mark.phase2, pytest.mark.phase3, pytest.mark.phase4]

RUNBOOK = "docs/rollouts/hybrid_rag/runbook.md"


@pytest.mark.gate(runbook=f"{RUNBOOK}#checkpoints")
def test_nothing_was_taken_back(history):
    """No rollback since the phase began."""
    assert history.rollbacks == 0
