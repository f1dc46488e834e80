"""Program: one program in a process of its own, watched from its start until nothing of it is left.

What it took (seconds, peak memory) is asked of the kernel when it ends, and
what it left behind is looked for by a mark in its environment, which a
process inherits also where it leaves session and group. Linux.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.errors import RolloutError
from pytest_rollout.sources.document import first_line

MARK = "ROLLOUT_CAMPAIGN_RUN"
_LOOK_SECONDS = 0.01
_PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How a program ended.

    Args:
        status: Its exit status; negative is the signal that ended it.
        seconds: From its start to its end.
        peak_bytes: The most memory that it had resident (the larger of it and of one child that it waited for). Never
            less than the peak of the process that watched, which the kernel counts until the program begins: watch
            from a small one.
        orphans: How many processes it left behind; they are ended. None where nobody can tell (no `/proc`).
        late: Whether it was ended because its time was over.
    """

    status: int
    seconds: float
    peak_bytes: int
    orphans: int | None
    late: bool

    @property
    def clean(self) -> bool:
        """Whether it ended by itself with 0, in time, and left nothing behind."""
        return self.status == 0 and not self.late and self.orphans == 0


def watched(
    argv: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    output: Path | None = None,
    interrupt: tuple[Path, signal.Signals] | None = None,
) -> Watched:
    """Run a program in a session of its own, and end it and all that it started.

    Args:
        argv: The program and its words; there is no shell.
        folder: Where it runs.
        environment: All of its environment, but for one mark.
        timeout_seconds: After which it is ended.
        output: Where its standard output goes; it and the errors go nowhere otherwise.
        interrupt: A file and a signal, which it is sent once that file is there: for trying how it ends.

    Raises:
        RolloutError: It cannot be started.
    """
    mark = uuid.uuid4().hex
    began = time.monotonic()
    errors = output.with_suffix(".stderr") if output else None
    try:
        with (output or Path(os.devnull)).open("wb") as out, (errors or Path(os.devnull)).open("wb") as err:
            process = subprocess.Popen(  # noqa: S603 - no shell; the campaign's own program
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**environment, MARK: mark},
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        raise RolloutError(f"{argv[0]}: cannot be started: {first_line(str(error))}") from None
    late = False
    try:
        late = _waited(process.pid, began, timeout_seconds, interrupt)
        took = time.monotonic() - began
        if late:
            _kill(process.pid)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        left = _left_behind(mark, process.pid)
    finally:  # before it is reaped: until then its number is its own
        _kill(process.pid)
        for pid in _left_behind(mark, process.pid) or ():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Watched(
        status=process.returncode,
        seconds=took,
        peak_bytes=usage.ru_maxrss * 1024,
        orphans=None if left is None else len(left),
        late=late,
    )


def _waited(pid: int, began: float, timeout_seconds: float, interrupt: tuple[Path, signal.Signals] | None) -> bool:
    """Wait until it ended; whether its time was over first. It is not reaped."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() - began > timeout_seconds:
            return True
        if interrupt is not None and interrupt[0].exists():
            os.kill(pid, interrupt[1])
            interrupt = None
        time.sleep(_LOOK_SECONDS)
    return False


def _left_behind(mark: str, leader: int) -> list[int] | None:
    """Every living process but the program itself that carries its mark; None where nobody can tell."""
    if not _PROC.is_dir():
        return None
    wanted, found = f"{MARK}={mark}".encode(), []
    for each in _PROC.iterdir():
        if each.name.isdigit() and int(each.name) != leader:
            with suppress(OSError):  # it ended meanwhile, or is another user's, whom the program cannot become
                if wanted in (each / "environ").read_bytes().split(b"\0"):
                    found.append(int(each.name))
    return found


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
