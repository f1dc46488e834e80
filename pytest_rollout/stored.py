"""Stored runs: the record of a run that is over, from the files that it left.

The receipt says what was decided, and is believed only where it agrees with
itself. Signatures are looked at again, so that a page made after people have
signed shows who has.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from pytest_rollout.environment import open_environment
from pytest_rollout.errors import RolloutError, UsageError
from pytest_rollout.evidence import EVIDENCE_NAME
from pytest_rollout.gathering import (
    RECORD_NAME,
    approvals_of,
    earlier_of,
    gates_from_json,
    named_facts,
    roles_of,
    statements_of,
)
from pytest_rollout.phase_past import Subject, given_receipts
from pytest_rollout.plan.model import Plan
from pytest_rollout.record import Beside, PhaseFacts, Record, read_record
from pytest_rollout.signatures import Signatures
from pytest_rollout.stages import Standing
from pytest_rollout.verification import NOT_A_RECEIPT, Wanted, contradictions, examine, why_not


def stored_record(plan: Plan, verdict: Path, *, now: datetime) -> Record:
    """The record of the run that a receipt is of.

    Args:
        plan: The rollout's plan as it is now, for titles and signatures.
        verdict: The run's `verdict.json`; what lies beside it is read too.
        now: As of when signatures count.

    Raises:
        UsageError: It cannot be read, is no receipt, is of another rollout, or contradicts itself.
    """
    try:
        data = verdict.read_bytes()
        document, _ = examine(data, Wanted(run_id=None), now=now)
        objections = contradictions(document, document["verdicts"])
        pairs = [(each["rollout"], each["phase"]) for each in document["verdicts"]]
        if objections:
            raise UsageError("\n".join([f"{verdict} contradicts itself:", *(f"  {each}" for each in objections)]))
        if plan.rollout not in {rollout for rollout, _ in pairs}:
            raise UsageError(
                f"{verdict} does not judge {plan.rollout}, but {', '.join(map(' '.join, pairs)) or 'nothing'}"
            )
        return read_record(document, _beside(plan, document, data, verdict.parent, now))
    except OSError as error:
        raise UsageError(f"{verdict}: {error.strerror}\n  run the gates first, or name it with --verdict") from error
    except NOT_A_RECEIPT as error:
        raise UsageError(f"{verdict} is not a receipt: {why_not(error)}") from None


def _beside(plan: Plan, document: dict[str, Any], data: bytes, output: Path, now: datetime) -> Beside:
    digest = sha256(data).hexdigest()
    gates = {}
    with suppress(OSError, UnicodeDecodeError):
        gates = gates_from_json((output / RECORD_NAME).read_text(encoding="utf-8"), digest)
    evidence = output / EVIDENCE_NAME
    phases = {
        (plan.rollout, each["phase"]): _with_ledger(
            _facts(plan, each, document["environment"], now), plan, each["phase"], document
        )
        for each in document["verdicts"]
        if each["rollout"] == plan.rollout
    }
    return Beside(
        gates=gates,
        phases=phases,
        verdict_digest=digest,
        output=output,
        evidence=evidence if evidence.is_file() else None,
    )


def _with_ledger(facts: PhaseFacts, plan: Plan, phase: str, document: dict[str, Any]) -> PhaseFacts:
    """Earlier decisions, and when the phase began, where the environment's ledger is at hand."""
    from pytest_rollout.subject import ledger_of

    at, name = datetime.fromisoformat(document["evaluated_at"]), document["environment"]
    if name not in plan.environments or phase not in plan.phases:
        return facts
    if not plan.environments[name].ledger:
        return replace(facts, forgotten=f"environment '{name}' names no ledger")
    try:
        with ledger_of(plan, name, "", create=False) as ledger:
            stands = ledger.status(plan.rollout, name, phase, at=at)
            return replace(
                facts,
                earlier=earlier_of(ledger, plan.rollout, name, phase, before=at),
                started=stands.phase_started,
                steps=tuple((share.percentage, share.since) for share in stands.shares),
            )
    except RolloutError as error:
        return replace(facts, forgotten=f"the ledger cannot be read: {'; '.join(str(error).splitlines())}")


def _facts(plan: Plan, verdict: dict[str, Any], environment: str, now: datetime) -> PhaseFacts:
    facts, phase = named_facts(plan, verdict["phase"]), plan.phases.get(verdict["phase"])
    declared = plan.environments.get(environment)
    if phase is None or declared is None or declared.world is not None:
        return facts  # nobody has signed for an embedded world but people who went with it
    stands = Standing(phase=phase, percent=verdict["current_percentage"], since=None, at=now)
    stage = stands.stage.name if stands.stage else ""
    asked = replace(facts, looked_at=now, roles=roles_of(stands.roles, {}, {}), statements=statements_of(phase, {}, {}))
    from pytest_rollout.subject import ledger_of

    try:
        # What a service or a source needs is not asked of somebody who looks at signatures.
        opened = open_environment(replace(declared, target="", flags=None, sources={}, ledger=""))
        signatures = Signatures(plan=plan, environment=opened, at=now)
        with ledger_of(plan, environment, "", create=False) as ledger:
            about = Subject(plan=plan, environment=environment, at=now)
            signed = signatures.signed(phase, stage, stands.roles, partial(given_receipts, ledger, about, phase.name))
        said, refused = signatures.said(phase)
        approvals = approvals_of(signatures, phase, stage, stands.roles)
    except RolloutError as error:
        unknown = (f"no signature can be looked at: {str(error).replace(chr(10), '; ')}",)
        return replace(asked, roles=tuple(replace(role, refused=unknown) for role in asked.roles))
    roles = roles_of(stands.roles, signed, approvals)
    return replace(asked, roles=roles, statements=statements_of(phase, said, refused))
