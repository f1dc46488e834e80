"""Gathering: what a report wants to know of a run beside its receipt.

Titles and durations from the book, signatures and earlier decisions from what
is remembered. What cannot be had is left out, since none of it decides
anything: the receipt has said already what was missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.errors import RolloutError
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.memory import Memory
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase
from pytest_rollout.record import Earlier, GateFacts, PhaseFacts, RoleRecord, Signature, StatementRecord
from pytest_rollout.remembered import Signed, Statement
from pytest_rollout.rollout import Rollout
from pytest_rollout.verdict import RunVerdict

if TYPE_CHECKING:
    from pytest_rollout.ledger.entries import Entry
    from pytest_rollout.ledger.ledger import Ledger
    from pytest_rollout.signatures import Signatures
    from pytest_rollout.signoff.documents import Approval

RECORD_NAME = "record.json"
"""What a run leaves beside `verdict.json` for those who make reports of it later."""
_LOOKED_BACK = timedelta(days=30)

GateKey = tuple[str, str, str]
"""Rollout, phase, and the gate's id."""


def facts_of_gates(rollout: Rollout, verdict: RunVerdict) -> dict[GateKey, GateFacts]:
    """What the book knows of every gate that was judged."""
    return {
        (each.rollout, each.phase, gate.gate.id): _gate_facts(rollout, gate)
        for each in verdict.verdicts
        for gate in each.gates
    }


def _gate_facts(rollout: Rollout, verdict: GateVerdict) -> GateFacts:
    gate = verdict.gate
    answers = rollout.book.answers.get(gate.nodeid, [])
    return GateFacts(
        description=gate.description,
        line=gate.line,
        seconds=sum(answer.seconds for answer in answers if not answer.subtest) if answers else None,
        message=verdict.message,
        shadow_until=gate.shadow_until.isoformat() if gate.shadow_until else "",
        shadow_why=gate.shadow_why,
    )


def gates_as_json(gates: Mapping[GateKey, GateFacts], verdict_digest: str) -> str:
    """The text of `record.json`, which names the receipt that it belongs to."""
    lines = [{"rollout": key[0], "phase": key[1], "id": key[2], **asdict(facts)} for key, facts in gates.items()]
    return json.dumps({"verdict_digest": verdict_digest, "gates": lines}, ensure_ascii=False) + "\n"


