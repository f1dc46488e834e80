"""Presence: since when a release is in a phase as it is now, and when it was in at all, by what a ledger says.

Pure: what happened goes in, moments come out. Time over a rollback is none in
which anything was seen of a release, and days on which it was in are none
from before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_rollout.ledger.entries import Kind
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import BASELINE, Phase
from pytest_rollout.stages import TOLERANCE

if TYPE_CHECKING:
    from pytest_rollout.ledger.entries import Entry
    from pytest_rollout.ledger.timeline import Share, Status

Span = tuple[datetime, datetime | None]
"""From when to when; None for still."""


def begun_anew(phase: Phase, stands: Status) -> datetime | None:
    """Since when a phase lasts as it is; None where it has not begun, is taken back, or its traffic is not there.

    A phase with traffic lasts since that came to its first stage, or came
    there again after it was less; a rollback begins it anew. One without is
    begun again by its start, or by traffic that was more than it was taken
    back to.
    """
    started, lowest = stands.phase_started, phase.lowest
    if started is None:
        return None
    if lowest > 0:
        return _come(stands.shares, started, lowest)
    back = next((each for each in reversed(stands.rollbacks) if each.phase in {phase.name, ""}), None)
    if back is None:
        return started
    again = (each for each in stands.shares if each.since >= back.at and each.kind is not Kind.ROLLBACK)
    return next((each.since for each in again if each.percentage > _percent(back)), None)


def _come(shares: Sequence[Share], started: datetime, lowest: float) -> datetime | None:
    before = [share for share in shares if share.since <= started][-1:]
    here: datetime | None = None
    for share in (*before, *(share for share in shares if share.since > started)):
        if share.percentage < lowest - TOLERANCE:
            here = None
        elif here is None or share.kind is Kind.ROLLBACK:
            here = max(share.since, started)
    return here


def row_since(phase: Phase, stands: Status) -> datetime | None:
    """Since when days in a row may be green, which is after a rollback; None before the phase began."""
    if stands.phase_started is None:
        return None
    back = [each.at for each in stands.rollbacks if each.phase in {phase.name, ""}]
    known = [stands.phase_started, begun_anew(phase, stands), *back]
    return max((each for each in known if each is not None), default=None)


def released(entries: Iterable[Entry], phase: Phase, plan: Plan) -> tuple[Span, ...]:
    """When the release was in: from the start of a phase that is held against its past, or from its first traffic.

    Until a rollback to nothing, or until its traffic was taken away.
    """
    judged = {phase.name, *(each.name for each in plan.phases.values() if _refers(each))}
    spans: list[Span] = []
    since: datetime | None = None
    served = 0.0
    for entry in sorted(entries, key=lambda each: each.at):
        percent = _percent(entry) if entry.kind in _SHARES else None
        if since is None and (_begins(entry, judged) or (percent or 0.0) > 0):
            since = entry.at
        elif since is not None and percent == 0 and (served > 0 or entry.kind is Kind.ROLLBACK):
            spans.append((since, entry.at))
            since = None
        served = served if percent is None else percent
    return (*spans, (since, None)) if since is not None else tuple(spans)


_SHARES = frozenset({Kind.PERCENTAGE, Kind.STAGE_START, Kind.ROLLBACK})


def _begins(entry: Entry, phases: Collection[str]) -> bool:
    return entry.kind is Kind.PHASE_START and entry.phase in phases


def _refers(phase: Phase) -> bool:
    return any(budget.against == BASELINE for budget in phase.budgets.values())


def _percent(entry: Entry) -> float:
    found = entry.body.get("percentage")
    return float(found) if isinstance(found, float | int) and not isinstance(found, bool) else 0.0
