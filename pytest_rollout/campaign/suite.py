"""Suite: several programs one after another, each alone, tried again where it fails, with what succeeded kept.

A task leaves one result file. It writes into a file of its attempt, which is
looked at and renamed into its place; an attempt that fails leaves nothing, and
what an earlier run of the suite left stays until a newer result is whole.
Processes that an attempt leaves behind are ended and counted: whether they
spoil its result is for a gate to say.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pytest_rollout.campaign.program import Watched, watched
from pytest_rollout.campaign.results import unfinished
from pytest_rollout.errors import RolloutError


class Interrupted(BaseException):
    """A signal asked for the end; not an `Exception`, so that nothing takes it for a task that failed."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"ended by {signal.Signals(number).name}")

    @property
    def status(self) -> int:
        """The exit status that shells expect: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


@dataclass(frozen=True, kw_only=True)
class Task:
    """One program of a suite.

    Args:
        name: As reports call it.
        argv: Its words; `{out}` in one of them is the file that it writes.
        result: Where that file belongs.
        timeout_seconds: Of one attempt.
    """

    name: str
    argv: Sequence[str]
    result: Path
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one task went: its attempts, and why there is no result; `why` is empty where there is one."""

    name: str
    attempts: Sequence[Watched]
    result: Path
    why: str = ""

    @property
    def done(self) -> bool:
        """Whether its result is there."""
        return not self.why


def run_suite(
    tasks: Sequence[Task],
    *,
    folder: Path,
    environment: Mapping[str, str],
    check: Callable[[Path], object],
    retries: int = 1,
    cool_down_seconds: float = 0.0,
    outcomes: list[Outcome] | None = None,
) -> list[Outcome]:
    """Run tasks in their order, never two at a time.

    Args:
        tasks: What is run.
        folder: Where programs run and results are written.
        environment: Of every program.
        check: Reads a result; whatever it raises as RolloutError makes the attempt a failed one.
        retries: How often a task that failed is tried again.
        cool_down_seconds: Between two programs, also before one is tried again.
        outcomes: Is added to as tasks end, so that a suite that is interrupted has kept what was done.

    Raises:
        Interrupted: As `ends_on_signals` says; the running program is ended before, and nothing of it is left.
    """
    found: list[Outcome] = [] if outcomes is None else outcomes
    for leftover in unfinished(folder):
        leftover.unlink(missing_ok=True)
    is_first = True
    for task in tasks:
        attempts: list[Watched] = []
        why = "it was not run"
        while why and len(attempts) <= retries:
            if not is_first:
                time.sleep(cool_down_seconds)
            is_first = False
            attempt, why = _attempted(task, folder, environment, check)
            attempts += [attempt] if attempt else []
            if attempt is None:
                break
        found.append(Outcome(name=task.name, attempts=tuple(attempts), result=task.result, why=why))
    return found


def _attempted(
    task: Task, folder: Path, environment: Mapping[str, str], check: Callable[[Path], object]
) -> tuple[Watched | None, str]:
    """One attempt, and why it left no result."""
    part = task.result.with_name(f".{task.result.name}.part")
    argv = [word.replace("{out}", str(part)) for word in task.argv]
    try:
        attempt = watched(argv, folder=folder, environment=environment, timeout_seconds=task.timeout_seconds)
    except RolloutError as error:
        return None, str(error)
    else:
        why = _why_none(attempt, part, check, task)
        if not why:
            part.replace(task.result)
        return attempt, why
    finally:
        for leftover in part.parent.glob(f"{part.name}*"):
            leftover.unlink(missing_ok=True)
        for leftover in part.parent.glob(f".{part.name}.*.part"):  # of a program that writes as we do, and was killed
            leftover.unlink(missing_ok=True)


def _why_none(attempt: Watched, part: Path, check: Callable[[Path], object], task: Task) -> str:
    if attempt.late:
        return f"took longer than {task.timeout_seconds:g} s"
    if attempt.status:
        return f"ended with {attempt.status}"
    try:
        check(part)
    except RolloutError as error:
        return str(error)
    return ""


@contextmanager
def ends_on_signals() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted`, so that everything on the way out is put in order.

    For the main thread of a program. A second signal while the first is dealt with changes nothing.
    """
    wanted = (signal.SIGINT, signal.SIGTERM)

    def end(number: int, _frame: FrameType | None) -> None:
        for each in wanted:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {each: signal.signal(each, end) for each in wanted}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
