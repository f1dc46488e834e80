"""What an embedded world shows where its environment has a ledger that stays: the phase as that ledger remembers it.

Without one, a world pretends that its phase was lived through
(`world_past.py`). With one, nothing is pretended: the phase began when the
ledger says so, and is at the percentages that were written down in it.
"""

from __future__ import annotations

from datetime import timedelta

from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.ledger.timeline import STATUS_KINDS, status
from pytest_rollout.plan.phase import Phase
from pytest_rollout.world.running import ShownPhase
from pytest_rollout.world_past import Lived


def remembered_phase(lived: Lived, where: str) -> ShownPhase | None:
    """The last of the phases that are judged, as a ledger remembers it.

    One that has not begun begins now. The traffic is what was last written
    down (`rollout percentage`), whoever did: a world obeys. Where nothing
    was, it is that of the plan, at the first stage or at the environment's.

    Args:
        lived: The rollout, its environment, its phases and the run's instant.
        where: The ledger.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    names = [name for name in lived.phases if name in lived.plan.phases]
    if not names:
        return None
    phase = lived.plan.phases[names[-1]]
    with open_ledger(where, lived.plan.folder) as ledger:
        kinds = STATUS_KINDS - {Kind.BASELINE}
        entries = ledger.entries(lived.plan.rollout, lived.environment, kinds=kinds, until=lived.at)
    stands = status(entries, phase=phase.name, at=lived.at)
    start = stands.phase_started or lived.at
    before = [share.percentage for share in stands.shares if share.since <= start]
    first = before[-1] if before else _planned(phase, lived.stage)
    traffic = [] if first is None else [(first, 0.0)]
    later = [share for share in stands.shares if share.since > start]
    traffic += [(share.percentage, (share.since - start) / timedelta(seconds=1)) for share in later]
    return ShownPhase(name=phase.name, start=start, traffic=traffic)


def _planned(phase: Phase, stage: str) -> float | None:
    """What a plan says of a phase's traffic; None where it says nothing."""
    if not phase.stages:
        return phase.traffic
    return next((each.percent for each in phase.stages if each.name == stage), phase.stages[0].percent)
