"""A number out of DuckDB: one read-only query, as of one instant."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.protocol import Question
from pytest_rollout.sources.sql import database_path
from pytest_rollout.sources.sql_duckdb import bound

duckdb = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A small file with one table; `local` is the same time without a zone."""
    path = tmp_path_factory.mktemp("sql") / "telemetry.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE t(value DOUBLE, taken TIMESTAMPTZ, local TIMESTAMP)")
        for value, hour in ((1, 7), (2, 8), (3, 9), (4, 10)):
            stamp = f"2026-11-07 {hour:02}:00:00"
            connection.execute("INSERT INTO t VALUES (?, ?, ?)", [value, stamp + "+00", stamp])
    return path


@pytest.fixture
def source(database):
    """The database as a source."""
    return KINDS["sql"].open({"url": f"duckdb:///{database.name}"}, database.parent)


@pytest.mark.parametrize(
    ("query", "samples"),
    [
        ("SELECT 1", [(1, None)]),
        ("SELECT 1;", [(1, None)]),
        ("SELECT 1 -- done; :at", [(1, None)]),
        ("SELECT ';' AS text, 1 AS value", [(1, None)]),
        ("SELECT max(value) FROM t WHERE taken <= :at", [(3, None)]),
        ("SELECT max(value) FROM t WHERE local <= :at", [(3, None)]),
        ("SELECT max(value) FROM t WHERE taken <= $at", [(3, None)]),
        ("SELECT max(value) FROM t WHERE taken <= :at - INTERVAL 1 HOUR", [(2, None)]),
        ("SELECT value, taken AS at FROM t WHERE taken <= :at ORDER BY taken DESC LIMIT 1", [(3, 9)]),
        ("SELECT value, local AS at FROM t WHERE taken <= :at ORDER BY taken DESC LIMIT 1", [(3, 9)]),
        ("SELECT taken AS at, value FROM t ORDER BY taken LIMIT 2", [(1, 7), (2, 8)]),
        ("SELECT DATE '2026-11-07' AS at, 5 AS n", [(5, 0)]),
        ("SELECT 5 AS n, NULL AS at", [(5, None)]),
        ("SELECT 5 AS n, 'infinity'::TIMESTAMP AS at", [(5, None)]),
        ("SELECT 5 AS n, '-infinity'::TIMESTAMPTZ AS at", [(5, None)]),
        ("SELECT 'x' AS region, 5 AS VALUE", [(5, None)]),
        ("SELECT value FROM t WHERE false", []),
        ("SELECT max(value) FROM t WHERE false", []),
        ("SELECT NULL", []),
        ("SELECT 1.25::DECIMAL(5, 2)", [(1.25, None)]),
        ("SELECT 7::HUGEINT", [(7, None)]),
        ("WITH x AS (SELECT 6 AS value) FROM x", [(6, None)]),
        ("VALUES (6)", [(6, None)]),
        ("SELECT value FROM t ORDER BY value", [(1, None), (2, None), (3, None), (4, None)]),
    ],
)
def test_rows_are_samples(ask, source, query, samples):
    """The number, and the time of a column `at`; NULL is no sample."""
    found = ask(source, query).samples

    assert [(each.value, each.at) for each in found] == [
        (value, None if hour is None else datetime(2026, 11, 7, hour, tzinfo=UTC)) for value, hour in samples
    ]


