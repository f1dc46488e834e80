"""Rows 18 to 25: what happens around a run; row 22 has more in `test_bad_output.py`."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

from pytest_rollout.receipt_schema import receipt_schema

FAILING = "def test_gate(metrics):\n    assert metrics('errors') == 1\n"
WANTED = ("--phase", "phase1", "--env", "test", "--max-age", "15m")


@pytest.mark.parametrize(
    "line",
    ["{pytest} | tee log", "{pytest} || true", "{pytest}; true", "{main}"],
    ids=["pipe", "or-true", "then-true", "pytest-main-ignored"],
)
def test_row_18_the_exit_code_is_lost_on_the_way(project, line):
    """`rollout verify` gives the answer again, also after a wrapper that replaces the code (row 19)."""
    project.gate(FAILING)
    project.lock()
    words = "gates -m phase1 --rollout-env test -p no:allure_pytest -p no:anyio"
    main = f"import pytest; pytest.main({words.split()!r})"
    line = line.format(pytest=f"{sys.executable} -m pytest {words}", main=f'{sys.executable} -c "{main}"')

    lost = subprocess.run(["sh", "-c", line], cwd=project.folder, check=False, capture_output=True)

    assert lost.returncode == 0
    assert project.rollout("verify", *WANTED).returncode == 1


def test_row_18_verify_repeats_what_was_decided(project):
    """PROCEED is 0, ROLLBACK is 20."""
    project.run().proceeds()
    assert project.rollout("verify", *WANTED).returncode == 0

    project.answers(orders=1)
    project.run()
    assert project.rollout("verify", *WANTED).returncode == 20


ALLURE = """
#!/bin/sh
# `allure run` starts the tests and ends with the answer of its own quality gate.
"$@"
exit 0
"""


def test_row_19_a_wrapper_whose_own_code_replaces_ours(project):
    """The recipe keeps pytest's code; `verify` finds it again where somebody has lost it."""
    project.answers(orders=1)
    project.lock()
    allure = project.write("allure", ALLURE)
    allure.chmod(0o755)
    words = "gates -m phase1 --rollout-env test -p no:allure_pytest -p no:anyio"
    pytest_words = f"{sys.executable} -m pytest {words}"

    wrapped = subprocess.run(["sh", "-c", f"./allure {pytest_words}"], cwd=project.folder, check=False)
    code_found_again = project.rollout("verify", *WANTED).returncode
    recipe = f"{pytest_words}; rc=$?; ./allure true; exit $rc"
    kept = subprocess.run(["sh", "-c", recipe], cwd=project.folder, check=False)

    assert (wrapped.returncode, code_found_again, kept.returncode) == (0, 20, 20)


DEMO = """
environment: demo
environments:
  demo: {sources: {telemetry: {kind: memory, answers: answers.yaml}}}
  test: {sources: {telemetry: {kind: memory, answers: answers.yaml}}}
"""


@pytest.mark.parametrize("name", ["CI", "GITHUB_ACTIONS", "JENKINS_URL", "KUBERNETES_SERVICE_HOST"])
def test_row_20_the_default_environment_under_ci(project, blocked, name):
    """It must be named there."""
    plan = project.gates / "rollout.yaml"
    plan.write_text(plan.read_text("utf-8").partition("environments:")[0] + DEMO, encoding="utf-8")
    project.lock()

    result = project.pytest("gates", "-m", "phase1", env={name: "true"})

    blocked(result, ret=4, receipt=False)


def test_row_20_another_environment_than_the_one_to_release_to(project):
    """`verify --env production` refuses what was measured elsewhere."""
    project.run().proceeds()

    refused = project.rollout("verify", "--phase", "phase1", "--env", "production", "--max-age", "15m")

    assert refused.returncode == 1
    assert "not 'production'" in refused.stderr


def second_rollout(project, phases: str) -> None:
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    head, _, _ = plan.partition("budgets:")
    _, _, environments = plan.partition("environments:")
    text = head.replace("rollout: shop", "rollout: cellar") + f"phases: {phases}\nenvironments:{environments}"
    project.write("gates/cellar/rollout.yaml", text)
    project.write("gates/cellar/answers.yaml", (project.gates / "answers.yaml").read_text("utf-8"))


