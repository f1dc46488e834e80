"""The parent: starts a world, says where it is, and ends it.

The child's life hangs on a pipe that this process holds. Stopping closes the
pipe; dying closes it too, so no world outlives its run.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest_rollout
from pytest_rollout.errors import WorldError

_LOG = "world.log"
_STOP_SECONDS = 3.0
# The package's own folder leads while it is imported and no longer: the child
# runs this copy of it, and nothing beside it can hide a module of Python's.
_BOOT = (
    "import sys; p = sys.argv[1]; sys.path.insert(0, p); import pytest_rollout; sys.path.remove(p); "
    "from pytest_rollout.world.serve import main; sys.exit(main(sys.argv[2:]))"
)


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where a running world is: the service, its flags (also as a file), and its sources as a plan would state them.

    `baselines` are the days before, by the plan's metric. `ledger` is what it
    remembers and `approvals` the folder of who has signed: whoever started
    it, and knows the plan, writes them.
    """

    target: str
    flags: str
    sources: Mapping[str, Mapping[str, str]]
    flags_file: str = ""
    baselines: Mapping[str, Mapping[str, list[object]]] = field(default_factory=dict)
    ledger: str = ""
    approvals: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownPhase:
    """The phase of a rollout that a world shows.

    `traffic` is every percentage since its start, with how many seconds
    after the start it was reached.
    """

    name: str
    start: datetime
    traffic: Sequence[tuple[float, float]]


@dataclass(kw_only=True)
class RunningWorld:
    """A world that is being served; also a context manager, which stops it."""

    endpoints: Endpoints
    _process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that serves it."""
        return self._process.pid

    def stop(self) -> None:
        """End it, and wait for its end. Doing so twice is no error."""
        _ended(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def running_world(
    world_file: Path,
    *,
    at: datetime,
    folder: Path,
    fault: str | None = None,
    shown: ShownPhase | None = None,
    seed: int = 1,
    port: int = 0,
    timeout_seconds: float = 60.0,
) -> RunningWorld:
    """Start a world in a process of its own and wait until it can be asked.

    Args:
        world_file: The `world.py`.
        at: The run's instant, with an offset from UTC; its telemetry ends there.
        folder: A folder of this run's own; the telemetry and `world.log` are written there.
        fault: A fault to inject, by name.
        shown: The phase that it shows; None for none.
        seed: Which of the possible worlds.
        port: A fixed port for the service; 0 for a free one.
        timeout_seconds: How long it may take to start.

    Raises:
        WorldError: It did not start; in its own words.
    """
    if at.tzinfo is None:
        raise WorldError(f"the run's instant {at.isoformat()} has no offset from UTC")
    arguments = [str(world_file), "--seed", str(seed), "--at", at.isoformat(), "--folder", str(folder)]
    if shown is not None:
        traffic = json.dumps([list(each) for each in shown.traffic])
        arguments += ["--phase", shown.name, "--start", shown.start.isoformat(), "--traffic", traffic]
    arguments += ["--port", str(port), "--parent", str(os.getpid()), *([f"--fault={fault}"] if fault else [])]
    package = str(Path(pytest_rollout.__file__).parent.parent)
    log = folder / _LOG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, package, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the gates; the world ends after them
            )
    except OSError as error:
        raise WorldError(f"{world_file}: its process cannot be started: {error}") from error
    try:
        return RunningWorld(endpoints=_endpoints(_first_line(process, timeout_seconds), log), _process=process)
    except BaseException as error:
        _ended(process)
        if isinstance(error, WorldError):
            where = "" if str(world_file) in str(error) else f"{world_file}: "
            raise WorldError(f"the world did not start: {where}{error}") from None
        raise


def _first_line(process: subprocess.Popen[bytes], timeout_seconds: float) -> bytes:
    """What the child says, up to its first line end or its own end."""
    assert process.stdout is not None
    deadline, said = time.monotonic() + timeout_seconds, b""
    while b"\n" not in said:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise WorldError(f"it said nothing for {timeout_seconds:g} s; what runs in its world file takes too long")
        chunk = os.read(process.stdout.fileno(), 65536)
        if not chunk:
            break
        said += chunk
    return said.partition(b"\n")[0]


def _endpoints(line: bytes, log: Path) -> Endpoints:
    try:
        facts = json.loads(line)
    except ValueError:
        facts = {"error": "its process ended without a word" + _last_words(log)}
    if "error" in facts:
        raise WorldError(str(facts["error"]))
    return Endpoints(**facts)


def _last_words(log: Path, lines: int = 5) -> str:
    with suppress(OSError):
        last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "".join(f"\n  {line}" for line in last)
    return ""


def _ended(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
