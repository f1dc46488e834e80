"""The rollback drill: is enrichment off within 5 minutes of the decision, and is every row still there?

It changes the settings: run it on the demo world, or on a system where that
is meant, with `--rollout-act`. Afterwards the percentage is 0.
"""

import pytest

RUNBOOK = "docs/rollouts/enrichment/runbook.md"
KEPT = ("artifacts_stored", "chunks_stored", "store_digest")


@pytest.mark.drill
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#rollback-drill")
def test_rollback_is_fast_and_loses_nothing(drill):
    """From decision to verified in less than the objective; counts and checksum are what they were."""
    done = drill(to="0 %", keeping=KEPT)

    assert done.worked
    assert done.took < "5 min"
    assert done.took <= done.objective
    for name in KEPT:
        assert done.before(name) > 0
        assert done.change(name) == 0
