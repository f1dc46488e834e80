"""Gate rows: a phase's gates as the rows of a table: what each decided, what it saw, and against which limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.decisions import Decision
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.reports.table import plain
from pytest_rollout.reports.wording import headline
from pytest_rollout.reports.words import seen, telling
from pytest_rollout.verdict import Verdict


def rows(verdict: Verdict) -> Iterator[Sequence[str]]:
    """The heading, then what each gate decided, saw and was held against: the worst first."""
    yield "decision", "gate", "seen", "limit"
    names = short_names(verdict.gates)
    for gate in ordered(verdict.gates):
        claim = telling(gate)
        shown, limit = _seen_and_limit(gate, claim)
        apart = "" if gate.counts else " (shadow)" if gate.applies else " (other stage)"
        yield (headline(gate) if gate.applies else "-") + apart, plain(names[gate.gate.id]), plain(shown), plain(limit)


def _seen_and_limit(gate: GateVerdict, claim: ClaimFacts | None) -> tuple[str, str]:
    if claim is None:
        return gate.sentence or "no claim", ""
    if gate.decision is Decision.PROCEED and len(gate.claims) > 1:
        return _all_of(gate.claims)
    if claim.method in {"fact", "assert"}:
        return seen(claim), ""
    return seen(claim), claim.limit if claim.level else claim.limit.partition(" (")[0]


def _all_of(claims: Sequence[ClaimFacts]) -> tuple[str, str]:
    """Several proven claims in one row: a range by both its ends, different things by their number."""
    all_seen = {seen(claim) for claim in claims if claim.method not in {"fact", "assert"}}
    if len(all_seen) == 1 and len({claim.method for claim in claims}) == 1:
        return all_seen.pop(), ", ".join(claim.limit for claim in claims)
    return f"{len(claims)} claims, all proven", ""


def ordered(gates: Iterable[GateVerdict]) -> list[GateVerdict]:
    """The worst first."""
    return sorted(gates, key=lambda gate: (-gate.decision.severity, gate.gate.id))


def short_names(gates: Sequence[GateVerdict]) -> dict[str, str]:
    """Each gate's name without its file, where that is still unique."""
    short = {gate.gate.id: _short_name(gate.gate.id) for gate in gates}
    all_names = list(short.values())
    return {each: name if all_names.count(name) == 1 else each for each, name in short.items()}


def _short_name(gate_id: str) -> str:
    name, bracket, parameters = gate_id.partition("[")  # what stands in brackets may hold anything
    file, _, own = name.rpartition("::")
    # A line of a plan is called as its metric is, which may begin like a function.
    return (
        (own if file.partition("::")[0].endswith((".yaml", ".yml")) else own.removeprefix("test_"))
        + bracket
        + parameters
    )
