"""Deadline: one time limit for all of an answer.

A library's own timeouts hold for each step (a name lookup, a connection, one
read), and a peer that sends a byte a second outlasts every one of them. So
the work runs in a thread of its own, and the one who asked stops waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_GRACE_SECONDS = 1.0
_STOP_EVERY_SECONDS = 0.05


class DeadlineError(Exception):
    """The work was not done in time; it was told to stop and is no longer waited for."""


def within(seconds: float, work: Callable[[], Result], *, stop: Callable[[], None] | None = None) -> Result:
    """Run `work`, for at most `seconds`, and hand back its result or its exception.

    Args:
        seconds: The limit, from now on.
        work: Runs in a daemon thread, so that it cannot keep the process alive either.
        stop: Interrupts the work; called again until it ends, because an
            interrupt that comes between two steps is lost.

    Raises:
        DeadlineError: The time is over. A result that arrives later is dropped.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            errors.append(error)

    thread = threading.Thread(target=run, name="pytest-rollout-answer", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _end(thread, stop)
        raise DeadlineError
    if errors:
        raise errors[0]
    return results[0]


def _end(thread: threading.Thread, stop: Callable[[], None] | None) -> None:
    give_up = time.monotonic() + _GRACE_SECONDS
    while stop is not None and thread.is_alive() and time.monotonic() < give_up:
        stop()
        thread.join(_STOP_EVERY_SECONDS)
