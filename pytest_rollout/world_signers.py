"""The signers of an embedded world: people who do not exist, with keys that live as long as the run.

So that a first run can show a phase on its last day, with its approvals; what
they sign is about an embedded world, and no other environment takes it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import SignoffError, WorldError
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase
from pytest_rollout.signoff.approvers import APPROVERS_NAME
from pytest_rollout.signoff.documents import Approval, Statement, text_of
from pytest_rollout.signoff.keygen import sign
from pytest_rollout.signoff.signed import Signed, write_signed
from pytest_rollout.signoff.signers import SIGNERS_NAME

FOLDER = "signatures"
SPEAKER = "speaker"
"""Who makes the statements."""
WORLD_RECEIPT = "0" * 64
"""The digest of the verdict that they sign, which nobody has seen."""
SIGNED_BEFORE, JUDGED_BEFORE = timedelta(hours=1), timedelta(hours=1)
"""How long before the run they signed, and how much older the verdict is."""
_DAY = timedelta(days=1)


def write_signatures(
    plan: Plan,
    environment: str,
    wanted: Mapping[str, tuple[str, Mapping[str, int]]],
    *,
    at: datetime,
    folder: Path,
    unsigned: bool,
) -> str:
    """Make people, keys and, unless `unsigned`, what they sign; the folder of it all.

    Args:
        plan: The rollout's plan.
        environment: The embedded environment's name.
        wanted: For each phase that is judged, the stage that it is at, and how many of each role must sign.
        at: The run's instant, UTC.
        folder: The run's folder.
        unsigned: Whether nobody has signed anything.

    Raises:
        WorldError: `ssh-keygen` is missing or did not sign.
    """
    place = folder / FOLDER
    needed: dict[str, int] = {}
    for _, roles in wanted.values():
        needed |= {role: max(needed.get(role, 0), number) for role, number in roles.items()}
    people = {f"{role}-{number}": role for role, most in needed.items() for number in range(1, most + 1)}
    people |= {SPEAKER: SPEAKER}
    try:
        place.mkdir()
        keys = {person: _key(place, person) for person in people}
        _write_register(place, people, keys)
        for name, (stage, roles) in wanted.items() if not unsigned else ():
            for document in _documents(plan, environment, plan.phases[name], stage, roles, at):
                seal = sign(text_of(document), namespace=document.namespace, key=keys[document.principal])
                write_signed(place, Signed(document, seal))
    except (SignoffError, OSError) as error:
        raise WorldError(f"nobody can sign in the embedded world: {error}") from error
    return str(place)


def _key(place: Path, person: str) -> Path:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise SignoffError("ssh-keygen is not installed: apt-get install openssh-client")
    key = place / f"key-of-{person}"
    command = [program, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise SignoffError(f"ssh-keygen made no key: {done.stderr.strip()}")
    return key


def _write_register(place: Path, people: Mapping[str, str], keys: Mapping[str, Path]) -> None:
    publics = {person: " ".join(key.with_suffix(".pub").read_text("utf-8").split()[:2]) for person, key in keys.items()}
    signers = "".join(f"{person} {public}\n" for person, public in publics.items())
    (place / SIGNERS_NAME).write_text(signers, encoding="utf-8")
    entries = "".join(
        f"  {person}: {{roles: [{role}], git: [{person}@world.invalid]}}\n" for person, role in people.items()
    )
    (place / APPROVERS_NAME).write_text(f"approvers:\n{entries}", encoding="utf-8")


def _documents(
    plan: Plan, environment: str, phase: Phase, stage: str, roles: Mapping[str, int], at: datetime
) -> Iterator[Approval | Statement]:
    """What is signed for a phase: an hour ago, about a verdict of two hours ago."""
    signed_at = at.replace(microsecond=0) - SIGNED_BEFORE
    for role, number in roles.items():
        for person in range(1, number + 1):
            yield Approval(
                rollout=plan.rollout,
                phase=phase.name,
                stage=stage,
                environment=environment,
                role=role,
                principal=f"{role}-{person}",
                verdict_digest=WORLD_RECEIPT,
                plan_digest=plan.digest,
                evaluated_at=signed_at - JUDGED_BEFORE,
                signed_at=signed_at,
                expires_at=signed_at + 7 * _DAY,
                comment="an embedded world",
            )
    for topic, says in phase.conditions.statements.items():
        yield Statement(
            rollout=plan.rollout,
            phase=phase.name,
            environment=environment,
            topic=topic,
            says=says,
            principal=SPEAKER,
            role=SPEAKER,
            made_at=signed_at,
            expires_at=signed_at + 7 * _DAY,
        )
