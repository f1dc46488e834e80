"""Telemetry: two weeks of a value per minute, as DuckDB files that end at the run's instant, one a table.

What is costly is made once: samples by their seconds before now. What differs
from run to run is a view over them that knows the instant: times, the daily
cycle, and the faults that every world has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import WorldError
from pytest_rollout.world import samples
from pytest_rollout.world.cache import copied_or_made
from pytest_rollout.world.samples import MINUTES, samples_of
from pytest_rollout.world.series import Series

STALE_BY = timedelta(hours=2)
NAN_MINUTES = 15
TABLE = "telemetry"
"""The table that every world has, and that the faults of every world are done to."""
KEPT = 40
"""How many files stay in the cache; about 3 MB each."""

_VIEW = """
CREATE VIEW {table} AS
SELECT make_timestamptz(({end} - ago)::BIGINT * 1000000) AS "at", metric, CASE
    WHEN ago < {nan_seconds} THEN 'NaN'::DOUBLE
    ELSE level + daily * cos(2 * pi() * (({end} - ago) % 86400 - 50400) / 86400)
    END AS value
FROM samples
"""


def make_telemetry(
    series: Sequence[Series],
    *,
    seed: int,
    at: datetime,
    file: Path,
    fault: str | None = None,
    cache: Path | None = None,
    table: str = TABLE,
) -> bool:
    """Write one table (at TIMESTAMPTZ, metric VARCHAR, value DOUBLE) to a new DuckDB file.

    Args:
        series: What to make; the same series, seed and instant give the same rows.
        seed: Chooses among the worlds that the series allow.
        at: The run's instant; the last samples are of its minute.
        file: The DuckDB file; its folder exists.
        fault: `stale` or `nan` are done to the telemetry here; any other name changes nothing.
        cache: Another place for the cache than the user's.
        table: What the table is called; the faults of every world are done to `telemetry` only.

    Returns:
        Whether the samples came from the cache.

    Raises:
        WorldError: DuckDB is not installed, or cannot write the file.
    """
    try:
        import duckdb
    except ImportError as error:
        raise WorldError("the embedded world needs DuckDB: pip install 'pytest-rollout[duckdb]'") from error

    done = fault if table == TABLE else None
    end = at - (STALE_BY if done == "stale" else timedelta())
    nan_seconds = NAN_MINUTES * 60 if done == "nan" else 0
    view = _VIEW.format(table=table, end=int(end.timestamp()) // 60 * 60, nan_seconds=nan_seconds)

    def make(target: Path) -> None:
        with duckdb.connect(str(target)) as connection:
            connection.execute("CREATE TABLE samples (metric VARCHAR, ago INTEGER, daily DOUBLE, level DOUBLE)")
            for each in sorted(series, key=lambda each: each.metric):
                row = [each.metric, float(each.daily), samples_of(each, seed)]
                connection.execute(f"INSERT INTO samples SELECT ?, unnest(range({MINUTES})) * 60, ?, unnest(?)", row)

    def anchor() -> None:
        with duckdb.connect(str(file)) as connection:
            connection.execute(view)

    try:
        cached = copied_or_made(_key(series, seed, duckdb.__version__), make, file, folder=cache, kept=KEPT)
        anchor()
    except (duckdb.Error, OSError) as error:
        raise WorldError(f"{file}: the telemetry cannot be written: {error}") from error
    return cached


def _key(series: Sequence[Series], seed: int, version: str) -> str:
    """Changes with everything that the samples depend on: what is asked for, and the code that makes it.

    The world's own file is not part of it: a world that says the same series
    in other words has the same samples.
    """
    code = b"".join(Path(str(file)).read_bytes() for file in (__file__, samples.__file__))
    asked = [repr(replace(each, unit="", table=TABLE)) for each in series]
    recipe = "\n".join([hashlib.sha256(code).hexdigest(), version, str(seed), *sorted(asked)])
    return hashlib.sha256(recipe.encode()).hexdigest() + ".duckdb"
