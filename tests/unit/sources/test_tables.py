"""Rows of sums from any source of tables: numbers and texts, no more than may be, and nothing that is neither."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.tables import NUMBER, TEXT, Statement, as_float, plain_rows

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("sqlalchemy")


@pytest.fixture(params=["duckdb", "sqlite", "csv"])
def source(request, tmp_path):
    """Three rows in a table, and what the table is called."""
    if request.param == "csv":
        (tmp_path / "t.csv").write_text("name,value\na,1\nb,2\nc,3\n")
        return KINDS["file"].open({"path": "t.csv"}, tmp_path), "file", "$"
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
            connection.execute("CREATE TABLE t(name TEXT, value INTEGER)")
            connection.executemany("INSERT INTO t VALUES (?, ?)", [("a", 1), ("b", 2), ("c", 3)])
        return KINDS["sql"].open({"url": "sqlite:///t.db"}, tmp_path), "t", ":"
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM (VALUES ('a', 1), ('b', 2), ('c', 3)) AS v(name, value)")
    return KINDS["sql"].open({"url": "duckdb:///t.duckdb"}, tmp_path), "t", "$"


def test_columns_say_what_they_hold(source):
    tables, name, _ = source

    assert {column: each.holds for column, each in tables.columns(name, 20).items()} == {"name": TEXT, "value": NUMBER}


def test_values_are_bound(source):
    tables, name, mark = source
    text = f"SELECT name, value FROM {name} WHERE name = {mark}label ORDER BY name"

    assert tables.rows(Statement(text=text, values={"label": "b"})) == [("b", 2)]
    assert tables.rows(Statement(text=text, values={"label": "b' OR '1' = '1"})) == []


def test_no_more_rows_than_there_may_be(source):
    tables, name, _ = source

    assert len(tables.rows(Statement(text=f"SELECT value FROM {name}", most=3))) == 3
    with pytest.raises(SourceError, match="more than 2 groups of rows"):
        tables.rows(Statement(text=f"SELECT value FROM {name}", most=2))


def test_a_table_that_is_not_there(source):
    tables, _, _ = source

    with pytest.raises(SourceError, match=r"(?i)table '?(with name )?nothing"):
        tables.columns("nothing", 20)


def test_nothing_is_written(source):
    tables, name, _ = source

    with pytest.raises(SourceError):
        tables.rows(Statement(text=f"DELETE FROM {name}"))
    assert len(tables.rows(Statement(text=f"SELECT value FROM {name}"))) == 3


def test_rows_are_numbers_and_texts():
    """A database's exact numbers become Python's; whole ones stay whole, however large."""
    rows = plain_rows([(Decimal(2**70), Decimal("0.5"), None, True, "a", math.inf)], Statement(text=""), "t")

    assert rows == [(2**70, 0.5, None, True, "a", math.inf)]
    assert isinstance(rows[0][0], int)
    with pytest.raises(SourceError, match=r"t: .*2026.* is neither a number nor a text"):
        plain_rows([(datetime(2026, 11, 7, tzinfo=UTC),)], Statement(text=""), "t")


@pytest.mark.parametrize(("value", "number"), [(None, 0.0), (True, 1.0), (7, 7.0), (0.5, 0.5)])
def test_sums_are_floats(value, number):
    assert as_float(value, "t") == number


def test_a_text_is_no_sum():
    with pytest.raises(SourceError, match="t: 'much' where a number was meant"):
        as_float("much", "t")
