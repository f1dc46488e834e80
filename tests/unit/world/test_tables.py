"""A database of a world's own: real rows, and mistakes in its author's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from pytest_rollout.errors import WorldError
from pytest_rollout.world import Table, Tables

AT = datetime(2026, 11, 25, 9, tzinfo=UTC)
CHUNKS = Table(
    columns={"id": int, "text": str, "score": float, "new": bool},
    rows=[{"id": 1, "text": "it's", "score": 0.5, "new": True}, {"id": 2, "text": None, "score": None, "new": False}],
    hours_ago=3,
)


def test_rows_are_what_was_written_down(tmp_path):
    """Also nothing, quotes, and when it was written."""
    stated = Tables(tables={"chunks": CHUNKS, "empty": Table(columns={"id": int}, rows=[])}).write(tmp_path, AT)

    assert stated == {"kind": "sql", "url": f"duckdb:///{tmp_path / 'store.duckdb'}"}
    with duckdb.connect(str(tmp_path / "store.duckdb"), read_only=True) as connection:
        rows = connection.execute('SELECT id, text, score, new, epoch("at") FROM chunks ORDER BY id').fetchall()
        assert connection.execute("SELECT count(*) FROM empty").fetchone() == (0,)
    written = (AT - timedelta(hours=3)).timestamp()
    assert rows == [(1, "it's", 0.5, True, written), (2, None, None, False, written)]


def test_writing_again_replaces_it(tmp_path):
    """The same file twice has the rows once."""
    for _ in range(2):
        Tables(tables={"chunks": CHUNKS}).write(tmp_path, AT)

    with duckdb.connect(str(tmp_path / "store.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM chunks").fetchone() == (2,)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"a b": Table(columns={"id": int}, rows=[])}, "names have letters"),
        ({"a": Table(columns={"x y": int}, rows=[])}, "names have letters"),
        ({"a": Table(columns={"at": int}, rows=[])}, "is written by itself"),
        ({"a": Table(columns={"id": list}, rows=[])}, "a column is bool, int, float, str"),
        ({"a": Table(columns={"id": int}, rows=[{"other": 1}])}, "a row has"),
        ({"a": Table(columns={"id": int}, rows=[], indexes={"i": "x"})}, "none of its columns"),
        ({"a": Table(columns={"id": int}, rows=[], indexes={"i x": "id"})}, "none of its columns"),
    ],
)
def test_mistakes_are_said(tables, said):
    with pytest.raises(WorldError, match=said):
        Tables(tables=tables)


def test_times_are_told_as_how_long_ago(tmp_path):
    """And an index is one, as gates look for it in the database's catalogue."""
    rows = [{"id": 1, "made": timedelta(hours=2)}, {"id": 2, "made": None}]
    table = Table(columns={"id": int, "made": timedelta}, rows=rows, indexes={"idx_made": "made"})
    Tables(tables={"edges": table}).write(tmp_path, AT)

    with duckdb.connect(str(tmp_path / "store.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT epoch(made) FROM edges ORDER BY id").fetchall()
        indexes = connection.execute("SELECT indexname FROM pg_indexes").fetchall()
    assert found == [((AT - timedelta(hours=2)).timestamp(),), (None,)]
    assert indexes == [("idx_made",)]


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(WorldError, match="cannot be written"):
        Tables(tables={"chunks": CHUNKS}).write(tmp_path / "nowhere", AT)
