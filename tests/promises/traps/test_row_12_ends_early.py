"""Row 12: a run that ends early has not judged what it left."""

import os
import signal
import time

import pytest

EARLY = {
    "exit-0-in-a-gate": ("def test_a(metrics):\n    pytest.exit('done', returncode=0)\n", "", 1),
    "exit-256-in-a-gate": ("def test_a(metrics):\n    pytest.exit('done', returncode=256)\n", "", 3),
    "exit-10-in-a-gate": ("def test_a(metrics):\n    pytest.exit('done', returncode=10)\n", "", 3),
    "exit-0-in-a-fixture": (
        "@pytest.fixture\ndef over():\n    pytest.exit('done', returncode=0)\n\n\ndef test_a(over, metrics): ...\n",
        "",
        1,
    ),
    "exit-0-in-the-last-tear-down": (
        "@pytest.fixture(autouse=True)\ndef over():\n    yield\n    pytest.exit('done', returncode=0)\n",
        "",
        1,
    ),
    "exit-0-at-session-start": ("", "def pytest_sessionstart():\n    pytest.exit('done', returncode=0)\n", 1),
    "exit-0-at-configure": ("", "def pytest_configure():\n    pytest.exit('done', returncode=0)\n", 1),
    "exit-0-at-collection": ("", "def pytest_collection_modifyitems():\n    pytest.exit('done', returncode=0)\n", 1),
    "shouldstop": ("", "def pytest_runtest_logfinish():\n    SESSION.shouldstop = 'enough'\n", 2),
    "sys-exit-0-in-a-gate": ("def test_a(metrics):\n    raise SystemExit(0)\n", "", 1),
    "keyboard-interrupt": ("def test_a(metrics):\n    raise KeyboardInterrupt\n", "", 2),
    "main-that-does-nothing": ("", "def pytest_cmdline_main():\n    return 0\n", 1),
    "loop-that-does-nothing": ("", "@pytest.hookimpl(tryfirst=True)\ndef pytest_runtestloop():\n    return True\n", 1),
    "protocol-that-does-nothing": ("", "def pytest_runtest_protocol():\n    return True\n", 1),
    "collection-that-does-nothing": (
        "",
        "@pytest.hookimpl(tryfirst=True)\ndef pytest_collection(session):\n    session.items = []\n    return True\n",
        5,
    ),
}


@pytest.mark.parametrize("case", EARLY)
def test_row_12_a_run_that_ends_early(project, blocked, case):
    """Never 0; the gates that did not run are missing."""
    gate, conftest, ret = EARLY[case]
    good = "def test_m(metrics):\n    assert metrics('errors') == 0\n"
    project.gate(f"{good}\n\n{gate}")
    project.lock()
    head = "import pytest\n\n\ndef pytest_sessionstart(session):\n    globals()['SESSION'] = session\n\n\n"
    if conftest:
        project.write("gates/conftest.py", (head if "SESSION" in conftest else "import pytest\n\n\n") + conftest)

    result = project.run(lock=False)

    receipt = case not in {"exit-0-at-configure", "main-that-does-nothing"}  # nothing was opened
    blocked(result, ret=ret, receipt=receipt)


@pytest.mark.parametrize("words", [("-x",), ("--maxfail", "1")], ids=["x", "maxfail"])
def test_row_12_stopping_at_the_first_failure(project, blocked, workers, words):
    """The gates after it are missing, not fine."""
    gates = [f"def test_{number}(metrics):\n    assert metrics('errors') == 1\n" for number in range(6)]
    project.gate("\n\n".join(gates))

    result = project.run(*workers, *words)

    blocked(result, "failed", "missing", ret=2 if workers else 1)


@pytest.mark.parametrize(("words", "ret"), [((), 20), (("-n", "2"), 2)], ids=["one", "xdist"])
def test_row_12_a_rollback_that_stops_the_run(project, blocked, words, ret):
    """xdist ends with pytest's "interrupted", which stands; the receipt says ROLLBACK, and `verify` the same code."""
    project.answers(latency=99)

    result = project.run("-x", *words)

    blocked(result, "critical", ret=ret)
    assert result.verdict["decision"] == "ROLLBACK"
    assert project.rollout("verify", "--env", "test").returncode == ret


def test_row_12_exit_0_in_a_worker(project, blocked):
    """The worker ends its session in good order."""
    project.gate("def test_a(metrics):\n    pytest.exit('done', returncode=0)\n")

    result = project.run("-n", "2")

    assert result.ret != 0
    blocked(result, ret=result.ret)


STAGES = {
    "configure": "def pytest_configure():\n    wait()\n",
    "collection": "def pytest_collection_modifyitems():\n    wait()\n",
    "set-up": "def pytest_runtest_setup():\n    wait()\n",
    "after-the-last": "def pytest_sessionfinish():\n    wait()\n",
    "summary": "def pytest_terminal_summary():\n    wait()\n",
    "unconfigure": "def pytest_unconfigure():\n    wait()\n",
}
WAIT = """
import os
import time


def wait():
    if 'PYTEST_XDIST_WORKER' not in os.environ:
        open("started", "w").close()
        time.sleep(60)


"""


def interrupt(project, number, *words, group=False):
    """Start a run, send a signal at the place where it waits, and look what is left."""
    started = project.folder / "started"
    process = project.start(*words)
    deadline = time.monotonic() + 60
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert started.exists()
    (os.killpg if group else os.kill)(process.pid, number)

    assert process.wait(60) != 0
    receipt = project.folder / ".rollout" / "verdict.json"
    assert not receipt.exists() or '"decision": "HOLD"' in receipt.read_text("utf-8")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("stage", STAGES)
def test_row_12_a_signal(project, number, stage):
    """Not 0, and no PROCEED."""
    project.lock()
    project.write("gates/conftest.py", WAIT + STAGES[stage])

    interrupt(project, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_row_12_a_signal_in_a_gate(project, number, workers):
    """Ctrl-C at a terminal goes to the workers too."""
    gate = "def test_a(metrics):\n    open('started', 'w').close()\n    time.sleep(60)\n"
    project.gate(gate, head="import time\nimport pytest\n")
    project.lock()

    interrupt(project, number, *workers, group=number is signal.SIGINT)
