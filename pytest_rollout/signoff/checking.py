"""Checking: what holds for everything signed, whatever it is about.

Who signed, with which key, when, and whether it was taken back. Cheap
questions come first; `ssh-keygen` has the last word on every document that
is to count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.errors import SignoffError, listed
from pytest_rollout.signoff.approvers import Register
from pytest_rollout.signoff.armour import read_armour
from pytest_rollout.signoff.documents import Approval, Document, Revocation, Statement
from pytest_rollout.signoff.grounds import Ground, Refused
from pytest_rollout.signoff.keygen import objection
from pytest_rollout.signoff.signed import Signed, Unread

CLOCKS_MAY_DIFFER = timedelta(seconds=60)
"""How far two machines' clocks may be apart."""

Objection = tuple[Ground, str]
"""Why a document does not count: the ground, and the sentence with the facts."""


@dataclass(frozen=True, kw_only=True)
class Pile:
    """Everything that was found, sorted: approvals and statements by their age, what was revoked, what is unread."""

    approvals: tuple[Signed, ...]
    statements: tuple[Signed, ...]
    revocations: dict[str, list[Signed]]
    unread: tuple[Refused, ...]


def sort_out(found: Iterable[Signed | Unread]) -> Pile:
    """Sort what was found; the same document from two places (a file and a ledger) is one."""
    documents: dict[tuple[str, str], Signed] = {}
    unread = []
    for each in found:
        if isinstance(each, Unread):
            unread.append(Refused("a file", Ground.UNREAD, each.why, origin=each.origin))
        else:
            documents.setdefault((each.digest, each.signature), each)
    ordered = sorted(documents.values(), key=lambda each: (each.document.when, each.digest, each.signature))
    revocations = defaultdict(list)
    for each in ordered:
        if isinstance(each.document, Revocation):
            revocations[each.document.of].append(each)
    return Pile(
        approvals=tuple(each for each in ordered if isinstance(each.document, Approval)),
        statements=tuple(each for each in ordered if isinstance(each.document, Statement)),
        revocations=dict(revocations),
        unread=tuple(unread),
    )


def named(document: Document) -> str:
    """A document in a few words."""
    role = "" if isinstance(document, Revocation) else f" as {document.role}"
    return f"{document.kind} by {document.principal}{role} of {document.when:%Y-%m-%d %H:%M} UTC"


def person_objection(document: Approval | Statement, register: Register) -> Objection | None:
    """Whether the person may sign this at all."""
    who = document.principal
    person = register.people.get(who)
    if person is None:
        return Ground.UNKNOWN_PERSON, f"{who} is not in approvers.yaml"
    if document.role not in person.roles:
        return Ground.ROLE, f"{who} does not hold the role '{document.role}', but {listed(person.roles)}"
    if not person.may_sign(document.rollout, document.environment):
        return Ground.SCOPE, f"{who} may not sign for {document.rollout} in {document.environment}"
    return None


def time_objection(document: Approval | Statement, at: datetime) -> Objection | None:
    """Whether it is too early or too late for it."""
    if document.when - at > CLOCKS_MAY_DIFFER:
        return Ground.FUTURE, f"it is dated {document.when.isoformat()}, after {at.isoformat()}: which clock is wrong?"
    if document.expires_at <= at:
        return Ground.EXPIRED, f"it expired at {document.expires_at.isoformat()}"
    return None


def revoked_objection(signed: Signed, pile: Pile, register: Register) -> Objection | None:
    """Whether it was taken back; a revocation that does not hold itself still holds the release, and says so."""
    for each in pile.revocations.get(signed.digest, ()):
        document = each.document
        assert isinstance(document, Revocation)
        sentence = f"{document.principal} took it back at {document.at.isoformat()}: {document.why}"
        doubt = _unknown(document, register) or seal_objection(each, register)
        return Ground.REVOKED, f"{sentence} (the revocation itself: {doubt[1]})" if doubt else sentence
    return None


def _unknown(document: Revocation, register: Register) -> Objection | None:
    who = document.principal
    return None if who in register.people else (Ground.UNKNOWN_PERSON, f"{who} is not in approvers.yaml")


def seal_objection(signed: Signed, register: Register) -> Objection | None:
    """Whether the signature is the person's, over exactly this document, for exactly this purpose.

    Raises:
        SignoffError: `ssh-keygen` is missing or did not answer.
    """
    who, wanted = signed.document.principal, signed.document.namespace
    try:
        armour = read_armour(signed.signature)
    except SignoffError as error:
        return Ground.UNSIGNED, str(error)
    if armour.namespace != wanted:
        return Ground.NAMESPACE, f"it was made for '{armour.namespace[:60]}', not for '{wanted}'"
    keys = [key for key in register.signers.of(who) if key.fingerprint == armour.fingerprint]
    if not keys and (owner := register.signers.owner(armour.fingerprint)):
        return Ground.ANOTHER_PERSON, f"the key {armour.fingerprint} is {owner}'s, not {who}'s"
    if not keys:
        return Ground.UNKNOWN_KEY, f"the key {armour.fingerprint} is nobody's in allowed_signers"
    if armour.fingerprint in register.signers.revoked:
        return Ground.REVOKED_KEY, f"the key {armour.fingerprint} stands in revoked_keys"
    return _verified(signed, register, "".join(key.line for key in keys))


def _verified(signed: Signed, register: Register, allowed: str) -> Objection | None:
    def said(*, revoked: bool) -> str:
        document = signed.document
        return objection(
            signed.text,
            signed.signature,
            namespace=document.namespace,
            principal=document.principal,
            allowed=allowed,
            at=document.when,
            krl=register.signers.krl if revoked else None,
        )

    words = said(revoked=True)
    if not words:
        return None
    if register.signers.krl is not None and not said(revoked=False):
        return Ground.REVOKED_KEY, "its key stands in revoked_keys"
    if "key has expired" in words or "key is not yet valid" in words:
        return Ground.KEY_TIME, words
    if "namespace" in words:
        return Ground.NAMESPACE, words
    return Ground.ALTERED, f"the signature is not over this document (ssh-keygen: {words})"
