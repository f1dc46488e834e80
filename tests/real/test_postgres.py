"""A number out of a real PostgreSQL: whatever it does, a number or a sentence, in time, and nothing written."""

from __future__ import annotations

import gc
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import postgres
from support.servers import free_port, wait_for

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.protocol import Bucket, Question
from pytest_rollout.sources.sql_pool import Turn
from pytest_rollout.sources.sql_postgresql import PostgreSql

AT = datetime(2026, 11, 7, 9, 0, tzinfo=UTC)
TABLES = (
    "CREATE TABLE recalls(value float8, taken timestamptz, local timestamp, body jsonb, many int[])",
    """INSERT INTO recalls SELECT n, '2026-11-07 06:00+00'::timestamptz + n * interval '1 hour',
       '2026-11-07 06:00'::timestamp + n * interval '1 hour', '{"ms": 7, "50%": 3}', '{1,2,3}'
       FROM generate_series(1, 4) n""",
    "CREATE TABLE secrets(value int)",
    "CREATE TABLE written(value int)",
    "CREATE SEQUENCE numbers",
    """CREATE FUNCTION sneaky() RETURNS int LANGUAGE plpgsql AS
       $$ BEGIN INSERT INTO written VALUES (1); RETURN 1; END $$""",
    "CREATE TABLE locked(value int)",
    "GRANT ALL ON recalls, written, locked TO gate",
    "GRANT ALL ON SEQUENCE numbers TO gate",
)


@pytest.fixture(scope="module")
def server():
    """One server for all tests that do not kill it."""
    with postgres.running() as server:
        server.execute(*TABLES)
        yield server


@pytest.fixture
def source(server):
    """The server as a source, asked as a role that may write and must not."""
    return KINDS["sql"].open({"url": server.url()}, Path())


@pytest.fixture
def ask():
    """Ask a source one query, as of the run's instant."""

    def ask(source, query, *, timeout_seconds=20.0, **more):
        return source.ask(Question(query=query, at=AT, timeout_seconds=timeout_seconds, **more))

    return ask


