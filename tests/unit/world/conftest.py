"""What the tests of the embedded world share: a small world file, and a way to start it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_rollout.world.running import RunningWorld, running_world

AT = datetime(2026, 11, 1, 9, 0, 30, tzinfo=UTC)

WORLD = """
from pytest_rollout.world import Fault, Reply, Series, World

def fails(call):
    raise RuntimeError("out of order")

print("a world file may print")

world = World(
    name="shop",
    state={"stock": {"apples": 7}, "calls": 0},
    flags={"shop.open": True},
    series=[Series(metric="visitors", unit="1/h", base=100, daily=10, noise=5)],
    faults={
        "crowd": Fault(about="ten times the visitors", series={"visitors": 1000}, hours=3),
        "sold_out": Fault(about="no apples", state={"stock.apples": 0}, flags={"shop.open": False}),
        "dies": Fault(about="ends when asked for stock", dies_at="/stock"),
    },
    routes={
        "GET /stock": lambda call: call.state["stock"],
        "POST /echo": lambda call: {"body": call.body, "query": call.query, "at": call.at.isoformat()},
        "GET /text": lambda call: Reply("plain", content_type="text/plain"),
        "GET /teapot": lambda call: Reply({"tea": True}, status=418),
        "GET /fails": fails,
    },
)
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or fills the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "pytest-rollout" / "worlds"


@pytest.fixture
def world_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a world file: a small shop, or the given text."""

    def write(text: str = WORLD) -> Path:
        file = tmp_path / "world.py"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    return write


@pytest.fixture
def start(tmp_path: Path, world_file: Callable[..., Path]) -> Iterator[Callable[..., RunningWorld]]:
    """Starts worlds, by default the shop, and stops them after the test."""
    with ExitStack() as running:

        def start_world(file: Path | None = None, *, name: str = "run", **options: object) -> RunningWorld:
            options.setdefault("at", AT)
            world = running_world(file or world_file(), folder=tmp_path / name, **options)
            return running.enter_context(world)

        yield start_world


@pytest.fixture
def rows() -> Callable[..., list[tuple]]:
    """Asks a telemetry file."""
    import duckdb

    def ask(file: Path | str, query: str) -> list[tuple]:
        with duckdb.connect(str(file).removeprefix("duckdb:///"), read_only=True) as connection:
            return connection.execute(query).fetchall()

    return ask
