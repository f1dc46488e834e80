"""Showing: a world that keeps running for a person to look at, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

from pytest_rollout.world.load import load_world
from pytest_rollout.world.running import Endpoints, RunningWorld, running_world

_LOOK_SECONDS = 0.2


def show_world(
    place: Path,
    *,
    at: datetime,
    fault: str | None = None,
    port: int = 0,
    seed: int = 1,
    say: Callable[[str], None] = print,
) -> int:
    """Run a world until Ctrl-C or SIGTERM, in a folder that is gone afterwards.

    Args:
        place: The world file, or a folder that has a `world.py`.
        at: The world's instant; its telemetry ends there.
        fault: A fault to inject, by name.
        port: A fixed port for the service; 0 for a free one.
        seed: Which of the possible worlds.
        say: Takes each line for the person.

    Returns:
        The exit code: 0 when it was ended, 1 when the world ended by itself.

    Raises:
        WorldError: It did not start; in its own words.
    """
    file = place / "world.py" if place.is_dir() else place
    file = file.resolve()
    with _until_asked() as ended, _new_folder() as folder:
        world = running_world(file, at=at, folder=folder, fault=fault, seed=seed, port=port)
        with world:
            for line in _lines(world.endpoints, folder, fault, load_world(file).fault_names()):
                say(line)
            return _watched(world, ended, say)


def _watched(world: RunningWorld, ended: threading.Event, say: Callable[[str], None]) -> int:
    while not ended.wait(_LOOK_SECONDS):
        if not world.alive:
            say("the world ended by itself")
            return 1
    say("ended")
    return 0


def _lines(endpoints: Endpoints, folder: Path, fault: str | None, faults: Mapping[str, str]) -> Iterator[str]:
    """What a person wants to know: addresses, files, and what can be made to go wrong."""
    yield (
        f"embedded world, not your system; with the fault {fault}: {faults[fault]}"
        if fault
        else ("embedded world, not your system; healthy")
    )
    yield f"service  {endpoints.target}"
    yield f"flags    {endpoints.flags}   (curl -X PUT {endpoints.flags}/NAME -d VALUE; or edit {endpoints.flags_file})"
    yield f"files    {folder}"
    yield "sources, as a plan states them:"
    for name, options in endpoints.sources.items():
        stated = ", ".join(f"{key}: {json.dumps(text, ensure_ascii=False)}" for key, text in options.items())
        yield f"  {name}: {{{stated}}}"
    yield "faults:"
    width = max(map(len, faults))
    yield from (f"  {name:{width}}  {about}" for name, about in faults.items())
    yield "Ctrl-C ends it"


@contextmanager
def _new_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rollout-world-") as folder:
        yield Path(folder)


@contextmanager
def _until_asked() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, in place of what they would do."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a handler
        ended.set()

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