def active(server, text):
    """How many other sessions run a query that contains a text."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    return server.execute(f"{others} AND query LIKE '%{text}%'")[0][0]


@pytest.mark.parametrize(
    ("query", "samples"),
    [
        ("SELECT 1", [(1, None)]),
        ("SELECT 1;", [(1, None)]),
        ("SELECT 1 -- done; :at", [(1, None)]),
        ("SELECT ';' AS text, 1 AS value /* :start */", [(1, None)]),
        ("SELECT max(value) FROM recalls WHERE taken <= :at", [(3, None)]),
        ("SELECT max(value) FROM recalls WHERE taken <= :end AND taken <= :at", [(3, None)]),
        ("SELECT max(value) FROM recalls WHERE local <= :at", [(3, None)]),
        ("SELECT max(value) FROM recalls WHERE taken <= :at - INTERVAL '1 hour'", [(2, None)]),
        ("SELECT max(value) FROM recalls WHERE taken::date = :at::date AND taken<:at", [(2, None)]),
        ("SELECT value, taken AS at FROM recalls WHERE taken <= :at ORDER BY taken DESC LIMIT 1", [(3, 9)]),
        ("SELECT value, local AS at FROM recalls WHERE taken <= :at ORDER BY taken DESC LIMIT 1", [(3, 9)]),
        ("SELECT taken AS at, value FROM recalls ORDER BY taken LIMIT 2", [(1, 7), (2, 8)]),
        ("SELECT DATE '2026-11-07' AS at, 5 AS n", [(5, 0)]),
        ("SELECT 5 AS n, NULL::timestamptz AS at", [(5, None)]),
        ("SELECT 'x' AS region, 5 AS \"VALUE\"", [(5, None)]),
        ("SELECT value FROM recalls WHERE false", []),
        ("SELECT max(value) FROM recalls WHERE false", []),
        ("SELECT NULL", []),
        ("SELECT 1.25::numeric", [(1.25, None)]),
        ("SELECT 7::bigint", [(7, None)]),
        ("WITH x AS (SELECT 6 AS value) SELECT * FROM x", [(6, None)]),
        ("VALUES (6)", [(6, None)]),
        ("TABLE written", []),
        ("SELECT (body->>'ms')::int FROM recalls WHERE value = 1", [(7, None)]),
        (
            "SELECT count(*) FROM recalls WHERE body ? 'ms' AND body ?| '{ms,:at}' AND body @> '{\"ms\": 7}'",
            [(4, None)],
        ),
        (
            "SELECT (body->>'50%')::int % 2 FROM recalls WHERE 'a%sb' LIKE 'a%' AND '%(at)s' <> ':at' LIMIT 1",
            [(1, None)],
        ),
        ("SELECT length('it''s :at') + length(E'\\'\\:at') + length($$ :at $$) + length($t$:at$t$)", [(20, None)]),
        ("SELECT cardinality(many[1:2]) FROM recalls LIMIT 1", [(2, None)]),
        ('SELECT count(*) AS ":at" FROM recalls', [(4, None)]),
        ("SELECT 1 AS value, 2 AS x, 3 AS x", [(1, None)]),
    ],
)
def test_rows_are_samples(ask, source, query, samples):
    """The number, and the time of a column `at`; what only looks like a parameter stays as it is."""
    found = ask(source, query).samples

    assert [(each.value, each.at) for each in found] == [
        (value, None if hour is None else datetime(2026, 11, 7, hour, tzinfo=UTC)) for value, hour in samples
    ]


@pytest.mark.parametrize("query", ["SELECT 'NaN'::float8", "SELECT 'NaN'::numeric"])
def test_nan_is_a_sample_that_is_nan(ask, source, query):
    """What it means is decided elsewhere."""
    assert math.isnan(ask(source, query).samples[0].value)


def test_who_answers_and_its_clock(ask, source):
    """The server's version, and its clock, which here is ours."""
    answer = ask(source, "SELECT 1")

    assert answer.identity.startswith("PostgreSQL 1")
    assert abs(answer.skew) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELEC 1", "the query is SELEC"),
        ("SELECT x FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT nothing FROM recalls", 'column "nothing" does not exist'),
        ("", "0 statements"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT 1; DROP TABLE written", "2 statements"),
        ("SELECT 1) AS a; DROP TABLE written; SELECT (1", "3 statements"),
        ("DELETE FROM written", "the query is DELETE"),
        ("TRUNCATE written", "the query is TRUNCATE"),
        ("COPY recalls TO STDOUT", "the query is COPY"),
        ("SET statement_timeout = 0", "the query is SET"),
        ("DO $$ BEGIN END $$", "the query is DO"),
        ("EXPLAIN ANALYZE SELECT 1", "the query is EXPLAIN"),
        ("SELECT value INTO copied FROM recalls", "says INTO"),
        ("WITH x AS (INSERT INTO written VALUES (1) RETURNING value) SELECT value FROM x", "says INSERT"),
        ("SELECT value FROM recalls FOR UPDATE", "says UPDATE"),
        ("SELECT value FROM recalls FOR SHARE", "read-only transaction"),
        ("SELECT sneaky()", "cannot execute INSERT in a read-only transaction\nonly SELECT is asked"),
        ("SELECT nextval('numbers')", "cannot execute nextval() in a read-only transaction"),
        ("SELECT set_config('transaction_read_only', 'off', false)::int", "read-write mode"),
        ("SELECT pg_read_file('/etc/passwd') AS value", "permission denied"),
        ("SELECT value FROM secrets", "permission denied for table secrets\nGRANT SELECT"),
        ("SELECT true", "true or false, not a number"),
        ("SELECT 'x' AS value", "is not a number"),
        ("SELECT interval '1 hour' AS lag", "is not a number"),
        ("SELECT '{1}'::int[] AS value", "a list of 1 is not a number"),
        ("SELECT 1 AS value, 'now' AS at", "column 'at' is 'now', not a time"),
        ("SELECT 1 AS value, 5 AS at", "column 'at' is 5, not a time"),
        ("SELECT 1 AS value, 'infinity'::timestamptz AS at", "timestamp too large"),
        ("SELECT 1 AS a, 2 AS b", "which of the columns a, b is the number"),
        ("SELECT 1 AS value, 2 AS value", "is the number"),
        ("SELECT 'inf'::float8", "infinite"),
        ("SELECT 'inf'::numeric", "infinite"),
        ("SELECT 1 WHERE :other", "syntax error"),
        ("SELECT generate_series(1, 1001)", "more than 1 000 rows where one was meant"),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT 1 WHERE now() > :start", "uses :start"),
    ],
)
def test_what_is_no_answer(ask, server, source, query, says):
    """One line of the server's or of ours, and no traceback."""
    with pytest.raises(SourceError) as caught:
        ask(source, query)

    assert says in str(caught.value)
    assert str(caught.value).startswith(f"postgresql://127.0.0.1:{server.port}/postgres")
    assert "Traceback" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nothing_was_written(ask, server, source):
    """By a role that may write: refused by the server, and not only by our reading of the text."""
    with source._pool.connected(Turn(PostgreSql(), 20), 20) as connection:
        PostgreSql().begin(connection, 20)
        with pytest.raises(Exception, match="read-only transaction"):
            connection.exec_driver_sql("INSERT INTO written VALUES (1)")

    assert server.execute("SELECT count(*) FROM written") == [(0,)]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ({"password": "wrong-4711"}, "password authentication failed"),
        ({"user": "nobody", "password": "wrong-4711"}, "password authentication failed"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"parameters": "?sslmode=require"}, "SSL"),
        ({"parameters": "?nonsense=1&password=wrong-4711"}, "nonsense"),
    ],
)
def test_a_server_that_lets_nobody_in(ask, server, url, says):
    """Its words, and never the password."""
    source = KINDS["sql"].open({"url": server.url(**url)}, Path())

    with pytest.raises(SourceError, match=says) as caught:
        ask(source, "SELECT 1")

    for secret in ("hunter22", "4711"):
        assert secret not in f"{caught.value} {source!r}"


