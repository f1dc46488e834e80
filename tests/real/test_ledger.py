"""A ledger on a real PostgreSQL: what every ledger promises, and what only a server can do wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import postgres
from support.ledger_contract import AT, SUBJECT, LedgerContract, note
from support.servers import free_port

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.ledger import open_ledger

NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A place for one ledger: a database of its own on the server."""

    server: postgres.Postgres
    name: str

    @classmethod
    def new(cls, server):
        name = f"ledger{next(NUMBERS)}"
        server.execute(f"CREATE DATABASE {name} OWNER gate")
        return cls(server, name)

    @property
    def where(self):
        return self.server.url(database=self.name)

    def open(self, *, create=True):
        return open_ledger(self.where, Path(), create=create)

    def execute(self, *statements):
        import psycopg

        server = self.server
        with psycopg.connect(
            host=str(server.folder), port=server.port, user="postgres", dbname=self.name
        ) as connection:
            for statement in statements:
                connection.execute(statement)

    def forge(self, *statements):
        tables = ("rollout_entries", "rollout_details")
        self.execute(*(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in tables), *statements)


@pytest.fixture(scope="module")
def server():
    """One server for all tests that do not stop it."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def place(server):
    """A database without a ledger."""
    return Database.new(server)


class TestPostgreSql(LedgerContract):
    """The contract."""

    @pytest.fixture
    def another(self, server):
        return Database.new(server)


@pytest.fixture
def own():
    """A place on a server that the test may stop."""
    with postgres.running() as server:
        yield Database.new(server)


def test_a_server_that_is_restarted_midway(own):
    """Between two entries nobody notices; what was acknowledged is there."""
    with own.open() as ledger:
        first = ledger.append(note(1), recorded_at=AT)
        own.server.stop()
        with pytest.raises(LedgerError, match=r"^postgresql://127\.0\.0\.1:\d+/ledger\d+: .*"):
            ledger.append(note(2), recorded_at=AT)
        with pytest.raises(LedgerError):
            ledger.entries(*SUBJECT)
        own.server.start()
        third = ledger.append(note(3), recorded_at=AT)

        assert ledger.entries(*SUBJECT) == (first, third)
        assert ledger.check() == ()


def test_a_server_that_is_stopped_in_the_middle_of_an_entry(own):
    """Nothing of it was written, and the message says what happened."""
    with own.open() as ledger:
        first = ledger.append(note(1), recorded_at=AT)

        def drafts():
            yield note(2)
            own.server.stop()
            yield note(3)

        with pytest.raises(LedgerError, match=r"terminat|closed|lost"):
            ledger.append_all(drafts(), recorded_at=AT)
        own.server.start()

        assert ledger.entries(*SUBJECT) == (first,)
        assert ledger.check() == ()


def test_a_server_that_goes_away_at_the_commit(place):
    """Nobody knows whether it was written, and the message says so instead of guessing."""
    with place.open() as ledger:
        ledger.append(note(1), recorded_at=AT)
        place.execute(
            """CREATE FUNCTION go() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$""",
            """CREATE CONSTRAINT TRIGGER go AFTER INSERT ON rollout_entries DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION go()""",
            "ALTER FUNCTION go() SECURITY DEFINER",
        )
        with pytest.raises(LedgerError, match=r"nobody knows whether it was written|terminating connection"):
            ledger.append(note(2), recorded_at=AT)
        place.execute("DROP TRIGGER go ON rollout_entries")

        assert ledger.append(note(3), recorded_at=AT).sequence == 2
        assert ledger.check() == ()


def test_a_password_is_in_no_message(place):
    """Neither as it is nor as it is written in the URL."""
    url = place.server.url(database=place.name, password="hunter2%2Fx", parameters="?sslpassword=s3cret")
    with pytest.raises(LedgerError) as caught:
        open_ledger(url, Path())

    assert "check the user and the password" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("hunter2", "s3cret", "gate:"))


def test_a_role_that_may_not_write(place):
    """What it needs is said."""
    with place.open() as ledger:
        ledger.append(note(1), recorded_at=AT)
    place.execute("ALTER TABLE rollout_entries OWNER TO postgres", "GRANT SELECT ON rollout_entries TO gate")
    with place.open() as ledger:
        assert len(ledger.entries(*SUBJECT)) == 1
        with pytest.raises(LedgerError, match=r"permission denied .*\nthe role needs SELECT and INSERT"):
            ledger.append(note(2), recorded_at=AT)


def test_a_role_that_may_only_add(place):
    """It reads and writes, and what is written it cannot change."""
    with place.open() as ledger:
        ledger.append(note(1), recorded_at=AT)
    place.execute(
        "DO $$ BEGIN CREATE ROLE adder LOGIN PASSWORD 'adder'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "GRANT SELECT, INSERT ON rollout_entries, rollout_details, rollout_head, rollout_schema TO adder",
        "GRANT UPDATE ON rollout_head TO adder",
    )
    url = place.server.url(user="adder", password="adder", database=place.name)
    with open_ledger(url, Path(), create=False) as ledger:
        assert ledger.append(note(2), recorded_at=AT).sequence == 2
        assert ledger.check() == ()
        with pytest.raises(LedgerError, match="permission denied"), ledger._store.writing() as session:
            session.run("DELETE FROM rollout_entries")


def test_nobody_listens():
    with pytest.raises(LedgerError, match="refused"):
        open_ledger(f"postgresql://gate@127.0.0.1:{free_port()}/x", Path())


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("mysql://u:hunter2@h/d", "a ledger is a SQLite file or postgresql://"),
        ("postgresql+asyncpg://u:hunter2@h/d", "a ledger is a SQLite file or postgresql://"),
        ("postgresql://u:hunter2/x@h:port/d", "percent-encoded"),
    ],
)
def test_a_url_that_is_none(where, said):
    with pytest.raises(LedgerError, match=said) as caught:
        open_ledger(where, Path())

    assert "hunter2" not in str(caught.value)
