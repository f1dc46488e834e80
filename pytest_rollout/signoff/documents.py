"""Documents: the few facts that a person signs, as one text that can be written in one way only.

An approval, a human statement and a revocation are three kinds, and each is
signed in an SSH namespace of its own, so that a signature under one can never
serve as another. A text that is not exactly what would be written again is
refused, so two readers cannot read two things into it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

from pytest_rollout.errors import SignoffError, did_you_mean, listed

PRINCIPAL = r"[A-Za-z0-9][A-Za-z0-9._@+-]*"
"""How a person is called in `approvers.yaml` and `allowed_signers`: no pattern, no blank, no path."""

WORD = r"[a-z][a-z0-9_-]*"
"""How roles and topics are called."""

LARGEST_DOCUMENT_BYTES = 16 * 1024
_LONGEST_TEXT = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAY_BE_EMPTY = frozenset({"stage", "comment", "evidence_digest", "run_id"})
_NAME = r"[a-z0-9][a-z0-9_-]*"  # as plans name rollouts, phases and environments; it stands in the name of a file
_PATTERNS = {
    **dict.fromkeys(("rollout", "phase", "environment"), _NAME),
    **dict.fromkeys(("role", "topic"), WORD),
    "principal": PRINCIPAL,
}


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """A document whose fields are sound; what is common to all kinds."""

    kind: ClassVar[str]
    namespace: ClassVar[str]

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            complaint = _no_instant(value) if each.type == "datetime" else _no_text(each.name, value)
            if complaint:
                raise SignoffError(f"{self.kind}: {each.name}: {complaint}")


@dataclass(frozen=True, kw_only=True)
class Approval(_Checked):
    """A person in a role lets one phase (and stage) of one rollout go on, on the ground of one verdict.

    `verdict_digest` is the SHA-256 of the bytes of `verdict.json`; `stage` is
    empty where the phase has none, `evidence_digest` where the run left no
    evidence. Times are UTC, in whole seconds.

    Raises:
        SignoffError: A field is empty, too long, not printable, no digest, or no such time.
    """

    kind: ClassVar[str] = "approval"
    namespace: ClassVar[str] = "rollout-approval"

    rollout: str
    phase: str
    stage: str = ""
    environment: str
    role: str
    principal: str
    verdict_digest: str
    evidence_digest: str = ""
    run_id: str = ""
    plan_digest: str
    evaluated_at: datetime
    signed_at: datetime
    expires_at: datetime
    comment: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _lasts(self.kind, self.signed_at, self.expires_at)

    @property
    def when(self) -> datetime:
        """When it says that it was signed."""
        return self.signed_at


@dataclass(frozen=True, kw_only=True)
class Statement(_Checked):
    """What a person says and nothing has measured: a survey, a training, a judgement by hand.

    Raises:
        SignoffError: As for an approval.
    """

    kind: ClassVar[str] = "human statement"
    namespace: ClassVar[str] = "rollout-statement"

    rollout: str
    phase: str
    environment: str
    topic: str
    says: str
    principal: str
    role: str
    made_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        super().__post_init__()
        _lasts(self.kind, self.made_at, self.expires_at)

    @property
    def when(self) -> datetime:
        """When it says that it was made."""
        return self.made_at


@dataclass(frozen=True, kw_only=True)
class Revocation(_Checked):
    """A person takes an approval or a statement back; `of` is its digest.

    Raises:
        SignoffError: As for an approval.
    """

    kind: ClassVar[str] = "revocation"
    namespace: ClassVar[str] = "rollout-revocation"

    of: str
    principal: str
    why: str
    at: datetime

    @property
    def when(self) -> datetime:
        """When it says that it was signed."""
        return self.at


Document = Approval | Statement | Revocation
KINDS: Mapping[str, type[Approval | Statement | Revocation]] = {
    each.kind: each for each in (Approval, Statement, Revocation)
}
"""The kinds of documents, by the name that stands in them."""


def as_json(document: Document) -> dict[str, str]:
    """A document as a JSON object: its kind and its fields, all of them texts."""
    found = {"kind": document.kind}
    for each in fields(document):
        value = getattr(document, each.name)
        found[each.name] = value.isoformat() if isinstance(value, datetime) else value
    return found


def text_of(document: Document) -> str:
    """What is signed: sorted keys, UTF-8, one key a line, a line break at the end."""
    return json.dumps(as_json(document), sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def digest_of(document: Document) -> str:
    """SHA-256 of what is signed: the name by which a document is revoked."""
    return hashlib.sha256(text_of(document).encode("utf-8")).hexdigest()


def from_json(value: object) -> Document:
    """The document that a JSON object is.

    Raises:
        SignoffError: It is none, or says something in another way than it would be written.
    """
    if not isinstance(value, dict):
        raise SignoffError(f"a document is a JSON object, not {type(value).__name__}")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        known = did_you_mean(kind, KINDS) if isinstance(kind, str) else ()
        raise SignoffError("\n".join([f"unknown kind of document {kind!r:.60}", f"kinds: {listed(KINDS)}", *known]))
    made = KINDS[kind]
    names = {each.name for each in fields(made)}
    if value.keys() != names | {"kind"}:
        missing, unknown = listed(names - value.keys()), listed(map(str, value.keys() - names - {"kind"}))
        raise SignoffError(f"{kind}: missing: {missing}; unknown: {unknown}")
    texts = {name: text for name, text in value.items() if isinstance(text, str)}
    if len(texts) < len(value):
        raise SignoffError(f"{kind}: every field is a text; {listed(value.keys() - texts.keys())} is none")
    read: dict[str, Any] = {  # of the types of the fields, which are checked once more inside
        each.name: _instant(texts[each.name], each.name) if each.type == "datetime" else texts[each.name]
        for each in fields(made)
    }
    document = made(**read)
    if as_json(document) != value:
        raise SignoffError(f"{kind}: a time is not written as {datetime(2026, 11, 1, 9, tzinfo=UTC).isoformat()}")
    return document


def _instant(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise SignoffError(f"{name}: {text[:60]!r} is no time") from None


def _no_instant(value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        return "a time with its offset from UTC is wanted"
    if value.utcoffset() or value.microsecond:
        return f"{value.isoformat()} is not UTC, in whole seconds"
    return ""


def _no_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        return f"a text is wanted, not {type(value).__name__}"
    if not value.strip() and (value or name not in _MAY_BE_EMPTY):
        return "it is empty"
    # What a screen does not show, or shows in another order, would be signed unseen.
    if len(value) > _LONGEST_TEXT or not value.isprintable():
        return f"longer than {_LONGEST_TEXT} characters, or with a line break or a character that nobody sees"
    if (name.endswith("_digest") or name == "of") and value and _DIGEST.fullmatch(value) is None:
        return f"{value[:60]!r} is no SHA-256 in hexadecimal"
    if name in _PATTERNS and re.fullmatch(_PATTERNS[name], value) is None:
        return f"{value[:60]!r} cannot be a {name}"
    return ""


def _lasts(kind: str, start: datetime, end: datetime) -> None:
    if end <= start:
        raise SignoffError(f"{kind}: expires_at: {end.isoformat()} is not after {start.isoformat()}")
