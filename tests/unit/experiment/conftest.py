"""What the tests of tables share: the recalls, in databases of several kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.recalls import duckdb_file, made, sqlite_file

from pytest_rollout.sources import KINDS


@pytest.fixture(scope="session")
def rows():
    """The usual rows."""
    return made()


@pytest.fixture(scope="session", params=["duckdb", "sqlite", "parquet"])
def source(request, tmp_path_factory, rows):
    """The usual rows in a database of each kind that runs in this process."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        pytest.importorskip("sqlalchemy")
        return KINDS["sql"].open({"url": f"sqlite:///{sqlite_file(folder, rows).name}"}, folder)
    path = duckdb_file(folder, rows)
    if request.param == "duckdb":
        return KINDS["sql"].open({"url": f"duckdb:///{path}"}, folder)
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(f"COPY recalls TO '{folder / 'recalls.parquet'}'")
    return KINDS["file"].open({"path": "recalls.parquet"}, folder)


@pytest.fixture
def database(tmp_path) -> Callable[..., object]:
    """Makes a DuckDB source out of statements."""
    import duckdb

    def make(*statements: str, name: str = "made.duckdb"):
        path: Path = tmp_path / name
        with duckdb.connect(str(path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for statement in statements:
                connection.execute(statement)
        return KINDS["sql"].open({"url": f"duckdb:///{path}"}, tmp_path)

    return make
