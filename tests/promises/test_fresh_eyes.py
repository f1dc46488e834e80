"""What a review found that no list had named: each once open, each closed."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


@pytest.fixture
def failing_service():
    """A service that answers 500 to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(500)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def with_target(project, url):
    """Give the project's environment a service."""
    plan = (project.gates / "rollout.yaml").read_text("utf-8")
    project.write("gates/shop/rollout.yaml", plan.replace("  test:\n", f"  test:\n    target: {url}\n"))


ROLLBACK_GATE = """
import unittest.mock

@pytest.fixture
def token():
    assert "", "TOKEN is not set"

@pytest.fixture
def folder():
    yield
    assert False, "the folder is not empty"

@pytest.mark.rollback
def test_gate(metrics{fixture}):
    {line}
    assert metrics("orders") > 100
"""


@pytest.mark.parametrize(
    ("fixture", "line"),
    [
        pytest.param(", token", "pass", id="set-up"),
        pytest.param(", folder", "pass", id="tear-down"),
        pytest.param("", "unittest.mock.Mock().assert_called()", id="library"),
        pytest.param("", "pytest.fail('too slow')", id="pytest-fail"),
    ],
)
def test_somebody_elses_assert_takes_no_release_back(project, fixture, line):
    """A rollback gate rolls back for what it judged itself; anything else that breaks is an error."""
    project.gate(ROLLBACK_GATE.format(fixture=fixture, line=line))

    result = project.run()

    assert result.ret == 1
    assert result.codes == {"error"}


@pytest.mark.parametrize("hook", [False, True], ids=["plain", "assertion-pass-hook"])
@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ('target.get("/health")\n    assert metrics("errors") == 0', {"no-claim"}),
        ('assert target.get("/health")\n    assert metrics("errors") == 0', {"error"}),
    ],
)
def test_a_response_that_nobody_looks_at_proves_nothing(project, failing_service, body, codes, hook):
    """A 500 is a response like any other until its status is asked for."""
    with_target(project, failing_service)
    project.write("pytest.ini", f"[pytest]\nenable_assertion_pass_hook = {str(hook).lower()}\n")
    project.gate(f"def test_gate(metrics, target):\n    {body}\n")

    assert project.run().codes == codes


def test_a_response_that_is_looked_at_counts(project, failing_service):
    """The right question gets its answer."""
    with_target(project, failing_service)
    project.gate("""
        def test_gate(target):
            answer = target.get("/health")
            assert check(answer.status_code == 500, "it fails")
        """)

    assert project.run().ret == 0


@pytest.mark.parametrize(
    "line",
    [
        "assert all(metrics(name) < 40 for name in [])",
        "assert not [name for name in [] if metrics(name) > 40]",
        "assert check(all(metrics(name) < 40 for name in []), 'all are fast')",
        "assert check(True, 'x') and metrics('errors') == 0; assert (metrics(name) < 4 for name in ['latency_ms'])",
    ],
)
def test_what_was_never_asked_proves_nothing(project, line):
    """A loop over an empty list and a forgotten `all` hold whatever the numbers are."""
    project.write("pytest.ini", "[pytest]\nenable_assertion_pass_hook = true\n")
    project.gate(f"def test_gate(metrics):\n    {line}\n")

    result = project.run()

    assert result.ret == 1
    assert result.codes == {"no-claim"}


def test_a_plugin_that_a_conftest_loads_is_refused(project):
    """It would come too late to have the last word."""
    project.lock()
    project.write("conftest.py", 'pytest_plugins = ["pytest_rollout.plugin"]\n')

    result = project.run(lock=False, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})

    assert result.ret != 0
    assert result.verdict is None


def test_a_rollback_stays_one_without_a_receipt(project):
    """A read-only disk must not hide that the release goes back."""
    project.answers(latency=99)

    result = project.run("--rollout-out", "/proc/nowhere")

    assert result.ret == 20
    result.stdout.fnmatch_lines(["VERDICT  ROLLBACK?critical?*not all could be written: *exit 20"])


def test_no_receipt_no_go(project):
    """A healthy phase whose receipt cannot be written holds."""
    assert project.run("--rollout-out", "/proc/nowhere").ret == 1


def test_a_gate_put_in_shadow_is_not_the_gate_that_was_locked(project):
    """A shadow that came after the lock is a change that somebody must review."""
    project.lock()
    gates = (project.gates / "test_phase1.py").read_text("utf-8")
    shadow = '@pytest.mark.shadow(until="2999-12-31", why="noisy")\n@pytest.mark.rollback'
    project.write("gates/shop/test_phase1.py", gates.replace("@pytest.mark.rollback", shadow))
    project.answers(orders=5)

    result = project.run(lock=False)

    assert result.ret == 1
    assert result.codes == {"unlocked"}


def test_an_environment_in_an_ini_file_is_not_named_under_ci(project):
    """What a file always says is nobody's word for this deploy."""
    project.lock()
    project.write("pytest.ini", "[pytest]\naddopts = --rollout-env test\n")

    result = project.pytest("gates", "-m", "phase1", env={"CI": "true"})

    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: name the environment to judge shop in*"])


def test_a_lock_without_its_plan_is_a_missing_plan(project):
    """A deployment that forgot rollout.yaml has not passed its gates."""
    project.lock()
    (project.gates / "rollout.yaml").unlink()

    result = project.run(lock=False)

    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *rollout.yaml:1:1: no such file"])


def test_a_helper_class_is_no_gate(project):
    """A method with an argument called `target` is not a gate that was passed over."""
    project.write(
        "gates/shop/helpers.py", "class Client:\n    def __init__(self, target):\n        self.target = target\n"
    )

    assert project.run().ret == 0


def test_an_enum_is_no_reading(project):
    """`.value` of anything else is nobody's estimate."""
    project.gate(
        "import enum\n\nclass State(enum.Enum):\n    ON = 'on'\n\n\n"
        "def test_gate(metrics):\n    assert State.ON.value == 'on'\n    assert metrics('errors') == 0\n"
    )

    assert project.run().ret == 0


def test_verify_wants_an_embedded_world_named(project):
    """A receipt of the demo world releases nothing by accident."""
    assert project.run().ret == 0
    path = project.folder / ".rollout" / "verdict.json"
    document = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**document, "embedded": True}), encoding="utf-8")

    assert project.rollout("verify").returncode == 1
    assert project.rollout("verify", "--env", "test").returncode == 0
