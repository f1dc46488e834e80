"""`rollout world`: it runs until it is told to end, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import pytest_rollout

PACKAGE = str(Path(pytest_rollout.__file__).parents[1])


@pytest.fixture
def shown(world_file, tmp_path):
    """Starts the command on the shop, and gives the process and its first lines."""
    started = []

    def show(*words, place=None):
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        env = {**os.environ, "PYTHONPATH": PACKAGE, "TMPDIR": str(temporary)}
        command = [sys.executable, "-m", "pytest_rollout.cli", "world", str(place or world_file().parent), *words]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, start_new_session=True
        )
        started.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        return process, "\n".join(lines), temporary

    yield show
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_told_to_end(shown, signal_number):
    process, said, temporary = shown("--fault", "sold_out")
    target = re.search(r"service  (\S+)", said)[1]

    assert "embedded world, not your system; with the fault sold_out: no apples" in said
    assert httpx.get(f"{target}/stock").json() == {"apples": 0}
    process.send_signal(signal_number)
    rest, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert rest.strip() == "ended"
    assert not list(temporary.iterdir())
    with pytest.raises(httpx.TransportError):
        httpx.get(target)


def test_it_says_what_can_go_wrong_and_where_sources_are(shown):
    _, said, _ = shown()

    assert "embedded world, not your system; healthy" in said
    for told in ("crowd ", "ten times the visitors", "metrics_down", 'telemetry: {kind: "sql", url: "duckdb:////'):
        assert told in said


def test_a_world_that_ends_by_itself_is_said(shown):
    process, said, _ = shown("--fault", "dies")
    with pytest.raises(httpx.TransportError):
        httpx.get(re.search(r"service  (\S+)", said)[1] + "/stock")
    rest, _ = process.communicate(timeout=20)

    assert (process.returncode, rest.strip()) == (1, "the world ended by itself")


def test_a_place_without_a_world_is_refused(shown, tmp_path):
    process, said, temporary = shown(place=tmp_path / "nowhere")

    assert process.wait(20) == 4
    assert "there is no such world file" in said
    assert not list(temporary.iterdir())


def test_the_port_may_be_named(shown):
    first, said, _ = shown()
    port = re.search(r"service  http://127.0.0.1:(\d+)", said)[1]
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=20)
    time.sleep(0.1)

    assert f"service  http://127.0.0.1:{port}" in shown("--port", port)[1]
