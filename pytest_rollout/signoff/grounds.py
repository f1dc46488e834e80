"""Grounds: why a signature does not count, as a stable code and what it means.

Part of the public contract like the reasons of a verdict: they stand in
reports, and `docs/approvals.md` explains each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Ground(StrEnum):
    """Why something signed does not count."""

    UNREAD = "unread"
    UNSIGNED = "unsigned"
    NAMESPACE = "namespace"
    ALTERED = "altered"
    UNKNOWN_KEY = "unknown-key"
    ANOTHER_PERSON = "another-person"
    KEY_TIME = "key-time"
    REVOKED_KEY = "revoked-key"
    UNKNOWN_PERSON = "unknown-person"
    ROLE = "role"
    SCOPE = "scope"
    AUTHOR = "author"
    OTHER_ROLLOUT = "other-rollout"
    OTHER_PHASE = "other-phase"
    OTHER_STAGE = "other-stage"
    OTHER_ENVIRONMENT = "other-environment"
    OTHER_ROLE = "other-role"
    OTHER_PLAN = "other-plan"
    UNKNOWN_VERDICT = "unknown-verdict"
    OLD = "old"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FUTURE = "future"
    BEFORE_VERDICT = "before-verdict"
    TWICE = "twice"
    TWO_ROLES = "two-roles"
    REPLACED = "replaced"


MEANING = MappingProxyType(
    {
        Ground.UNREAD: "the file is not byte for byte what was written: edited, damaged, too large, or a key twice",
        Ground.UNSIGNED: "no SSH signature stands under the document",
        Ground.NAMESPACE: "the signature was made for something else, such as a commit, a statement or a revocation",
        Ground.ALTERED: "the signature is not over this document: changed after signing, or taken from another one",
        Ground.UNKNOWN_KEY: "the key that signed is nobody's in `allowed_signers`",
        Ground.ANOTHER_PERSON: "the key that signed is listed for another person than the document names",
        Ground.KEY_TIME: "the key was not yet, or no longer, valid when it signed (`valid-after`, `valid-before`)",
        Ground.REVOKED_KEY: "the key stands in `revoked_keys`",
        Ground.UNKNOWN_PERSON: "the person is not in `approvers.yaml`",
        Ground.ROLE: "the person does not hold the role",
        Ground.SCOPE: "the person may not sign for this rollout, or not in this environment",
        Ground.AUTHOR: "the person wrote or committed a part of the change",
        Ground.OTHER_ROLLOUT: "it is about another rollout",
        Ground.OTHER_PHASE: "it is about another phase",
        Ground.OTHER_STAGE: "it is about another stage",
        Ground.OTHER_ENVIRONMENT: "it is about another environment",
        Ground.OTHER_ROLE: "it is given in a role that the plan does not ask for",
        Ground.OTHER_PLAN: "the plan has changed since the verdict that was approved",
        Ground.UNKNOWN_VERDICT: "no such verdict is known: it was altered, or never given here",
        Ground.OLD: "the verdict that was approved is older than the plan allows",
        Ground.EXPIRED: "it has expired",
        Ground.REVOKED: "it was taken back",
        Ground.FUTURE: "it is dated in the future: one of the clocks is wrong",
        Ground.BEFORE_VERDICT: "it is dated before the verdict that it approves",
        Ground.TWICE: "the person has signed in this role already, and counts once",
        Ground.TWO_ROLES: "the person has signed in another role already, and counts once",
        Ground.REPLACED: "the person has said something newer about the same topic",
    }
)
"""What each ground means, in the words of docs/approvals.md."""

ELSEWHERE = frozenset(
    {Ground.OTHER_ROLLOUT, Ground.OTHER_PHASE, Ground.OTHER_STAGE, Ground.OTHER_ENVIRONMENT, Ground.OTHER_ROLE}
)
"""Grounds of documents that are good for something else: no cause for alarm, and not worth a line each."""


@dataclass(frozen=True)
class Refused:
    """One document that does not count: what it is, on which ground, and the sentence with the facts."""

    what: str
    ground: Ground
    sentence: str
    role: str = ""
    origin: str = ""

    def __str__(self) -> str:
        place = f"{self.origin}: " if self.origin else ""
        return f"{place}{self.what} does not count[{self.ground}]: {self.sentence}"
