"""Through SQLAlchemy, with SQLite; PostgreSQL is asked in tests/real."""

from __future__ import annotations

import gc
import math
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.protocol import Question
from pytest_rollout.sources.sql_dialect import Dialect, Sqlite
from pytest_rollout.sources.sql_pool import Turn
from pytest_rollout.sources.sql_sqlalchemy import escaped, secrets_of

pytest.importorskip("sqlalchemy")
FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS value FROM n"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A small file with one table; times are texts, as SQLite has no others."""
    path = tmp_path_factory.mktemp("sql") / "shop's %1.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t(value REAL, at TEXT)")
        rows = [(n, f"2026-11-07 {6 + n:02}:00:00") for n in range(1, 5)]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    return path


@pytest.fixture
def source(database):
    """The file as a source."""
    return KINDS["sql"].open({"url": f"sqlite:///{database.name}"}, database.parent)


@pytest.mark.parametrize(
    ("query", "samples"),
    [
        ("SELECT 1;", [(1, None)]),
        ("SELECT max(value), max(at) AS at FROM t WHERE at <= :at", [(3, 9)]),
        ("SELECT value, at || '+00:00' AS at FROM t WHERE at = :end", []),
        ("SELECT value, at || '+02:00' AS at FROM t WHERE datetime(at) = datetime(:end)", [(3, 7)]),
        ("SELECT value FROM t WHERE at > datetime(:at, '-90 minutes') AND at < datetime(:at)", [(2, None)]),
        ("SELECT ':at %s ? \\:x' AS text, 1 AS value -- :start ; ?", [(1, None)]),
        ("SELECT max(value) FROM t WHERE value > 10", []),
        ("SELECT value FROM t WHERE value > 10", []),
        ("SELECT 1 AS value, NULL AS at", [(1, None)]),
        ("WITH x AS (SELECT 6 AS value) SELECT * FROM x", [(6, None)]),
        ("VALUES (6)", [(6, None)]),
    ],
)
def test_rows_are_samples(ask, source, query, samples):
    """As from DuckDB; a time without a zone is UTC."""
    answer = ask(source, query)

    assert [(each.value, each.at) for each in answer.samples] == [
        (value, None if hour is None else datetime(2026, 11, 7, hour, tzinfo=UTC)) for value, hour in samples
    ]
    assert answer.identity.startswith("SQLite 3.")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELEC 1", "is SELEC, and only SELECT"),
        ("SELECT 1 FROM", "incomplete input|syntax error"),
        ("SELECT x FROM nowhere", "no such table: nowhere"),
        ("DELETE FROM t", "is DELETE"),
        ("ATTACH 'x.db' AS x", "is ATTACH"),
        ("SELECT load_extension('x.so')", "not authorized|no such function"),
        ("SELECT 1; DELETE FROM t", "2 statements"),
        ("SELECT '3' AS value", "'3' is not a number"),
        ("SELECT 9e999", "infinite"),
        ("SELECT 1 AS value, 5 AS at", "column 'at' is 5, not a time"),
        ("SELECT 1 AS value, 'yesterday' AS at", "column 'at' is 'yesterday', not a time"),
        ("SELECT 1 AS a, 2 AS b", "which of the columns a, b"),
        ("SELECT 1 WHERE :other", "parameter 'other'|binding"),
        (
            "SELECT a.i FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n) a",
            "1 000",
        ),
    ],
)
def test_what_is_no_answer(ask, source, query, says):
    """One line of SQLite's or of ours; what does not end is not read to its end."""
    with pytest.raises(SourceError, match=says) as caught:
        ask(source, query)

    assert str(caught.value).startswith("sqlite:///shop's %1.db: ") or "column" in str(caught.value)
    assert caught.value.__cause__ is None
    assert "sqlalche.me" not in str(caught.value)


