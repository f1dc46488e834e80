"""Transfer: entries as lines of JSON, and back.

A line holds everything that its digest covers, so that the lines of a ledger
can be checked without it, and make another ledger with the same chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.chain import add, rows_of
from pytest_rollout.ledger.checking import Head
from pytest_rollout.ledger.entries import COLUMNS, Row, canonical, changed, content_digest, digest_of, verify
from pytest_rollout.ledger.schema import DETAILS, ENTRIES
from pytest_rollout.ledger.store import Session

_LONGEST = 16 * 2**20


def line_of(row: Row, detail: str | None) -> str:
    """One entry, without a line break at its end; the body and the detail as the JSON that they are."""
    fields = json.dumps(dict(zip(COLUMNS[:-1], row, strict=False)), separators=(",", ":"))
    detailed = f',"details":{detail}' if detail is not None else ""
    return f'{fields[:-1]},"body":{row.content}{detailed}}}'


def read_line(line: str, number: int) -> tuple[Row, str | None]:
    """The entry of a line, and its detail as canonical JSON or None.

    Raises:
        LedgerError: It is no such line, or not what was written.
    """
    try:
        row, details = _parsed(line)
        sound = digest_of(row) == row.digest and row.detail == ("" if details is None else content_digest(details))
    except json.JSONDecodeError:
        raise LedgerError(f"line {number}: not an entry of a ledger: not JSON") from None
    except (ValueError, LookupError, RecursionError, TypeError) as error:
        raise LedgerError(f"line {number}: not an entry of a ledger: {error}") from None
    if not sound:
        raise LedgerError(f"line {number}: entry {row.sequence} is not what was written: its digest does not fit it")
    verify(row)
    return row, details


def page_of(session: Session, first: int, last: int, where: str) -> list[str]:
    """The lines of some entries that follow each other.

    Raises:
        LedgerError: One of them is not what was written, or missing.
    """
    between = {"first": first, "last": last}
    kept = f"SELECT sequence, content FROM {DETAILS} WHERE sequence BETWEEN :first AND :last"  # noqa: S608 - a constant
    details = {int(row[0]): str(row[1]) for row in session.rows(kept, between)}
    rows = list(rows_of(session, "WHERE sequence BETWEEN :first AND :last ORDER BY sequence", between))
    for expected, row in enumerate(rows, start=first):
        verify(row)
        detail = details.get(row.sequence)
        if row.sequence != expected or row.detail != ("" if detail is None else content_digest(detail)):
            raise LedgerError(f"{where}: {changed(expected)}")
    if len(rows) != last - first + 1:
        raise LedgerError(f"{where}: entries are missing\nrun `rollout ledger check`")
    return [line_of(row, details.get(row.sequence)) for row in rows]


def take_in(session: Session, lines: Iterable[str], head: Head) -> Head:
    """Add the entries of lines that follow the end of a chain; the end that it then has.

    Raises:
        LedgerError: A line is not what was exported, the chain has a gap, or it is the chain of another ledger.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row, detail = read_line(line, number)
        if row.sequence <= head.entries:
            _refuse_another(session, row, number)
        elif row.sequence != head.entries + 1 or row.previous != head.digest:
            raise LedgerError(
                f"line {number}: entry {row.sequence} does not follow entry {head.entries} of this ledger"
            )
        else:
            head = add(session, row, detail)
    return head


def _refuse_another(session: Session, row: Row, number: int) -> None:
    """Refuse a line of an export that is about an entry which is another one here.

    Raises:
        LedgerError: It is.
    """
    query = f"SELECT digest FROM {ENTRIES} WHERE sequence = :sequence"  # noqa: S608 - a constant
    if [found[0] for found in session.rows(query, {"sequence": row.sequence})] != [row.digest]:
        raise LedgerError(
            f"line {number}: this ledger has another entry {row.sequence}: it is the export of another ledger"
        )


def first_of(lines: Iterable[str]) -> int:
    """The number of the entry with which an export begins; all of its lines are looked at.

    Raises:
        LedgerError: A line is no entry, an entry between two is missing, or there is none at all.
    """
    first, last, digest = 0, 0, ""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row, _ = read_line(line, number)
        if first and (row.sequence > last + 1 or (row.sequence == last + 1 and row.previous != digest)):
            raise LedgerError(f"line {number}: entry {row.sequence} does not follow entry {last} of this export")
        first = first or row.sequence
        if row.sequence > last:
            last, digest = row.sequence, row.digest
    if not first:
        raise LedgerError("no entry of a ledger is in it")
    return first


def _parsed(line: str) -> tuple[Row, str | None]:
    if len(line) > _LONGEST:
        raise ValueError("longer than 16 MiB")
    document = json.loads(line)
    if not isinstance(document, dict) or document.keys() - {"details"} != {*COLUMNS[:-1], "body"}:
        raise ValueError("other keys than those of an entry")
    details = canonical(document["details"]) if "details" in document else None
    sequence, *texts = (document[name] for name in COLUMNS[:-1])
    if type(sequence) is not int or not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("a value of another type than that of an entry")
    return Row._make((sequence, *texts, canonical(document["body"]))), details
