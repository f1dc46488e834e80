"""Row 8: an -m that asks for less than was meant, or for nothing."""

import pytest


@pytest.mark.parametrize("expression", ["phase1 or phas2", "phase9", "phase1 and phas2", "phase_1"])
def test_row_08_a_phase_that_no_plan_has(project, blocked, workers, expression):
    """A usage error that names the phases there are."""
    result = project.run(*workers, phase=expression)

    blocked(result, ret=4, receipt=False)
    assert result.verdict is None
    assert "phase1, phase2" in result.text


@pytest.mark.parametrize("expression", ["phase1 and rollback", "phase1 and not rollback"])
def test_row_08_a_part_of_a_phase(project, blocked, workers, expression):
    """The rest is named."""
    blocked(project.run(*workers, phase=expression), "deselected")


@pytest.mark.parametrize(
    "words",
    [("-m", ""), ("-m", "rollback"), ("-m", "not phase2"), ("-m", "not rollback"), ("-m", "phase1 and phase2"), ()],
    ids=["empty", "rollback", "not-phase", "not-rollback", "both", "none"],
)
def test_row_08_gates_run_and_no_phase_is_asked_for(project, blocked, workers, words):
    """HOLD[no-phase]; where no gate matches, pytest's own status stands."""
    result = project.run(*words, *workers, phase="")

    if words == ("-m", "phase1 and phase2"):
        blocked(result, ret=5, receipt=False)
    else:
        blocked(result, "no-phase")


def test_row_08_exploring_is_said_on_the_command_line(project, blocked):
    """Left on in a file, it would make every run without a phase a good one."""
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\naddopts = --rollout-explore\n")
    project.write("gates/shop/gates.lock", "")

    result = project.run(phase="", lock=False)

    blocked(result, ret=4, receipt=False)
