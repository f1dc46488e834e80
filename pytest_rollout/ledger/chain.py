"""Chain: the statements by which entries are read, and added at the end, in one transaction.

The same for all databases. Nothing here decides what is sound but one thing:
nothing is added after an end that is not the one that was written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.checking import Head
from pytest_rollout.ledger.entries import COLUMNS, Kind, Row, time_text
from pytest_rollout.ledger.schema import DETAILS, ENTRIES, HEAD
from pytest_rollout.ledger.store import Session, Value

_FIELDS = ", ".join(COLUMNS)
SELECT_REST = f"SELECT sequence, {', '.join(COLUMNS[5:])} FROM {ENTRIES}"  # noqa: S608 - constants
DETAIL = f"SELECT content FROM {DETAILS} WHERE sequence = :sequence"  # noqa: S608
READ_HEAD = f"SELECT entries, digest FROM {HEAD} WHERE one = 1"  # noqa: S608
_INSERT = f"INSERT INTO {ENTRIES} ({_FIELDS}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"  # noqa: S608
_ADD_DETAIL = f"INSERT INTO {DETAILS} (sequence, content) VALUES (:sequence, :content)"  # noqa: S608
_MOVE_HEAD = f"UPDATE {HEAD} SET entries = :entries, digest = :digest WHERE one = 1"  # noqa: S608


def head_of(session: Session, where: str) -> Head:
    """The end of the chain, as the ledger says and as its last entry confirms.

    Nothing is added after an end that is not the one that was written: the
    place of the damage would be lost.

    Raises:
        LedgerError: They differ.
    """
    found = list(session.rows(READ_HEAD))
    last = list(session.rows(f"SELECT sequence, digest FROM {ENTRIES} ORDER BY sequence DESC LIMIT 1"))  # noqa: S608
    if len(found) != 1 or (last or [(0, "")])[0] != tuple(found[0]):
        raise LedgerError(f"{where}: its last entry is not the one that was written last\nrun `rollout ledger check`")
    return Head(entries=int(found[0][0]), digest=str(found[0][1]))


def rows_of(session: Session, rest: str = "", values: Mapping[str, Value] | None = None) -> Iterator[Row]:
    """Entries as they are stored: all, or those that the rest of the statement leaves, and in its order."""
    return map(Row._make, session.rows(f"SELECT {_FIELDS} FROM {ENTRIES} {rest}", values))  # noqa: S608 - constants


def recorded_once(session: Session, once: str) -> Row | None:
    """The entry that was written with this `once`; None when there is none, or `once` is empty."""
    if not once:
        return None
    return next(iter(list(rows_of(session, "WHERE once = :once AND once <> ''", {"once": once}))), None)


def add(session: Session, row: Row, detail: str | None) -> Head:
    """Write an entry and its detail; the end that the chain then has, which `move_head` writes."""
    session.run(_INSERT, row._asdict())
    if detail is not None:
        session.run(_ADD_DETAIL, {"sequence": row.sequence, "content": detail})
    return Head(entries=row.sequence, digest=row.digest)


def move_head(session: Session, head: Head) -> None:
    """Write where the chain ends."""
    session.run(_MOVE_HEAD, {"entries": head.entries, "digest": head.digest})


def about(
    rollout: str,
    environment: str,
    kinds: Collection[Kind] | None,
    phase: str | None,
    stage: str | None,
    since: datetime | None,
    until: datetime | None,
) -> tuple[str, dict[str, Value]]:
    """The condition for entries about all of these, None for any, and its values."""
    parts = ["rollout = :rollout", "environment = :environment"]
    values: dict[str, Value] = {"rollout": rollout, "environment": environment}
    if kinds is not None:
        names = {f"kind{place}": kind.value for place, kind in enumerate(sorted(kinds))}
        parts.append(f"kind IN ({', '.join(f':{name}' for name in names)})" if names else "1 = 0")
        values |= names
    for name, wanted in (("phase", phase), ("stage", stage)):
        if wanted is not None:
            parts.append(f"{name} = :{name}")
            values[name] = wanted
    for name, sign, moment in (("since", ">=", since), ("until", "<=", until)):
        if moment is not None:
            parts.append(f"at {sign} :{name}")
            values[name] = time_text(moment)
    return " AND ".join(parts), values
