"""The record: one run as facts that every report says the same of.

It is read from the receipt, `verdict.json`, so that no view can say what the
receipt does not; what people want to know beside it (titles, durations,
signatures, earlier decisions) is added and decides nothing. Plain frozen
values, the same right after a run and long after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.verdict import Because, Traffic, only_waits


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One valid signature; without its time where only the name is known, as in a replay."""

    principal: str
    signed_at: datetime | None = None
    expires_at: datetime | None = None
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class RoleRecord:
    """How far one role has signed for what comes next; `refused` says why other signatures do not count."""

    role: str
    needed: int
    signed: tuple[Signature, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """How many signatures are awaited."""
        return max(self.needed - len(self.signed), 0)


@dataclass(frozen=True, kw_only=True)
class StatementRecord:
    """What somebody must have said on a topic, and who has said and signed it; `by` is empty while it is awaited."""

    topic: str
    asked: str
    says: str = ""
    by: str = ""
    at: datetime | None = None
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An earlier decision on the same phase, from the ledger."""

    at: datetime
    decision: str
    reasons: tuple[str, ...] = ()
    stage: str = ""
    mode: str = "live"


@dataclass(frozen=True, kw_only=True)
class GateFacts:
    """What is known of a gate beside its verdict.

    `description` is what its docstring says after the title, `line` where it
    stands in its file (from 1, 0 where nobody knows), `seconds` how long its
    parts took together, None where it did not run, and `message` all that it
    said of an error.
    """

    description: str = ""
    line: int = 0
    seconds: float | None = None
    message: str = ""
    shadow_until: str = ""
    shadow_why: str = ""


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """One gate: what it is, what it decided and why, and every claim it made."""

    id: str
    title: str
    owner: str
    severity: str
    runbook: str
    rollback: bool
    counts: bool
    applies: bool
    decision: Decision
    reason: str
    sentence: str
    claims: tuple[ClaimFacts, ...]
    facts: GateFacts = GateFacts()

    @property
    def file(self) -> str:
        """The file in which it stands, from the rollout's folder on."""
        return self.id.partition("::")[0]

    @property
    def actions(self) -> tuple[str, ...]:
        """What the plan says to do about the limits that were crossed, each once."""
        refuted = [claim for claim in self.claims if claim.truth is Truth.REFUTED]
        return tuple(dict.fromkeys(claim.action for claim in refuted if claim.action))

    @property
    def runbooks(self) -> tuple[str, ...]:
        """Where it is written up: the limits that were crossed first, then the gate's own; each once."""
        refuted = [claim.runbook for claim in self.claims if claim.truth is Truth.REFUTED]
        return tuple(dict.fromkeys(each for each in (*refuted, self.runbook) if each))


@dataclass(frozen=True, kw_only=True)
class PhaseFacts:
    """What is known of a rollout and its phase beside the verdict.

    `links` are names with the address behind each, `http` or `https`.
    `folder` is the rollout's, absolute; None where it is not at hand. `steps`
    are the percentages of traffic since the phase began (`started`), each
    with its beginning; `forgotten` says why nothing can be known of earlier
    runs, empty where the ledger was at hand; `looked_at` is as of when
    signatures counted.
    """

    rollout_title: str = ""
    phase_title: str = ""
    owner: str = ""
    runbook: str = ""
    links: tuple[tuple[str, str], ...] = ()
    folder: Path | None = None
    roles: tuple[RoleRecord, ...] = ()
    statements: tuple[StatementRecord, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    forgotten: str = ""
    started: datetime | None = None
    steps: tuple[tuple[float, datetime], ...] = ()
    looked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class PhaseRecord:
    """One phase of one rollout: its decision, every reason, every gate."""

    rollout: str
    phase: str
    decision: Decision
    reasons: tuple[Because, ...]
    gates: tuple[GateRecord, ...]
    traffic: Traffic
    plan_digest: str
    lock_digest: str
    evidence_digest: str
    facts: PhaseFacts = PhaseFacts()

    @property
    def waiting(self) -> bool:
        """A HOLD that only time or a signature ends."""
        claims = (claim for gate in self.gates if gate.counts for claim in gate.claims)
        return only_waits(self.decision, self.reasons, claims)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run.

    `output` is the folder it left its files in, `evidence` the bundle there,
    None where there is none. `uncommitted` holds too where nobody knows
    whether there were changes.
    """

    run_id: str
    mode: str
    decision: Decision
    exit_code: int
    environment: str
    embedded: bool
    fault: str
    evaluated_at: datetime
    reasons: tuple[Because, ...]
    phases: tuple[PhaseRecord, ...]
    versions: tuple[tuple[str, str], ...] = ()
    commit: str = ""
    uncommitted: bool = False
    verdict_digest: str = ""
    output: Path | None = None
    evidence: Path | None = None

    @property
    def all_reasons(self) -> tuple[Because, ...]:
        """Every reason of the run: its own, then those of its phases."""
        return (*self.reasons, *(because for phase in self.phases for because in phase.reasons))

    @property
    def gates(self) -> tuple[GateRecord, ...]:
        """Every gate of every phase."""
        return tuple(gate for phase in self.phases for gate in phase.gates)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What stands beside a receipt: facts of gates and phases by their names, and where the files are."""

    gates: Mapping[tuple[str, str, str], GateFacts]
    phases: Mapping[tuple[str, str], PhaseFacts]
    verdict_digest: str = ""
    output: Path | None = None
    evidence: Path | None = None


def read_record(document: Mapping[str, Any], beside: Beside) -> Record:
    """The record that a receipt and what stands beside it make.

    Args:
        document: What `verdict.json` holds.
        beside: What is known beside it; it cannot change what the receipt says.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: The document is no receipt.
    """
    git = document["git"] or {}
    return Record(
        run_id=document["run_id"],
        mode=document["mode"],
        decision=Decision(document["decision"]),
        exit_code=document["exit_code"],
        environment=document["environment"],
        embedded=document["embedded"],
        fault=document["fault"] or "",
        evaluated_at=datetime.fromisoformat(document["evaluated_at"]),
        reasons=_reasons(document["reasons"]),
        phases=tuple(_phase(verdict, beside) for verdict in document["verdicts"]),
        versions=tuple((str(name), str(version)) for name, version in document["versions"].items()),
        commit=str(git.get("commit") or ""),
        uncommitted=bool(git) and git.get("dirty") is not False,
        verdict_digest=beside.verdict_digest,
        output=beside.output,
        evidence=beside.evidence,
    )


def _phase(verdict: Mapping[str, Any], beside: Beside) -> PhaseRecord:
    key = (verdict["rollout"], verdict["phase"])
    return PhaseRecord(
        rollout=verdict["rollout"],
        phase=verdict["phase"],
        decision=Decision(verdict["decision"]),
        reasons=_reasons(verdict["reasons"]),
        gates=tuple(_gate(gate, beside.gates.get((*key, gate["id"]), GateFacts())) for gate in verdict["gates"]),
        traffic=Traffic(
            stage=verdict["stage"] or "",
            current=verdict["current_percentage"],
            next=verdict["next_percentage"],
            back=verdict["rollback_percentage"],
            hold_left=verdict["hold_left"],
        ),
        plan_digest=verdict["plan_digest"],
        lock_digest=verdict["lock_digest"] or "",
        evidence_digest=verdict["evidence_digest"] or "",
        facts=beside.phases.get(key, PhaseFacts()),
    )


def _gate(gate: Mapping[str, Any], facts: GateFacts) -> GateRecord:
    return GateRecord(
        id=gate["id"],
        title=gate["title"],
        owner=gate["owner"] or "",
        severity=gate["severity"] or "",
        runbook=gate["runbook"] or "",
        rollback=gate["rollback"],
        counts=gate["counts"],
        applies=gate["applies"],
        decision=Decision(gate["decision"]),
        reason=gate["reason"] or "",
        sentence=gate["sentence"] or "",
        claims=tuple(ClaimFacts.from_json(claim) for claim in gate["claims"]),
        facts=facts,
    )


def _reasons(found: list[Mapping[str, Any]]) -> tuple[Because, ...]:
    return tuple(Because(each["code"], each["sentence"], each["gate"] or "") for each in found)
