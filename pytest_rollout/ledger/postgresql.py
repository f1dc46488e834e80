"""PostgreSQL: a ledger that a team shares, by its URL, through SQLAlchemy.

Writers wait for each other at a lock of the database, so that entries form
one chain. The URL is never printed: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.schema import DETAILS, ENTRIES
from pytest_rollout.ledger.store import Session, Store, Stored, Value

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

WAIT_SECONDS = 30
"""How long a writer waits for the others, and for the server to answer a connection."""

_LOCK = 7_204_110_526_001
"""The advisory lock of all ledgers in a database; any number that nobody else uses."""

_BEGIN = (
    f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'",
    "SET LOCAL synchronous_commit = on",
    f"SELECT pg_advisory_xact_lock({_LOCK})",
)
_REFUSE = """CREATE OR REPLACE FUNCTION rollout_only_added_to() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a ledger is only added to'; END $$"""
_FIXES = {
    "28000": "check the user, the password and the server's pg_hba.conf",
    "28P01": "check the user and the password in the URL",
    "3D000": "check the database in the URL",
    "25006": "this server takes no writes: name the primary, not a replica",
    "42501": "the role needs SELECT and INSERT on rollout_*, UPDATE on rollout_head, and CREATE to make a ledger",
    "53100": "free some room on the server: nothing was written, and what was is still there",
    "53300": "give the role a few connections of its own",
    "55P03": f"others have written for {WAIT_SECONDS} s: see pg_locks, and run again",
}


def open_postgresql(url: str, *, create: bool, prepare: Callable[[Store], None]) -> PostgreSqlStore:
    """The ledger in a database; `prepare` brings its tables to now.

    Raises:
        LedgerError: The extra is not installed, the URL names no PostgreSQL,
            the server lets nobody in, or there is no ledger and none is to be made.
    """
    scheme, _, rest = url.partition("://")
    where = f"{scheme.partition('+')[0]}://{rest.partition('?')[0].rpartition('@')[2]}"
    store = PostgreSqlStore(where, _engine(url, scheme, where), _secrets_of(url))
    try:
        if not create and not store.has(ENTRIES):
            raise LedgerError(f"{where}: there is no ledger in this database")  # noqa: TRY301 - as for a file
        prepare(store)
    except BaseException:
        store.close()
        raise
    return store


def _engine(url: str, scheme: str, where: str) -> Engine:
    try:
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise LedgerError(f"{where}: {_INSTALL}") from None
    if scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise LedgerError(f"{where}: a ledger is a SQLite file or postgresql://…, not {scheme}://")
    try:
        named = make_url(url).set(drivername="postgresql+psycopg")
        settings = {"connect_timeout": WAIT_SECONDS, "prepare_threshold": None}
        pool = {"pool_size": 1, "max_overflow": 0, "pool_pre_ping": True}
        return create_engine(named, hide_parameters=True, use_native_hstore=False, connect_args=settings, **pool)
    except ImportError:
        raise LedgerError(f"{where}: {_INSTALL}") from None
    except (ArgumentError, ValueError, TypeError):
        # Their words quote the piece that could not be read, which may be half of a password.
        raise LedgerError(
            "the URL of the ledger cannot be read as the address of a database\n"
            "write user, password and names in it percent-encoded: / is %2F, : is %3A"
        ) from None


_INSTALL = "a ledger on PostgreSQL needs the extra 'postgres'\npip install 'pytest-rollout[postgres]'"


class PostgreSqlStore:
    """One database, through one connection at a time; `open_postgresql` makes it."""

    guards = (
        _REFUSE,
        *(
            f"CREATE TRIGGER {table}_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION rollout_only_added_to()"
            for table in (ENTRIES, DETAILS)
        ),
    )

    def __init__(self, where: str, engine: Engine, secrets: tuple[str, ...]) -> None:
        self.where = where
        self._engine = engine
        self._secrets = secrets

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One writer in all processes, by an advisory lock that ends with the transaction."""
        with self._translated() as progress, self._engine.connect() as connection, connection.begin() as transaction:
            session = _Session(connection)
            for statement in _BEGIN:
                session.run(statement)
            yield session
            progress.append("commit")
            transaction.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One state, whoever writes meanwhile."""
        with self._translated(), self._engine.connect() as connection:
            snapshot = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with snapshot.begin():
                yield _Session(snapshot)

    def has(self, table: str) -> bool:
        """Whether a table is there, where the role looks first."""
        with self.reading() as session:
            return [row[0] for row in session.rows("SELECT to_regclass(:name)::text", {"name": table})] != [None]

    def unsound(self) -> tuple[str, ...]:
        """Nothing: whether its pages are sound is what a server with checksums says itself when it reads them."""
        return ()

    def close(self) -> None:
        """End the connection."""
        with suppress(Exception):  # a connection that is gone already may say so in any way
            self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[list[str]]:
        """The driver's words as a `LedgerError` that says what would do, without secrets."""
        from sqlalchemy.exc import SQLAlchemyError

        progress: list[str] = []
        try:
            yield progress
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise LedgerError(f"{self.where}: {self._words(cause, lost_at_end='commit' in progress)}") from None

    def _words(self, cause: BaseException, *, lost_at_end: bool) -> str:
        said = str(cause).strip().partition("\n")[0]
        for secret in self._secrets:
            said = said.replace(secret, "***")
        code = getattr(cause, "sqlstate", None) or ("28P01" if "password authentication failed" in said else "")
        fix = _FIXES.get(code, "")
        if lost_at_end and not code:
            fix = "the connection was lost at the end: nobody knows whether it was written; look with `rollout history`"
        return f"{said or type(cause).__name__}\n{fix}".strip()


class _Session:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Mapping[str, Value] | None = None) -> Iterator[Stored]:
        from sqlalchemy import text

        for row in self._connection.execute(text(statement), dict(values or {})):
            yield tuple(row)

    def run(self, statement: str, values: Mapping[str, Value] | None = None) -> None:
        from sqlalchemy import text

        self._connection.execute(text(statement), dict(values or {}))


def _secrets_of(url: str) -> tuple[str, ...]:
    """Every text of a URL that must not be repeated, the longest first."""
    rest, _, query = url.partition("://")[2].partition("?")
    password = rest.rpartition("@")[0].partition(":")[2]
    named = [value for key, value in parse_qsl(query) if any(word in key.lower() for word in ("pass", "secret", "key"))]
    return tuple(sorted({each for each in (password, unquote(password), *named) if each}, key=len, reverse=True))
