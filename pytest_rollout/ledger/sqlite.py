"""SQLite: a ledger in one file, beside the plan.

A new ledger is made under another name and then linked to its own, so that a
file with the ledger's name is always a whole ledger, however many processes
begin at once. Writes are synchronised to the disk before they return.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.schema import DETAILS, ENTRIES
from pytest_rollout.ledger.store import Session, Store, Stored, Value

WAIT_SECONDS = 30.0
"""How long a writer waits for the others."""

_FIXES = (
    ("disk is full", "free some room and run again: nothing was written, and what was is still there"),
    ("readonly", "the file and its folder must be writable: SQLite keeps its journal beside the file"),
    ("unable to open", "the file and its folder must be readable and writable"),
    ("locked", f"others have written for {WAIT_SECONDS:g} s: is a process stopped, or the file on a network share?"),
    ("malformed", "the file is damaged: keep it, and `rollout ledger import` the last export into a new one"),
    ("not a database", "name a ledger that `rollout` made, or a file that is not there yet"),
    ("I/O error", "the disk is failing or was taken away: look at it before anything else"),
)


class SqliteStore:
    """One file, through one connection; `open_sqlite` makes it."""

    guards = tuple(
        f"CREATE TRIGGER {table}_no_{word.lower()} BEFORE {word} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'a ledger is only added to'); END"
        for table in (ENTRIES, DETAILS)
        for word in ("UPDATE", "DELETE")
    )

    def __init__(self, where: str, connection: sqlite3.Connection) -> None:
        self.where = where
        self._connection = connection

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """`BEGIN IMMEDIATE`: one writer in all processes; on the disk when it is left."""
        with self._transaction("BEGIN IMMEDIATE") as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One state, whoever writes meanwhile."""
        with self._transaction("BEGIN") as session:
            yield session

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Session]:
        with _translated(self.where):
            self._connection.execute(begin)
            try:
                yield _Session(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself has ended it when the disk is full
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise

    def has(self, table: str) -> bool:
        """Whether a table is there."""
        with _translated(self.where):
            query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name"
            return self._connection.execute(query, {"name": table}).fetchone() is not None

    def unsound(self) -> tuple[str, ...]:
        """What SQLite's own check of all pages says."""
        try:
            said = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check(10)")]
        except sqlite3.Error as error:
            said = [str(error)]
        return tuple(line for line in said if line != "ok")

    def close(self) -> None:
        """The last one to close moves everything into the one file."""
        with suppress(sqlite3.Error):
            self._connection.close()


class _Session:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Mapping[str, Value] | None = None) -> Iterator[Stored]:
        return self._connection.execute(statement, values or {})

    def run(self, statement: str, values: Mapping[str, Value] | None = None) -> None:
        self._connection.execute(statement, values or {})


def open_sqlite(path: Path, *, create: bool, prepare: Callable[[Store], None]) -> SqliteStore:
    """The ledger in a file; `prepare` brings its tables to now.

    Args:
        path: Where it is.
        create: Whether a file that is missing is made, with its folder.
        prepare: What is done before anybody else sees a new file, and on opening.

    Raises:
        LedgerError: There is none, it is no ledger, or it cannot be used.
    """
    if not path.exists():
        if not create:
            raise LedgerError(f"{path}: there is no such ledger")
        _make(path, prepare)
    if path.is_dir():
        raise LedgerError(f"{path}: a folder, and no ledger\nname the file itself, as the plan does (ledger: …)")
    if path.is_file() and path.stat().st_size == 0:
        raise LedgerError(f"{path}: the file is empty, and no ledger\nremove it, and import the last export")
    store = SqliteStore(str(path), _connected(path))
    try:
        if not store.has(ENTRIES):
            raise LedgerError(f"{path}: a SQLite file, and no ledger")  # noqa: TRY301 - closed on its way out
        prepare(store)
    except BaseException:
        store.close()
        raise
    return store


def _connected(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """A connection whose commits are on the disk when they return."""
    with _translated(str(path)):
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA trusted_schema = OFF")
            (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
            if journal != "wal":  # new, or made by a copy
                (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if journal != "wal":
                raise LedgerError(f"{path}: SQLite cannot keep its journal on this disk\nuse a local one")  # noqa: TRY301
        except BaseException:
            connection.close()
            raise
        return connection


def _make(path: Path, prepare: Callable[[Store], None]) -> None:
    """Make a whole ledger under another name and link it to its own; whoever is first wins."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            unfinished = Path(folder) / path.name
            with closing(SqliteStore(str(path), _connected(unfinished, "rwc"))) as store:
                prepare(store)
            with suppress(FileExistsError):
                os.link(unfinished, path)
        _synchronised(path.parent)
    except OSError as error:
        raise LedgerError(f"{path}: a ledger cannot be made here: {error.strerror}") from error


def _synchronised(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """SQLite's words as a `LedgerError` that says what would do."""
    try:
        yield
    except sqlite3.Error as error:
        fix = next((fix for words, fix in _FIXES if words in str(error)), "")
        raise LedgerError(f"{where}: {error}\n{fix}".strip()) from error
