"""Approvals: who has signed for a phase, who is awaited, and which signatures do not count and why.

A signature counts when everything about it holds: the person, the role, the
key, the time, and that it is about exactly what is asked. What is not known
(the authors of the change, a file that cannot be read) never counts in
anybody's favour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.errors import SignoffError
from pytest_rollout.quantities import format_duration
from pytest_rollout.signoff.approvers import Register, identities
from pytest_rollout.signoff.checking import (
    CLOCKS_MAY_DIFFER,
    Objection,
    Pile,
    named,
    person_objection,
    revoked_objection,
    seal_objection,
    sort_out,
    time_objection,
)
from pytest_rollout.signoff.documents import Approval
from pytest_rollout.signoff.grounds import ELSEWHERE, Ground, Refused
from pytest_rollout.signoff.signed import Signed, Unread


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What must have been approved, by whom, and as of when.

    `roles` says how many persons of each role are needed. `authors` are the
    names and addresses of those who made the change; None where they are not
    known, and then nobody's approval counts. `max_age` is how old the
    approved verdict may be; `known_verdicts`, if given, are the digests of
    verdicts that were really given here. With `distinct`, a person counts in
    one role only.

    Raises:
        SignoffError: No role, a number below one, or a time without an offset.
    """

    rollout: str
    phase: str
    environment: str
    stage: str = ""
    roles: Mapping[str, int]
    plan_digest: str
    max_age: timedelta | None
    authors: Collection[str] | None
    at: datetime
    known_verdicts: Collection[str] | None = None
    distinct: bool = True

    def __post_init__(self) -> None:
        if not self.roles or any(number < 1 for number in self.roles.values()):
            raise SignoffError("approvals of nobody are none: name at least one role, with a number of at least 1")
        if self.at.tzinfo is None:
            raise SignoffError("the time of an approval's check needs an offset from UTC")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One role: how many are needed, who has signed, and who else could."""

    role: str
    needed: int
    signed: tuple[Approval, ...]
    could_sign: tuple[str, ...]

    @property
    def missing(self) -> int:
        """How many signatures are still awaited."""
        return max(self.needed - len(self.signed), 0)


@dataclass(frozen=True, kw_only=True)
class Signoff:
    """Where the approvals of a phase stand; `refused` is everything that lay there and does not count."""

    roles: tuple[Standing, ...]
    refused: tuple[Refused, ...]

    @property
    def unread(self) -> tuple[Refused, ...]:
        """Files that cannot be read: each might be one that takes an approval back."""
        return tuple(each for each in self.refused if each.ground is Ground.UNREAD)

    @property
    def complete(self) -> bool:
        """Whether every role has its signatures, and nothing lies there that cannot be read."""
        return bool(self.roles) and not self.unread and all(standing.missing == 0 for standing in self.roles)


def verify_approvals(found: Iterable[Signed | Unread], *, wanted: Wanted, register: Register) -> Signoff:
    """Who has validly approved what is wanted, role by role.

    Args:
        found: Everything signed that there is, from files and ledger, of any kind and about anything.
        wanted: What must have been approved.
        register: Who may sign, and with which keys.

    Raises:
        SignoffError: `ssh-keygen` is missing or did not answer: nothing is known of any signature.
    """
    pile = sort_out(found)
    refused = list(pile.unread)
    signed: dict[str, list[Approval]] = {role: [] for role in wanted.roles}
    for each in pile.approvals:
        approval = each.document
        assert isinstance(approval, Approval)
        objection = _objection(each, approval, wanted, register, pile) or _counted(approval, wanted, signed)
        if objection is None:
            signed[approval.role].append(approval)
        else:
            refused.append(Refused(named(approval), *objection, role=approval.role, origin=each.origin))
    standings = tuple(
        Standing(
            role=role,
            needed=needed,
            signed=tuple(signed[role]),
            could_sign=tuple(_could_sign(role, wanted, register, signed)),
        )
        for role, needed in wanted.roles.items()
    )
    return Signoff(roles=standings, refused=tuple(refused))


def _objection(signed: Signed, approval: Approval, wanted: Wanted, register: Register, pile: Pile) -> Objection | None:
    return (
        _subject_objection(approval, wanted)
        or person_objection(approval, register)
        or _author_objection(approval, wanted, register)
        or time_objection(approval, wanted.at)
        or _verdict_objection(approval, wanted)
        or revoked_objection(signed, pile, register)
        or seal_objection(signed, register)
    )


def _subject_objection(approval: Approval, wanted: Wanted) -> Objection | None:
    pairs = (
        (Ground.OTHER_ROLLOUT, "rollout", approval.rollout, wanted.rollout),
        (Ground.OTHER_PHASE, "phase", approval.phase, wanted.phase),
        (Ground.OTHER_STAGE, "stage", approval.stage, wanted.stage),
        (Ground.OTHER_ENVIRONMENT, "environment", approval.environment, wanted.environment),
    )
    for ground, name, said, asked in pairs:
        if said != asked:
            return ground, f"it is about {name} {said or 'none'}, not {asked or 'none'}"
    if approval.role not in wanted.roles:
        return Ground.OTHER_ROLE, f"the plan asks for {', '.join(wanted.roles)}, not for {approval.role}"
    return None


def _author_objection(approval: Approval, wanted: Wanted, register: Register) -> Objection | None:
    if wanted.authors is None:
        return Ground.AUTHOR, f"it is not known who made the change, so it may be {approval.principal}"
    if shared := register.people[approval.principal].git & identities(wanted.authors):
        return Ground.AUTHOR, f"{approval.principal} made a part of the change, as {min(shared)}"
    return None


def _verdict_objection(approval: Approval, wanted: Wanted) -> Objection | None:
    if approval.evaluated_at - approval.signed_at > CLOCKS_MAY_DIFFER:
        return Ground.BEFORE_VERDICT, f"it is dated before its verdict of {approval.evaluated_at.isoformat()}"
    if approval.plan_digest != wanted.plan_digest:
        return Ground.OTHER_PLAN, f"plan {approval.plan_digest[:12]} was judged, it is {wanted.plan_digest[:12]} now"
    if wanted.known_verdicts is not None and approval.verdict_digest not in wanted.known_verdicts:
        return Ground.UNKNOWN_VERDICT, f"the verdict {approval.verdict_digest[:12]} was never given here"
    age = wanted.at - approval.evaluated_at
    if wanted.max_age is not None and age > wanted.max_age:
        return (
            Ground.OLD,
            f"the verdict was {format_duration(age)} old, and at most {format_duration(wanted.max_age)} is allowed",
        )
    return None


def _counted(approval: Approval, wanted: Wanted, signed: Mapping[str, list[Approval]]) -> Objection | None:
    """Whether the person counts already; the earlier signature stands."""
    who = approval.principal
    roles = [role for role, approvals in signed.items() if any(each.principal == who for each in approvals)]
    if approval.role in roles:
        return Ground.TWICE, f"{who} has signed as {approval.role} already, and counts once"
    if roles and wanted.distinct:
        return Ground.TWO_ROLES, f"{who} has signed as {roles[0]} already, and counts once"
    return None


def _could_sign(role: str, wanted: Wanted, register: Register, signed: Mapping[str, list[Approval]]) -> Iterator[str]:
    """Who else could sign in this role, as far as names can tell."""
    authors = identities(wanted.authors or ())
    taken = {
        each.principal
        for counted, approvals in signed.items()
        for each in approvals
        if counted == role or wanted.distinct
    }
    for person in register.holders(role):
        allowed = person.may_sign(wanted.rollout, wanted.environment) and not person.git & authors
        if allowed and person.principal not in taken:
            yield person.principal


def awaited(signoff: Signoff) -> tuple[str, ...]:
    """Where the approvals stand, a line a role; then what lies there, is about this and does not count."""
    lines = [_line(standing) for standing in signoff.roles]
    lines += [str(each) for each in signoff.refused if each.ground not in ELSEWHERE]
    return tuple(lines)


def _line(standing: Standing) -> str:
    line = f"{standing.role}: {len(standing.signed)} of {standing.needed} signed"
    if standing.signed:
        line += " by " + ", ".join(
            f"{each.principal} ({each.signed_at:%Y-%m-%d %H:%M} UTC, until {each.expires_at:%Y-%m-%d %H:%M})"
            for each in standing.signed
        )
    if not standing.missing:
        return line
    if len(standing.could_sign) < standing.missing:
        return f"{line}; awaited: {standing.missing}, and only {len(standing.could_sign)} in approvers.yaml could sign"
    return f"{line}; awaited: {standing.missing} of {', '.join(standing.could_sign)}"
