"""Schema: the tables of a ledger, as numbered steps from nothing to now.

A step runs whole or not at all, in one transaction, on every database. A
ledger that a newer version has brought further is refused: what this version
does not know it would judge wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.store import Session, Store

ENTRIES, DETAILS, HEAD, VERSION = ("rollout_entries", "rollout_details", "rollout_head", "rollout_schema")
GUARDS = "-- guards"
"""Stands in a step for the statements by which a database refuses changes, which each writes its own way."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"""CREATE TABLE {ENTRIES} (
            sequence INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            rollout TEXT NOT NULL,
            environment TEXT NOT NULL,
            phase TEXT NOT NULL,
            stage TEXT NOT NULL,
            at TEXT NOT NULL,
            recorded_at TEXT NOT NULL,
            once TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous TEXT NOT NULL,
            digest TEXT NOT NULL,
            content TEXT NOT NULL
        )""",
        f"CREATE INDEX rollout_entries_about ON {ENTRIES} (rollout, environment, kind, at)",
        f"CREATE UNIQUE INDEX rollout_entries_once ON {ENTRIES} (once) WHERE once <> ''",
        f"CREATE TABLE {DETAILS} (sequence INTEGER PRIMARY KEY, content TEXT NOT NULL)",
        f"""CREATE TABLE {HEAD} (
            one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL, digest TEXT NOT NULL
        )""",
        f"INSERT INTO {HEAD} (one, entries, digest) VALUES (1, 0, '')",  # noqa: S608 - a constant
        GUARDS,
    ),
)


def version_of(store: Store) -> int:
    """How far a database has been brought; 0 when it holds no ledger."""
    if not store.has(VERSION):
        return 0
    with store.reading() as session:
        return _version(session)


def _version(session: Session) -> int:
    found = [int(row[0]) for row in session.rows(f"SELECT max(version) FROM {VERSION}") if row[0] is not None]  # noqa: S608 - a constant
    return max(found, default=0)


def migrate(store: Store, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring a database to now, or leave it as it was.

    Raises:
        LedgerError: It is further than this version knows, or cannot be written to.
    """
    have = version_of(store)
    if have > len(migrations):
        raise LedgerError(
            f"{store.where}: the ledger has schema {have}, and this version knows {len(migrations)}\n"
            "a newer pytest-rollout wrote it: upgrade this one"
        )
    if have == len(migrations):
        return
    with store.writing() as session:
        session.run(f"CREATE TABLE IF NOT EXISTS {VERSION} (version INTEGER PRIMARY KEY)")
        have = _version(session)  # another process may have been faster
        for number, statements in enumerate(migrations[have:], start=have + 1):
            for statement in statements:
                for each in store.guards if statement == GUARDS else (statement,):
                    session.run(each)
            session.run(f"INSERT INTO {VERSION} (version) VALUES (:version)", {"version": number})  # noqa: S608 - a constant
