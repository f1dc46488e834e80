"""Row 15: an xdist worker dies, at any stage, or sets a status of its own."""

import pytest

WORKER = "import os\nimport pytest\n\nWORKER = 'PYTEST_XDIST_WORKER' in os.environ\n\n\n"
STAGES = {
    "load": "if WORKER:\n    os._exit(0)\n",
    "configure": "def pytest_configure():\n    if WORKER:\n        os._exit(0)\n",
    "sessionstart": "def pytest_sessionstart():\n    if WORKER:\n        os._exit(0)\n",
    "collection": "def pytest_collection_modifyitems():\n    if WORKER:\n        os._exit(0)\n",
    "collection-finish": (
        "@pytest.hookimpl(trylast=True)\ndef pytest_collection_finish():\n    if WORKER:\n        os._exit(0)\n"
    ),
    "setup": "def pytest_runtest_setup(item):\n    if 'errors' in item.name:\n        os._exit(0)\n",
    "call": "def pytest_runtest_call(item):\n    if 'errors' in item.name:\n        os._exit(0)\n",
    "teardown": "def pytest_runtest_teardown(item):\n    if 'errors' in item.name:\n        os._exit(0)\n",
    "logreport": "def pytest_runtest_logreport(report):\n    if WORKER and report.when == 'call': os._exit(0)\n",
    "sessionfinish": "def pytest_sessionfinish():\n    if WORKER:\n        os._exit(0)\n",
    "killed": "def pytest_runtest_call(item):\n    if 'errors' in item.name:\n        os.kill(os.getpid(), 9)\n",
}


@pytest.mark.parametrize("stage", STAGES)
def test_row_15_a_worker_dies(project, blocked, stage):
    """HOLD[missing], or pytest's own status where it does not get that far."""
    project.lock()
    project.write("gates/conftest.py", WORKER + STAGES[stage])

    result = project.run("-n", "2", "--max-worker-restart", "2", lock=False)

    assert result.ret != 0
    blocked(result, "missing", ret=result.ret)


def test_row_15_a_worker_dies_in_a_gate_and_may_not_be_restarted(project, blocked):
    """The gates it still had are missing."""
    project.gate("def test_a(metrics):\n    import os\n\n    os._exit(0)\n")

    result = project.run("-n", "1", "--max-worker-restart", "0")

    assert result.ret != 0
    blocked(result, "missing", ret=result.ret)


def test_row_15_a_worker_sets_its_own_status(project, blocked):
    """Nobody asks a worker."""
    project.gate("def test_a(metrics):\n    assert metrics('errors') == 1\n")
    project.write("gates/conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n")

    blocked(project.run("-n", "2"), "failed")


def test_row_15_a_worker_ends_with_sys_exit(project, blocked):
    """At session finish, in good order."""
    text = "def pytest_sessionfinish():\n    if WORKER:\n        raise SystemExit(0)\n"
    project.write("gates/conftest.py", WORKER + text)
    project.gate("def test_a(metrics):\n    assert metrics('errors') == 1\n")

    result = project.run("-n", "2")

    assert result.ret != 0
    blocked(result, ret=result.ret)


@pytest.mark.parametrize("dist", ["load", "loadscope", "loadfile", "loadgroup", "worksteal"])
def test_row_15_every_way_to_distribute_judges_alike(project, blocked, dist):
    """Good gates proceed, bad ones hold."""
    project.run("-n", "2", "--dist", dist).proceeds()

    project.answers(errors=1)
    blocked(project.run("-n", "2", "--dist", dist), "failed")


GROUPED = """
@pytest.mark.xdist_group("database")
def test_first(metrics):
    assert metrics("errors") == 0


@pytest.mark.xdist_group(name="database")
@pytest.mark.xdist_group("queue")
class TestSecond:
    @pytest.mark.parametrize("name", ["errors", "latency_ms"])
    def test_second(self, metrics, name):
        assert metrics(name) < 60
"""


def test_row_15_gates_that_run_in_one_worker(project, blocked):
    """`xdist_group` renames them where a group is asked for; they stay the gates that were locked."""
    project.gate(GROUPED)
    project.run("-n", "2", "--dist", "loadgroup").proceeds()

    blocked(project.run("-n", "2", "--dist", "loadgroup", "-k", "not second"), "deselected")
    project.answers(errors=99)
    blocked(project.run("-n", "2", "--dist", "loadgroup"), "failed")


def test_row_15_each_worker_answers_every_gate(project, blocked):
    """Two answers to one question."""
    blocked(project.run("--dist", "each", "--tx", "2*popen"), "duplicate")