def test_row_21_a_rollout_that_declares_the_phase_and_has_no_gate(project, blocked, workers):
    """A verdict for each; the worst wins."""
    second_rollout(project, "{phase1: {title: Canary}}")

    result = project.run(*workers)

    blocked(result, "missing")
    assert {each["rollout"]: each["decision"] for each in result.verdict["verdicts"]} == {
        "shop": "PROCEED",
        "cellar": "HOLD",
    }


def test_row_21_a_rollout_that_does_not_declare_the_phase(project, workers):
    """It takes no part, and is listed."""
    second_rollout(project, "{phase7: {title: Later}}")

    result = project.run(*workers)

    result.proceeds()
    result.stdout.fnmatch_lines(["*taking no part*cellar*"])


def test_row_21_a_bad_gate_in_the_second_rollout(project, blocked, workers):
    """Each rollout has its own lock, and its own answers."""
    second_rollout(project, "{phase1: {title: Canary}}")
    gate = "import pytest\n\n\n@pytest.mark.phase1\ndef test_gate(metrics):\n    assert metrics('errors') == 1\n"
    project.write("gates/cellar/test_cellar.py", gate)

    blocked(project.run(*workers), "failed")


def test_row_22_a_receipt_from_the_future_or_the_past(project):
    """A clock set back, and a file left behind."""
    project.run().proceeds()
    path = project.folder / ".rollout" / "verdict.json"
    document = json.loads(path.read_text("utf-8"))

    for by in (timedelta(hours=1), -timedelta(hours=1)):
        document["evaluated_at"] = (datetime.now(UTC) + by).isoformat(timespec="seconds")
        path.write_text(json.dumps(document), encoding="utf-8")
        assert project.rollout("verify", *WANTED).returncode == 1


@pytest.mark.parametrize("words", [("--no-such-option",), ("-p", "no:rollout-hooks"), ("--rollout-env", "nowhere")])
def test_row_22_a_stale_receipt_is_gone_when_a_run_is_refused(project, words):
    """Deleted at the start."""
    project.run().proceeds()

    result = project.run(*words)

    assert result.ret == 4
    assert result.verdict is None


def test_row_22_two_runs_at_once(project):
    """Whichever ends last, the file is whole, and it is one of the two."""
    project.lock()
    words = ["gates", "-m", "phase1", "--rollout-env", "test", "-p", "no:allure_pytest", "-p", "no:anyio"]
    command = [sys.executable, "-m", "pytest", *words]
    runs = [subprocess.Popen(command, cwd=project.folder, stdout=subprocess.DEVNULL) for _ in range(2)]

    assert [run.wait(60) for run in runs] == [0, 0]
    assert project.rollout("verify", *WANTED).returncode == 0


@pytest.mark.parametrize("words", [("--rollout-at", "2026-01-01T00:00Z"), ("--rollout-replay", "bundle")])
@pytest.mark.parametrize("how", ["environment", "ini"])
def test_row_23_the_past_is_asked_for_aloud(project, blocked, words, how):
    """Left on anywhere but on the command line it is a usage error, and yesterday's receipt goes with it."""
    receipt = project.write(".rollout/verdict.json", "{}")
    if how == "ini":
        project.write("pytest.ini", f"[pytest]\nstrict_markers = true\naddopts = {' '.join(words)}\n")
    env = {"PYTEST_ADDOPTS": " ".join(words)} if how == "environment" else {}
    (project.gates / "gates.lock").touch()

    result = project.run(env=env, lock=False)

    blocked(result, ret=4, receipt=False)
    assert not receipt.exists()


def test_row_23_a_run_of_the_past(project, blocked):
    """The last line says so, and so does the receipt."""
    result = project.run("--rollout-at", "2026-01-01T00:00Z")

    blocked(result)
    assert result.verdict["mode"] == "past"
    assert " · PAST 2026-01-01 00:00:00 UTC · " in result.stdout.lines[-1]


