"""Triggers: which of the gates that would take a release back may do so, when many are asked at once.

The one place where a decision becomes milder: Holm's correction turns a
trigger that fires only uncorrected into a HOLD.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.stats.multiplicity import holm

FAMILY_LEVEL = 0.05
"""The family-wise error of a phase's statistical triggers."""


def corrected(gates: list[GateVerdict]) -> list[GateVerdict]:
    """ROLLBACK by sampled triggers stands only where Holm's correction lets it; facts stand outside.

    The family is what could have fired, not what did: every gate that takes
    the release back and is not known to rest on facts alone.
    """
    family = [gate for gate in gates if gate.counts and _could_fire_by_chance(gate)]
    firing = [gate for gate in family if gate.decision is Decision.ROLLBACK and _alpha(gate) > 0]
    stands = holm([_alpha(gate) for gate in firing], family=len(family), level=FAMILY_LEVEL)
    overruled = {gate.gate.id for gate, stood in zip(firing, stands, strict=True) if not stood}
    return [_as_hold(gate, len(family)) if gate.gate.id in overruled else gate for gate in gates]


def _could_fire_by_chance(gate: GateVerdict) -> bool:
    # An exact number cannot, and is as exact while nobody knows it: the family is the same at every look.
    sampled = [claim for claim in gate.claims if claim.confidence < 1]
    if gate.gate.rollback or gate.gate.trigger:
        return bool(sampled) or not gate.claims
    return any(claim.trigger for claim in sampled)


def _alpha(gate: GateVerdict) -> float:
    """The level of the claim that fired, as one of all that its gate asked; 0 when facts alone suffice.

    The first refuted claim ends a gate, so how many would have followed is unknown: the n-th sample of a gate is given
    1 / n(n + 1) of the level, and those after the first have half of it together, however many they are.
    """
    levels, sampled = [], 0
    for claim in gate.claims:
        sampled += claim.confidence < 1
        if _fired(claim):
            levels.append(min(1.0, claim.alpha * (sampled * (sampled + 1) if sampled > 1 else 1)))
    return min(levels, default=0.0)


def targets(gate: GateVerdict) -> list[str]:
    """Where to go back to, as each claim that fired says."""
    return [claim.to for claim in gate.claims if _fired(claim) and claim.level]


def _fired(claim: ClaimFacts) -> bool:
    return claim.truth is Truth.REFUTED and (claim.decision is Decision.ROLLBACK or not claim.level)


def _as_hold(gate: GateVerdict, family: int) -> GateVerdict:
    alone = min(claim.alpha for claim in gate.claims if _fired(claim))
    samples = sum(claim.confidence < 1 for claim in gate.claims)
    at_once = f"{samples} samples of a gate and {family} triggers" if samples > 1 else f"{family} triggers"
    sentence = f"{gate.sentence}: refuted at level {alone:.2g} alone, not when {at_once} are asked at once"
    return replace(gate, decision=Decision.HOLD, reason=Reason.INCONCLUSIVE, sentence=sentence)
