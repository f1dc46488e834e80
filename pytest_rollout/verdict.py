"""The verdict: gates, lock and troubles in, one decision and one exit code out.

The worst gate decides a phase, the worst phase the run. Nothing makes a
decision milder except Holm's correction: see `triggers`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_rollout.book import Book, PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import WAITING, Decision, ExitCode, Reason
from pytest_rollout.judgement import GateVerdict, judge
from pytest_rollout.lock import LOCK_NAME, Lock
from pytest_rollout.triggers import corrected, targets

_NOTHING_MEASURED = (
    "has no gate here that looks at the release: time and signatures alone prove nothing of it; "
    "write a budget or a gate for it"
)


@dataclass(frozen=True)
class Because:
    """One reason of a verdict: its stable code, one sentence, and the gate that says it (or none)."""

    code: str
    sentence: str
    gate: str = ""


def only_waits(decision: Decision, reasons: Iterable[Because], claims: Iterable[ClaimFacts]) -> bool:
    """Whether a decision is a HOLD that only time or a signature ends, from its reasons and the claims that count."""
    codes = {because.code for because in reasons}
    refuted = any(claim.truth is Truth.REFUTED for claim in claims)
    return decision is Decision.HOLD and bool(codes) and codes <= WAITING and not refuted


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """How much traffic a phase has, where it goes, and how long it stays.

    Percentages; None where nobody knows it, or there is none. `back` is where
    a ROLLBACK goes, None for other decisions; `hold_left` is in seconds.
    """

    stage: str = ""
    current: float | None = None
    next: float | None = None
    back: float | None = None
    hold_left: float | None = None


@dataclass(frozen=True, kw_only=True)
class Pin:
    """The end of the ledger that a verdict relies on: how many entries of which environment's, and the last digest."""

    environment: str
    entries: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one phase of one rollout may do, with every reason why not.

    Digests are SHA-256 of the plan, of its lock (empty where there is none)
    and of all that the run was told (empty before the run ends); `ledger` is
    the end of the ledger that the verdict relies on, None where none stays.
    """

    rollout: str
    phase: str
    decision: Decision
    reasons: tuple[Because, ...]
    gates: tuple[GateVerdict, ...]
    plan_digest: str
    lock_digest: str = ""
    evidence_digest: str = ""
    traffic: Traffic = Traffic()
    ledger: Pin | None = None

    @property
    def waiting(self) -> bool:
        """A HOLD that only time or a signature ends: it has such reasons, no others, and nothing is refuted."""
        claims = (claim for gate in self.gates if gate.counts for claim in gate.claims)
        return only_waits(self.decision, self.reasons, claims)

    @property
    def fired(self) -> tuple[str, ...]:
        """Where to go back to, as each trigger that fired says; empty texts where one says nothing."""
        firing = [gate for gate in self.gates if gate.counts and gate.decision is Decision.ROLLBACK]
        return tuple(to for gate in firing for to in (targets(gate) or [gate.gate.rollback_to]))

    def with_reasons(self, reasons: Sequence[Because]) -> Verdict:
        """The verdict with further reasons against it; it can only become worse."""
        if not reasons:
            return self
        decision = Decision.worst(self.decision, Decision.HOLD)
        return replace(self, decision=decision, reasons=(*self.reasons, *reasons))


@dataclass(frozen=True, kw_only=True)
class RunVerdict:
    """The verdict of a whole run: one for each phase that was asked, and what concerns none of them."""

    verdicts: tuple[Verdict, ...]
    reasons: tuple[Because, ...] = ()

    @property
    def decision(self) -> Decision:
        """The worst decision; HOLD when nothing was judged."""
        decisions = [verdict.decision for verdict in self.verdicts]
        return Decision.worst(*decisions, *([Decision.HOLD] if self.reasons else []))

    @property
    def exit_code(self) -> ExitCode:
        """The code that says this decision to a pipeline."""
        if self.decision is Decision.ROLLBACK:
            return ExitCode.ROLLBACK
        if self.decision is Decision.PROCEED:
            return ExitCode.PROCEED
        holding = [verdict for verdict in self.verdicts if verdict.decision is Decision.HOLD]
        healthy = not self.reasons and holding and all(verdict.waiting for verdict in holding)
        return ExitCode.HOLD_WAITING if healthy else ExitCode.HOLD


def judge_phase(
    *,
    rollout: str,
    phase: str,
    book: Book,
    lock: Lock | None,
    planned_lines: Sequence[str],
    plan_digest: str,
    today: str,
    lock_command: str,
    unlocked: str = f"there is no {LOCK_NAME}",
    skipped: Collection[str] = (),
    unmeasured: Collection[str] = (),
) -> Verdict:
    """The verdict of one phase.

    Args:
        rollout: The rollout's name.
        phase: The phase that was asked for.
        book: What was collected and answered.
        lock: The rollout's lock; None holds the release.
        planned_lines: Ids of the gates that the plan itself declares for the phase.
        plan_digest: Which plan was judged.
        today: The run's date (ISO 8601, UTC), against which shadow gates expire.
        lock_command: What writes the lock, as somebody would type it here.
        unlocked: Why there is no lock, where there is none.
        skipped: Files that skipped themselves as a whole, from the rollout's folder on.
        unmeasured: Ids of gates that say nothing of the release itself, such
            as how long its phase has lasted: with no others nothing is proven.
    """
    collected = [gate for gate in book.planned.values() if gate.rollout == rollout and phase in gate.phases]
    gates = [_judged(gate, book, today) for gate in sorted(collected, key=lambda gate: gate.id)]
    missing = _missing(rollout, phase, {gate.gate.id for gate in gates}, lock, planned_lines)
    gates += [_skipped(gate) if gate.gate.id.partition("::")[0] in skipped else gate for gate in missing]
    gates = corrected(gates)
    reasons = [_because(gate) for gate in gates if gate.counts and gate.decision is not Decision.PROCEED]
    reasons += _lock_reasons(gates, lock, phase, lock_command) if lock else []
    reasons += [] if lock else [Because(Reason.UNLOCKED, f"{unlocked}: run `{lock_command}` and commit it")]
    if not any(gate.counts for gate in gates):
        reasons.append(Because(Reason.MISSING, f"{phase} has no gate that counts"))
    elif all(gate.gate.id in unmeasured for gate in gates if gate.counts):
        reasons.append(Because(Reason.NO_CLAIM, f"{phase} {_NOTHING_MEASURED}"))
    decision = Decision.worst(
        Decision.PROCEED if not reasons else Decision.HOLD, *(gate.decision for gate in gates if gate.counts)
    )
    return Verdict(
        rollout=rollout,
        phase=phase,
        decision=decision,
        reasons=tuple(reasons),
        gates=tuple(gates),
        plan_digest=plan_digest,
        lock_digest=lock.digest if lock else "",
    )


def _judged(gate: PlannedGate, book: Book, today: str) -> GateVerdict:
    verdict = judge(gate, book.answers.get(gate.nodeid, []), deselected=gate.nodeid in book.deselected)
    if gate.shadow_until is None:
        return verdict
    if gate.shadow_until.isoformat() >= today:
        return replace(verdict, counts=False)
    if verdict.decision is Decision.PROCEED:
        return verdict
    return replace(verdict, sentence=f"{verdict.sentence} (in shadow until {gate.shadow_until}, which has passed)")


def _missing(
    rollout: str, phase: str, seen: set[str], lock: Lock | None, planned_lines: Sequence[str]
) -> list[GateVerdict]:
    """Gates that the lock or the plan knows and the run did not meet."""
    locked = {gate.id: gate.rollback for gate in (lock.of_phase(phase) if lock else ())}
    known = dict.fromkeys(planned_lines, False) | locked
    gone = "and was not collected: deleted, renamed, not selected or not found"
    return [
        GateVerdict(
            gate=PlannedGate(id=each, nodeid="", rollout=rollout, phases=(phase,), rollback=rollback),
            decision=Decision.HOLD,
            reason=Reason.MISSING,
            sentence=f"is in {LOCK_NAME if each in locked else 'the plan'} {gone}",
        )
        for each, rollback in sorted(known.items())
        if each not in seen
    ]


def _skipped(missing: GateVerdict) -> GateVerdict:
    sentence = f"{missing.gate.id.partition('::')[0]} skipped itself as a whole, so its gates proved nothing"
    return replace(missing, reason=Reason.SKIPPED, sentence=sentence)


def _lock_reasons(gates: Iterable[GateVerdict], lock: Lock, phase: str, command: str) -> list[Because]:
    locked = {gate.id: gate for gate in lock.of_phase(phase)}
    reasons = []
    for gate in gates:
        line = locked.get(gate.gate.id)
        if line is None:
            reasons.append(Because(Reason.UNLOCKED, f"is not in {LOCK_NAME}: run `{command}`", gate.gate.id))
        elif gate.gate.nodeid and line.rollback != gate.gate.rollback:
            now = "takes the release back" if gate.gate.rollback else "no longer takes the release back"
            reasons.append(Because(Reason.UNLOCKED, f"{now}, {LOCK_NAME} says otherwise", gate.gate.id))
        elif gate.gate.nodeid and line.shadow != str(gate.gate.shadow_until or ""):
            now = f"is in shadow until {gate.gate.shadow_until}" if gate.gate.shadow_until else "is no longer in shadow"
            reasons.append(Because(Reason.UNLOCKED, f"{now}, {LOCK_NAME} says otherwise", gate.gate.id))
        elif gate.gate.nodeid and line.stages != ", ".join(gate.gate.stages):
            now = f"is for {', '.join(gate.gate.stages)} alone" if gate.gate.stages else "is for every stage"
            reasons.append(Because(Reason.UNLOCKED, f"{now}, {LOCK_NAME} says otherwise", gate.gate.id))
    return reasons


def _because(gate: GateVerdict) -> Because:
    return Because(gate.reason, gate.sentence, gate.gate.id)