def test_a_file_that_is_only_read(source, database):
    """Even by what our reading of the text would let pass."""
    before = database.read_bytes()
    with source._pool.connected(Turn(Sqlite(), 5), 5) as connection:
        Sqlite().begin(connection, 5)
        with pytest.raises(Exception, match="readonly database"):
            connection.exec_driver_sql("DELETE FROM t")
    assert database.read_bytes() == before


def test_a_file_that_is_none(ask, tmp_path):
    """Missing, a folder, something else: one sentence, and nothing is made by asking for it."""
    (tmp_path / "text.db").write_text("hello " * 1000)
    (tmp_path / "folder.db").mkdir()

    for name, says in (("none.db", "no such database"), ("folder.db", "no such"), ("text.db", "not a database")):
        with pytest.raises(SourceError, match=says):
            ask(KINDS["sql"].open({"url": f"sqlite:///{name}"}, tmp_path), "SELECT 1 FROM t")

    assert not (tmp_path / "none.db").exists()


def test_a_file_that_somebody_writes(ask, tmp_path):
    """A lock that is not given back in time is no data."""
    with closing(sqlite3.connect(tmp_path / "held.db", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE t(x)")
        source = KINDS["sql"].open({"url": "sqlite:///held.db"}, tmp_path)
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match="database is locked"):
            ask(source, "SELECT count(*) FROM t", timeout_seconds=1)
        writer.execute("ROLLBACK")

        assert ask(source, "SELECT count(*) FROM t").samples[0].value == 0


def test_a_query_that_does_not_end(ask, source):
    """It is interrupted, leaves no thread behind, and the next question is answered."""
    started = time.monotonic()

    with pytest.raises(SourceError, match=r"no answer within 0.3 s"):
        ask(source, FOREVER, timeout_seconds=0.3)

    assert time.monotonic() - started < 40
    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-rollout-answer"]
    assert ask(source, "SELECT 1").samples[0].value == 1


def test_a_connection_that_was_stopped_is_not_used_again(ask, source):
    """A stop that arrives late would hit the next question on it; one that was not stopped is kept."""

    def connection():
        with source._pool.connected(Turn(Sqlite(), 5), 5) as connected:
            return connected.connection.dbapi_connection

    first = connection()
    ask(source, "SELECT 1")
    kept = connection()
    with pytest.raises(SourceError, match=r"no answer within 0.3 s"):
        ask(source, FOREVER, timeout_seconds=0.3)

    assert kept is first
    assert connection() is not first


def test_a_turn_that_has_ended_is_not_stopped():
    """Nor is one that has not begun."""
    stopped = []

    class Noting(Dialect):
        def cancel(self, connection, times):
            stopped.append((connection, times))

    turn = Turn(Noting(), 5)
    turn.stop()
    turn.begin("connection")
    turn.stop()
    turn.stop()

    assert turn.end()
    turn.stop()
    assert stopped == [("connection", 0), ("connection", 1)]


def test_more_questions_than_connections(ask, source):
    """Eight that never end keep a ninth waiting, and no longer than its own time."""
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, source, FOREVER, timeout_seconds=3) for _ in range(8)]
        time.sleep(1)
        with pytest.raises(SourceError, match=r"no answer within 0.2 s"):
            ask(source, "SELECT 1", timeout_seconds=0.2)
        for each in asked:
            with pytest.raises(SourceError, match="no answer within 3 s"):
                each.result()

    assert ask(source, "SELECT 1").samples[0].value == 1


