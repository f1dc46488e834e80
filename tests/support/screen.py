"""The screen: what a run writes where a person sits and reads."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

from support.others import WITHOUT


def on_a_terminal(project, *words, columns=80):
    """Everything that a run writes to somebody's terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "gates", "-m", "phase1", "--rollout-env", "test", *WITHOUT]
    env = {**os.environ, "COLUMNS": str(columns)}
    run = subprocess.Popen([*command, *words], cwd=project.folder, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    written = b""
    with suppress(OSError):  # Linux says by an error that the other end is closed
        while piece := os.read(ours, 4096):
            written += piece
    run.wait()
    os.close(ours)
    return written.decode("utf-8", "replace")
