"""The rollback drill: is nobody recalled blended within 15 minutes of the decision, and is every episode still there?

It changes flags: run it on the demo world, or on a system where that is
meant, with `--rollout-act`. Afterwards the percentage is 0.
"""

import pytest

RUNBOOK = "docs/rollouts/dual_memory/runbook.md"


@pytest.mark.drill
@pytest.mark.gate(severity="critical", runbook=f"{RUNBOOK}#rollback-drill")
def test_rollback_is_fast_and_loses_no_episode(drill):
    """From decision to verified in less than the objective; there are as many episodes as before, and none is lost."""
    done = drill(to="0 %", keeping=["episodes_total", "lost_episodes"])

    assert done.worked
    assert done.took <= done.objective
    assert done.before("episodes_total") > 0
    assert done.change("episodes_total") == 0
    assert done.after("lost_episodes") == 0
