"""Signing: what `rollout approve`, `rollout statement` and `rollout revoke` do.

Each shows what is about to be signed, lets `ssh-keygen` sign, checks the
signature as every later run will, and only then writes it. What would not
count is not signed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.discovery import PLAN_NAME
from pytest_rollout.errors import PlanError, SignoffError, did_you_mean, listed
from pytest_rollout.plan.document import MAX_BYTES, read_document
from pytest_rollout.plan.nodes import Findings, Node, shown_path
from pytest_rollout.quantities import format_duration
from pytest_rollout.signoff.approvable import Judged, approvable
from pytest_rollout.signoff.approvals import Wanted, verify_approvals
from pytest_rollout.signoff.approvers import Register, find_register, read_register
from pytest_rollout.signoff.authors import change_authors
from pytest_rollout.signoff.checking import named, seal_objection
from pytest_rollout.signoff.documents import Approval, Document, Revocation, Statement, digest_of, text_of
from pytest_rollout.signoff.grounds import Ground, Refused
from pytest_rollout.signoff.keygen import sign
from pytest_rollout.signoff.keys import Chosen, choose_key
from pytest_rollout.signoff.signed import FOLDER_NAME, Signed, read_signed, write_signed
from pytest_rollout.signoff.statements import Asked, verify_statements

Say = Callable[[str], object]
_LARGEST_VERDICT_BYTES = 64 << 20
_DIGEST_PART = re.compile(r"[0-9a-f]{12,64}")


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who signs: a key and a person, as far as they were named, and the folder in which `.ssh` is."""

    key: Path | None
    principal: str
    home: Path


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The little of a plan that a signature names, and where its signatures lie."""

    rollout: str
    phases: tuple[str, ...]
    digest: str
    node: Node
    folder: Path

    def base(self, environment: str) -> Path:
        """The folder of an environment's signatures: the plan's own, if the plan names no other."""
        named_folder = self.node.get("environments", environment)
        other = named_folder.text_of("approvals") if named_folder is not None else ""
        return (self.folder / other).resolve() if other else self.folder


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
    plan = _read_plan(folder, phase)
    judged = approvable(
        _verdict_bytes(verdict), rollout=plan.rollout, phase=phase, environment=environment, stage=stage, now=now
    )
    if judged.plan_digest != plan.digest:
        raise SignoffError(
            f"{shown_path(plan.folder / PLAN_NAME)} has changed since this verdict: judge again, then sign"
        )
    base = plan.base(judged.environment)
    register = read_register(find_register(base))
    chosen = choose_key(register.signers, key=signer.key, principal=signer.principal, home=signer.home)
    approval = Approval(
        rollout=judged.rollout,
        phase=judged.phase,
        stage=judged.stage,
        environment=judged.environment,
        role=role,
        principal=chosen.principal,
        verdict_digest=judged.verdict_digest,
        evidence_digest=judged.evidence_digest,
        run_id=judged.run_id,
        plan_digest=judged.plan_digest,
        evaluated_at=judged.evaluated_at,
        signed_at=_whole(now),
        expires_at=_whole(now + expires),
        comment=comment,
    )
    wanted = Wanted(
        rollout=plan.rollout,
        phase=phase,
        environment=judged.environment,
        stage=judged.stage,
        roles={role: 1},
        plan_digest=plan.digest,
        max_age=None,  # the plan's own limit holds when the phase is judged
        authors=frozenset() if judged.embedded else change_authors(plan.folder),
        at=_whole(now),
    )

    def refused(signed: Signed) -> tuple[Refused, ...]:
        return verify_approvals([signed], wanted=wanted, register=register).refused

    for line in _approval_in_words(approval, judged, now):
        say(line)
    return _sign_and_write(base, approval, chosen, refused, say)


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
    plan = _read_plan(folder, phase)
    environments = plan.node.fields_of("environments")
    if environment not in environments:
        guess = did_you_mean(environment, environments)
        raise SignoffError("\n".join([f"{plan.rollout} has no environment '{environment}'", *guess]))
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
        made_at=_whole(now),
        expires_at=_whole(now + expires),
    )
    asked = Asked(rollout=plan.rollout, phase=phase, environment=environment, topic=topic, says=says, at=_whole(now))

    def refused(signed: Signed) -> tuple[Refused, ...]:
        return verify_statements([signed], asked=asked, register=register).refused

    say(f"{statement.principal}, as {statement.role}, states for {plan.rollout} {phase} in {environment}")
    say(f"  {topic}: '{says}': a human statement, not a measurement")
    say(f"  until     {statement.expires_at.isoformat()}")
    return _sign_and_write(base, statement, chosen, refused, say)


def _only_role(principal: str, register: Register) -> str:
    roles = register.people[principal].roles if principal in register.people else frozenset()
    if len(roles) != 1:
        raise SignoffError(f"{principal} holds {listed(roles, none='no role')}: say which with --role")
    return min(roles)


def revoke(what: str, *, folder: Path, why: str, signer: Signer, now: datetime, say: Say) -> Path:
    """Take an approval or a statement back: by its file, or by its digest (12 letters of it or more) in a folder.

    Raises:
        SignoffError: There is no such document, the person is not an approver, or the signature does not hold.
    """
    base, of, shown = _meant(what, folder)
    register = read_register(find_register(base))
    chosen = choose_key(register.signers, key=signer.key, principal=signer.principal, home=signer.home)
    revocation = Revocation(of=of, principal=chosen.principal, why=why, at=_whole(now))

    def refused(signed: Signed) -> tuple[Refused, ...]:
        who = chosen.principal
        unknown = None if who in register.people else (Ground.UNKNOWN_PERSON, f"{who} is not in approvers.yaml")
        objection = unknown or seal_objection(signed, register)
        return (Refused(named(revocation), *objection),) if objection else ()

    say(f"{chosen.principal} takes back {shown}")
    say(f"  digest    {of}")
    say(f"  why       {why}")
    return _sign_and_write(base, revocation, chosen, refused, say)


def _meant(what: str, folder: Path) -> tuple[Path, str, str]:
    """The folder of the signatures, the digest that is meant, and what it is in words."""
    path = Path(what)
    if path.parent.name == FOLDER_NAME or path.is_file():
        base = path.absolute().parent.parent
        found = [each for each in read_signed(base) if isinstance(each, Signed) and Path(each.origin).name == path.name]
        if not found:
            raise SignoffError(f"{what} is no signed document in a folder '{FOLDER_NAME}'")
    elif _DIGEST_PART.fullmatch(what):
        base = folder.absolute()
        found = [each for each in read_signed(base) if isinstance(each, Signed) and each.digest.startswith(what)]
        if not found and len(what) == 64:
            return base, what, "a document that does not lie here"
    else:
        raise SignoffError(f"'{what[:80]}' is neither a file in '{FOLDER_NAME}' nor a digest of 12 to 64 letters")
    digests = {each.digest for each in found}
    if len(digests) != 1:
        raise SignoffError(f"{len(digests)} documents in {shown_path(base / FOLDER_NAME)} have the digest {what}")
    return base, digests.pop(), named(found[0].document)


def _sign_and_write(
    base: Path, document: Document, chosen: Chosen, refused: Callable[[Signed], tuple[Refused, ...]], say: Say
) -> Path:
    # Before: everything but the signature must hold, so that nobody is asked to touch a key for nothing.
    if early := [each for each in refused(Signed(document, "")) if each.ground is not Ground.UNSIGNED]:
        raise SignoffError(_sentence(early))
    signed = Signed(document, sign(text_of(document), namespace=document.namespace, key=chosen.key))
    if late := refused(signed):
        raise SignoffError(_sentence(late))
    path = write_signed(base, signed)
    say(f"signed, and verified against {shown_path(find_register(base))}/allowed_signers")
    say(f"{shown_path(path)}: written; commit it. Its digest is {digest_of(document)}")
    return path


def _sentence(refused: list[Refused] | tuple[Refused, ...]) -> str:
    return "\n".join(["nothing was written:", *(f"  {each}" for each in refused)])


def _read_plan(folder: Path, phase: str) -> _Plan:
    path = folder / PLAN_NAME
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SignoffError(f"{path}: {error.strerror}: name the rollout's folder") from None
    findings = Findings(path, shown_path(path))
    try:
        node = read_document(data, findings)
        findings.settle()
    except PlanError as error:
        raise SignoffError(str(error)) from None
    plan = _Plan(
        rollout=node.text_of("rollout"),
        phases=tuple(node.fields_of("phases")),
        digest=hashlib.sha256(data).hexdigest(),
        node=node,
        folder=folder,
    )
    if phase not in plan.phases:
        lines = [f"{path} has no phase '{phase}'", f"phases: {listed(plan.phases)}", *did_you_mean(phase, plan.phases)]
        raise SignoffError("\n".join(lines))
    return plan


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


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
