"""Several rollouts in one run: a verdict each, and the worst one wins."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support.others import WITHOUT


@pytest.fixture
def two(project):
    """The project with a second rollout beside the first: the same gates, called `pay`."""
    shutil.copytree(project.gates, project.folder / "gates" / "pay")
    rename(project, "rollout: shop", "rollout: pay")
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\naddopts = --import-mode=importlib\n")
    return project


def rename(project, old, new, folder="gates/pay"):
    """Change a text in plan and gates of the second rollout."""
    for path in (project.folder / folder).iterdir():
        text = path.read_text("utf-8")
        path.write_text(text.replace(old, new), encoding="utf-8")


def lock(project):
    """Lock every rollout of the project."""
    done = project.rollout("lock", "gates")
    assert done.returncode == 0, done.stdout + done.stderr


def answers(project, folder="gates/pay", **changed):
    """What the second rollout's source answers."""
    healthy = {"latency": 25, "errors": 0, "orders": 500}
    project.write(f"{folder}/answers.yaml", json.dumps({**healthy, **changed}))


def decisions(result):
    """Rollout, phase and decision of each verdict of the receipt."""
    return {(each["rollout"], each["phase"]): each["decision"] for each in result.verdict["verdicts"]}


def test_all_must_be_good(two):
    """Each has its own source under the same name, and its own verdict."""
    lock(two)

    result = two.run(lock=False)

    result.proceeds()
    assert decisions(result) == {("pay", "phase1"): "PROCEED", ("shop", "phase1"): "PROCEED"}
    result.stdout.fnmatch_lines(["VERDICT  PROCEED  pay phase1 PROCEED, shop phase1 PROCEED * exit 0"])


@pytest.mark.parametrize("said", ["command line", "environment"])
def test_a_rollout_that_an_option_hides(two, said):
    """Its folder is not entered: it is missing, as with --ignore, and does not silently take no part."""
    lock(two)
    answers(two, errors=3)
    hidden = "-o norecursedirs=pay"

    words, env = (hidden.split(), {}) if said == "command line" else ([], {"PYTEST_ADDOPTS": hidden})
    result = two.run(*words, lock=False, env=env)

    result.holds("missing")
    assert decisions(result) == {("pay", "phase1"): "HOLD", ("shop", "phase1"): "PROCEED"}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
@pytest.mark.parametrize("said", ["gates/shop", "-o testpaths=gates/shop"])
def test_a_rollout_that_the_environment_leaves_out(two, said, workers):
    """The command line names no path, so all that the project calls its tests is asked for."""
    two.write("pytest.ini", "[pytest]\nstrict_markers = true\naddopts = --import-mode=importlib\ntestpaths = gates\n")
    lock(two)
    answers(two, errors=3)
    asked = ("-m", "phase1", "--rollout-env", "test", *workers)

    two.pytest(*asked, env={"PYTEST_ADDOPTS": said}).holds("missing")
    two.pytest("gates/shop", *asked).proceeds()


def test_a_rollout_in_a_folder_that_the_project_never_enters(two):
    """The counterpart: what the project's own file says is reviewed."""
    lock(two)
    answers(two, errors=3)
    two.write("pytest.ini", "[pytest]\nstrict_markers = true\nnorecursedirs = pay\n")

    result = two.run(lock=False)

    result.proceeds()
    assert decisions(result) == {("shop", "phase1"): "PROCEED"}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_the_worst_wins(two, workers):
    """One HOLD and one ROLLBACK: exit 20, and the line says which is which."""
    lock(two)
    two.answers(latency=45)
    answers(two, latency=65)

    result = two.run(*workers, lock=False)

    result.holds("critical", "warning", exit_code=20)
    assert decisions(result) == {("pay", "phase1"): "ROLLBACK", ("shop", "phase1"): "HOLD"}
    result.stdout.fnmatch_lines(["VERDICT  ROLLBACK?critical?  pay phase1 ROLLBACK, shop phase1 HOLD * exit 20"])


