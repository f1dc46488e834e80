"""Process: one program, run without a shell and ended with all that it started.

A program can hang, talk without end, or leave a child behind that keeps the
pipes open. Whatever it does, the caller has its words or an error in time,
and what runs in its process group is gone afterwards.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import MAX_BYTES, first_line

_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program ended (negative: the signal that ended it) and what it said."""

    status: int
    output: bytes
    errors: bytes


def run(
    argv: Sequence[str],
    *,
    where: str,
    folder: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    given: bytes = b"",
    keep: Sequence[int] = (),
    deadline: float | None = None,
) -> Finished:
    """Run a program in `folder` with exactly this environment, and `given` as all of its input.

    The descriptors in `keep` stay open in it, so that it reads as `/dev/fd/N` what stands in no folder.
    `deadline` says when the `timeout_seconds` are over (of `time.monotonic`), where they began earlier.

    Raises:
        SourceError: It cannot be started, takes longer, or says more than 5 MiB.
    """
    deadline = time.monotonic() + timeout_seconds if deadline is None else deadline
    with tempfile.TemporaryFile() as stdin:  # a pipe that nobody reads would have to be fed in turns
        stdin.write(given)
        stdin.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell; the plan's own program
                list(argv),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,  # a group of its own, to be ended as a whole
                pass_fds=keep,
            )
        except (OSError, ValueError) as error:
            text = first_line(getattr(error, "strerror", "") or str(error))
            raise SourceError(f"{where}: cannot be started: {text}") from None
    try:
        output, errors = _said(process, deadline, where)
        _wait(process, deadline)
    except TimeoutError:
        raise SourceError(f"{where}: no answer within {timeout_seconds:.2g} s; it was ended") from None
    finally:
        _end(process)
    return Finished(status=process.returncode, output=output, errors=errors)


def _said(process: subprocess.Popen[bytes], deadline: float, where: str) -> tuple[bytes, bytes]:
    """Both outputs, up to their ends."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for descriptor in said:
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if _over(process):
                _kill(process)  # what it left behind would hold the pipes open
            for key, _ in selector.select(min(left, _LOOK_EVERY_SECONDS)):
                chunk = os.read(key.fd, 65536)
                said[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
                if len(said[key.fd]) > MAX_BYTES:
                    raise SourceError(f"{where}: says more than 5 MiB\nask for less: one number is meant")
    output, errors = said.values()
    return bytes(output), bytes(errors)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Wait until it ended; one that closed its outputs may still run."""
    while not _over(process):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)


def _over(process: subprocess.Popen[bytes]) -> bool:
    """Whether it ended; it is not reaped yet, so that its number still names its group and no other."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)  # also what a program that ended well left behind; nobody has reaped it, so the number is still its
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    process.wait()
