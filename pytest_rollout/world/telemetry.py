"""Telemetry: two weeks of a value per minute, as a DuckDB file that ends at the run's instant.

What is costly is made once: samples by their seconds before now. What differs
from run to run is a view over them that knows the instant: times, the daily
cycle, and the faults that every world has. Numbers come from MD5 over seed,
metric and minute, so that they are the same with every version of DuckDB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import WorldError
from pytest_rollout.world.cache import copied_or_made
from pytest_rollout.world.model import Series

MINUTES = 14 * 24 * 60
STALE_BY = timedelta(hours=2)
NAN_MINUTES = 15

_SAMPLES = f"""
CREATE TABLE samples AS
WITH minutes AS (SELECT unnest(range({MINUTES})) AS minute),
chance AS (
    SELECT series.*, minute, CASE WHEN noise = 0 THEN 0.0 ELSE
        (md5_number_lower(metric || ' ' || minute || ' ' || seed) >> 11)::DOUBLE / 4503599627370496 - 1 END AS pure
    FROM series, minutes
),
wandering AS (
    SELECT *, 0.6 * sqrt(lasting) * avg(pure) OVER (
        PARTITION BY metric ORDER BY minute ROWS BETWEEN CURRENT ROW AND lasting - 1 FOLLOWING) AS wander
    FROM chance
)
SELECT metric, (minute * 60)::INTEGER AS ago, daily, CASE
    WHEN every > 0 AND minute % every <> every // 2 THEN 0.0
    ELSE (CASE WHEN minute < late_hours * 60 THEN late ELSE base END) + noise * greatest(-1.0, least(1.0, wander))
    END AS level
FROM wandering ORDER BY metric, minute
"""

_VIEW = """
CREATE VIEW telemetry AS
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
) -> bool:
    """Write the table `telemetry(at TIMESTAMPTZ, metric VARCHAR, value DOUBLE)` to a new DuckDB file.

    Args:
        series: What to make; the same series, seed and instant give the same rows.
        seed: Chooses among the worlds that the series allow.
        at: The run's instant; the last samples are of its minute.
        file: The DuckDB file; its folder exists.
        fault: `stale` or `nan` are done to the telemetry here; any other name changes nothing.
        cache: Another place for the cache than the user's.

    Returns:
        Whether the samples came from the cache.

    Raises:
        WorldError: DuckDB is not installed, or cannot write the file.
    """
    try:
        import duckdb
    except ImportError as error:
        raise WorldError("the embedded world needs DuckDB: pip install 'pytest-rollout[duckdb]'") from error

    rows = [_row(each, seed) for each in series]
    end = at - (STALE_BY if fault == "stale" else timedelta())
    view = _VIEW.format(end=int(end.timestamp()) // 60 * 60, nan_seconds=NAN_MINUTES * 60 if fault == "nan" else 0)

    def make(target: Path) -> None:
        with duckdb.connect(str(target)) as connection:
            connection.execute(
                "CREATE TABLE series (metric VARCHAR, base DOUBLE, daily DOUBLE, noise DOUBLE, lasting INTEGER, "
                "every INTEGER, late DOUBLE, late_hours DOUBLE, seed BIGINT)"
            )
            if rows:
                connection.executemany("INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute(_SAMPLES)

    def anchor() -> None:
        with duckdb.connect(str(file)) as connection:
            connection.execute(view)

    key = hashlib.sha256("\n".join([duckdb.__version__, _SAMPLES, *map(repr, rows)]).encode()).hexdigest() + ".duckdb"
    try:
        cached = copied_or_made(key, make, file, folder=cache)
        anchor()
    except (duckdb.Error, OSError) as error:
        raise WorldError(f"{file}: the telemetry cannot be written: {error}") from error
    return cached


def _row(series: Series, seed: int) -> list[object]:
    late = series.base if series.late is None else series.late
    hours = 0.0 if series.late is None else series.late_hours
    numbers = [float(number) for number in (series.base, series.daily, series.noise)]
    return [series.metric, *numbers, series.lasting, series.every, float(late), float(hours), seed]
