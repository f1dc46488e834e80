"""Progress: which answers a run still waits for, said where somebody looks.

With xdist a worker asks and the controller has the terminal. The worker
leaves its newest line in the folder that both share, and the controller
shows each line that it has not shown yet.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

_SHOWN = 3
_LEFT = "ahead.progress"
_LOOK_SECONDS = 0.5


class Terminal(Protocol):
    """What is used of pytest's terminal reporter."""

    @property
    def isatty(self) -> bool:
        """Whether somebody looks."""
        ...

    def write_line(self, line: str, **markup: bool) -> None:
        """One line."""
        ...


def progress_line(answered: int, asked: int, waiting: Sequence[str]) -> str:
    """How far it is, and the first few names that are waited for."""
    more = f" and {len(waiting) - _SHOWN} more" if len(waiting) > _SHOWN else ""
    return f"rollout: {answered} of {asked} answers, waiting for {', '.join(waiting[:_SHOWN])}{more}"


def say_progress(screen: Terminal | None, answered: int, asked: int, waiting: Sequence[str]) -> None:
    """Say it on a terminal; a log gets nothing."""
    if screen is not None and screen.isatty:
        screen.write_line(progress_line(answered, asked, waiting))


def leave_progress(folder: Path | None, answered: int, asked: int, waiting: Sequence[str]) -> None:
    """Leave it, as a worker that has no screen, for the one who has; nothing depends on whether that succeeds."""
    if folder is not None:
        with suppress(OSError):
            written = folder / f"{_LEFT}.tmp"  # only the one worker that asks writes
            written.write_text(progress_line(answered, asked, waiting), "utf-8")
            written.replace(folder / _LEFT)


@contextmanager
def shown_progress(folder: Path | None, screen: Terminal | None) -> Iterator[None]:
    """Say on a terminal what a worker leaves in the folder meanwhile; a log gets nothing."""
    if folder is None or screen is None or not screen.isatty:
        yield
        return
    ended = threading.Event()
    watching = threading.Thread(
        target=_watch, args=(folder / _LEFT, screen, ended), name="rollout-progress", daemon=True
    )
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def _watch(left: Path, screen: Terminal, ended: threading.Event) -> None:
    said = ""
    while not ended.wait(_LOOK_SECONDS):
        line = ""
        with suppress(OSError, UnicodeDecodeError):
            line = left.read_text("utf-8")
        if line and line != said:
            screen.write_line(line)
            said = line