def test_row_23_a_receipt_of_the_past_or_of_a_replay_releases_nothing(project):
    """Such receipts are sound, and no go."""
    project.run().proceeds()
    path = project.folder / ".rollout" / "verdict.json"
    document = json.loads(path.read_text("utf-8"))

    for mode in ("past", "replay"):
        changed = {**document, "mode": mode}
        jsonschema.validate(changed, receipt_schema())
        path.write_text(json.dumps(changed), encoding="utf-8")
        refused = project.rollout("verify", *WANTED)
        assert refused.returncode == 1
        assert f"it is a {mode} run: only a live one may release" in refused.stderr


@pytest.mark.parametrize("how", ["import-error", "syntax-error", "collect-error"])
def test_row_24_a_collection_error_that_pytest_is_told_to_pass_over(project, blocked, workers, how):
    """pytest ends with status 1, and a PROCEED never turns it into 0."""
    texts = {"import-error": "import no_such_module\n", "syntax-error": "def (\n", "collect-error": "raise OSError\n"}
    project.lock()
    project.write("gates/shop/test_more.py", texts[how])

    result = project.run(*workers, "--continue-on-collection-errors", lock=False)

    blocked(result, "error")


def test_row_24_and_a_conftest_that_says_it_was_fine(project, blocked, workers):
    """Rows 14 and 24 together: the book knows what could not be collected."""
    project.lock()
    project.write("gates/shop/test_more.py", "import no_such_module\n")
    project.write("gates/conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n")

    blocked(project.run(*workers, "--continue-on-collection-errors", lock=False), "error")


THEIRS = "@pytest.fixture\ndef {name}():\n    return lambda *words: 0\n"


@pytest.mark.parametrize("name", ["metrics", "budget", "flags", "target"])
def test_row_25_a_fixture_of_our_name(project, blocked, name):
    """A collection error that names the other."""
    project.lock()
    gate = f"\n\ndef test_gate({name}):\n    assert check(True, 'fine')\n"
    project.gate(THEIRS.format(name=name) + gate)

    result = project.run(lock=False)

    blocked(result, ret=2)
    assert f"the fixture '{name}' comes from" in result.text


@pytest.mark.parametrize("case", ["conftest", "indirectly", "parametrize", "unittest", "class"])
def test_row_25_by_another_way(project, blocked, case):
    """In a conftest, behind another fixture, as a parameter, in a class."""
    gates = {
        "conftest": "def test_gate(metrics):\n    assert check(metrics('errors') == 0, 'no errors')\n",
        "indirectly": (
            "@pytest.fixture\ndef errors(metrics):\n    return metrics('errors')\n\n\n"
            "def test_gate(errors):\n    assert check(errors == 0, 'no errors')\n"
        ),
        "parametrize": (
            "@pytest.mark.parametrize('metrics', [lambda name: 0])\n"
            "def test_gate(metrics):\n    assert check(metrics('errors') == 0, 'no errors')\n"
        ),
        "unittest": (
            "import unittest\n\n\nclass TestShop(unittest.TestCase):\n    @pytest.fixture(autouse=True)\n"
            "    def ask(self, metrics):\n        self.metrics = metrics\n\n"
            "    def test_gate(self):\n        assert check(self.metrics('errors') == 0, 'no errors')\n"
        ),
        "class": (
            "class TestShop:\n    @pytest.fixture\n    def metrics(self):\n        return lambda name: 0\n\n"
            "    def test_gate(self, metrics):\n        assert check(metrics('errors') == 0, 'no errors')\n"
        ),
    }
    if case in {"conftest", "indirectly", "unittest"}:
        project.write("gates/conftest.py", "import pytest\n\n\n" + THEIRS.format(name="metrics"))
    project.gate(gates[case])
    (project.gates / "gates.lock").write_text(
        "phase1  rollout.yaml::phase1::latency_ms\nphase1  test_phase1.py::test_gate\n", encoding="utf-8"
    )

    result = project.run(lock=False)

    assert result.ret != 0
    blocked(result, ret=result.ret)
    assert "the fixture 'metrics' comes from" in result.text
