"""Checking: whether a ledger is what was written, entry by entry.

Pure: rows in, findings out. An edit, a gap, a move, a swap and a cut each
leave a place where a digest does not fit; this says which, and where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.entries import BEGINNING, Row, verify
from pytest_rollout.quantities import format_duration

_CLOCKS_MAY_DIFFER = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of a chain: how many entries there are, and the digest of the last."""

    entries: int = 0
    digest: str = BEGINNING


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check found.

    `sequence` is the entry (0 for the ledger as a whole), `code` one of
    `edited`, `missing`, `moved`, `cut`, `detail`, `head`, `file`, `clock`.
    A `warning` does not speak against the chain.
    """

    sequence: int
    code: str
    sentence: str
    warning: bool = False

    def __str__(self) -> str:
        where = f"entry {self.sequence}: " if self.sequence else ""
        return f"{where}{self.code}: {self.sentence}"


def findings(
    rows: Iterable[Row], head: Head | None, details: Mapping[int, str] | None, *, pinned: str = ""
) -> list[Finding]:
    """Everything that does not fit.

    Args:
        rows: All entries, by sequence.
        head: What the ledger says of its end; None when that is missing.
        details: The digest of each detail that is there, by sequence; None leaves them out.
        pinned: A digest that somebody kept outside, which must be in the chain.
    """
    rows = list(rows)
    found: list[Finding] = []
    places = {row.digest: row.sequence for row in rows}
    expected, previous, recorded = 1, BEGINNING, ""
    for row in rows:
        sequence = row.sequence
        if sequence != expected:
            found.append(_missing(expected, sequence - 1))
        found += _of_one(row, previous, places, follows_gap=sequence != expected)
        found += _of_detail(row, details) if details is not None else ()
        found += _of_clock(row, recorded)
        expected, previous, recorded = sequence + 1, row.digest, row.recorded_at
    last = Head(entries=expected - 1, digest=previous)
    found += _of_end(last, head)
    found += [_stray(sequence) for sequence in sorted((details or {}).keys() - set(places.values()))]
    if pinned and pinned not in places:
        found.append(Finding(sequence=0, code="head", sentence=f"no entry has the digest {pinned} that was kept"))
    return found


def _missing(first: int, last: int) -> Finding:
    which = f"entry {first} is" if first == last else f"entries {first} to {last} are"
    return Finding(sequence=first, code="missing", sentence=f"{which} not there")


def _of_one(row: Row, previous: str, places: Mapping[str, int], *, follows_gap: bool) -> Iterator[Finding]:
    sequence = row.sequence
    try:
        verify(row)
    except LedgerError:
        yield Finding(sequence=sequence, code="edited", sentence="is not what was written: its digest does not fit it")
    if row.previous != previous and not follows_gap:
        place = places.get(row.previous)
        after = (
            f"entry {place}"
            if place
            else "the beginning"
            if row.previous == BEGINNING
            else "an entry that is not there"
        )
        yield Finding(
            sequence=sequence, code="moved", sentence=f"was written after {after}, and stands after {sequence - 1}"
        )


def _of_detail(row: Row, details: Mapping[int, str]) -> Iterator[Finding]:
    have, said = details.get(row.sequence, ""), row.detail
    if have != said:
        what = "is missing" if not have else "is not what was written" if said else "was added"
        yield Finding(sequence=row.sequence, code="detail", sentence=f"its detail {what}")


def _of_clock(row: Row, before: str) -> Iterator[Finding]:
    try:
        at, recorded = datetime.fromisoformat(row.at), datetime.fromisoformat(row.recorded_at)
        back = datetime.fromisoformat(before) - recorded if before else timedelta()
        ahead = at - recorded
    except (ValueError, TypeError):
        return  # an edit, which is found as such
    if back > timedelta():
        yield Finding(
            sequence=row.sequence,
            code="clock",
            sentence=f"was recorded {format_duration(back)} before the entry that precedes it: a clock stepped back",
            warning=True,
        )
    if ahead > _CLOCKS_MAY_DIFFER:
        yield Finding(
            sequence=row.sequence,
            code="clock",
            sentence=f"speaks of a time {format_duration(ahead)} after it was recorded",
            warning=True,
        )


def _of_end(last: Head, head: Head | None) -> Iterator[Finding]:
    if head is None:
        yield Finding(sequence=0, code="head", sentence="the record of the ledger's end is missing")
    elif head.entries > last.entries:
        yield Finding(
            sequence=last.entries + 1,
            code="cut",
            sentence=f"the ledger had {head.entries} entries, and ends after {last.entries}",
        )
    elif head != last:
        yield Finding(
            sequence=last.entries,
            code="head",
            sentence=f"is the last, and the record says that entry {head.entries} is",
        )


def _stray(sequence: int) -> Finding:
    return Finding(sequence=sequence, code="detail", sentence="a detail is there, and its entry is not")
