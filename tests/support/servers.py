"""Real servers for tests: started on loopback ports of their own, and gone afterwards.

A server that is not installed skips a person's test, with the line that
installs it, and fails one in CI: a test that silently did not run proves nothing.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def need(binary, *, package):
    """The path of a program that a Debian package brings."""
    # /usr/sbin is not on everybody's path, and nginx lives there.
    found = shutil.which(binary) or shutil.which(binary, path="/usr/sbin:/usr/bin")
    if found:
        return found
    line = f"no {binary} here: apt-get install -y --no-install-recommends {package}"
    if os.environ.get("CI"):
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def started(command, *, ready, log, seconds=30.0):
    """Run a server until the block ends; it is up when `ready()` is true.

    Args:
        command: The program and its arguments.
        ready: Asked again until it is true; errors of a connection count as false.
        log: The file for what the server says; shown when it does not come up.
        seconds: How long to wait for it.
    """
    with Path(log).open("wb") as said, subprocess.Popen([*map(str, command)], stdout=said, stderr=said) as process:
        try:
            wait_for(ready, f"{command[0]} did not come up", log=log, seconds=seconds, alive=process)
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def wait_for(ready, what, *, log=None, seconds=30.0, alive=None):
    """Return as soon as `ready()` is true; fail with `what`, and the end of the log, when it is not in time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and (alive is None or alive.poll() is None):
        with suppress(OSError, urllib.error.URLError, ValueError, KeyError):
            if ready():
                return
        time.sleep(0.05)
    end = Path(log).read_text("utf-8", "replace")[-2000:] if log else ""
    pytest.fail(f"{what}\n{end}", pytrace=False)


def says_ok(url):
    """Whether an address answers with status 200."""
    with urllib.request.urlopen(url, timeout=2) as response:
        return response.status == 200
