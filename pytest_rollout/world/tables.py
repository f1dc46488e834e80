"""Tables: a database of the service, a source of kind `sql` with rows that an author writes down.

What a migration, an import or an index leaves behind is rows, and a gate
that asks for them asks a real database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import WorldError

_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR", timedelta: "TIMESTAMPTZ"}
Cell = bool | int | float | str | timedelta | None
"""What a row may hold."""
AT = "at"
_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: its rows, all with the same columns, and how many hours ago they were written (column `at`).

    A column of `timedelta` holds times: each row says how long before the run. `indexes` names the column of each.
    """

    rows: Sequence[Mapping[str, Cell]]
    columns: Mapping[str, type]
    hours_ago: float = 1.0
    indexes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tables:
    """A DuckDB file with some tables, by their names.

    Raises:
        WorldError: A name that is none, a column without a type, a row with other columns.
    """

    tables: Mapping[str, Table]
    file: str = "store.duckdb"

    def __post_init__(self) -> None:
        for name, table in self.tables.items():
            if not all(each.isidentifier() for each in (name, *table.columns)) or AT in table.columns:
                raise WorldError(f"table '{name}': names have letters, digits and _, and '{AT}' is written by itself")
            for index, column in table.indexes.items():
                if not index.isidentifier() or column not in table.columns:
                    raise WorldError(f"table '{name}': index '{index}' is of '{column}', which is none of its columns")
            for kind in table.columns.values():
                if kind not in _TYPES:
                    raise WorldError(f"table '{name}': a column is {', '.join(each.__name__ for each in _TYPES)}")
            for row in table.rows:
                if row.keys() != table.columns.keys():
                    raise WorldError(
                        f"table '{name}': a row has {sorted(row)}, and the columns are {sorted(table.columns)}"
                    )

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """One file; how a plan would state the source of it.

        Raises:
            WorldError: DuckDB is not installed, or cannot write it.
        """
        try:
            import duckdb
        except ImportError as error:
            raise WorldError("the embedded world needs DuckDB: pip install 'pytest-rollout[duckdb]'") from error
        path = folder / self.file
        try:
            path.unlink(missing_ok=True)
            with duckdb.connect(str(path)) as connection:
                for name, table in self.tables.items():
                    columns = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in table.columns.items())
                    connection.execute(f'CREATE TABLE {name} ({columns}, "{AT}" TIMESTAMPTZ)')
                    written = (at - timedelta(hours=table.hours_ago)).isoformat()
                    rows = [[*(_told(row[column], at) for column in table.columns), written] for row in table.rows]
                    one = f"({', '.join('?' * (len(table.columns) + 1))})"
                    # Row by row DuckDB takes two milliseconds for each.
                    for start in range(0, len(rows), _AT_ONCE):
                        some = rows[start : start + _AT_ONCE]
                        values = [value for row in some for value in row]
                        connection.execute(f"INSERT INTO {name} VALUES {', '.join([one] * len(some))}", values)
                    for index, column in table.indexes.items():
                        connection.execute(f"CREATE INDEX {index} ON {name} ({column})")
        except (duckdb.Error, OSError) as error:
            raise WorldError(f"{path}: the tables cannot be written: {error}") from error
        return {"kind": "sql", "url": f"duckdb:///{path}"}


def _told(cell: Cell, at: datetime) -> bool | int | float | str | None:
    """A cell as DuckDB takes it: a time as text, with its offset."""
    return (at - cell).isoformat() if isinstance(cell, timedelta) else cell
