"""A phase's past: what a ledger says of it, as of one instant, as plain facts.

Entries in, `Remembered` out. Who has signed is read elsewhere, and so is the
traffic that is served now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.streaks import clean_hours, green_days
from pytest_rollout.ledger.timeline import STATUS_KINDS, status
from pytest_rollout.plan.conditions import SEVERITIES
from pytest_rollout.plan.model import Phase, Plan
from pytest_rollout.remembered import Remembered, Streak
from pytest_rollout.stages import TOLERANCE, reached

if TYPE_CHECKING:
    from pytest_rollout.ledger.ledger import Ledger
    from pytest_rollout.ledger.streaks import Evaluation
    from pytest_rollout.ledger.streaks import Streak as RowStreak
    from pytest_rollout.ledger.timeline import Incident, Share

_TOLD = STATUS_KINDS - {Kind.BASELINE}
"""What tells of a rollout's past; references may stand in a ledger before anything has happened."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose past it is, as of when."""

    plan: Plan
    environment: str
    at: datetime


def phase_past(ledger: Ledger, subject: Subject, phase: Phase, percent: float | None) -> Remembered:
    """What a ledger says of one phase, with the traffic that is served now; who has signed is not in it.

    Raises:
        LedgerError: An entry is not what was written, or the database fails.
    """
    rollout, environment, at = subject.plan.rollout, subject.environment, subject.at
    entries = ledger.entries(rollout, environment, kinds=_TOLD, until=at)
    stands = status(entries, phase=phase.name, at=at)
    judged = ledger.evaluations(rollout, environment, phase.name, until=at)
    evaluations = [each for each in judged if stands.phase_started is None or each.at >= stands.phase_started]
    before = {name: _last_decision(ledger, subject, name) for name in phase.conditions.after}
    over = [(each.stage, each.at) for each in judged if each.proceeds]
    come = reached(phase, ((share.percentage, share.since) for share in stands.shares), over, at=at)
    return Remembered(
        known=bool(entries or judged)
        or ledger.last(rollout, environment, kinds=[Kind.EVALUATION], until=at) is not None,
        before={name: decision for name, decision in before.items() if decision},
        started=stands.phase_started,
        percent=stands.share.percentage if stands.share else None,
        reached=come.percent,
        over=come.over,
        traffic=_traffic(stands.shares, stands.phase_started),
        since=_since(stands.shares, percent),
        green=_streak(green_days, evaluations, subject, phase, stands.phase_started, phase.conditions.green),
        clean=_streak(clean_hours, evaluations, subject, phase, stands.phase_started, phase.conditions.clean),
        incidents=_open_incidents(stands.incidents, phase.conditions.incidents),
        interventions=tuple(
            f"{each.body.get('what')} ({each.body.get('by')}, {each.at:%Y-%m-%d %H:%M} UTC)"
            for each in stands.interventions
        ),
        rollbacks=len(stands.rollbacks),
        evaluations=len(evaluations),
    )


def _streak(
    count: Callable[..., RowStreak],
    evaluations: Sequence[Evaluation],
    subject: Subject,
    phase: Phase,
    since: datetime | None,
    wanted: int | None,
) -> Streak:
    """How long a row is, where the phase asks."""
    if wanted is None:
        return Streak(count=0)
    policies = {"missing": phase.conditions.missing, "information": phase.conditions.information}
    found = count(evaluations, at=subject.at, every=subject.plan.every, since=since, **policies)
    return Streak(count=found.length, why=found.why)


def _traffic(shares: Sequence[Share], started: datetime | None) -> tuple[tuple[float, datetime], ...]:
    """Every percentage since the phase began; what was set before counts from its beginning."""
    if started is None:
        return ()
    before = [(share.percentage, started) for share in shares if share.since <= started][-1:]
    found = [*before, *((share.percentage, share.since) for share in shares if share.since > started)]
    return tuple(each for place, each in enumerate(found) if place == 0 or found[place - 1][0] != each[0])


def _since(shares: Sequence[Share], percent: float | None) -> datetime | None:
    """Since when the traffic is what is served now; None where the ledger last heard of another percentage."""
    since = None
    for share in reversed(shares):
        if percent is None or not math.isclose(share.percentage, percent, abs_tol=TOLERANCE):
            break
        since = share.since
    return since


def _open_incidents(incidents: Iterable[Incident], worst: str) -> tuple[str, ...]:
    """Incidents that are not resolved, of this severity or worse; one of a severity that nobody knows counts."""
    lighter = SEVERITIES[SEVERITIES.index(worst) + 1 :] if worst else SEVERITIES[2:]
    return tuple(
        f"{each.name} ({each.severity}): {each.title}"
        for each in incidents
        if each.resolved is None and each.severity not in lighter
    )


def _last_decision(ledger: Ledger, subject: Subject, phase: str) -> str:
    """The last decision on a phase; empty where there is none."""
    entry = ledger.last(
        subject.plan.rollout, subject.environment, kinds=[Kind.EVALUATION], phase=phase, until=subject.at
    )
    if entry is None:
        return ""
    decision, mode = entry.body.get("decision"), entry.body.get("mode")
    return str(decision) if mode == "live" else f"by a run of the mode {mode}"


def given_receipts(ledger: Ledger, subject: Subject, phase: str, moments: Iterable[datetime]) -> frozenset[str]:
    """The digests of every `verdict.json` that runs left about a phase, of those evaluated in these seconds.

    Raises:
        LedgerError: An entry is not what was written, or the database fails.
    """
    found: set[str] = set()
    for moment in set(moments):
        entries = ledger.entries(
            subject.plan.rollout,
            subject.environment,
            kinds=[Kind.RECEIPT],
            phase=phase,
            since=moment.replace(microsecond=0),
            until=moment.replace(microsecond=999_999),
        )
        found |= {str(entry.body.get("receipt", "")) for entry in entries}
    return frozenset(found)
