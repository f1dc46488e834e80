"""Words: what every view of a record says, said once.

What was decided, what is to be done now, what was seen against which limit.
Plain text without markup; each view escapes it for its own page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pytest_rollout.claim_facts import ClaimFacts, Truth, origin
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.quantities import format_duration
from pytest_rollout.record import GateRecord, PhaseRecord, Record
from pytest_rollout.verdict import Because

EMBEDDED = "embedded world, not your system"
MARK = {Decision.PROCEED: "✔", Decision.HOLD: "■", Decision.ROLLBACK: "↩"}
"""A sign beside each decision, so that none is told by its colour alone."""


def moment(at: datetime | None) -> str:
    """An instant as people read it; empty where there is none."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def percent(value: float | None) -> str:
    """`5 %`; `unknown` where nobody knows it."""
    return "unknown" if value is None else f"{value:g} %"


def headline(gate: GateRecord) -> str:
    """`ROLLBACK[critical]`, `HOLD[stale]`, `PROCEED`; `-` for a gate of another stage."""
    if not gate.applies:
        return "-"
    return f"{gate.decision.value}[{gate.reason}]" if gate.reason else gate.decision.value


def apart(gate: GateRecord) -> str:
    """Why a gate does not count; empty where it does."""
    if gate.counts:
        return ""
    if not gate.applies:
        return "of another stage"
    return f"in shadow until {gate.facts.shadow_until}" if gate.facts.shadow_until else "in shadow"


def about(phase: PhaseRecord) -> str:
    """Rollout and phase, with the stage where there is one."""
    return " ".join(part for part in (phase.rollout, phase.phase, phase.traffic.stage) if part)


def title_of(phase: PhaseRecord) -> str:
    """Rollout and phase by their titles."""
    return f"{phase.facts.rollout_title or phase.rollout}: {phase.facts.phase_title or phase.phase}"


def signoff_title(phase: PhaseRecord) -> str:
    """Of what the sign-off is, and as of when its signatures were looked at."""
    as_of = f", as of {moment(phase.facts.looked_at)}" if phase.facts.looked_at else ""
    return f"Sign-off of {about(phase)}{as_of}"


def where(record: Record) -> str:
    """Environment, and what keeps it from being live and real."""
    parts = [f"environment {record.environment}" + (f" ({EMBEDDED})" if record.embedded else "")]
    parts += [f"with the fault {record.fault} injected"] if record.fault else []
    parts += [f"{record.mode.upper()}, not live"] if record.mode != "live" else []
    return " · ".join(parts)


def subject(record: Record) -> str:
    """What was judged, in a line."""
    return ", ".join(about(phase) for phase in record.phases) or "no phase"


def codes(record: Record) -> tuple[str, ...]:
    """The code of every reason, each once."""
    return tuple(dict.fromkeys(str(because.code) for because in record.all_reasons))


def reasons(record: Record) -> list[Because]:
    """Every reason of the run: what takes a release back before all that only holds it."""
    back = {(gate.id, gate.reason) for gate in record.gates if gate.counts and gate.decision is Decision.ROLLBACK}
    return sorted(record.all_reasons, key=lambda because: (because.gate, because.code) not in back)


def deciding(record: Record) -> tuple[str, ...]:
    """The codes that stand beside the decision: of a ROLLBACK those that take the release back, as on the terminal."""
    back = {gate.reason for gate in record.gates if gate.counts and gate.decision is Decision.ROLLBACK}
    return tuple(code for code in codes(record) if record.decision is not Decision.ROLLBACK or code in back)


def ordered(gates: Iterable[GateRecord]) -> list[GateRecord]:
    """The worst first; those that do not count after those that do."""
    return sorted(gates, key=lambda gate: (not gate.counts, -gate.decision.severity, gate.id))


def tally(gates: Iterable[GateRecord]) -> dict[str, int]:
    """How many gates decided what; those that do not count apart."""
    found = {**{each.value: 0 for each in Decision}, "not counted": 0}
    for gate in gates:
        found[gate.decision.value if gate.counts else "not counted"] += 1
    return found


def tally_line(gates: Sequence[GateRecord]) -> str:
    """`7 gates: 5 PROCEED, 1 HOLD, 1 ROLLBACK`."""
    counted = ", ".join(f"{number} {word}" for word, number in tally(gates).items() if number)
    return f"{len(gates)} {'gate' if len(gates) == 1 else 'gates'}" + (f": {counted}" if counted else "")


def orders(record: Record) -> tuple[str, ...]:
    """What is to be done now, the most urgent first."""
    found = _all_orders(record)
    if record.embedded or record.mode != "live":
        what = "an embedded world" if record.embedded else "the past" if record.mode == "past" else "recorded evidence"
        return (
            f"Change nothing: this judged {what}, not your system as it is now.",
            *(f"Live, it would say: {each}" for each in found),
        )
    return found


def _all_orders(record: Record) -> tuple[str, ...]:
    found = [line for phase in sorted(record.phases, key=_urgency) for line in _orders(record, phase)]
    if record.decision is Decision.PROCEED:
        return tuple(found)
    if not any(phase.decision is not Decision.PROCEED for phase in record.phases):
        found = ["Do not go on: this run releases nothing."]
    return tuple(dict.fromkeys(found))


