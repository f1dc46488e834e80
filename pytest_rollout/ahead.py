"""Ahead: everything that the selected gates are known to ask, asked at once before the first of them.

A run should take about as long as its slowest query, not as the sum of all.
Answers go into the run's answer book, where the gates find them; nothing is
judged here, and what goes wrong is said to the gate that wants to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

CONCURRENCY = 16
DEADLINE_SECONDS = 60.0
PROGRESS_SECONDS = 2.0


@dataclass(frozen=True)
class Ask:
    """One question that a gate will have: what tells it from others, how messages name it, how it is asked.

    `put` gets the seconds that are left, and raises nothing.
    """

    key: tuple[str, ...]
    name: str
    put: Callable[[float], None]


Progress = Callable[[int, int, Sequence[str]], None]
"""(answered, all, names of those that are waited for): called now and then when it takes long."""


def ask_ahead(asks: Iterable[Ask], folder: Path | None, progress: Progress, clock: Callable[[], float]) -> None:
    """Put every question once, sixteen at a time, all of them within one minute.

    With several workers, one of them asks and the others wait for it.

    Args:
        asks: Questions; of equal ones the first is put.
        folder: Shared by the workers of a run; None when there is one process.
        progress: Told how far it is.
        clock: Seconds that only rise.
    """
    once = list({each.key: each for each in asks}.values())
    if not once:
        return
    if folder is None:
        _ask(once, progress, clock)
        return
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / "ahead.lock", timeout=2 * DEADLINE_SECONDS):
            if not (folder / "ahead.done").exists():
                _ask(once, progress, clock)
                (folder / "ahead.done").touch()
    except (filelock.Timeout, OSError):
        return  # then each gate asks for itself


def _ask(asks: Sequence[Ask], progress: Progress, clock: Callable[[], float]) -> None:
    started = clock()

    def put(ask: Ask) -> None:
        ask.put(max(0.0, DEADLINE_SECONDS - (clock() - started)))

    with ThreadPoolExecutor(min(CONCURRENCY, len(asks)), "rollout-ask") as pool:
        waiting: dict[Future[None], Ask] = {pool.submit(put, ask): ask for ask in asks}
        open_ones = set(waiting)
        while open_ones:
            _, open_ones = wait(open_ones, timeout=PROGRESS_SECONDS)
            if open_ones:
                progress(len(asks) - len(open_ones), len(asks), sorted(waiting[each].name for each in open_ones))
