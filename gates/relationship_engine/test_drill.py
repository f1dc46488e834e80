"""The rollback drill: does the old engine run again within 15 minutes of the decision, and is every row still there?

It changes the mode: run it on the demo world, or on a system where that is
meant, with `--rollout-act`. Afterwards the new engine is off.
"""

import pytest

RUNBOOK = "docs/rollouts/relationship_engine/runbook.md"
KEPT = ("entities_stored", "edges_stored", "graph_digest")


@pytest.mark.drill
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#rollback-drill")
def test_rollback_is_fast_and_loses_nothing(drill):
    """From decision to verified in less than the objective; counts and checksum are what they were."""
    done = drill(to="0 %", keeping=KEPT)

    assert done.worked
    assert done.took <= done.objective
    for name in KEPT:
        assert done.before(name) > 0
        assert done.change(name) == 0
