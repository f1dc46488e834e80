"""Where a rollout is judged is named, checked, and shown everywhere."""

from __future__ import annotations

import pytest

CI = (
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
    "BUILD_BUILDID",
    "TEAMCITY_VERSION",
    "KUBERNETES_SERVICE_HOST",
)
AT_A_DESK = dict.fromkeys(("BUILDKITE", "CODEBUILD_BUILD_ID", "TF_BUILD", *CI), "")


@pytest.fixture
def default(project):
    """The project with a plan that names its environment itself."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan.replace("owner:", "environment: test\nowner:"))
    project.lock()
    return project


def test_nobody_named_one(project):
    """A usage error that lists them."""
    result = project.pytest("gates", "-m", "phase1", env=AT_A_DESK)

    result.is_refused()
    result.stderr.fnmatch_lines(
        ["ERROR: name the environment to judge shop in: --rollout-env NAME", "  environments of shop: test"]
    )


@pytest.mark.parametrize("words", [(), ("-m", "not phase2", "-n", "2")], ids=["no-phase", "not-a-phase-xdist"])
def test_nobody_named_one_and_no_phase_is_asked(project, words):
    """An ordinary run of everything: the gates that ask say what is missing, and nothing breaks."""
    project.lock()

    result = project.pytest("gates", *words, env=AT_A_DESK)

    result.holds("no-phase")
    assert result.stdout.lines[-1] == "VERDICT  HOLD[no-phase]  no phase · environment none · exit 1"
    assert "name the environment to judge shop in: --rollout-env NAME" in " ".join(result.text.split())


def test_an_unknown_one(project):
    """The one that was meant."""
    result = project.run("--rollout-env", "tset")

    result.is_refused()
    result.stderr.fnmatch_lines(["ERROR: shop has no environment 'tset'", "*: test", "  did you mean 'test'?"])


def test_the_variable_names_it(project):
    """ROLLOUT_ENV is as good as the option; the option is stronger."""
    project.lock()

    result = project.pytest("gates", "-m", "phase1", env={**AT_A_DESK, "ROLLOUT_ENV": "test", "CI": "true"})
    result.proceeds()
    assert result.verdict["environment"] == "test"

    project.run("--rollout-env", "test", env={"ROLLOUT_ENV": "nowhere"}).proceeds()


def test_the_plans_default_counts_at_a_desk(default):
    """And every screen and the receipt show which one it was."""
    result = default.pytest("gates", "-m", "phase1", env=AT_A_DESK)

    result.proceeds()
    assert result.verdict["environment"] == "test"
    result.stdout.fnmatch_lines(["rollout: shop phase1 · environment test · *", "VERDICT *· environment test · exit 0"])


@pytest.mark.parametrize("variable", [CI[0], CI[-1]])
def test_the_plans_default_does_not_count_in_ci(default, variable):
    """A gate that measured the demo world has proven nothing about production."""
    result = default.pytest("gates", "-m", "phase1", env={**AT_A_DESK, variable: "1"})

    result.is_refused()
    result.stderr.fnmatch_lines([f"*--rollout-env NAME ({variable} is set, so this is CI, and no default counts)"])


def test_a_fault_needs_a_world(project):
    """Nothing can be injected into a real system."""
    result = project.run("--rollout-fault", "slow")

    result.is_refused()
    result.stderr.fnmatch_lines(["ERROR: --rollout-fault slow needs an embedded world; this environment has none"])


@pytest.mark.parametrize("option", ["--rollout-env=test", "--rollout-explore", "--rollout-out=x"])
def test_options_do_not_come_from_a_variable(project, option):
    """What was exported once and forgotten must not steer a release."""
    project.lock()

    result = project.pytest("gates", "-m", "phase1", env={"PYTEST_ADDOPTS": option})

    result.is_refused()
    assert "not taken from PYTEST_ADDOPTS" in result.text
