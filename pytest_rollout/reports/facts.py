"""Facts for templates: a record as names and values, in which nothing stands that is not known.

An unknown value is not None and not empty here: it is not there, so that a
template which names it breaks and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.record import Earlier, GateRecord, PhaseRecord, Record, RoleRecord, StatementRecord
from pytest_rollout.reports import words
from pytest_rollout.verdict import Because

Facts = dict[str, object]

_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)


def facts_of(record: Record) -> Facts:
    """Everything that a template may name."""
    gates = [(gate, _gate(gate)) for gate in record.gates]
    return _known(
        {
            "decision": record.decision.value,
            "exit_code": record.exit_code,
            "subject": words.subject(record),
            "where": words.where(record),
            "run_id": record.run_id,
            "mode": record.mode,
            "environment": record.environment,
            "embedded": record.embedded,
            "fault": record.fault,
            "evaluated_at": _time(record.evaluated_at),
            "commit": record.commit,
            "verdict_digest": record.verdict_digest,
            "codes": list(words.codes(record)),
            "orders": list(words.orders(record)),
            "reasons": [_reason(because) for because in record.all_reasons],
            "phases": [_phase(phase, record.evaluated_at) for phase in record.phases],
            "gates": [facts for _, facts in gates],
            "measured": {
                name: _claim(claim)
                for gate, _ in gates
                if gate.applies and (claim := next(iter(gate.claims), None)) is not None
                for name in (gate.id, gate.id.rpartition("::")[2])
            },
        }
    )


def _known(facts: Mapping[str, object]) -> Facts:
    return {name: value for name, value in facts.items() if value is not None and value != ""}


def _phase(phase: PhaseRecord, at: datetime) -> Facts:
    facts, traffic = phase.facts, phase.traffic
    return _known(
        {
            "rollout": phase.rollout,
            "rollout_title": facts.rollout_title,
            "phase": phase.phase,
            "title": facts.phase_title,
            "about": words.about(phase),
            "owner": facts.owner,
            "runbook": facts.runbook,
            "links": dict(facts.links),
            "decision": phase.decision.value,
            "waiting": phase.waiting,
            "stage": traffic.stage,
            "current": traffic.current,
            "next": traffic.next,
            "back": traffic.back,
            "started": _time(facts.started),
            "lasted_days": (at - facts.started).days if facts.started else None,
            "counts": words.tally(phase.gates),
            "reasons": [_reason(because) for because in phase.reasons],
            "gates": [_gate(gate) for gate in words.ordered(phase.gates)],
            "actions": list(dict.fromkeys(action for gate in phase.gates for action in gate.actions)),
            "plan_digest": phase.plan_digest,
            "lock_digest": phase.lock_digest,
            "evidence_digest": phase.evidence_digest,
            "roles": [_role(role) for role in facts.roles],
            "statements": [_statement(each) for each in facts.statements],
            "week": _earlier(facts.earlier, at - _WEEK),
            "forgotten": facts.forgotten,
            "month": _earlier(facts.earlier, at - _MONTH),
            "traffic": [{"percent": percent, "since": _time(since)} for percent, since in facts.steps],
        }
    )


def _role(role: RoleRecord) -> Facts:
    signed = [
        _known({"who": each.principal, "at": _time(each.signed_at), "remark": each.comment}) for each in role.signed
    ]
    return {"role": role.role, "needed": role.needed, "missing": role.missing, "signed": signed}


def _statement(said: StatementRecord) -> Facts:
    return _known({"topic": said.topic, "asked": said.asked, "says": said.says, "by": said.by, "at": _time(said.at)})


def _earlier(earlier: tuple[Earlier, ...], since: datetime) -> Facts | None:
    """What was decided live since then; None where the ledger says nothing."""
    live = [each for each in earlier if each.mode == "live" and each.at >= since]
    if not live:
        return None
    decided = [each.decision for each in live]
    codes = [code for each in live for code in each.reasons]
    return {
        "evaluations": len(live),
        "proceed": decided.count("PROCEED"),
        "hold": decided.count("HOLD"),
        "rollback": decided.count("ROLLBACK"),
        "first": _time(live[0].at),
        "last": _time(live[-1].at),
        "codes": [{"code": code, "times": codes.count(code)} for code in sorted(set(codes))],
    }


def _gate(gate: GateRecord) -> Facts:
    seen, limit = words.seen_and_limit(gate)
    return _known(
        {
            "id": gate.id,
            "title": gate.title,
            "description": gate.facts.description,
            "decision": gate.decision.value,
            "headline": words.headline(gate),
            "reason": gate.reason,
            "sentence": gate.sentence,
            "counts": gate.counts,
            "owner": gate.owner,
            "severity": gate.severity,
            "seen": seen,
            "limit": limit,
            "actions": list(gate.actions),
            "runbooks": list(gate.runbooks),
            "claims": [_claim(claim) for claim in gate.claims],
        }
    )


def _claim(claim: ClaimFacts) -> Facts:
    """A claim without what is not known of it."""
    facts = _known(claim.as_json())
    return facts | {"seen": words.seen(claim)}


def _reason(because: Because) -> Facts:
    return _known({"code": str(because.code), "sentence": because.sentence, "gate": because.gate})


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
