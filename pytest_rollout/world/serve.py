"""The child: one world in a process of its own, which ends when its parent does.

    python -m pytest_rollout.world.serve gates/x/world.py --at 2026-11-01T09:00Z --folder DIR

It prints one line of JSON, where everything is or what went wrong, and then
serves until its standard input ends. The input is a pipe that the parent
holds, so the end of the parent, by whatever cause, is the end of the world.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pytest_rollout.errors import WorldError
from pytest_rollout.world.before import days_before
from pytest_rollout.world.event_rows import Shown
from pytest_rollout.world.load import load_world
from pytest_rollout.world.offers import event_sources, served_sources, written_sources
from pytest_rollout.world.service import Service

_LOOK_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one world until standard input ends; the exit status is 1 when it cannot start."""
    options = _parser().parse_args(arguments)
    # Standard output carries one line for the parent; what a world file prints goes to the log.
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as parent:
        os.dup2(2, 1)
        _end_with_parent(options.parent)
        try:
            service, line = _started(options)
        except WorldError as error:
            print(json.dumps({"error": str(error)}), file=parent)
            return 1
        print(json.dumps(line), file=parent)
    with suppress(KeyboardInterrupt):
        service.serve_forever(poll_interval=3600)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pytest_rollout.world.serve", description=__doc__)
    parser.add_argument("world", type=Path, help="the world file")
    parser.add_argument("--fault", help="a fault to inject, by name")
    parser.add_argument("--seed", type=int, default=1, help="which of the possible worlds")
    parser.add_argument(
        "--at", type=_instant, default=datetime.now(UTC), help="the run's instant, ISO 8601 with offset"
    )
    parser.add_argument("--folder", type=Path, required=True, help="a folder of this run's own")
    parser.add_argument("--phase", default="", help="the phase that is shown")
    parser.add_argument("--start", type=_instant, help="when that phase began")
    parser.add_argument("--traffic", type=json.loads, default=[], help="[[percentage, seconds since the start], ...]")
    parser.add_argument("--port", type=int, default=0, help="a fixed port; a free one otherwise")
    parser.add_argument("--parent", type=int, default=0, help="a process to end with, besides standard input")
    return parser


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"'{text}' has no offset from UTC: write it as {text}Z")
    return at.astimezone(UTC)


def _started(options: argparse.Namespace) -> tuple[Service, dict[str, object]]:
    """The service, bound to its port, with its telemetry written; and the line that says where they are."""
    described = load_world(options.world.resolve())
    world = described.with_fault(options.fault).showing(
        options.phase, float(options.traffic[-1][0]) if options.traffic else 0.0
    )
    folder: Path = options.folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldError(f"{folder}: nothing can be written there: {error.strerror}") from error
    flags_file = folder / world.flags_file
    service = Service(
        world, at=options.at, port=options.port, dies_at=described.dies_at(options.fault), flags_file=flags_file
    )
    written = written_sources(world, folder, at=options.at, seed=options.seed, fault=options.fault)
    if options.start is not None and world.events:
        traffic = [(float(percent), float(since)) for percent, since in options.traffic] or [(0.0, 0.0)]
        shown = Shown(start=options.start, end=options.at, traffic=traffic)
        written = {**written, **event_sources(world, folder, shown, seed=options.seed)}
    healthy = {each.metric: each for each in described.series}
    line: dict[str, object] = {
        "baselines": days_before(described.baselines, healthy, seed=options.seed, at=options.at),
        "target": service.url,
        "flags": f"{service.url}/flags",
        "flags_file": str(flags_file),
        "sources": {**written, **served_sources(world, service.url, folder)},
    }
    return service, line


def _end_with_parent(parent: int) -> None:
    """End this process when standard input ends, or when `parent` is no longer its parent.

    The second is for a parent that was forked while it held the pipe: the
    fork keeps the pipe open after the parent is gone.
    """

    def watch() -> None:
        while not parent or os.getppid() == parent:
            readable, _, _ = select.select([0], [], [], _LOOK_SECONDS)
            if readable and not os.read(0, 4096):
                break
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="ends-with-parent").start()


if __name__ == "__main__":
    sys.exit(main())
