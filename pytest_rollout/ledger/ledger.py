"""The ledger: entries are added at its end, read by what they are about, and checked.

One chain in one database, whoever writes. What it reads of an entry it has
compared with the entry's digest; that none is missing is what `check` finds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pytest_rollout.errors import LedgerError
from pytest_rollout.ledger.chain import (
    DETAIL,
    READ_HEAD,
    SELECT_REST,
    about,
    add,
    head_of,
    move_head,
    recorded_once,
    rows_of,
)
from pytest_rollout.ledger.checking import Finding, Head, findings
from pytest_rollout.ledger.entries import (
    BEGINNING,
    JSON,
    Draft,
    Entry,
    Kind,
    Row,
    canonical,
    changed,
    content_digest,
    digest_of,
    entry_of,
    row_of,
)
from pytest_rollout.ledger.evaluations import Evaluation, Quality, outcome_of
from pytest_rollout.ledger.schema import DETAILS, ENTRIES, migrate
from pytest_rollout.ledger.sqlite import open_sqlite
from pytest_rollout.ledger.store import Store
from pytest_rollout.ledger.timeline import STATUS_KINDS, Status, status
from pytest_rollout.ledger.transfer import page_of, take_in

_PAGE = 500


def open_ledger(where: str, folder: Path, *, create: bool = True) -> Ledger:
    """The ledger that a plan names.

    Args:
        where: The path of a SQLite file, from the plan's folder on, or the URL
            of a database (`postgresql://…`; needs the extra `postgres`).
        folder: The plan's.
        create: Whether a ledger that is not there yet is made. Who only reads
            says False: a ledger that is missing is then an error, and not one
            without incidents.

    Raises:
        LedgerError: It is not there, is none, is damaged, belongs to a newer
            version, or its database cannot be used.
    """
    if "://" in where:
        from pytest_rollout.ledger.postgresql import open_postgresql

        return Ledger(open_postgresql(where, create=create, prepare=migrate))
    if not where:
        raise LedgerError("the path of the ledger is empty: is the variable set?")
    return Ledger(open_sqlite(folder / where, create=create, prepare=migrate))


class Ledger:
    """An open ledger, for one thread; also a context manager that closes it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Ledger({self.where!r})"

    @property
    def where(self) -> str:
        """As messages name it: without user, password and parameters."""
        return self._store.where

    def append(self, draft: Draft, *, recorded_at: datetime) -> Entry:
        """Write one entry; when this returns, it is on the disk.

        Returns:
            The new entry, or the one that is already there with the draft's `once`.

        Raises:
            LedgerError: It could not be written, and was not; or the connection
                was lost while the server wrote, and the message says so.
        """
        return self.append_all([draft], recorded_at=recorded_at)[0]

    def append_all(self, drafts: Iterable[Draft], *, recorded_at: datetime) -> tuple[Entry, ...]:
        """Write several entries in their order, all or none; as `append`."""
        with self._store.writing() as session:
            head = head_of(session, self.where)
            written = []
            for draft in drafts:
                row = recorded_once(session, draft.once)
                if row is None:
                    row = row_of(draft, sequence=head.entries + 1, recorded_at=recorded_at, previous=head.digest)
                    detail = None if draft.detail is None else canonical(draft.detail)
                    head = add(session, row, detail)
                written.append(entry_of(row))
            move_head(session, head)
        return tuple(written)

    def entries(
        self,
        rollout: str,
        environment: str,
        *,
        kinds: Collection[Kind] | None = None,
        phase: str | None = None,
        stage: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Entry, ...]:
        """What is known of one rollout in one environment, in the order in which it was recorded.

        Args:
            rollout: Its name.
            environment: Its name.
            kinds: Of these kinds only; None for all.
            phase: Of this phase only; `""` for entries that are about none.
            stage: As `phase`.
            since: Which speak of this moment or a later one.
            until: Which speak of this moment or an earlier one.

        Raises:
            LedgerError: One of them is not what was written, or the database fails.
        """
        where, values = about(rollout, environment, kinds, phase, stage, since, until)
        with self._store.reading() as session:
            return tuple(entry_of(row) for row in rows_of(session, f"WHERE {where} ORDER BY sequence", values))

    def last(
        self,
        rollout: str,
        environment: str,
        *,
        kinds: Collection[Kind] | None = None,
        phase: str | None = None,
        stage: str | None = None,
        until: datetime | None = None,
    ) -> Entry | None:
        """The entry that was recorded last, of those that `entries` gives; None when there is none."""
        where, values = about(rollout, environment, kinds, phase, stage, None, until)
        with self._store.reading() as session:
            found = rows_of(session, f"WHERE {where} ORDER BY sequence DESC LIMIT 1", values)
            return next(map(entry_of, found), None)

    def evaluations(
        self,
        rollout: str,
        environment: str,
        phase: str,
        *,
        stage: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Evaluation, ...]:
        """What a streak needs of a phase's evaluations, in no particular order; as `entries`, and faster."""
        where, values = about(rollout, environment, [Kind.EVALUATION], phase, stage, since, until)
        asked = (Kind.EVALUATION.value, rollout, environment, phase)  # what was asked for need not be read
        outcomes: dict[str, tuple[Quality, str]] = {}  # thousands of evaluations say one of a few things
        found = []
        with self._store.reading() as session:
            for sequence, *rest in session.rows(f"{SELECT_REST} WHERE {where}", values):
                row = Row._make((sequence, *asked, *rest))
                if digest_of(row) != row.digest:
                    raise LedgerError(changed(sequence))
                outcome = outcomes.get(row.content) or outcomes.setdefault(row.content, outcome_of(row.content))
                found.append(Evaluation(datetime.fromisoformat(row.at), *outcome, row.stage))
        return tuple(found)

    def status(self, rollout: str, environment: str, phase: str, *, at: datetime) -> Status:
        """Where one phase stands, as of `at`."""
        known = list(self.entries(rollout, environment, kinds=STATUS_KINDS, until=at))
        evaluated = self.last(rollout, environment, kinds=[Kind.EVALUATION], phase=phase, until=at)
        return status(known + ([evaluated] if evaluated else []), phase=phase, at=at)

    def detail(self, entry: Entry) -> JSON:
        """The part of an entry that is kept apart; None when there is none.

        Raises:
            LedgerError: It is missing, or not what was written.
        """
        if not entry.detail:
            return None
        with self._store.reading() as session:
            found = [str(row[0]) for row in session.rows(DETAIL, {"sequence": entry.sequence})]
        if [content_digest(text) for text in found] != [entry.detail]:
            raise LedgerError(changed(entry.sequence))
        detail: JSON = json.loads(found[0])
        return detail

    def subjects(self) -> tuple[tuple[str, str], ...]:
        """Every rollout and environment that has an entry, sorted."""
        with self._store.reading() as session:
            query = f"SELECT DISTINCT rollout, environment FROM {ENTRIES}"  # noqa: S608 - a constant
            return tuple(sorted((str(row[0]), str(row[1])) for row in session.rows(query)))

    def head(self) -> Head:
        """How many entries there are, and the digest of the last: what a cautious reader keeps elsewhere."""
        with self._store.reading() as session:
            return head_of(session, self.where)

    def holds(self, digest: str) -> bool:
        """Whether the entry with this digest is in it; the beginning, which has none, always is."""
        if digest == BEGINNING:
            return True
        with self._store.reading() as session:
            query = f"SELECT 1 FROM {ENTRIES} WHERE digest = :digest"  # noqa: S608 - a constant
            return any(True for _ in session.rows(query, {"digest": digest}))

    def check(self, *, pinned: str = "", chain_only: bool = False) -> tuple[Finding, ...]:
        """Everything that is not what was written, with the entry where it shows.

        A whole chain that somebody has computed anew, or cut and computed anew,
        fits itself; only a digest that was kept elsewhere finds that.

        Args:
            pinned: The digest of an entry or of the head, as it was once seen.
            chain_only: Whether to leave out details and the database's own
                files: what remains is what answers rest on.

        Raises:
            LedgerError: The database cannot be read at all.
        """
        unsound = () if chain_only else self._store.unsound()
        files = [Finding(sequence=0, code="file", sentence=said) for said in unsound]
        with self._store.reading() as session:
            heads = [Head(entries=int(row[0]), digest=str(row[1])) for row in session.rows(READ_HEAD)]
            kept = () if chain_only else session.rows(f"SELECT sequence, content FROM {DETAILS}")  # noqa: S608
            details = None if chain_only else {int(row[0]): content_digest(str(row[1])) for row in kept}
            rows = rows_of(session, "ORDER BY sequence")
            return (*files, *findings(rows, heads[0] if len(heads) == 1 else None, details, pinned=pinned))

    def export(self) -> Iterator[str]:
        """All entries as JSON lines, in order; the same ledger gives the same lines.

        Raises:
            LedgerError: An entry is not what was written, or missing.
        """
        end = self.head().entries
        for first in range(1, end + 1, _PAGE):
            with self._store.reading() as session:
                lines = page_of(session, first, min(first + _PAGE - 1, end), self.where)
            yield from lines

    def import_(self, lines: Iterable[str]) -> int:
        """Add what `export` gave, all or nothing.

        Lines that the ledger has already are compared; those that follow its
        end are added.

        Returns:
            How many entries are new.

        Raises:
            LedgerError: A line is not what was exported, the chain has a gap,
                or it is the chain of another ledger.
        """
        with self._store.writing() as session:
            before = head_of(session, self.where)
            head = take_in(session, lines, before)
            move_head(session, head)
        return head.entries - before.entries

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()