def _back(phase: PhaseRecord) -> str:
    """Where the traffic goes, and from where; a phase may be taken back that serves none of it yet."""
    to, now = phase.traffic.back, phase.traffic.current
    if to is None:
        return ""
    if to == now:
        return f": its traffic is at {percent(to)} already"
    return f" to {percent(to)} of traffic" + (f", from {percent(now)}" if now is not None else "")


def _urgency(phase: PhaseRecord) -> int:
    return -phase.decision.severity


def _orders(record: Record, phase: PhaseRecord) -> Iterator[str]:
    name = phase.rollout if len(record.phases) == 1 else about(phase)
    if phase.decision is Decision.PROCEED:
        if record.decision is Decision.PROCEED:
            yield _onward(phase, name)
        return
    if phase.decision is Decision.ROLLBACK:
        yield f"Take {name} back now{_back(phase)}."
    elif phase.waiting:
        yield f"{_stay(phase, name)} Nothing is wrong: it waits."
        yield from _needs(phase)
        return
    else:
        yield f"{_stay(phase, name)} Do not go on before the reasons below are settled."
    worst = [gate for gate in ordered(phase.gates) if gate.counts and gate.decision is phase.decision]
    yield from dict.fromkeys(f"Then: {action}." for gate in worst for action in gate.actions)
    runbooks = dict.fromkeys(each for gate in worst for each in gate.runbooks)
    yield from (f"Runbook: {each}" for each in list(runbooks)[:3])
    owners = dict.fromkeys(gate.owner for gate in worst if gate.owner)
    yield from (f"Call: {owner}" for owner in list(owners or [phase.facts.owner])[:3] if owner)


def _onward(phase: PhaseRecord, name: str) -> str:
    traffic = phase.traffic
    if traffic.next is not None:
        return f"Go on with {name}: from {percent(traffic.current)} to {percent(traffic.next)} of traffic."
    return f"Go on with {name}: {phase.phase} has proven everything that it asks for."


def _stay(phase: PhaseRecord, name: str) -> str:
    current = phase.traffic.current
    return f"Keep {name} at {percent(current)} of traffic." if current is not None else f"Keep {name} where it is."


def _needs(phase: PhaseRecord) -> Iterator[str]:
    needs = [
        claim.needs for gate in phase.gates if gate.counts for claim in gate.claims if claim.truth is not Truth.PROVEN
    ]
    yield from dict.fromkeys(f"Awaited: {each}" for each in needs if each)


def telling(gate: GateRecord | GateVerdict) -> ClaimFacts | None:
    """The claim that explains a gate: the last that is not proven, else the last."""
    unproven = [claim for claim in gate.claims if claim.truth is not Truth.PROVEN]
    if gate.decision is not Decision.PROCEED and not unproven:
        return None
    return next(reversed(unproven or gate.claims), None)


def seen_and_limit(gate: GateRecord) -> tuple[str, str]:
    """What a gate saw, and against which limit; its sentence where it made no claim."""
    claim = telling(gate)
    if claim is None:
        return gate.sentence or "no claim", ""
    if gate.decision is Decision.PROCEED and len(gate.claims) > 1:
        return f"{len(gate.claims)} claims, all proven", ""
    return seen(claim), claim.limit


def seen(claim: ClaimFacts) -> str:
    """What a claim saw, with its bounds."""
    if claim.method in {"fact", "assert"}:
        return claim.text if claim.truth is not Truth.REFUTED else f"not so: {claim.text}"
    if claim.value is None and claim.reason == Reason.STALE and claim.age:
        return f"{format_duration(timedelta(seconds=claim.age))} old"
    return "unknown" if claim.value is None else claim.subject.partition(" = ")[2] or claim.subject


def bounds(claim: ClaimFacts) -> str:
    """`-1.2 to 4.5, each at 95 %`; empty for a claim about an exact number."""
    if claim.confidence >= 1 or (claim.low is None and claim.high is None):
        return ""
    low = "unbounded" if claim.low is None else f"{claim.low:.6g}"
    high = "unbounded" if claim.high is None else f"{claim.high:.6g}"
    unit = f" {claim.unit}" if claim.unit else ""
    return f"{low} to {high}{unit}, each at {claim.confidence * 100:g} %"


def whole_origin(claim: ClaimFacts) -> str:
    """Where a claim's number comes from, its query whole."""
    return origin(claim, whole_query=True)


def reason_line(because: Because) -> str:
    """A reason in a line: its code, the gate that says it, and the sentence."""
    return ": ".join(part for part in (f"[{because.code}]", because.gate, because.sentence) if part)


def provenance(record: Record) -> tuple[tuple[str, str], ...]:
    """Which run this was, and what it rests on."""
    lines = [
        ("run", record.run_id),
        ("evaluated at", f"{record.evaluated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("environment", where(record)),
        ("exit code", str(record.exit_code)),
        ("commit", record.commit + (" with uncommitted changes" if record.uncommitted else "")),
    ]
    for phase in record.phases:
        of = f" of {about(phase)}" if len(record.phases) > 1 else ""
        lines += [
            (f"plan{of}", phase.plan_digest),
            (f"lock{of}", phase.lock_digest),
            (f"evidence{of}", phase.evidence_digest),
        ]
    lines += [
        ("verdict.json", record.verdict_digest),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions)),
    ]
    return tuple((name, value) for name, value in lines if value)
