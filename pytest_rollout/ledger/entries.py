"""Entries: one thing that happened, chained to the one before by its digest.

A `Draft` is what somebody wants to have written; an `Entry` is what stands in
the ledger. Its digest covers all of it and the digest before, so that a
changed, missing or moved entry no longer fits its neighbours. Nothing is read
or written here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from pytest_rollout.errors import LedgerError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


class Row(NamedTuple):
    """An entry as it is stored, field by field, times as ISO 8601.

    A tuple, because a year has thousands of them.
    """

    sequence: int
    kind: str
    rollout: str
    environment: str
    phase: str
    stage: str
    at: str
    recorded_at: str
    once: str
    detail: str
    previous: str
    digest: str
    content: str


COLUMNS = Row._fields
BEGINNING = ""
"""The digest before the first entry."""

_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"))
_LONGEST_NAME = 200


class Kind(StrEnum):
    """What kind of thing an entry tells."""

    EVALUATION = "evaluation"
    PHASE_START = "phase-start"
    STAGE_START = "stage-start"
    PERCENTAGE = "percentage"
    ROLLBACK = "rollback"
    INCIDENT = "incident"
    INTERVENTION = "intervention"
    BASELINE = "baseline"
    APPROVAL = "approval"
    REVOCATION = "revocation"
    STATEMENT = "statement"
    RECEIPT = "receipt"
    ACTION = "action"


_KINDS = frozenset(kind.value for kind in Kind)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is to be written.

    `at` is the moment it speaks of. `body` is what everybody reads who looks
    at the entry; `detail` is what few need, such as every gate of an
    evaluation: it is kept apart and read by `Ledger.detail`. A draft with the
    same `once` as an entry that is already there is not written again.

    Raises:
        ValueError: A time without a zone, a name that is empty where it must
            not be, longer than 200 characters or not printable, or a body
            that is no JSON.
    """

    kind: Kind
    rollout: str
    environment: str
    at: datetime
    phase: str = ""
    stage: str = ""
    body: Mapping[str, JSON] = field(default_factory=dict)
    detail: JSON = None
    once: str = ""

    def __post_init__(self) -> None:
        time_text(self.at)
        for name, empty in (("rollout", False), ("environment", False), ("phase", True), ("stage", True)):
            _checked_name(name, getattr(self, name), may_be_empty=empty)
        _checked_name("once", self.once, may_be_empty=True)
        canonical(self.body)
        canonical(self.detail)


def _checked_name(what: str, value: str, *, may_be_empty: bool) -> None:
    if (not value and not may_be_empty) or len(value) > _LONGEST_NAME or not value.isprintable():
        raise ValueError(f"{what} of a ledger's entry: {value[:80]!r} is empty, not printable, or too long")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What was written, and its place in the chain.

    `at` is what it speaks of, `recorded_at` when it was written (both UTC);
    `content` is the canonical JSON of `body`, `detail` the digest of the part
    that is kept apart (or empty), `previous` the digest of the entry before.
    """

    sequence: int
    kind: Kind
    rollout: str
    environment: str
    phase: str
    stage: str
    at: datetime
    recorded_at: datetime
    once: str
    detail: str
    previous: str
    digest: str
    content: str

    @cached_property
    def body(self) -> Mapping[str, JSON]:
        """What the entry says, by name."""
        return MappingProxyType(json.loads(self.content))


def canonical(value: JSON) -> str:
    r"""JSON in the one form that is hashed: sorted keys, no blanks, ASCII (others as `\u…`), no NaN.

    Raises:
        ValueError: It is no JSON.
    """
    if not _keys_are_texts(value):
        raise ValueError("no JSON: a key that is no text")
    try:
        return _ENCODER.encode(dict(value) if isinstance(value, Mapping) else value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from None


def _keys_are_texts(value: object) -> bool:
    """Whether all keys are texts: others would come back as texts."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _keys_are_texts(inner) for key, inner in value.items())
    return all(map(_keys_are_texts, value)) if isinstance(value, list | tuple) else True


def content_digest(text: str) -> str:
    """The SHA-256 of a text, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def time_text(moment: datetime) -> str:
    """A moment as it is stored: ISO 8601, UTC, microseconds; as texts they sort like the moments.

    Raises:
        ValueError: It has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def row_of(draft: Draft, *, sequence: int, recorded_at: datetime, previous: str) -> Row:
    """The draft as the next link of a chain."""
    detail = "" if draft.detail is None else content_digest(canonical(draft.detail))
    row = Row(
        sequence=sequence,
        kind=draft.kind.value,
        rollout=draft.rollout,
        environment=draft.environment,
        phase=draft.phase,
        stage=draft.stage,
        at=time_text(draft.at),
        recorded_at=time_text(recorded_at),
        once=draft.once,
        detail=detail,
        previous=previous,
        digest="",
        content=canonical(draft.body),
    )
    return row._replace(digest=digest_of(row))


def digest_of(row: Row) -> str:
    """What the digest of a stored row must be: SHA-256 over its fields, a line each, the digest itself left out.

    No field that is written contains a line break, so no two rows have the
    same lines.
    """
    sequence, kind, rollout, environment, phase, stage, at, recorded, once, detail, previous, _, content = row
    about = f"{sequence}\n{kind}\n{rollout}\n{environment}\n{phase}\n{stage}\n{at}\n{recorded}\n{once}"
    return content_digest(f"{about}\n{detail}\n{previous}\n{content}")


def verify(row: Row) -> None:
    """Refuse a stored row that is not what was written, or that this version cannot know.

    Raises:
        LedgerError: Its digest does not fit it.
    """
    if row.kind not in _KINDS or digest_of(row) != row.digest:
        raise LedgerError(changed(row.sequence))


def entry_of(row: Row) -> Entry:
    """A stored row as an entry.

    Raises:
        LedgerError: It is not what was written.
    """
    verify(row)
    return Entry(
        sequence=row.sequence,
        kind=Kind(row.kind),
        rollout=row.rollout,
        environment=row.environment,
        phase=row.phase,
        stage=row.stage,
        at=datetime.fromisoformat(row.at),
        recorded_at=datetime.fromisoformat(row.recorded_at),
        once=row.once,
        detail=row.detail,
        previous=row.previous,
        digest=row.digest,
        content=row.content,
    )


def changed(sequence: int) -> str:
    """The sentence about an entry whose digest does not fit it."""
    return f"entry {sequence} is not what was written: its digest does not fit it\nrun `rollout ledger check`"
