"""However pytest is started: a healthy rollout exits 0, one broken gate exits with its code."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEALTHY = "VERDICT  PROCEED  shop phase1 · environment test · exit 0"
BROKEN = "VERDICT  HOLD[failed]  shop phase1 · environment test · exit 1"
ASKED = ("-m", "phase1", "--rollout-env", "test")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("-n", "2"), id="xdist"),
        pytest.param(("--assert=plain", "--import-mode=prepend"), id="plain-asserts"),
        pytest.param(("-p", "no:terminal"), id="no-terminal"),
        pytest.param(("-q", "--no-header", "--no-summary"), id="quiet"),
        pytest.param(("-v", "--color=yes"), id="verbose-colour"),
        pytest.param(("-s", "--tb=no"), id="no-capture-no-tracebacks"),
        pytest.param(("-p", "no:cacheprovider", "--import-mode=importlib"), id="no-cache-importlib"),
    ],
)
def test_every_mode_gives_the_same_code(project, words):
    """Healthy first; then one gate is broken, in the same folder, so nothing of the first run may be left."""
    well = project.run(*words)

    well.proceeds()
    assert HEALTHY in well.stdout.lines[-1]

    project.answers(errors=2)
    broken = project.run(*words, lock=False)

    broken.holds("failed")
    assert BROKEN in broken.stdout.lines[-1]


def test_without_bytecode(project):
    """Nothing that is rewritten needs to be kept."""
    project.answers(errors=2)

    project.run(env={"PYTHONDONTWRITEBYTECODE": "1"}).holds("failed")

    assert not list(project.folder.rglob("*.pyc"))


@pytest.mark.parametrize(
    ("workers", "exit_code"), [pytest.param((), 1, id="one"), pytest.param(("-n", "2"), 2, id="xdist")]
)
def test_stopping_at_the_first_failure_is_no_answer(project, workers, exit_code):
    """`-x`: under xdist pytest's own "interrupted" stands; both are no-go."""
    project.answers(latency=45)

    result = project.run("-x", *workers)

    assert result.ret == exit_code
    assert result.verdict["decision"] == "HOLD"
    assert "warning" in result.codes
    result.is_calm()


@pytest.mark.parametrize("words", [(), (".",)], ids=["no-argument", "dot"])
def test_from_inside_the_rollouts_folder(project, words):
    """The receipt lies where pytest was started, and names gates as from anywhere else."""
    project.lock()
    project.answers(errors=2)

    result = project.pytest(*words, *ASKED, cwd=project.gates)

    result.holds("failed")
    assert {gate["id"] for gate in result.verdict["verdicts"][0]["gates"]} == {
        "rollout.yaml::phase1::latency_ms",
        "test_phase1.py::test_no_errors",
        "test_phase1.py::test_orders_keep_coming",
    }


def test_from_another_folder_by_an_absolute_path(project, tmp_path):
    """Ids, lock and sources start from the rollout's folder, not from where pytest was started."""
    project.lock()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    project.pytest(str(project.gates), *ASKED, cwd=elsewhere).proceeds()

    project.answers(errors=2)
    project.pytest(str(project.gates), *ASKED, "-n", "2", cwd=elsewhere).holds("failed")


def test_with_another_rootdir(project):
    """pytest's own ids change with it, the gates' do not."""
    (project.folder / "elsewhere").mkdir()

    project.run("--rootdir", "elsewhere").proceeds()


def test_through_a_link(project):
    """A workspace that is a link holds the same gates."""
    project.lock()
    (project.folder / "link").symlink_to("gates")

    project.pytest("link", *ASKED).proceeds()

    project.answers(errors=2)
    project.pytest(str(project.folder / "link" / "shop"), *ASKED, "-n", "2").holds("failed")


def test_with_a_plan_at_the_projects_root(project):
    """No argument, and the plan beside pytest.ini."""
    project.lock()
    for path in project.gates.glob("*.*"):
        path.rename(project.folder / path.name)

    project.pytest(*ASKED).proceeds()


def test_in_a_folder_with_an_odd_name(project):
    """Blanks and letters of other alphabets are nothing special."""
    project.lock()
    (project.folder / "gates").rename(project.folder / "gätes of doom")

    project.pytest("gätes of doom/shop", *ASKED).proceeds()


