"""The receipt: `verdict.json`, what a run leaves for those who act on it.

It is written whole or not at all, and removed when the next run starts.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pytest_rollout.actions.outcome import Outcome
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.verdict import Because, RunVerdict, Verdict

RECEIPT_NAME = "verdict.json"
RUN_ID = "ROLLOUT_RUN_ID"
"""The environment variable with which a job names its run: its receipt says it, and `verify` takes no other."""
SCHEMA = "urn:pytest-rollout:schema:verdict:1"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as its receipt tells it; `outcomes` is what was done, or would be, by rollout and phase."""

    run_id: str
    mode: str
    environment: str
    embedded: bool
    fault: str
    evaluated_at: datetime
    exit_code: int
    verdict: RunVerdict
    versions: Mapping[str, str]
    git: Mapping[str, object] | None
    outcomes: Mapping[tuple[str, str], Outcome] = field(default_factory=dict)


def receipt(run: Run) -> dict[str, object]:
    """A run as the JSON document that `rollout schema verdict` describes."""
    return {
        "schema": SCHEMA,
        "run_id": run.run_id,
        "mode": run.mode,
        "decision": run.verdict.decision.value,
        "exit_code": int(run.exit_code),
        "environment": run.environment,
        "embedded": run.embedded,
        "fault": run.fault or None,
        "evaluated_at": run.evaluated_at.astimezone(UTC).isoformat(timespec="seconds"),
        "versions": dict(run.versions),
        "git": run.git,
        "reasons": [_reason(because) for because in run.verdict.reasons],
        "verdicts": [_verdict(each, run.outcomes.get((each.rollout, each.phase))) for each in run.verdict.verdicts],
    }


def _verdict(verdict: Verdict, outcome: Outcome | None) -> dict[str, object]:
    return {
        "rollout": verdict.rollout,
        "phase": verdict.phase,
        "stage": verdict.traffic.stage or None,
        "decision": verdict.decision.value,
        "current_percentage": verdict.traffic.current,
        "next_percentage": verdict.traffic.next,
        "rollback_percentage": verdict.traffic.back,
        "hold_left": verdict.traffic.hold_left,
        "reasons": [_reason(because) for because in verdict.reasons],
        "plan_digest": verdict.plan_digest,
        "lock_digest": verdict.lock_digest or None,
        "evidence_digest": verdict.evidence_digest or None,
        "ledger": vars(verdict.ledger) if verdict.ledger else None,
        "gates": [_gate(gate) for gate in verdict.gates],
        "actions": outcome.as_json() if outcome is not None else None,
    }


def _reason(because: Because) -> dict[str, object]:
    return {"code": str(because.code), "sentence": because.sentence, "gate": because.gate or None}


def _gate(verdict: GateVerdict) -> dict[str, object]:
    gate = verdict.gate
    return {
        "id": gate.id,
        "title": gate.title,
        "owner": gate.owner or None,
        "severity": gate.severity or None,
        "runbook": gate.runbook or None,
        "rollback": gate.rollback,
        "counts": verdict.counts,
        "applies": verdict.applies,
        "decision": verdict.decision.value,
        "reason": str(verdict.reason) or None,
        "sentence": verdict.sentence or None,
        "claims": [claim.as_json() for claim in verdict.claims],
    }


def receipt_digest(run: Run) -> str:
    """The SHA-256 of the `verdict.json` that `write_receipt` writes."""
    return hashlib.sha256(_encoded(run)).hexdigest()


def _encoded(run: Run) -> bytes:
    return _rendered(receipt(run)).encode("utf-8", "backslashreplace")


def write_receipt(folder: Path, run: Run) -> Path:
    """Write `verdict.json` so that it is either whole or absent, even if the machine stops.

    Raises:
        OSError: The folder cannot be written to; nothing is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{RECEIPT_NAME}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_encoded(run))
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(folder / RECEIPT_NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return folder / RECEIPT_NAME


def _rendered(document: dict[str, object]) -> str:
    """A receipt as text that people can read and compare: a line a key, and a line for each gate and reason."""

    def value(inner: object) -> str:
        return json.dumps(inner, allow_nan=False, ensure_ascii=False)

    def block(mapping: Mapping[str, object], indent: str) -> str:
        lines = [f"{indent}  {value(key)}: {entry(inner, indent + '  ')}" for key, inner in mapping.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"

    def entry(inner: object, indent: str) -> str:
        if not isinstance(inner, list) or not inner:
            return value(inner)
        whole = "verdicts" in document and inner is document["verdicts"]
        lines = [f"{indent}  " + (block(each, indent + "  ") if whole else value(each)) for each in inner]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"

    return block(document, "") + "\n"
