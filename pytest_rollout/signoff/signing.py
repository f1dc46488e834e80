"""Signing: what `rollout approve` and `rollout statement` do.

Each shows in words what is about to be signed; whether it would count is
asked in the same way in which every later run asks it.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import SignoffError, did_you_mean, listed
from pytest_rollout.plan.nodes import shown_path
from pytest_rollout.quantities import format_duration
from pytest_rollout.signoff.approvable import Judged, approvable
from pytest_rollout.signoff.approvals import Wanted, verify_approvals
from pytest_rollout.signoff.approvers import Register, find_register, read_register
from pytest_rollout.signoff.authors import change_authors
from pytest_rollout.signoff.documents import Approval, Statement
from pytest_rollout.signoff.grounds import Refused
from pytest_rollout.signoff.keys import choose_key
from pytest_rollout.signoff.outline import Outline, read_outline
from pytest_rollout.signoff.sealing import Say, Signer, seal_and_file, whole
from pytest_rollout.signoff.signed import Signed
from pytest_rollout.signoff.statements import Asked, same_words, verify_statements

_LARGEST_VERDICT_BYTES = 64 << 20


def approve(
    folder: Path,
    phase: str,
    *,
    role: str,
    verdict: Path,
    environment: str,
    stage: str | None,
    expires: timedelta,
    comment: str,
    signer: Signer,
    now: datetime,
    say: Say,
) -> Path:
    """Sign an approval of a phase on the ground of a verdict, and write it.

    Returns:
        The file that was written.

    Raises:
        SignoffError: The verdict cannot be approved, the person may not, or the signature does not hold.
    """
    plan = read_outline(folder)
    plan.has("phase", phase)
    judged = approvable(
        _verdict_bytes(verdict), rollout=plan.rollout, phase=phase, environment=environment, stage=stage, now=now
    )
    if judged.plan_digest != plan.digest:
        raise SignoffError(f"{shown_path(plan.path)} has changed since this verdict: judge again, then sign")
    base = plan.base(judged.environment)
    register = read_register(find_register(base))
    chosen = choose_key(register.signers, key=signer.key, principal=signer.principal, home=signer.home)
    approval = _approval_of(
        judged, role=role, principal=chosen.principal, comment=comment, signed_at=now, expires_at=now + expires
    )
    wanted = Wanted(
        rollout=plan.rollout,
        phase=phase,
        environment=judged.environment,
        stage=judged.stage,
        roles={role: 1},
        plan_digest=plan.digest,
        max_age=None,  # the plan's own limit holds when the phase is judged
        authors=_authors(plan, judged),
        at=approval.signed_at,
    )

    def refused(signed: Signed) -> tuple[Refused, ...]:
        return verify_approvals([signed], wanted=wanted, register=register).refused

    asked = plan.roles(phase)
    if asked and role not in asked:
        guess = did_you_mean(role, asked)
        raise SignoffError("\n".join([f"{phase} asks for {listed(asked)}, not for '{role}'", *guess]))
    for line in _approval_in_words(approval, judged, now):
        say(line)
    if not asked:
        say(f"  the plan asks for no signature in {phase}: no run will look for this one")
    return seal_and_file(base, approval, chosen, refused, say)


def _approval_of(
    judged: Judged, *, role: str, principal: str, comment: str, signed_at: datetime, expires_at: datetime
) -> Approval:
    return Approval(
        rollout=judged.rollout,
        phase=judged.phase,
        stage=judged.stage,
        environment=judged.environment,
        role=role,
        principal=principal,
        verdict_digest=judged.verdict_digest,
        evidence_digest=judged.evidence_digest,
        run_id=judged.run_id,
        plan_digest=judged.plan_digest,
        evaluated_at=judged.evaluated_at,
        signed_at=whole(signed_at),
        expires_at=whole(expires_at),
        comment=comment,
    )


def _authors(plan: Outline, judged: Judged) -> frozenset[str]:
    """Who made the change, as a run will ask it; nobody made an embedded world's."""
    since, paths = plan.change(judged.environment, os.environ)
    return frozenset() if judged.embedded and not since else change_authors(plan.folder, since=since, paths=paths)


def _approval_in_words(approval: Approval, judged: Judged, now: datetime) -> list[str]:
    what = " ".join(part for part in (approval.rollout, approval.phase, approval.stage) if part)
    world = ", an embedded world and not your system" if judged.embedded else ""
    age = format_duration(max(now - approval.evaluated_at, timedelta(0)))
    return [
        f"{approval.principal}, as {approval.role}, approves {what} in {approval.environment}{world}",
        f"  on a verdict {judged.decision} with {judged.gates} gates, {age} old ({approval.evaluated_at.isoformat()})",
        *(f"    {reason}" for reason in judged.reasons),
        f"  run       {approval.run_id}",
        f"  verdict   {approval.verdict_digest}",
        f"  evidence  {approval.evidence_digest or 'none'}",
        f"  plan      {approval.plan_digest}",
        f"  until     {approval.expires_at.isoformat()}",
        *([f"  comment   {approval.comment}"] if approval.comment else []),
    ]


def state(
    folder: Path,
    phase: str,
    *,
    environment: str,
    topic: str,
    says: str,
    role: str,
    expires: timedelta,
    signer: Signer,
    now: datetime,
    say: Say,
) -> Path:
    """Sign a human statement about a topic, and write it; without a role, in the only one that the person holds.

    Raises:
        SignoffError: The person may not, or the signature does not hold.
    """
    plan = read_outline(folder)
    plan.has("phase", phase)
    plan.has("environment", environment)
    base = plan.base(environment)
    register = read_register(find_register(base))
    chosen = choose_key(register.signers, key=signer.key, principal=signer.principal, home=signer.home)
    statement = Statement(
        rollout=plan.rollout,
        phase=phase,
        environment=environment,
        topic=topic,
        says=says,
        principal=chosen.principal,
        role=role or _only_role(chosen.principal, register),
        made_at=whole(now),
        expires_at=whole(now + expires),
    )
    asked = Asked(rollout=plan.rollout, phase=phase, environment=environment, topic=topic, says=says, at=whole(now))

    def refused(signed: Signed) -> tuple[Refused, ...]:
        return verify_statements([signed], asked=asked, register=register).refused

    say(f"{statement.principal}, as {statement.role}, states for {plan.rollout} {phase} in {environment}")
    say(f"  {topic}: '{says}': a human statement, not a measurement")
    say(f"  until     {statement.expires_at.isoformat()}")
    wanted = plan.words(phase)
    if topic not in wanted:
        say(f"  {phase} asks for no statement about it, but about: {listed(wanted, none='nothing')}")
    elif not same_words(wanted[topic], says):
        say(f"  {phase} wants to hear '{wanted[topic]}', so it holds")
    return seal_and_file(base, statement, chosen, refused, say)


def _only_role(principal: str, register: Register) -> str:
    roles = register.people[principal].roles if principal in register.people else frozenset()
    if len(roles) != 1:
        raise SignoffError(f"{principal} holds {listed(roles, none='no role')}: say which with --role")
    return min(roles)


def _verdict_bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise SignoffError(f"{path}: no such file; judge the phase first, or name its verdict with --verdict")
        with path.open("rb") as file:
            data = file.read(_LARGEST_VERDICT_BYTES + 1)
    except OSError as error:
        raise SignoffError(f"{path}: {error.strerror}") from None
    if len(data) > _LARGEST_VERDICT_BYTES:
        raise SignoffError(f"{path} is too large to be a verdict")
    return data
