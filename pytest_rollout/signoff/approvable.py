"""Approvable: whether a verdict is one that a person may put their name under.

A release that is to be rolled back, or held for anything but time and
signatures, is not approved: the gates come first, and people second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.errors import SignoffError
from pytest_rollout.verification import NOT_A_RECEIPT, Wanted, examine, why_not

MAY_WAIT_FOR = frozenset({Reason.APPROVAL, Reason.STREAK, Reason.HOLD_TIME})
"""A HOLD for these alone may be approved: signatures and time can be waited for side by side."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a verdict says of one phase, as far as an approval names it."""

    rollout: str
    phase: str
    stage: str
    environment: str
    embedded: bool
    decision: str
    reasons: tuple[str, ...]
    gates: int
    run_id: str
    evaluated_at: datetime
    plan_digest: str
    evidence_digest: str
    verdict_digest: str


def approvable(data: bytes, *, rollout: str, phase: str, environment: str, stage: str | None, now: datetime) -> Judged:
    """What the bytes of a `verdict.json` say of a phase, if it may be approved.

    Args:
        data: The whole file.
        rollout: The rollout that must have been judged.
        phase: The phase that must have been judged.
        environment: Where; empty means wherever it was, but then in no embedded world.
        stage: The stage that must have been judged; None means whichever was.
        now: The time of the signature.

    Raises:
        SignoffError: With every objection: not live, of another phase, embedded
            without being named, contradicting itself, ROLLBACK, or a HOLD for
            anything but an approval, a streak or a hold time.
    """
    wanted = Wanted(rollout=rollout, phase=phase, environment=environment, run_id=None)
    try:
        document, objections = examine(data, wanted, now=now)
        judged = None
        if not objections:
            verdicts = [each for each in document["verdicts"] if (each["rollout"], each["phase"]) == (rollout, phase)]
            objections = _not_to_be_approved(document, verdicts, stage)
            judged = _judged(document, verdicts[0], data)
    except NOT_A_RECEIPT as error:
        raise SignoffError(f"this is not a verdict: {why_not(error)}") from None
    if judged is None or objections:
        raise SignoffError("\n".join(["this verdict cannot be approved:", *(f"  {each}" for each in objections)]))
    return judged


def _not_to_be_approved(document: Mapping[str, Any], verdicts: list[dict[str, Any]], stage: str | None) -> list[str]:
    if len(verdicts) != 1:
        return [f"it judges the phase {len(verdicts)} times"]
    (verdict,) = verdicts
    decision = Decision(verdict["decision"])
    found = [f"{each['code']}: {each['sentence']}" for each in document["reasons"]]
    if document["fault"]:
        found.append(f"it judged a world with the fault '{document['fault']}' injected")
    if stage is not None and (verdict["stage"] or "") != stage:
        found.append(f"it judged stage {verdict['stage'] or 'none'}, not {stage or 'none'}")
    if decision is Decision.ROLLBACK:
        found.append("it says ROLLBACK: a release that is to be taken back is not approved")
    found += [
        f"it holds for more than time and signatures: {each['code']}: {each['sentence']}"
        for each in verdict["reasons"]
        if each["code"] not in MAY_WAIT_FOR
    ]
    if bool(verdict["reasons"]) is (decision is Decision.PROCEED):
        found.append(f"it says {decision.value} with {len(verdict['reasons'])} reasons against it")
    return found + _doubtful_gates(verdict)


def _doubtful_gates(verdict: Mapping[str, Any]) -> list[str]:
    """Gates that count, are not good and do not merely wait; the decision above them could have been edited."""
    counting = [gate for gate in verdict["gates"] if gate["counts"] is not False]
    if not counting:
        return ["no gate of it counts"]
    found = []
    for gate in counting:
        good = Decision(gate["decision"]) is Decision.PROCEED
        truths = {claim["truth"] for claim in gate["claims"]}
        if not good and gate["reason"] not in MAY_WAIT_FOR:
            found.append(f"{gate['id']}: {gate['decision']}[{gate['reason']}]")
        elif Truth.REFUTED.value in truths or (good and truths != {Truth.PROVEN.value}):
            found.append(f"{gate['id']}: its claims are not all proven")
    return found


def _judged(document: Mapping[str, Any], verdict: Mapping[str, Any], data: bytes) -> Judged:
    return Judged(
        rollout=verdict["rollout"],
        phase=verdict["phase"],
        stage=verdict["stage"] or "",
        environment=document["environment"],
        embedded=document["embedded"] is not False,
        decision=verdict["decision"],
        reasons=tuple(f"{each['code']}: {each['sentence']}" for each in verdict["reasons"]),
        gates=len([gate for gate in verdict["gates"] if gate["counts"] is not False]),
        run_id=document["run_id"],
        evaluated_at=datetime.fromisoformat(document["evaluated_at"]).astimezone(UTC).replace(microsecond=0),
        plan_digest=verdict["plan_digest"],
        evidence_digest=verdict["evidence_digest"] or "",
        verdict_digest=hashlib.sha256(data).hexdigest(),
    )