def test_on_a_screen_that_knows_ascii_only(project):
    """Signs that cannot be shown are replaced; run, lock and verify end as ever."""
    project.lock()
    ascii_only = {"PYTHONIOENCODING": "ascii"}

    project.pytest("gates", *ASKED, env=ascii_only).proceeds()

    for words in (("verify",), ("lock", "--check", "gates")):
        done = project.rollout(*words, env=ascii_only)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("screen", ["| head -1", "> /dev/full"])
def test_when_nobody_can_read_it(project, screen):
    """A screen that is gone or full is no go, and the exit code says so where a pipe keeps it."""
    project.lock()
    command = f"set -o pipefail; {sys.executable} -m pytest gates {' '.join(ASKED)} -v {screen}"

    done = subprocess.run(["bash", "-c", command], cwd=project.folder, capture_output=True, text=True, check=False)

    result = project.result_of(done)
    assert result.ret != 0
    assert result.verdict is None or result.verdict["decision"] == "HOLD"


def test_with_the_output_elsewhere(project):
    """`--rollout-out` names the folder; nothing is left in the usual one."""
    project.lock()

    result = project.pytest("gates", *ASKED, "--rollout-out", "build/rollout")

    assert result.ret == 0
    assert result.verdict is None
    left = sorted(path.name for path in (project.folder / "build" / "rollout").iterdir())
    assert left == ["evidence.zip", "record.json", "verdict.json"]


def test_output_that_cannot_be_written_is_no_go(project):
    """Healthy gates and no receipt: no go."""
    project.lock()

    result = project.pytest("gates", *ASKED, "--rollout-out", "/proc/nowhere")

    assert result.ret == 1
    result.is_calm()
    assert result.stdout.lines[-1].startswith("VERDICT  HOLD[error]  no verdict could be written: ")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
@pytest.mark.parametrize(
    ("named", "what"), [("taken", "is a file: "), ("taken/out", "is below *taken, a file: ")], ids=["file", "below"]
)
def test_output_that_is_a_file_is_refused_before_any_gate(project, named, what, workers):
    """No gate says PROCEED in a run that can leave no receipt."""
    project.lock()
    project.write("taken", "a file, not a folder")

    result = project.pytest("gates", *ASKED, "--rollout-out", named, *workers)

    result.is_refused()
    result.stderr.fnmatch_lines([f"ERROR: --rollout-out {named} {what}name a folder"])
    assert "VERDICT" not in result.text


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
@pytest.mark.parametrize("enabled", [True, False], ids=["plain-asserts-claim", "plain-asserts-do-not"])
def test_a_plain_assert_claims_where_the_project_says_so(project, enabled, workers):
    """With pytest's assertion-pass hook a fact is a claim; without it, it proves nothing."""
    project.write("pytest.ini", f"[pytest]\nenable_assertion_pass_hook = {str(enabled).lower()}\n")
    project.gate(
        """
        def test_the_answer(request):
            \"\"\"A fact without a claim.\"\"\"
            assert request.node.name == "test_the_answer"
        """
    )

    result = project.run(*workers)

    if enabled:
        result.proceeds()
    else:
        result.holds("no-claim")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_gates_without_a_phase_are_not_judged(project, workers):
    """Healthy gates and no `-m`: HOLD[no-phase], because nobody asked anything."""
    result = project.run(*workers, phase="")

    result.holds("no-phase")
    result.stdout.fnmatch_lines(["VERDICT  HOLD?no-phase?  no phase · environment test · exit 1"])


def test_exploring_gates_is_an_ordinary_run(project):
    """`--rollout-explore`: pytest's own status, and no receipt."""
    result = project.run("--rollout-explore", phase="")

    assert result.ret == 0
    assert result.verdict is None
    result.is_calm()
    assert result.stdout.lines[-1].startswith("NO VERDICT  ")
    assert result.stdout.lines[-1].endswith(" · environment test · exit 0")


def test_which_code_judges_is_asked_once(project):
    """So the ledger and the receipt of a run name the same commit, and nobody waits for git again and again."""
    git = project.write("tools/git", '#!/bin/sh\necho "$3" >> "$ASKED"\n[ "$3" = status ] || echo 4711\n')
    git.chmod(0o755)
    asked = project.folder / "asked"

    result = project.run(env={"PATH": f"{git.parent}{os.pathsep}{os.environ['PATH']}", "ASKED": str(asked)})

    result.proceeds()
    assert result.verdict["git"] == {"commit": "4711", "dirty": False}
    assert asked.read_text("utf-8").split() == ["rev-parse", "status"]