def test_nan_is_a_sample_that_is_nan(ask, source):
    """DuckDB has NaN; what it means is decided elsewhere."""
    assert math.isnan(ask(source, "SELECT 'NaN'::DOUBLE").samples[0].value)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELEC 1", "Parser Error: syntax error"),
        ("SELECT x FROM nowhere", "Table with name nowhere does not exist"),
        ("SELECT nothing FROM t", 'column "nothing" not found'),
        ("SELECT at FROM t", 'write it with quotes: "at"'),
        ("", "0 statements"),
        ("-- nothing", "0 statements"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT 1; FROM t", "2 statements"),
        ("SELECT 1) UNION (SELECT 2", "Parser Error"),
        ("INSERT INTO t VALUES (1, now(), now())", "is INSERT, and only SELECT"),
        ("DROP TABLE t", "is DROP"),
        ("COPY t TO 'out.csv'", "is COPY"),
        ("ATTACH 'other.db'", "is ATTACH"),
        ("SET threads = 1", "is SET"),
        ("PRAGMA version", "is PRAGMA"),
        ("EXPLAIN SELECT 1", "is EXPLAIN"),
        ("FROM read_csv('/etc/passwd')", "Permission Error"),
        ("FROM 'other.csv'", "does not exist|Permission Error"),
        ("SELECT true", "column 'true' is BOOLEAN, not a number"),
        ("SELECT 'x' AS value", "column 'value' is VARCHAR, not a number"),
        ("SELECT '3' AS value WHERE false", "column 'value' is VARCHAR, not a number"),
        ("SELECT INTERVAL 1 HOUR AS lag", "column 'lag' is INTERVAL"),
        ("SELECT [1] AS value", "not a number"),
        ("SELECT 1 AS value, 'now' AS at", "column 'at' is VARCHAR, not a time"),
        ("SELECT 1 AS value, 5 AS at", "column 'at' is INTEGER, not a time"),
        ("SELECT taken AS at FROM t", "is the number"),
        ("SELECT 1 AS a, 2 AS b", "which of the columns a, b is the number"),
        ("SELECT 1 AS value, 2 AS value", "is the number"),
        ("SELECT 'inf'::DOUBLE", "infinite"),
        ("SELECT 1 WHERE $other", "other"),
        ("SELECT ?", "parameters"),
        ("SELECT range FROM range(1001)", "more than 1 000 rows"),
        ("SELECT error('on purpose')", "on purpose"),
    ],
)
def test_what_is_no_answer(ask, source, query, says):
    """One line of DuckDB's or of ours, and no traceback."""
    with pytest.raises(SourceError, match=says) as caught:
        ask(source, query)

    assert str(caught.value).startswith("telemetry.db")
    assert "Traceback" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_query_that_does_not_end(ask, source):
    """It is interrupted, and leaves no thread behind."""
    started = time.monotonic()

    with pytest.raises(SourceError, match=r"no answer within 0.3 s"):
        ask(source, "SELECT count(*) FROM range(1000000000000) a, range(1000000) b", timeout_seconds=0.3)

    assert time.monotonic() - started < 40
    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-rollout-answer"]