def test_many_threads(ask, source):
    """Each gets its own answer."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: ask(source, f"SELECT {i} + count(*) FROM t", timeout_seconds=60), range(100)))

    assert [answer.samples[0].value for answer in answers] == [i + 4 for i in range(100)]


@pytest.mark.filterwarnings("error")
def test_connections_are_closed_with_their_source(ask, database):
    """Without a warning in the tests of those who use us."""

    def connections():
        gc.collect()
        return {id(each) for each in gc.get_objects() if isinstance(each, sqlite3.Connection)}

    before = connections()
    source = KINDS["sql"].open({"url": f"sqlite:///{database}"}, Path())
    ask(source, "SELECT 1")
    assert connections() > before

    del source
    assert connections() <= before


def test_an_instant_of_another_zone(source):
    """SQLite has no zones, so it gets UTC."""
    at = datetime(2026, 11, 7, 18, tzinfo=timezone(timedelta(hours=9)))

    assert source.ask(Question(query="SELECT max(value) FROM t WHERE at <= :at", at=at)).samples[0].value == 3


def test_a_window_and_a_histogram(ask, source, at):
    """The same rules for every database."""
    series = Question(query="SELECT * FROM t WHERE at > :start AND at <= :end", at=at, start=at - timedelta(hours=2))
    histogram = Question(query="SELECT value AS upto, 1 AS count FROM t", at=at, buckets=True)

    assert [each.value for each in source.ask(series).samples] == [2, 3]
    assert [each.above for each in source.ask(histogram).buckets] == [-math.inf, 1, 2, 3]


@pytest.mark.parametrize(
    ("url", "missing", "says"),
    [
        ("postgresql://h/d", "sqlalchemy", r"pip install 'pytest-rollout\[postgres\]'$"),
        ("postgresql://h/d", "psycopg", r"psycopg is not installed\npip install 'pytest-rollout\[postgres\]'$"),
        ("sqlite:///{database}", "sqlalchemy", r"pip install 'pytest-rollout\[sql\]'$"),
        ("mysql+pymysql://h/d", "pymysql", r"pip install 'pytest-rollout\[sql\]' and the driver of the option 'url'$"),
    ],
)
def test_what_is_not_installed(ask, database, monkeypatch, url, missing, says):
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(SourceError, match=says):
        ask(KINDS["sql"].open({"url": url.format(database=database)}, Path()), "SELECT 1")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense://ada:hunter2@h/x", "SQLAlchemy does not know"),
        ("postgresql://ada:hunter2@h:hunter2/x", "cannot be read as the address"),
        ("postgresql://ada:4/hunter2@h:5/hunter2@x", "has an '@' too many"),
        ("postgresql://ada:hunter2?x@h/x", "has an '@' too many"),
        ("postgresql+psycopg2://ada:hunter2@h/x", "names the driver 'postgresql.psycopg2'"),
        ("postgresql+asyncpg://ada:hunter2@h/x", "names the driver"),
        ("sqlite+aiosqlite:///x.db?password=hunter2", "option 'url' is sqlite"),
        ("sqlite://", "option 'url' is sqlite"),
        ("sqlite:///:memory:", "option 'url' is sqlite"),
        ("sqlite:///a.db?mode=rwc", "option 'url' is sqlite"),
    ],
)
def test_urls_that_cannot_be_meant(ask, url, says):
    """Refused when opened or when first asked, and never repeated."""
    with pytest.raises(SourceError, match=says) as caught:
        ask(KINDS["sql"].open({"url": url}, Path("/plan")), "SELECT 1")

    assert "hunter2" not in str(caught.value)


def test_a_password_is_in_no_message(ask):
    """Whatever a driver makes of it; here it tries to find a host of that name."""
    source = KINDS["sql"].open(
        {"url": "postgresql://ada:s%2Fcret@h.invalid/x?sslpassword=hunter2&host=hunter2"}, Path()
    )

    with pytest.raises(SourceError) as caught:
        ask(source, "SELECT 1", timeout_seconds=3)

    assert "hunter2" not in str(caught.value)
    assert "cret" not in f"{caught.value} {source!r}"
    assert "postgresql://h.invalid/x" in repr(source)


def test_secrets_of_urls():
    """As they are written, and as they are meant."""
    assert set(secrets_of("postgresql://ada:p%40:x@h/x?sslpassword=y%3F&a=b")) == {"p%40:x", "p@:x", "y?"}
    assert secrets_of("postgresql://ada@h/x") == ()


def test_colons_of_a_query_are_not_parameters():
    """SQLAlchemy would look for them in texts, too."""
    assert escaped("':at' || :at::text") == r"'\:at' || (:at)\:\:text"
