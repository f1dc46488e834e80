"""Row 14: somebody else sets the status, before or after us, or keeps a failure to himself."""

import pytest

FAILING = "def test_gate(metrics):\n    assert metrics('errors') == 1\n"
SETTERS = {
    "sessionfinish": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    "sessionfinish-first": (
        "@pytest.hookimpl(tryfirst=True)\ndef pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    ),
    "sessionfinish-wrapper": (
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\ndef pytest_sessionfinish(session):\n"
        "    yield\n    session.exitstatus = 0\n    session.testsfailed = 0\n"
    ),
    "sessionfinish-sys-exit": "def pytest_sessionfinish():\n    raise SystemExit(0)\n",
    "unconfigure-sys-exit": "def pytest_unconfigure():\n    raise SystemExit(0)\n",
    "summary-sys-exit": "def pytest_terminal_summary():\n    raise SystemExit(0)\n",
    "sessionfinish-pytest-exit": "def pytest_sessionfinish():\n    pytest.exit('fine', returncode=0)\n",
    "cleanup-sys-exit": "import sys\n\n\ndef pytest_configure(config):\n    config.add_cleanup(lambda: sys.exit(0))\n",
    "atexit-sys-exit": "import atexit\nimport sys\n\natexit.register(sys.exit, 0)\n",
    "main-wrapper": (
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\ndef pytest_cmdline_main():\n    yield\n    return 0\n"
    ),
    "unregister": (
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
        "    for name in ('rollout', 'rollout-last-word', 'rollout-hooks'):\n"
        "        session.config.pluginmanager.unregister(name=name)\n"
    ),
    "status-256": "def pytest_sessionfinish(session):\n    session.exitstatus = 256\n",
    "status-is-no-number": "def pytest_sessionfinish(session):\n    session.exitstatus = 'fine'\n",
}
STATUSES = {
    "sessionfinish-sys-exit": 3,
    "unconfigure-sys-exit": 3,
    "summary-sys-exit": 3,
    "cleanup-sys-exit": 3,
    "status-256": 3,
    "status-is-no-number": 3,
}


@pytest.mark.parametrize("case", SETTERS)
def test_row_14_a_conftest_sets_the_status(project, blocked, case):
    """Ours is last."""
    project.gate(FAILING)
    project.lock()
    project.write("gates/conftest.py", "import pytest\n\n\n" + SETTERS[case])

    blocked(project.run(lock=False), ret=STATUSES.get(case, 1))


@pytest.mark.parametrize("case", ["sessionfinish", "sessionfinish-wrapper", "main-wrapper"])
def test_row_14_under_xdist(project, blocked, case):
    """On the controller and in the workers."""
    project.gate(FAILING)
    project.write("gates/conftest.py", "import pytest\n\n\n" + SETTERS[case])

    blocked(project.run("-n", "2"))


@pytest.mark.parametrize("when", ["pytest_unconfigure", "atexit"])
def test_row_14_os_exit_cannot_be_outlived(project, when):
    """The exit code is lost; `rollout verify` is not fooled."""
    project.gate(FAILING)
    conftest = {
        "pytest_unconfigure": "import os\n\n\ndef pytest_unconfigure():\n    os._exit(0)\n",
        "atexit": "import atexit\nimport os\n\natexit.register(os._exit, 0)\n",
    }
    project.write("gates/conftest.py", conftest[when])

    result = project.run()

    assert result.ret == 0  # nothing in this process can prevent it
    assert result.verdict is None or result.verdict["decision"] == "HOLD"
    assert project.rollout("verify", "--phase", "phase1", "--env", "test", "--max-age", "15m").returncode == 1


def test_row_14_a_status_of_1_that_another_sets_to_0(project, blocked):
    """A test that is no gate failed, all gates are proven, and a conftest says it was fine."""
    project.write(
        "gates/shop/test_more.py",
        "import pytest\n\n\n@pytest.mark.slow\ndef test_other():\n    assert False\n",
    )
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\nmarkers = slow\n")
    project.write("gates/conftest.py", SETTERS["sessionfinish-wrapper"].join(["import pytest\n\n\n", ""]))

    blocked(project.run(phase="phase1 or slow"))


SWALLOWERS = {
    "makereport-passes": (
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\ndef pytest_runtest_makereport():\n"
        "    report = yield\n    report.outcome = 'passed'\n    report.longrepr = None\n    return report\n"
    ),
    "makereport-forgets-the-exception": (
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\ndef pytest_runtest_makereport(call):\n"
        "    call.excinfo = None\n    return (yield)\n"
    ),
    "makereport-is-replaced": (
        "@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    return pytest.TestReport(item.nodeid, item.location, {}, 'passed', None, call.when)\n"
    ),
    "call-swallows": (
        "@pytest.hookimpl(wrapper=True, trylast=True)\ndef pytest_runtest_call():\n"
        "    try:\n        return (yield)\n    except BaseException:\n        return None\n"
    ),
    "pyfunc-call-swallows": (
        "@pytest.hookimpl(wrapper=True, trylast=True)\ndef pytest_pyfunc_call():\n"
        "    try:\n        return (yield)\n    except BaseException:\n        return True\n"
    ),
    "setup-swallows": (
        "@pytest.hookimpl(wrapper=True, trylast=True)\ndef pytest_runtest_setup():\n"
        "    try:\n        return (yield)\n    except BaseException:\n        return None\n"
    ),
    "teardown-swallows": (
        "@pytest.hookimpl(wrapper=True, trylast=True)\ndef pytest_runtest_teardown():\n"
        "    try:\n        return (yield)\n    except BaseException:\n        return None\n"
    ),
    "pyfunc-call-does-nothing": "@pytest.hookimpl(tryfirst=True)\ndef pytest_pyfunc_call():\n    return True\n",
    "runtest-does-nothing": (
        "def pytest_collection_modifyitems(items):\n    for item in items:\n        item.runtest = lambda: None\n"
    ),
    "function-is-replaced": (
        "def pytest_collection_modifyitems(items):\n    for item in items:\n        if hasattr(item, 'obj'):\n"
        "            item.obj = lambda metrics: None\n"
    ),
    "logreport-passes": (
        "@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_logreport(report):\n    report.outcome = 'passed'\n"
    ),
}
GATES = """
@pytest.fixture
def breaks_before():
    raise ConnectionError("refused")


@pytest.fixture
def breaks_after():
    yield
    raise ConnectionError("refused")


def test_plain(metrics):
    assert metrics("errors") == 0
    assert 1 + 1 == 3


def test_before(breaks_before, metrics):
    assert metrics("errors") == 0


def test_after(breaks_after, metrics):
    assert metrics("errors") == 0
"""


@pytest.mark.parametrize("folder", ["gates", "gates/shop"])
@pytest.mark.parametrize("case", SWALLOWERS)
def test_row_14_a_conftest_keeps_failures_to_itself(project, blocked, case, folder):
    """Whether it is loaded before us or after: the gate's own record says how each of them ended."""
    project.gate(GATES)
    project.write(f"{folder}/conftest.py", "import pytest\n\n\n" + SWALLOWERS[case])

    result = project.run()

    blocked(result)
    gates = {gate["id"]: gate for gate in result.verdict["verdicts"][0]["gates"]}
    held = [gates[f"test_phase1.py::test_{name}"]["decision"] for name in ("plain", "before", "after")]
    assert held == ["HOLD"] * 3
