"""Offers: the sources of a world, as a plan would state them, with what is written for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pytest_rollout.errors import WorldError
from pytest_rollout.world.alerts import rules_yaml
from pytest_rollout.world.event_file import REPLAYS, make_events
from pytest_rollout.world.event_file import TABLE as EVENTS
from pytest_rollout.world.event_rows import Shown
from pytest_rollout.world.model import World
from pytest_rollout.world.service import ALERTS_PATH, METRICS_PATH
from pytest_rollout.world.telemetry import TABLE, make_telemetry

Sources = Mapping[str, Mapping[str, str]]

ALERTS_FILE = "alerts.yml"


def written_sources(world: World, folder: Path, *, at: datetime, seed: int, fault: str | None) -> Sources:
    """Write tables, files and alert rules into a folder of the run's own; the sources that read them.

    Raises:
        WorldError: Something cannot be written.
    """
    tables = {table: _table(world, table, folder, at, seed, fault) for table in sorted({TABLE, *_tables(world)})}
    files = {name: dict(file.write(folder, at)) for name, file in world.files.items()}
    if world.alerts:
        _replaced(folder / ALERTS_FILE, rules_yaml(world.alerts, world.name))
    return {**tables, **files}


def event_sources(world: World, folder: Path, shown: Shown, *, seed: int) -> Sources:
    """Write the rows of the experiment that the shown phase has; the sources that hold them.

    Raises:
        WorldError: They cannot be written.
    """
    found: dict[str, Mapping[str, str]] = {}
    for events in world.events.values():
        file = folder / f"{EVENTS}.duckdb"
        file.unlink(missing_ok=True)
        make_events(events, shown, seed=seed, file=file)
        tables = [EVENTS, *([REPLAYS] if events.replays else [])]
        found |= {table: {"kind": "sql", "url": f"duckdb:///{file}", "table": table} for table in tables}
    return found


def served_sources(world: World, url: str, folder: Path) -> Sources:
    """The sources that the service at `url` answers, and those that the world states itself."""
    found = {"service": {"kind": "http_json", "url": url}}
    if world.exposition:
        found["metrics"] = {"kind": "scrape", "url": url + METRICS_PATH, "interval": "1s"}
    if world.alerts:
        found["alerts"] = {"kind": "prometheus", "url": url + ALERTS_PATH}
    for name, stated in world.sources.items():
        found[name] = {key: text.replace("{url}", url).replace("{folder}", str(folder)) for key, text in stated.items()}
    return found


def _tables(world: World) -> set[str]:
    return {series.table for series in world.series}


def _table(world: World, table: str, folder: Path, at: datetime, seed: int, fault: str | None) -> dict[str, str]:
    if table == TABLE and fault == "metrics_down":
        return {"kind": "sql", "url": f"duckdb:///{folder / 'telemetry-is-down.duckdb'}"}
    file = folder / f"{table}.duckdb"
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise WorldError(f"{folder}: the telemetry cannot be written there: {error.strerror}") from error
    series = [each for each in world.series if each.table == table]
    make_telemetry(series, seed=seed, at=at, file=file, fault=fault, table=table)
    return {"kind": "sql", "url": f"duckdb:///{file}"}


def _replaced(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error
