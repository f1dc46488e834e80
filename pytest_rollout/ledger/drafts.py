"""Drafts: what each kind of entry says, as typed functions.

What other modules look up in an entry's body is written here and nowhere
else, so that the names of its keys stand in one file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from pytest_rollout.actions.outcome import Outcome
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.ledger.entries import JSON, Draft, Entry, Kind, canonical, content_digest
from pytest_rollout.verdict import Verdict

SEVERITIES = ("sev1", "sev2", "sev3", "sev4")
"""Of an incident, the worst first; the first two block a rollout."""
_AFTER = " after "
"""What follows in an evaluation's `once` is the entry that it came after."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The run of which an evaluation is a part.

    `mode` is `live`, `past` or `replay`; `git` what the receipt says of the
    code (at least its `commit`); `embedded` and `fault` say that the world was
    not a real system.
    """

    run_id: str
    mode: str
    exit_code: int
    git: Mapping[str, object] | None = None
    embedded: bool = False
    fault: str = ""


def evaluation(verdict: Verdict, run: Run, *, environment: str, at: datetime, stage: str = "") -> Draft:
    """What a run decided about one phase.

    The body is short and says the same for most evaluations of a phase, because
    a streak reads thousands of them; what tells them apart is the detail: run,
    commit, digests, gates, sentences. Twice
    the same decision, for the same reasons, of the same run, phase and stage
    is one entry: a step of a pipeline that was repeated. A repeated step that
    decides otherwise is another entry, so that it hides nothing; and so is one
    that decides as before, once another was decided between (`said_again`).
    """
    reasons = sorted({str(because.code) for because in verdict.reasons})
    same: JSON = [run.run_id, verdict.rollout, environment, verdict.phase, stage, verdict.decision.value, reasons]
    commit = (run.git or {}).get("commit")
    return Draft(
        kind=Kind.EVALUATION,
        rollout=verdict.rollout,
        environment=environment,
        phase=verdict.phase,
        stage=stage,
        at=at,
        body={
            "decision": verdict.decision.value,
            "exit_code": int(run.exit_code),
            "waiting": verdict.waiting,
            "reasons": list(reasons),
            "mode": run.mode,
            "embedded": run.embedded,
            "fault": run.fault,
        },
        detail={
            "run_id": run.run_id,
            "commit": commit if isinstance(commit, str) else "",
            "plan_digest": verdict.plan_digest,
            "lock_digest": verdict.lock_digest,
            "evidence_digest": verdict.evidence_digest,
            "gates": _gates(verdict),
            "reasons": _reasons(verdict),
        },
        once=f"evaluation {content_digest(canonical(same))[:32]}",
    )


def said_again(judged: Draft, before: Entry | None) -> Draft:
    """An evaluation as it follows on the one before it: the same entry only where nothing was decided between.

    A run of one name that holds, proceeds and holds again has held last.
    """
    if before is None or not judged.once or before.once == judged.once:
        return judged
    again = before.once.partition(_AFTER)[0] == judged.once
    return replace(judged, once=before.once if again else f"{judged.once}{_AFTER}{before.sequence}")


def _gates(verdict: Verdict) -> list[JSON]:
    return [
        {
            "id": gate.gate.id,
            "decision": gate.decision.value,
            "reason": str(gate.reason),
            "counts": gate.counts,
            "claims": len(gate.claims),
            "claims_digest": _claims_digest(gate),
        }
        for gate in verdict.gates
    ]


def _claims_digest(gate: GateVerdict) -> str:
    text = json.dumps([claim.as_json() for claim in gate.claims], sort_keys=True, allow_nan=False)
    return content_digest(text)


def _reasons(verdict: Verdict) -> list[JSON]:
    return [
        {"code": str(because.code), "sentence": because.sentence, "gate": because.gate} for because in verdict.reasons
    ]


def receipt(*, rollout: str, environment: str, phase: str, at: datetime, digest: str, by: str) -> Draft:
    """A run left a `verdict.json` with this SHA-256; its evaluation stands in the ledger already.

    They are two entries, since the receipt names the end of the ledger with
    the evaluation in it.
    """
    return Draft(
        kind=Kind.RECEIPT,
        rollout=rollout,
        environment=environment,
        phase=phase,
        at=at,
        body={"receipt": digest, "by": by},
        once=f"receipt {content_digest(canonical([rollout, environment, phase, digest]))[:32]}",
    )


def phase_start(*, rollout: str, environment: str, phase: str, at: datetime, by: str, note: str = "") -> Draft:
    """A phase begins, or begins again: what its minimum time counts from."""
    body = {"by": by, "note": note}
    return Draft(kind=Kind.PHASE_START, rollout=rollout, environment=environment, phase=phase, at=at, body=body)


def stage_start(
    *, rollout: str, environment: str, phase: str, stage: str, percentage: float, at: datetime, by: str, note: str = ""
) -> Draft:
    """A stage begins, or begins again: what its hold counts from."""
    return Draft(
        kind=Kind.STAGE_START,
        rollout=rollout,
        environment=environment,
        phase=phase,
        stage=stage,
        at=at,
        body={"percentage": _percentage(percentage), "by": by, "note": note},
    )


def percentage(
    *, rollout: str, environment: str, percentage: float, at: datetime, by: str, phase: str = "", note: str = ""
) -> Draft:
    """The share of traffic was set to so many per cent (0 to 100)."""
    return Draft(
        kind=Kind.PERCENTAGE,
        rollout=rollout,
        environment=environment,
        phase=phase,
        at=at,
        body={"percentage": _percentage(percentage), "by": by, "note": note},
    )


def rollback(
    *,
    rollout: str,
    environment: str,
    at: datetime,
    to: float,
    by: str,
    why: str,
    phase: str = "",
    stage: str = "",
) -> Draft:
    """The release was taken back to so many per cent."""
    return Draft(
        kind=Kind.ROLLBACK,
        rollout=rollout,
        environment=environment,
        phase=phase,
        stage=stage,
        at=at,
        body={"percentage": _percentage(to), "by": by, "why": why},
    )


def action(*, rollout: str, environment: str, at: datetime, phase: str, stage: str, outcome: Outcome, by: str) -> Draft:
    """What was done about a verdict, how it ended, and how long that took from the decision."""
    told = outcome.as_json()
    steps, verified = told.pop("steps"), told.pop("verified")
    return Draft(
        kind=Kind.ACTION,
        rollout=rollout,
        environment=environment,
        phase=phase,
        stage=stage,
        at=at,
        body=cast(Mapping[str, JSON], {**told, "by": by}),
        detail=cast(JSON, {"steps": steps, "verified": verified}),
    )


def _percentage(value: float) -> float:
    if not math.isfinite(value) or not 0 <= value <= 100:
        raise ValueError(f"{value} is no percentage: 0 to 100")
    return float(value)


def incident_opened(
    *, rollout: str, environment: str, at: datetime, incident: str, severity: str, title: str, by: str
) -> Draft:
    """An incident began at `at`; `incident` is its name, under which it is resolved."""
    if severity not in SEVERITIES:
        raise ValueError(f"severity '{severity}': {', '.join(SEVERITIES)}")
    return Draft(
        kind=Kind.INCIDENT,
        rollout=rollout,
        environment=environment,
        at=at,
        body={"incident": incident, "state": "opened", "severity": severity, "title": title, "by": by},
    )


def incident_resolved(*, rollout: str, environment: str, at: datetime, incident: str, by: str, note: str = "") -> Draft:
    """An incident ended at `at`."""
    return Draft(
        kind=Kind.INCIDENT,
        rollout=rollout,
        environment=environment,
        at=at,
        body={"incident": incident, "state": "resolved", "by": by, "note": note},
    )


def intervention(*, rollout: str, environment: str, at: datetime, what: str, by: str, phase: str = "") -> Draft:
    """Somebody did by hand what the rollout should do by itself."""
    body = {"what": what, "by": by}
    return Draft(kind=Kind.INTERVENTION, rollout=rollout, environment=environment, phase=phase, at=at, body=body)


def recorded(
    kind: Kind,
    *,
    rollout: str,
    environment: str,
    at: datetime,
    body: Mapping[str, JSON],
    phase: str = "",
    stage: str = "",
    detail: JSON = None,
    once: str = "",
) -> Draft:
    """A baseline, an approval, a revocation or a statement, whose body its own module knows."""
    own = {Kind.BASELINE, Kind.APPROVAL, Kind.REVOCATION, Kind.STATEMENT}
    if kind not in own:
        raise ValueError(f"'{kind}' has a function of its own; here: {', '.join(sorted(own))}")
    return Draft(
        kind=kind,
        rollout=rollout,
        environment=environment,
        phase=phase,
        stage=stage,
        at=at,
        body=body,
        detail=detail,
        once=once,
    )
