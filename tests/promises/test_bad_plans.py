"""A plan with a mistake is refused before any gate runs: file, line, column, and what would do."""

from __future__ import annotations

import pytest

PLAN_FILE = "gates/shop/rollout.yaml"


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        pytest.param("[phase1], warning", "[phase1, warning", "10:100:", "not YAML", id="malformed"),
        pytest.param("owner:", "ownr:", "3:1:", "did you mean 'owner'?", id="unknown-key"),
        pytest.param("unit: ms", "unit: msec", "6:42:", "did you mean 'ms'?", id="unknown-unit"),
        pytest.param("warning: 40 ms", "warning: 40 MB", "10:43:", "cannot be compared with 'ms'", id="wrong-unit"),
        pytest.param("limit: 60 ms", "limit: 30 ms", "10:68:", "impossible thresholds", id="critical-inside-warning"),
        pytest.param("  latency_ms: {phases", "  latency: {phases", "10:3:", "unknown metric", id="unknown-metric"),
        pytest.param("phases: [phase1]", "phases: [phase11]", "10:25:", "did you mean 'phase1'?", id="unknown-phase"),
        pytest.param("telemetry, query: e", "telemtry, query: e", "7:61:", "did you mean 'tele", id="unknown-source"),
        pytest.param("kind: memory", "kind: memroy", "17:25:", "did you mean 'memory'?", id="unknown-kind"),
        pytest.param("phase2: {title", "phase1: {title", "13:3:", "for the second time", id="key-twice"),
        pytest.param("phase2: {title", "phase2: {minimum: 3d, title", "15:3:", "names no ledger", id="no-memory"),
        pytest.param("phase2: {title", "shadow: {title", "13:3:", "wear the marker 'shadow'", id="phase-is-a-marker"),
        pytest.param("answers.yaml", '"${SHOP_ANSWERS}"', "17:42:", "'SHOP_ANSWERS' is not set", id="variable-missing"),
        pytest.param("owner: checkout-team", "owner: ${OWNER}", "3:8:", "and in actions only", id="variable-astray"),
    ],
)
def test_a_mistake_is_named_where_it_stands(project, old, new, place, said):
    """One usage error, `file:line:column`, and no receipt."""
    plan = (project.folder / PLAN_FILE).read_text("utf-8")
    assert plan.count(old) == 1
    project.write(PLAN_FILE, plan.replace(old, new))

    result = project.run(lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines([f"ERROR: {PLAN_FILE}:{place}*"])
    assert said in result.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"\x00\x01", "cannot stand in YAML", id="binary"),
        pytest.param(b"rollout: \xff", "not UTF-8", id="not-utf8"),
        pytest.param(b"rollout: !!python/object/apply:os.system [touch owned]\n", "tags ('!')", id="code"),
        pytest.param(b"[" * 5000, "nested deeper", id="deep"),
        pytest.param(b"#" * (2**20 + 1), "larger than 1 MiB", id="large"),
    ],
)
def test_what_is_no_plan_is_refused(project, content, said):
    """Whatever the bytes are: a sentence, never a traceback."""
    (project.folder / PLAN_FILE).write_bytes(content)

    result = project.run(lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines([f"*{PLAN_FILE}:1:*{said}*"])
    assert not (project.folder / "owned").exists()


def test_every_mistake_is_told_in_one_run(project):
    """Two plans with two mistakes each: four problems at once."""
    plan = (project.folder / PLAN_FILE).read_text("utf-8")
    broken = plan.replace("owner:", "ownr:").replace("unit: ms", "unit: msec")
    project.write(PLAN_FILE, broken)
    project.write("gates/pay/rollout.yaml", broken.replace("rollout: shop", "rollout: pay"))

    result = project.run("-n", "2", lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines(
        [f"*gates/{name}/rollout.yaml:{line}:*" for name in ("pay", "shop") for line in (3, 6)], consecutive=False
    )


@pytest.mark.parametrize("words", [("gates",), ("gates/shop/test_phase1.py",)], ids=["folder", "file"])
def test_a_plan_called_otherwise_is_not_passed_over(project, words):
    """`rollout.yml` alone would leave the gates without a plan, so it is refused under any argument."""
    (project.folder / PLAN_FILE).rename(project.gates / "rollout.yml")
    project.write("pytest.ini", "[pytest]\n")

    result = project.pytest(*words, "-m", "phase1", "--rollout-env", "test")

    result.is_refused()
    result.stderr.fnmatch_lines(["*rollout.yml:1:1: a plan called rollout.yml would not be read*"])


def test_two_plans_in_one_folder(project):
    """One of them would not be read, and nobody knows which was meant."""
    project.write("gates/shop/rollout.yml", "rollout: shop")

    result = project.run(lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines(["ERROR: gates/shop/rollout.yml:1:1: a second plan in one folder*"])


def test_one_rollout_in_two_folders(project):
    """Its gates would be judged together, or the one instead of the other."""
    project.write("gates/again/rollout.yaml", (project.folder / PLAN_FILE).read_text("utf-8"))

    result = project.run(lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines(
        ["*rollout.yaml:1:1: rollout: rollout 'shop' is declared twice", "*again/rollout.yaml*"]
    )


def test_a_plan_that_leads_nowhere(project):
    """A link whose target is gone is a missing plan, not no plan."""
    (project.folder / PLAN_FILE).unlink()
    (project.folder / PLAN_FILE).symlink_to("nowhere.yaml")

    result = project.run(lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines([f"ERROR: {PLAN_FILE}:1:1: no such file"])


def test_a_variable_of_another_environment_may_be_missing(project):
    """Only the environment that is judged must be complete."""
    plan = (project.folder / PLAN_FILE).read_text("utf-8")
    other = "  production:\n    sources:\n      telemetry: {kind: http_json, url: '${SHOP_URL}'}\n"
    project.write(PLAN_FILE, plan + other)

    project.run().proceeds()
