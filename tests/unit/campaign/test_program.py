"""A watched program: how it ended, what it took, and that nothing of it is left."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from pytest_rollout.campaign.program import watched
from pytest_rollout.errors import RolloutError


@pytest.fixture
def watch(tmp_path):
    """Watch a line of Python."""

    def watch(code, **more):
        options = {"timeout_seconds": 30.0, **more}
        return watched([sys.executable, "-S", "-c", code], folder=tmp_path, environment=dict(os.environ), **options)

    return watch


def alive(pid):
    """Whether a process runs, and is no zombie that waits for its parent."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text("ascii")
    except OSError:
        return False


def test_it_ends_by_itself(watch):
    """Status, time, and no orphan."""
    done = watch("raise SystemExit(3)")

    assert (done.status, done.late, done.orphans) == (3, False, 0)
    assert 0 < done.seconds < 30
    assert not done.clean
    assert watch("pass").clean


def test_its_peak_is_its_own(watch):
    """What it had for a moment counts; what this process had is the least that can be seen, as the docstring says."""
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    wanted = ours + 100_000_000

    small, large = watch("pass"), watch(f"b'x' * {wanted}")

    assert large.peak_bytes > wanted
    assert small.peak_bytes < wanted


def test_one_that_takes_too_long_is_ended(watch):
    done = watch("import time; time.sleep(60)", timeout_seconds=0.3)

    assert done.late
    assert done.status == -signal.SIGKILL
    assert done.seconds < 30


@pytest.mark.parametrize("hidden", [False, True], ids=["in-its-group", "in-a-session-of-its-own"])
def test_what_it_leaves_behind_is_counted_and_ended(watch, tmp_path, hidden):
    """Also where it left the group, and even the session."""
    child = f"""
import subprocess, sys
p = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session={hidden})
open({str(tmp_path / "pid")!r}, "w").write(str(p.pid))
"""

    done = watch(child)

    assert done.orphans == 1
    assert not done.clean
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_it_is_sent_a_signal_once_it_is_ready(watch, tmp_path):
    """At a moment that it chooses, and not after so many seconds."""
    ready = tmp_path / "ready"
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7));"
        f"open({str(ready)!r}, 'w').close(); time.sleep(60)"
    )

    assert watch(code, interrupt=(ready, signal.SIGTERM)).status == 7


def test_its_words_go_where_they_are_wanted(watch, tmp_path):
    watch("import sys; print('out'); print('err', file=sys.stderr)", output=tmp_path / "said.txt")

    assert (tmp_path / "said.txt").read_text() == "out\n"
    assert (tmp_path / "said.stderr").read_text() == "err\n"


def test_one_that_cannot_be_started_is_refused(tmp_path):
    with pytest.raises(RolloutError, match="no-such-program: cannot be started"):
        watched(["no-such-program"], folder=tmp_path, environment={}, timeout_seconds=1)
