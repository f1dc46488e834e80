"""Export: a world's telemetry for other systems, such as a real Prometheus or PostgreSQL.

    with open("world.om", "w") as out:
        out.writelines(openmetrics([Path("telemetry.duckdb")], world.series))

`promtool tsdb create-blocks-from openmetrics world.om data/` makes the data
of a Prometheus of it, and `rule_files` may name the world's `alerts.yml`.
Tables go to PostgreSQL with `create_table` and the rows of `rows_of`, for
which COPY is quickest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from pytest_rollout.errors import WorldError
from pytest_rollout.world.series import Series
from pytest_rollout.world.telemetry import TABLE

Row = tuple[datetime, str, float]
"""When, which metric, and its value: a row of a world's table."""

_AT_ONCE = 10_000


def rows_of(file: Path, *, since: datetime | None = None) -> Iterator[Row]:
    """Every row of a table that a world wrote, by metric and then by time, in UTC.

    Args:
        file: Its DuckDB file, which is called like the table: the source's `url` without `duckdb:///`.
        since: Leaves out what is older.

    Raises:
        WorldError: There is no such file or table.
    """
    import duckdb

    if not file.is_file():
        raise WorldError(f"{file}: there is no such file; a world writes it when it starts")
    after = since.timestamp() if since else -math.inf
    query = f'SELECT epoch("at"), metric, value FROM {_name(file.stem)} WHERE epoch("at") >= ? ORDER BY metric, "at"'
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            found = connection.execute(query, [after])
            while rows := found.fetchmany(_AT_ONCE):
                for seconds, metric, value in rows:
                    yield datetime.fromtimestamp(seconds, UTC), str(metric), float(value)
    except duckdb.Error as error:
        raise WorldError(f"{file}: {str(error).splitlines()[0]}") from error


def openmetrics(files: Iterable[Path], series: Sequence[Series], *, since: datetime | None = None) -> Iterator[str]:
    """The lines of some tables in OpenMetrics' text format, each with its end; counters are marked as such.

    Args:
        files: As for `rows_of`; a metric is in one of them only.
        series: The world's series, which say what is a counter.
        since: Leaves out what is older; `promtool --max-block-duration=744h` keeps many hours quick.

    Raises:
        WorldError: No such table, or a counter whose name does not end in `_total`.
    """
    counters = {each.metric for each in series if each.counter}
    if wrong := sorted(name for name in counters if not name.endswith("_total")):
        raise WorldError(f"counter '{wrong[0]}': OpenMetrics wants a name that ends in _total")
    told = ""
    for at, metric, value in chain.from_iterable(rows_of(file, since=since) for file in files):
        if metric != told:
            family = metric.removesuffix("_total") if metric in counters else metric
            yield f"# TYPE {family} {'counter' if metric in counters else 'gauge'}\n"
            told = metric
        yield f"{metric} {'NaN' if math.isnan(value) else repr(value)} {int(at.timestamp())}\n"
    yield "# EOF\n"


def create_table(table: str = TABLE) -> str:
    """The statement that makes such a table in PostgreSQL, indexed as gates ask it."""
    name = _name(table)
    columns = '"at" TIMESTAMPTZ NOT NULL, metric TEXT NOT NULL, value DOUBLE PRECISION NOT NULL'
    return f'CREATE TABLE {name} ({columns}, PRIMARY KEY (metric, "at"))'


def insert_rows(rows: Sequence[Row], table: str = TABLE) -> str:
    """One INSERT for some rows, where COPY cannot be used."""
    values = ",\n".join(f"('{at.isoformat()}', {_text(metric)}, {_number(value)})" for at, metric, value in rows)
    return f'INSERT INTO {_name(table)} ("at", metric, value) VALUES\n{values}'


def _name(table: str) -> str:
    if not table.isidentifier():
        raise WorldError(f"'{table}' is no name of a table: use letters, digits and _")
    return table


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else f"'{value}'::double precision"