def gates_from_json(text: str, verdict_digest: str) -> dict[GateKey, GateFacts]:
    """What such a text says, when it belongs to this receipt; nothing where it does not, or cannot be read."""
    try:
        found = json.loads(text)
        if found["verdict_digest"] != verdict_digest:
            return {}
        names = {each.name for each in fields(GateFacts)}
        return {
            (str(line["rollout"]), str(line["phase"]), str(line["id"])): GateFacts(
                **{name: line[name] for name in names & line.keys()}
            )
            for line in found["gates"]
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def facts_of_phases(rollout: Rollout) -> dict[tuple[str, str], PhaseFacts]:
    """What the plans, the signatures and the ledgers say of every phase that was judged."""
    found = {}
    for plan, phase in rollout.pairs:
        facts = named_facts(plan, phase)
        declared = plan.phases.get(phase)
        if declared is not None and declared.condition_lines:
            with suppress(RolloutError):
                memory = rollout.surroundings.memory_of(plan)
                facts = _remembered(facts, declared, memory, live=rollout.settings.replay is None)
        found[plan.rollout, phase] = facts
    return found


def named_facts(plan: Plan, phase: str) -> PhaseFacts:
    """What a plan alone says of a phase; `preflight` has nothing but its name."""
    declared = plan.phases.get(phase)
    return PhaseFacts(
        rollout_title=plan.title,
        phase_title=declared.title if declared else phase,
        owner=plan.owner,
        runbook=plan.runbook,
        links=plan.reports.links,
        folder=plan.folder,
    )


def _remembered(facts: PhaseFacts, phase: Phase, memory: Memory, *, live: bool) -> PhaseFacts:
    waiting = memory.waiting(phase.name)
    past, stage = waiting.past, waiting.standing.stage.name if waiting.standing.stage else ""
    approvals: Mapping[tuple[str, str], Approval] = {}
    earlier: tuple[Earlier, ...] = ()
    if live:  # a replay is told what was known then, and looks at nothing that is there now
        with suppress(RolloutError):
            approvals = approvals_of(memory.signatures, phase, stage, waiting.roles)
        with suppress(RolloutError):
            earlier = _earlier(memory, phase)
    return replace(
        facts,
        roles=roles_of(waiting.roles, past.signed, approvals),
        statements=statements_of(phase, past.statements, past.refused),
        earlier=earlier,
        started=past.started,
        steps=past.traffic,
        looked_at=memory.at,
    )


def roles_of(
    roles: Mapping[str, int], signed: Mapping[str, Signed], approvals: Mapping[tuple[str, str], Approval]
) -> tuple[RoleRecord, ...]:
    """How far each role has signed.

    Args:
        roles: How many signatures of each role are needed.
        signed: Whose signatures count.
        approvals: What they have signed, by role and name, as far as it is at hand.
    """
    found = []
    for role, needed in roles.items():
        stands = signed.get(role, Signed(needed=needed))
        names = tuple(_signature(who, approvals.get((role, who))) for who in stands.by)
        found.append(RoleRecord(role=role, needed=needed, signed=names, refused=stands.refused))
    return tuple(found)


def _signature(who: str, approval: Approval | None) -> Signature:
    if approval is None:
        return Signature(principal=who)
    return Signature(
        principal=who, signed_at=approval.signed_at, expires_at=approval.expires_at, comment=approval.comment
    )


def statements_of(
    phase: Phase, said: Mapping[str, Statement], refused: Mapping[str, str]
) -> tuple[StatementRecord, ...]:
    """What people have said on each topic that a phase asks about."""
    found = []
    for topic, asked in phase.conditions.statements.items():
        one = said.get(topic)
        record = StatementRecord(topic=topic, asked=asked, refused=refused.get(topic, ""))
        if one is not None:
            record = replace(record, says=one.says, by=one.by, at=datetime.fromisoformat(one.at))
        found.append(record)
    return tuple(found)


def approvals_of(
    signatures: Signatures, phase: Phase, stage: str, roles: Mapping[str, int]
) -> dict[tuple[str, str], Approval]:
    """The approvals that count, by role and name: when each was signed, and what was remarked.

    Raises:
        SignoffError: Nothing can be known of any signature.
    """
    if not roles:
        return {}
    found, _ = signatures.signoff(phase, stage, roles, None)
    return {(standing.role, each.principal): each for standing in found.roles for each in standing.signed}


def _earlier(memory: Memory, phase: Phase) -> tuple[Earlier, ...]:
    found: list[Earlier] = []

    def read(ledger: Ledger) -> None:
        found.extend(earlier_of(ledger, memory.plan.rollout, memory.environment.name, phase.name, before=memory.at))

    memory.read(read)
    return tuple(found)


def earlier_of(ledger: Ledger, rollout: str, environment: str, phase: str, *, before: datetime) -> tuple[Earlier, ...]:
    """What was decided on a phase in the thirty days before an instant.

    Raises:
        LedgerError: The ledger is not what was written.
    """
    from pytest_rollout.ledger.entries import Kind

    found = ledger.entries(
        rollout, environment, kinds=[Kind.EVALUATION], phase=phase, since=before - _LOOKED_BACK, until=before
    )
    return tuple(_decided(entry) for entry in found if entry.at < before)


def _decided(entry: Entry) -> Earlier:
    reasons = entry.body.get("reasons")
    return Earlier(
        at=entry.at,
        decision=str(entry.body.get("decision")),
        reasons=tuple(map(str, reasons)) if isinstance(reasons, list) else (),
        stage=entry.stage,
        mode=str(entry.body.get("mode")),
    )
