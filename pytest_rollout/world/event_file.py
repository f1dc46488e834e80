"""Event file: the rows of an experiment as a DuckDB file.

What is costly is made once and kept: rows by their time since the phase
began. A view over them knows when that was.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from pytest_rollout.errors import WorldError
from pytest_rollout.experiment import assignment
from pytest_rollout.world import event_rows
from pytest_rollout.world import events as events_module
from pytest_rollout.world.cache import cache_folder, copied_or_made
from pytest_rollout.world.event_rows import Shown, columns_of, drawn, replays_of
from pytest_rollout.world.events import Events

TABLE, REPLAYS = "recalls", "replays"
KEPT = 6
"""How many such files stay in the cache: one of three weeks is about 200 MB."""
_VIEW = """
CREATE VIEW recalls AS
SELECT to_timestamp({start} + seconds) AS "at", query_id, {space} AS {column}, mode, latency_ms, timed_out,
    confidence, error, result_count
FROM rows{names}
"""
_REPLAYS_VIEW = """
CREATE VIEW replays AS SELECT to_timestamp({at}) AS "at", * FROM replayed
"""


def make_events(events: Events, shown: Shown, *, seed: int, file: Path, cache: Path | None = None) -> bool:
    """Write the rows of an experiment to a new DuckDB file: `recalls`, and `replays` where there is such a suite.

    Args:
        events: What they are like; the same description, seed and stretch give the same rows.
        shown: Which stretch of the phase.
        seed: Which of the possible worlds.
        file: The DuckDB file; its folder exists.
        cache: Another place for the cache than the user's.

    Returns:
        Whether they came from the cache.

    Raises:
        WorldError: DuckDB is not installed, or cannot write the file.
    """
    try:
        import duckdb
    except ImportError as error:
        raise WorldError("the embedded world needs DuckDB: pip install 'pytest-rollout[duckdb]'") from error

    place = cache or cache_folder() / "events"
    try:
        cached = copied_or_made(
            _key(events, shown, seed, duckdb.__version__),
            lambda target: _write_rows(target, events, shown, seed),
            file,
            folder=place,
            kept=KEPT,
        )
        with duckdb.connect(str(file)) as connection:
            for view in _views(events, shown):
                connection.execute(view)
    except (duckdb.Error, OSError) as error:
        raise WorldError(f"{file}: the rows of the experiment cannot be written: {error}") from error
    return cached


def _write_rows(target: Path, events: Events, shown: Shown, seed: int) -> None:
    import duckdb

    labels = ", ".join(f"'{label}'" for label in events.labels.values())
    with duckdb.connect(str(target)) as connection:
        rows = columns_of(events, shown, seed, drawn(events, shown, seed))  # noqa: F841 - DuckDB finds it by its name
        connection.execute(
            f"CREATE TABLE rows AS SELECT seconds, query_id, space, [{labels}][arm + 1] AS mode, latency_ms, "
            "timed_out, confidence, error, result_count FROM rows"
        )
        connection.execute("CREATE TABLE names (space INTEGER, name VARCHAR)")
        for number, name in enumerate(events.named, start=1):
            connection.execute("INSERT INTO names VALUES (?, ?)", [number, name])
        if events.replays:
            replayed = replays_of(events, seed)  # noqa: F841 - as above
            connection.execute(
                f"CREATE TABLE replayed AS SELECT query_id, [{labels}][arm + 1] AS mode, "
                "recall_at_10, precision_at_10 FROM replayed"
            )


def _views(events: Events, shown: Shown) -> list[str]:
    """What knows when the phase began, and when its suite was replayed: an hour ago."""
    names = " JOIN names USING (space)" if events.named else ""
    space = "names.name" if events.named else "space"
    recalls = _VIEW.format(start=shown.start.timestamp(), space=space, names=names, column=events.unit_column)
    return [recalls, *([_REPLAYS_VIEW.format(at=shown.end.timestamp() - 3600)] if events.replays else [])]


def _key(events: Events, shown: Shown, seed: int, version: str) -> str:
    """Changes with everything that the rows depend on."""
    files = (__file__, event_rows.__file__, events_module.__file__, assignment.__file__)
    code = b"".join(Path(str(file)).read_bytes() for file in files)
    stretch = [round(shown.seconds), [[percent, round(since)] for percent, since in shown.traffic]]
    recipe = json.dumps([hashlib.sha256(code).hexdigest(), version, seed, stretch, asdict(events)], sort_keys=True)
    return hashlib.sha256(recipe.encode()).hexdigest() + ".duckdb"
