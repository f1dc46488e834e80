"""A checkpoint: what a phase's end is written up from, out of its receipt and its plan, and nothing typed in.

Every number here was measured, or counted by the ledger, in the run that the
receipt is of. What no gate of the phase asked is not there, and what nobody
knows is null with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pytest_rollout.decisions import Decision
from pytest_rollout.errors import UsageError
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import percent_text
from pytest_rollout.quantities import format_duration

_FACTS = frozenset({"fact", "assert"})
_SAID = frozenset({"ledger", "signatures"})
SCHEMA = "urn:pytest-rollout:schema:checkpoint:1"
_COUNTED = {
    "minimum": "hours_in_phase",
    "hold": "hours_at_stage",
    "clean": "clean_hours",
    "green": "green_days",
    "incidents": "open_incidents",
    "interventions": "interventions",
}
"""Conditions that are numbers of the checkpoint by themselves."""


def checkpoint(document: Mapping[str, Any], plan: Plan, phase: str) -> dict[str, object]:
    """What is written up about one phase.

    Args:
        document: A receipt, as `verdict.json` holds it.
        plan: The rollout's plan; the same as was judged.
        phase: The phase, which states a `checkpoint`.

    Raises:
        UsageError: The phase has no checkpoint, the receipt is of another
            rollout, phase or plan, or judges no live system.
    """
    stated = plan.phases[phase].checkpoint if phase in plan.phases else None
    if stated is None:
        named = [each.name for each in plan.phases.values() if each.checkpoint is not None]
        raise UsageError(
            f"{phase} of {plan.rollout} has no checkpoint; phases that have one: {', '.join(named) or 'none'}"
        )
    verdict = _verdict(document, plan, phase)
    gates = [gate for gate in verdict["gates"] if gate["counts"]]
    decision = Decision(verdict["decision"])
    return {
        "schema": SCHEMA,
        "checkpoint": stated.name,
        "rollout": plan.rollout,
        "phase": phase,
        "stage": verdict["stage"],
        "title": plan.phases[phase].title,
        "environment": document["environment"],
        "embedded": document["embedded"],
        "evaluated_at": document["evaluated_at"],
        "run_id": document["run_id"],
        "evidence_digest": verdict["evidence_digest"],
        "decision": decision.value,
        "percentage": verdict["current_percentage"],
        "counted": _counted(gates),
        "measured": [
            _measured(gate, claim)
            for gate, claim in _claims(gates)
            if claim["method"] not in _FACTS and claim["source"] not in _SAID
        ],
        "facts": [
            {"says": claim["text"], "truth": claim["truth"], "gate": gate["id"]}
            for gate, claim in _claims(gates)
            if claim["method"] in _FACTS
        ],
        "issues": [dict(reason) for reason in verdict["reasons"]],
        "next_milestone": _next(plan, phase, verdict),
        "recommendation": _recommendation(decision, verdict, stated.held),
        "actions": verdict.get("actions"),
    }


def _verdict(document: Mapping[str, Any], plan: Plan, phase: str) -> Mapping[str, Any]:
    if document["mode"] != "live":
        raise UsageError(f"the receipt is of a {document['mode']} run: a checkpoint is about what is")
    for verdict in document["verdicts"]:
        if (verdict["rollout"], verdict["phase"]) == (plan.rollout, phase):
            if verdict["plan_digest"] != plan.digest:
                raise UsageError(f"the receipt is of another plan than {plan.path} is now: judge {phase} again")
            found: Mapping[str, Any] = verdict
            return found
    raise UsageError(f"the receipt does not judge {plan.rollout} {phase}")


def _claims(gates: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    yield from ((gate, claim) for gate in gates for claim in gate["claims"])


def _counted(gates: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """What the ledger counted, by what it is called in a report; nothing for what the phase does not ask."""
    found: dict[str, object] = {}
    for gate, claim in _claims(gates):
        name = _COUNTED.get(str(gate["id"]).rpartition("::")[2])
        if name is not None and claim["value"] is not None:
            days = claim["unit"] == "d" and name.startswith("hours")
            found[name] = claim["value"] * 24 if days else claim["value"]
        elif claim["source"] == "ledger" and claim["subject"].startswith("rollbacks"):
            found["rollbacks"] = claim["value"]
    return found


def _measured(gate: Mapping[str, Any], claim: Mapping[str, Any]) -> dict[str, object]:
    keys = ("value", "low", "high", "unit", "limit", "level", "truth", "at", "why", "source")
    return {"what": claim["subject"].partition(" = ")[0], "gate": gate["id"], **{key: claim[key] for key in keys}}


def _next(plan: Plan, phase: str, verdict: Mapping[str, Any]) -> str | None:
    """The next stage, or the next phase; None at the end of the rollout."""
    if verdict["next_percentage"] is not None:
        return percent_text(verdict["next_percentage"])
    names = list(plan.phases)
    later = names[names.index(phase) + 1 :]
    return f"{later[0]}: {plan.phases[later[0]].title}" if later else None


def _recommendation(decision: Decision, verdict: Mapping[str, Any], held: timedelta | None) -> str:
    if decision is Decision.PROCEED:
        return "go on"
    if decision is Decision.ROLLBACK:
        back = verdict["rollback_percentage"]
        return "take it back" + (f" to {percent_text(back)}" if back is not None else "")
    return f"hold for {format_duration(held)} more" if held is not None else "hold"