def test_a_plan_without_the_phase_takes_no_part(two):
    """It is listed, its broken gate is not asked, and it does not hold the other."""
    rename(two, "phase1", "pilot")
    lock(two)
    answers(two, errors=9)

    result = two.run(lock=False)

    result.proceeds()
    assert decisions(result) == {("shop", "phase1"): "PROCEED"}
    result.stdout.fnmatch_lines(["rollout: taking no part, their plans do not declare phase1: pay"])


def test_two_phases_of_two_plans(two):
    """`-m "phase1 or pilot"` asks for one phase of each."""
    rename(two, "phase1", "pilot")
    lock(two)
    answers(two, errors=9)

    result = two.run(phase="phase1 or pilot", lock=False)

    result.holds("failed")
    assert decisions(result) == {("pay", "pilot"): "HOLD", ("shop", "phase1"): "PROCEED"}


def test_a_plan_that_declares_the_phase_and_has_no_gate_for_it(two):
    """An empty phase is not a good one."""
    (two.folder / "gates" / "pay" / "test_phase1.py").unlink()
    rename(two, "phases: [phase1]", "phases: [phase2]")
    lock(two)

    result = two.run(lock=False)

    result.holds("missing")
    assert decisions(result) == {("pay", "phase1"): "HOLD", ("shop", "phase1"): "PROCEED"}
    result.stdout.fnmatch_lines(["*phase1 has no gate that counts*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_phase_that_no_plan_declares(two, workers):
    """The phases that there are, and the one that was meant."""
    result = two.run(*workers, phase="phase11", lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines(
        ["ERROR: -m 'phase11': no plan declares phase11*", "  phases: phase1, phase2, preflight", "*mean *"]
    )


def test_an_environment_that_only_one_plan_has(two):
    """The other could not be judged there, so neither is."""
    rename(two, "  test:", "  staging:")

    result = two.run(lock=False)

    result.is_refused()
    result.stderr.fnmatch_lines(["ERROR: pay has no environment 'test'", "  environments of pay: staging"])


REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(("fault", "exit_code"), [("", 0), ("stale", 1)], ids=["healthy", "old-telemetry"])
def test_the_demo_judges_every_rollout_of_this_project_in_one_run(warm, tmp_path, fault, exit_code):
    """One verdict each, the worst as exit code: old telemetry holds those that ask it, and not the campaign."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROLLOUT_"))}
    injected = ["--rollout-fault", fault] if fault else []
    asked = ["gates/", "-m", "phase1", "--rollout-env", "demo", *injected, "--rollout-out", str(tmp_path)]
    options = ["-p", "no:cacheprovider", *WITHOUT]
    done = warm.run("pytest", [*asked, *options], cwd=REPOSITORY, env=clean, timeout=300)

    assert done.returncode == exit_code, done.stdout + done.stderr
    receipt = json.loads((tmp_path / "verdict.json").read_text("utf-8"))
    told = {verdict["rollout"].replace("-", "_"): verdict["decision"] for verdict in receipt["verdicts"]}
    assert told.keys() == {path.parent.name for path in REPOSITORY.glob("gates/*/rollout.yaml")}
    assert told["competitive_bench"] == "PROCEED"
    assert told["dual_memory"] == ("HOLD" if fault else "PROCEED")
    assert fault or set(told.values()) == {"PROCEED"}


@pytest.fixture
def nested(two):
    """The second rollout inside the first one's folder."""
    (two.folder / "gates" / "pay").rename(two.gates / "pay")
    lock(two)
    return two


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_rollout_inside_another(nested, workers):
    """The nearest plan governs a gate: the inner one's trouble is not the outer one's."""
    answers(nested, "gates/shop/pay", latency=65)

    result = nested.run(*workers, lock=False)

    result.holds("critical", exit_code=20)
    assert decisions(result) == {("pay", "phase1"): "ROLLBACK", ("shop", "phase1"): "PROCEED"}


def test_the_inner_rollout_alone(nested):
    """Naming its folder asks for it and for no other."""
    nested.answers(errors=9)

    result = nested.pytest("gates/shop/pay", "-m", "phase1", "--rollout-env", "test")

    result.proceeds()
    assert decisions(result) == {("pay", "phase1"): "PROCEED"}
