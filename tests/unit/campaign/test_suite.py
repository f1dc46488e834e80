"""A suite: each program alone, tried again, with what succeeded kept and nothing half written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pytest_rollout.campaign.results import unfinished
from pytest_rollout.campaign.suite import Interrupted, Task, ends_on_signals, run_suite
from pytest_rollout.errors import RolloutError

WRITES = "import sys; open(sys.argv[1], 'w').write({text!r})"


@pytest.fixture
def task(tmp_path):
    """A task that runs a line of Python with its result's file as the first word."""

    def task(name, code, timeout=30.0):
        argv = [sys.executable, "-S", "-c", code, "{out}"]
        return Task(name=name, argv=argv, result=tmp_path / f"{name}.json", timeout_seconds=timeout)

    return task


@pytest.fixture
def ran(tmp_path):
    """Run tasks; a result is sound when it says so."""

    def sound(path):
        if not path.exists() or path.read_text() != "sound":
            raise RolloutError("it is not sound")

    def ran(*tasks, **more):
        return run_suite(tasks, folder=tmp_path, environment=dict(os.environ), check=sound, **more)

    return ran


def test_results_are_in_their_places(task, ran, tmp_path):
    outcomes = ran(task("a", WRITES.format(text="sound")), task("b", WRITES.format(text="sound")))

    assert [(each.name, each.done, len(each.attempts)) for each in outcomes] == [("a", True, 1), ("b", True, 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_one_that_fails_is_tried_again_and_the_others_are_kept(task, ran, tmp_path):
    """Two attempts, no result, and its neighbours are whole."""
    outcomes = ran(
        task("a", WRITES.format(text="sound")),
        task("b", WRITES.format(text="sound") + "; sys.exit(9)"),
        task("c", WRITES.format(text="sound")),
    )

    assert [each.done for each in outcomes] == [True, False, True]
    assert outcomes[1].why == "ended with 9"
    assert len(outcomes[1].attempts) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "c.json"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (WRITES.format(text="half"), "it is not sound"),
        ("pass", "it is not sound"),
        ("import time; time.sleep(60)", "took longer than 0.5 s"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
    ],
    ids=["half-written", "nothing-written", "too-long", "killed"],
)
def test_no_failure_touches_an_earlier_result(task, ran, tmp_path, code, why):
    """What was whole before is whole afterwards, and nothing is beside it."""
    (tmp_path / "a.json").write_text("sound")

    (outcome,) = ran(task("a", code, timeout=0.5 if "sleep" in code else 30), retries=0)

    assert outcome.why == why
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "sound")]


def test_the_second_attempt_may_succeed(task, ran, tmp_path):
    code = (
        f"import os, sys; p = {str(tmp_path / 'tried')!r}; os.path.exists(p) or (open(p, 'w').close(), sys.exit(1)); "
    )

    (outcome,) = ran(task("a", code + "open(sys.argv[1], 'w').write('sound')"))

    assert outcome.done
    assert [attempt.status for attempt in outcome.attempts] == [1, 0]


def test_never_two_at_a_time(task, ran, tmp_path):
    """Each program begins after the one before has ended, also where one is tried again."""
    code = (
        f"import sys, time; log = open({str(tmp_path / 'log')!r}, 'a'); log.write('begin\\n'); log.flush(); "
        "time.sleep(0.1); log.write('end\\n'); log.flush(); sys.exit(1)"
    )
    ran(task("a", code), task("b", code))

    assert (tmp_path / "log").read_text().split() == ["begin", "end"] * 4


def test_it_cools_down_between_programs(task, ran):
    began = time.monotonic()
    ran(*(task(name, WRITES.format(text="sound")) for name in "abc"), cool_down_seconds=0.3)

    assert time.monotonic() - began > 0.6


def test_one_that_cannot_be_started_is_no_result(task, ran, tmp_path):
    (outcome,) = ran(Task(name="a", argv=["no-such-program"], result=tmp_path / "a.json", timeout_seconds=1))

    assert not outcome.done
    assert outcome.attempts == ()
    assert "cannot be started" in outcome.why


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_keeps_what_was_done(number, tmp_path):
    """A suite in a process of its own: the first result stays, the second program is gone, the status says which."""
    code = f"""
import os, pathlib, sys
from pytest_rollout.campaign.suite import *
folder = pathlib.Path({str(tmp_path)!r})
first = Task(name="a", argv=[sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('x')", "{{out}}"],
             result=folder / "a.json", timeout_seconds=30)
slow = "import os, sys, time; open(sys.argv[1], 'w').write('half'); open('pid', 'w').write(str(os.getpid()));"
second = Task(name="b", argv=[sys.executable, "-c", slow + " open('ready', 'w').close(); time.sleep(60)", "{{out}}"],
              result=folder / "b.json", timeout_seconds=60)
try:
    with ends_on_signals():
        run_suite([first, second], folder=folder, environment=dict(os.environ), check=len_of)
except Interrupted as interrupted:
    sys.exit(interrupted.status)
""".replace("check=len_of", "check=lambda path: path.stat()")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)

    assert process.wait(30) == 128 + number
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "pid", "ready"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_handlers_are_put_back():
    """And a signal meanwhile is no `Exception` that a task could swallow."""
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(Interrupted) as raised, ends_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)

    assert raised.value.status == 143
    assert not isinstance(raised.value, Exception)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_killed_writer_left_is_removed(task, ran, tmp_path):
    (tmp_path / ".a.json.x1.part").write_text("half")

    assert unfinished(tmp_path)
    ran(task("a", WRITES.format(text="sound")))
    assert not unfinished(tmp_path)