def test_many_threads(ask, source):
    """Connections of one process share their settings, and do not trip over them."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: ask(source, f"SELECT {i} + count(*) FROM t", timeout_seconds=60), range(40)))

    assert [answer.samples[0].value for answer in answers] == [i + 4 for i in range(40)]


def test_a_local_time_zone_changes_nothing(database):
    """A time without a zone is UTC, wherever the gate runs."""
    code = (
        "import sys; from pathlib import Path; from datetime import *; from pytest_rollout.sources import KINDS\n"
        "from pytest_rollout.sources.protocol import Question\n"
        "source = KINDS['sql'].open({'url': f'duckdb:///{sys.argv[1]}'}, Path())\n"
        "query = 'SELECT max(value), max(local) AS at FROM t WHERE local <= :at'\n"
        "at = datetime(2026, 11, 7, 18, tzinfo=timezone(timedelta(hours=9)))\n"
        "print(source.ask(Question(query=query, at=at)).samples[0])"
    )
    environment = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONPATH": str(Path(__file__).parents[3])}

    result = subprocess.run(
        [sys.executable, "-c", code, str(database)], env=environment, capture_output=True, text=True, check=True
    )

    assert "value=3.0" in result.stdout
    assert "datetime.datetime(2026, 11, 7, 9, 0, tzinfo=datetime.timezone.utc)" in result.stdout


def test_a_file_that_is_no_database(ask, tmp_path):
    """Missing, a folder, something else: one sentence."""
    (tmp_path / "text.db").write_text("hello " * 1000)
    (tmp_path / "folder.db").mkdir()

    for name, says in (("none.db", "no such database"), ("folder.db", "no such"), ("text.db", "not a valid DuckDB")):
        with pytest.raises(SourceError, match=says):
            ask(KINDS["sql"].open({"url": f"duckdb:///{name}"}, tmp_path), "SELECT 1")


def test_a_file_that_somebody_writes(ask, tmp_path):
    """A lock held by another process, or by this one, is no data."""
    code = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1]); "
        "connection.execute('CREATE TABLE t(x INT)'); print('held', flush=True); input()"
    )
    source = KINDS["sql"].open({"url": "duckdb:///held.db"}, tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "held.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        with pytest.raises(SourceError, match="lock"):
            ask(source, "SELECT 1")
        writer.communicate(b"\n")

    with duckdb.connect(str(tmp_path / "held.db")), pytest.raises(SourceError, match="different configuration"):
        ask(source, "SELECT 1")


def test_without_duckdb(ask, source, monkeypatch):
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(SourceError, match=r"pip install 'pytest-rollout\[duckdb\]'"):
        ask(source, "SELECT 1")


@pytest.mark.parametrize(
    ("query", "bound_query"),
    [
        ("x <= :at", "x <= CAST($at AS TIMESTAMPTZ)"),
        ("x<=:at)", "x<=CAST($at AS TIMESTAMPTZ))"),
        ("':at' || :at", "':at' || CAST($at AS TIMESTAMPTZ)"),
        ("'it''s :at'", "'it''s :at'"),
        (r"e'\' :at'", r"e'\' :at'"),
        ('":at" "a"" :at"', '":at" "a"" :at"'),
        ("-- :at\n:at", "-- :at\nCAST($at AS TIMESTAMPTZ)"),
        ("/* :at */ :at", "/* :at */ CAST($at AS TIMESTAMPTZ)"),
        ("$$ :at $$ $x$ :at $$ $x$", "$$ :at $$ $x$ :at $$ $x$"),
        ("x::at, :attempt", "x::at, :attempt"),
        ("x > :start AND x <= :end", "x > CAST($start AS TIMESTAMPTZ) AND x <= CAST($end AS TIMESTAMPTZ)"),
    ],
)
def test_where_at_stands_for_the_instant(query, bound_query):
    """Not in texts, quoted names, comments, casts or longer words."""
    assert bound(query) == bound_query


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("duckdb:///a.db", "/plan/a.db"),
        ("duckdb:///data/a b.db", "/plan/data/a b.db"),
        ("duckdb:////var/a.db", "/var/a.db"),
    ],
)
def test_urls_are_written_as_sqlalchemy_writes_them(url, path):
    """Three slashes are relative to the plan, four absolute."""
    assert database_path(url, Path("/plan")) == Path(path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hunter2 ://host/db", "is not the address of a database"),
        ("postgresql:ada:hunter2@host/db", "is not the address of a database"),
        ("duckdb://host/a.db", "is duckdb:///file.db"),
        ("duckdb:///", "is duckdb:///file.db"),
        ("duckdb:///:memory:", "is duckdb:///file.db"),
        ("duckdb:///a.db?access_mode=read_write", "is duckdb:///file.db"),
        ("a.db", "write duckdb:///file.db"),
        ("", "write duckdb:///file.db"),
        ({}, "is a text"),
    ],
)
def test_urls_that_cannot_be_meant(url, says):
    """Another database, or none; credentials are not repeated."""
    with pytest.raises(SourceError, match=says) as caught:
        KINDS["sql"].open({"url": url}, Path("/plan"))

    assert "hunter2" not in str(caught.value)


def test_a_window_and_a_histogram(source, at):
    """`:start` and `:end` are bound as `:at` is."""
    query = 'SELECT value, taken AS "at" FROM t WHERE taken BETWEEN :start AND :end ORDER BY value DESC'
    series = source.ask(Question(query=query, at=at, start=at - timedelta(hours=2)))
    histogram = source.ask(Question(query="SELECT value AS upto, 1 AS count FROM t", at=at, buckets=True))

    assert [(each.value, each.at.hour) for each in series.samples] == [(2, 8), (3, 9)]
    assert [each.above for each in histogram.buckets] == [-math.inf, 1, 2, 3]
    assert histogram.samples[0].value == 4
    assert series.identity.startswith("DuckDB ")


@pytest.mark.parametrize(
    ("query", "more", "says"),
    [
        ("SELECT 1 WHERE now() > :start", {}, "asked for one instant"),
        ("SELECT 1 WHERE now() > :end", {"start": datetime(2026, 1, 1, tzinfo=UTC)}, "does not use :start"),
        ("SELECT 'x' AS upto, 1 AS count", {"buckets": True}, "column 'upto' is VARCHAR, not a number"),
        ("SELECT 1 AS upto", {"buckets": True}, "have a histogram"),
    ],
)
def test_what_is_no_window_and_no_histogram(source, at, query, more, says):
    """Refused with words."""
    with pytest.raises(SourceError, match=says):
        source.ask(Question(query=query, at=at, **more))


def test_instants_are_exact(ask, source, at):
    """Microseconds survive."""
    query = "SELECT 1 AS value, :at - INTERVAL 1 MICROSECOND AS at"

    assert ask(source, query).samples[0].at == at - timedelta(microseconds=1)