def test_nobody_listens(ask):
    """A refused connection says so."""
    source = KINDS["sql"].open({"url": f"postgresql://gate:hunter22@127.0.0.1:{free_port()}/x"}, Path())

    with pytest.raises(SourceError, match="refused") as caught:
        ask(source, "SELECT 1")

    assert "hunter22" not in str(caught.value)


def test_a_server_that_says_nothing(ask):
    """It accepts the connection, and that is all."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://gate:hunter22@127.0.0.1:{silent.getsockname()[1]}/x"
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"no answer within 0.5 s"):
            ask(KINDS["sql"].open({"url": url}, Path()), "SELECT 1", timeout_seconds=0.5)

    assert time.monotonic() - started < 40


@pytest.mark.parametrize("server_limits_it", [True, False])
def test_a_query_that_sleeps_is_ended_on_the_server(ask, server, source, monkeypatch, server_limits_it):
    """Not only here: the server works on nothing that nobody waits for. The next question is answered."""
    ask(source, "SELECT 1")
    if not server_limits_it:
        # As if its clock were slow: then it is we who tell it to stop.
        monkeypatch.setattr(Turn, "left", lambda _turn: 600.0)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, source, "SELECT 1 FROM pg_sleep(60)", timeout_seconds=4)
        wait_for(lambda: active(server, "pg_sleep(60)") == 1, "it did not happen")
        with pytest.raises(SourceError, match="no answer within 4 s"):
            asked.result()

    wait_for(lambda: active(server, "pg_sleep(60)") == 0, "it did not happen")
    assert ask(source, "SELECT 1").samples[0].value == 1
    assert not [each for each in threading.enumerate() if each.name == "pytest-rollout-answer"]


def test_the_server_ends_a_query_without_us(ask, server):
    """Where we are killed meanwhile, its own limit holds."""
    code = (
        "import sys; from pathlib import Path; from datetime import *; from pytest_rollout.sources import KINDS\n"
        "from pytest_rollout.sources.protocol import Question\n"
        "source, at = KINDS['sql'].open({'url': sys.argv[1]}, Path()), datetime.now(UTC)\n"
        "source.ask(Question(query='SELECT 1', at=at, timeout_seconds=60))\n"
        "source.ask(Question(query='SELECT 2 FROM pg_sleep(61)', at=at, timeout_seconds=5))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code, server.url()], env=environment) as asking:
        wait_for(lambda: active(server, "pg_sleep(61)") == 1, "it did not happen")
        asking.kill()

    wait_for(lambda: active(server, "pg_sleep(61)") == 0, "it did not happen")


def test_a_backend_that_does_not_even_hear(ask, server, source):
    """Stopped by its machine: we end the connection, and no thread of ours stays behind."""
    ask(source, "SELECT 1")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, source, "SELECT 3 FROM pg_sleep(62)", timeout_seconds=4)
        wait_for(lambda: active(server, "pg_sleep(62)") == 1, "it did not happen")
        (pid,) = server.execute(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(62)%' AND pid <> pg_backend_pid()"
        )[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(SourceError, match="no answer within 4 s"):
                asked.result()
            wait_for(
                lambda: not [each for each in threading.enumerate() if each.name == "pytest-rollout-answer"],
                "it did not happen",
            )
        finally:
            os.kill(pid, signal.SIGCONT)

    assert ask(source, "SELECT 1").samples[0].value == 1


def test_a_table_that_somebody_has_locked(ask, server, source):
    """The server says so, well before our own time is over."""
    ask(source, "SELECT 1")
    with server.admin() as other, other.transaction():
        other.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SourceError, match="lock timeout\nsomebody holds a lock"):
            ask(source, "SELECT count(*) FROM locked", timeout_seconds=2)

    assert ask(source, "SELECT count(*) FROM locked").samples[0].value == 0


def test_a_million_rows_where_one_was_meant(ask, server):
    """They are not fetched."""
    code = (
        "import sys; from pathlib import Path; from datetime import *\n"
        "from pytest_rollout.sources import KINDS; from pytest_rollout.sources.protocol import Question\n"
        "source = KINDS['sql'].open({'url': sys.argv[1]}, Path())\n"
        "def ask(query):\n"
        "    try: source.ask(Question(query=query, at=datetime.now(UTC), timeout_seconds=30))\n"
        "    except Exception as error: print(error)\n"
        "ask(\"SELECT n AS value, repeat('x', 1000) AS text FROM generate_series(1, 1000000) n\")\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    started = time.monotonic()

    result = subprocess.run(
        [sys.executable, "-c", code, server.url()], env=environment, capture_output=True, text=True, check=True
    )

    said, kibibytes = result.stdout.strip().rsplit("\n", 1)
    assert "more than 1 000 rows where one was meant" in said
    assert int(kibibytes) < 200 * 1024
    assert time.monotonic() - started < 40


def test_many_threads_and_few_connections(ask, server):
    """The server keeps its connections for those who need them."""
    source = KINDS["sql"].open({"url": server.url(parameters="?application_name=many")}, Path())
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: ask(source, f"SELECT {i} + count(*) FROM recalls"), range(200)))

    assert [answer.samples[0].value for answer in answers] == [i + 4 for i in range(200)]
    assert server.execute("SELECT count(*) BETWEEN 1 AND 8 FROM pg_stat_activity WHERE application_name = 'many'") == [
        (True,)
    ]


def test_connections_are_closed_with_their_source(ask, server):
    """Without a warning in the tests of those who use us."""
    source = KINDS["sql"].open({"url": server.url(parameters="?application_name=closed")}, Path())
    ask(source, "SELECT 1")
    gc.collect()

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        del source
        gc.collect()

    assert [str(each.message) for each in heard if issubclass(each.category, ResourceWarning)] == []
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closed'"
    wait_for(lambda: server.execute(left) == [(0,)], "it is still open")


def test_a_server_that_is_killed_midway_and_comes_back(ask):
    """The question in flight gets a sentence; the next one a number, on a new connection."""
    with postgres.running() as server, ThreadPoolExecutor(1) as pool:
        source = KINDS["sql"].open({"url": server.url()}, Path())
        assert ask(source, "SELECT 1").samples[0].value == 1
        asked = pool.submit(ask, source, "SELECT 1 FROM pg_sleep(60)", timeout_seconds=30)
        wait_for(lambda: active(server, "pg_sleep(60)") == 1, "it did not happen")

        server.stop()

        with pytest.raises(SourceError, match=r"terminat|closed the connection"):
            asked.result()
        with pytest.raises(SourceError, match="refused"):
            ask(source, "SELECT 1")
        server.start()
        assert ask(source, "SELECT 1").samples[0].value == 1
        server.stop()
        server.start()
        assert ask(source, "SELECT 1").samples[0].value == 1  # though it had kept a connection to the old one


def test_a_window_is_a_series(ask, source):
    """In its order, without the row at its very start."""
    query = "SELECT value, taken AS at FROM recalls WHERE taken BETWEEN :start AND :end ORDER BY value DESC"

    samples = ask(source, query, start=AT - timedelta(hours=2)).samples

    assert [(each.value, each.at.hour) for each in samples] == [(2, 8), (3, 9)]


def test_a_series_of_a_hundred_thousand(ask, source):
    """A minute each, for two months; one more is too many."""
    query = "SELECT n AS value, :end - n * interval '1 minute' AS at FROM generate_series(0, {}) n WHERE :start < :end"

    answer = ask(source, query.format(99_999), start=AT - timedelta(days=100))

    assert len(answer.samples) == 100_000
    assert answer.samples[-1].at == AT
    assert len(answer.body) < 1000
    with pytest.raises(SourceError, match="more than 100 000 rows where a series was meant"):
        ask(source, query.format(100_000), start=AT - timedelta(days=100))


def test_rows_are_buckets(ask, source):
    """With their count and one time."""
    query = "SELECT value * 10 AS upto, count(*) AS count, max(max(taken)) OVER () AS at FROM recalls GROUP BY value"

    answer = ask(source, query, buckets=True)

    assert answer.buckets[:2] == (Bucket(above=-math.inf, upto=10, count=1), Bucket(above=10, upto=20, count=1))
    assert [(each.value, each.at.hour) for each in answer.samples] == [(4, 10)]
