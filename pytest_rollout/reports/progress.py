"""Progress: which answers a run still waits for, said where somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

_SHOWN = 3


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
    """Say it on a terminal; a log gets nothing, and a worker has no screen."""
    if screen is not None and screen.isatty:
        screen.write_line(progress_line(answered, asked, waiting))
