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

from pytest_rollout.decisions import Decision
from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.streaks import clean_hours, green_days
from pytest_rollout.ledger.timeline import STATUS_KINDS, status
from pytest_rollout.plan.conditions import SEVERITIES
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase, percent_text
from pytest_rollout.presence import begun_anew, released, row_since
from pytest_rollout.remembered import Remembered, Streak
from pytest_rollout.stages import TOLERANCE, reached

if TYPE_CHECKING:
    from pytest_rollout.ledger.entries import Entry
    from pytest_rollout.ledger.evaluations import Evaluation
    from pytest_rollout.ledger.ledger import Ledger
    from pytest_rollout.ledger.streaks import Streak as RowStreak
    from pytest_rollout.ledger.timeline import Incident, Share

_TOLD = STATUS_KINDS - {Kind.BASELINE}
"""What tells of a rollout's past; references may stand in a ledger before anything has happened."""

_BEGINS = frozenset({Kind.PHASE_START, Kind.STAGE_START})
"""What begins a phase, or a stage of it, anew: a PROCEED before was about another release."""


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
    before = {name: _ended(ledger, subject, name, entries) for name in phase.conditions.after}
    over = [(each.stage, each.at) for each in evaluations if each.proceeds]
    served = _served(stands.shares, stands.phase_started)
    row = row_since(phase, stands)
    come = reached(phase, served, over, at=at)
    return Remembered(
        known=bool(entries or judged)
        or ledger.last(rollout, environment, kinds=[Kind.EVALUATION], until=at) is not None,
        before={name: said for name, said in before.items() if said},
        started=stands.phase_started,
        begun=begun_anew(phase, stands),
        released=released(entries, phase, subject.plan),
        percent=stands.share.percentage if stands.share else None,
        reached=come.percent,
        over=come.over,
        traffic=_traffic(served),
        since=_since(stands.shares, percent, stands.phase_started),
        green=_streak(green_days, evaluations, subject, phase, row),
        clean=_streak(clean_hours, evaluations, subject, phase, row),
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
) -> Streak:
    """How long a row is, whether the plan asks or only a gate; unknown where the plan judges too rarely for one."""
    policies = {"missing": phase.conditions.missing, "information": phase.conditions.information}
    try:
        found = count(evaluations, at=subject.at, every=subject.plan.every, since=since, **policies)
    except ValueError as error:
        return Streak(count=0, unknown=str(error))
    return Streak(count=found.length, why=found.why)


def _served(shares: Sequence[Share], started: datetime | None) -> tuple[tuple[float, datetime], ...]:
    """What was served since the phase began, each time that it was set; what was set before counts from then."""
    if started is None:
        return ()
    before = [(share.percentage, started) for share in shares if share.since <= started][-1:]
    return (*before, *((share.percentage, share.since) for share in shares if share.since > started))


def _traffic(served: Sequence[tuple[float, datetime]]) -> tuple[tuple[float, datetime], ...]:
    """The same without what is only set once more."""
    return tuple(each for place, each in enumerate(served) if place == 0 or served[place - 1][0] != each[0])


def _since(shares: Sequence[Share], percent: float | None, started: datetime | None) -> datetime | None:
    """Since when the traffic is what is served now, in this phase.

    A stage that begins again and a rollback begin it anew, whatever was
    served before. None where the ledger last heard of another percentage, and
    where the phase begins with this run: what was served in an earlier one
    says nothing of it.
    """
    since = None
    for share in reversed(shares):
        if percent is None or not math.isclose(share.percentage, percent, abs_tol=TOLERANCE):
            break
        since = share.since
        if share.kind is not Kind.PERCENTAGE:
            break
    return max(since, started) if since is not None and started is not None else None


def _open_incidents(incidents: Iterable[Incident], worst: str) -> tuple[str, ...]:
    """Incidents that are not resolved, of this severity or worse; one of a severity that nobody knows counts."""
    lighter = SEVERITIES[SEVERITIES.index(worst) + 1 :] if worst else SEVERITIES[2:]
    return tuple(
        f"{each.name} ({each.severity}): {each.title}"
        for each in incidents
        if each.resolved is None and each.severity not in lighter
    )


def _ended(ledger: Ledger, subject: Subject, name: str, entries: Sequence[Entry]) -> str:
    """PROCEED where a phase is over; else why it is not; empty where it was never judged.

    What a phase said at a stage before its last, before it began again, or
    before it was taken back, is not its end. A rollback that names no phase
    is one of them all.
    """
    entry = _last_word(ledger, subject, name)
    if entry is None:
        return ""
    decision, mode = str(entry.body.get("decision")), entry.body.get("mode")
    if mode != "live" or decision != Decision.PROCEED.value:
        return f"{name} was last judged {decision if mode == 'live' else f'by a run of the mode {mode}'}"
    said = f"{name} said {decision} at {entry.at:%Y-%m-%d %H:%M} UTC"
    phase = subject.plan.phases[name]
    stages = phase.stages
    if stages and entry.stage != stages[-1].name:
        return f"{said}, when it was at {entry.stage or 'no stage'}: its last stage is {stages[-1].name}"
    begun = [each.at for each in entries if each.kind in _BEGINS and each.phase == name]
    if begun and max(begun) > entry.at:
        return f"{said}, and began again at {max(begun):%Y-%m-%d %H:%M} UTC"
    full = stages[-1].percent if stages else phase.traffic or 0.0
    last = max((each for each in entries if _back(each, name, full)), key=lambda each: each.at, default=None)
    if last is not None and last.at >= entry.at:
        return f"{said}, and was taken back {_to(last)}at {last.at:%Y-%m-%d %H:%M} UTC"
    return decision


def _last_word(ledger: Ledger, subject: Subject, name: str) -> Entry | None:
    """The last evaluation of a phase; None where there is none.

    Of two runs at once, the one that looked first may be the one that is
    written last: what was seen since, and was no go, is not undone by it.
    """
    rollout, environment, kinds = subject.plan.rollout, subject.environment, [Kind.EVALUATION]
    last = ledger.last(rollout, environment, kinds=kinds, phase=name, until=subject.at)
    if last is None:
        return None
    seen = ledger.entries(rollout, environment, kinds=kinds, phase=name, since=last.at, until=subject.at)
    return next((each for each in reversed(seen) if each.body.get("decision") != Decision.PROCEED.value), last)


def _back(entry: Entry, name: str, full: float) -> bool:
    """Whether an entry takes a phase back: as a rollback, or to less traffic than it, or its last stage, has.

    No traffic at all is none of any phase, where the entry names none.
    """
    if entry.kind is Kind.ROLLBACK:
        return entry.phase in {name, ""}
    percent = entry.body.get("percentage")
    about = entry.phase == name or (entry.phase == "" and percent == 0)
    known = entry.kind is Kind.PERCENTAGE and about and isinstance(percent, float | int)
    return known and percent < full - TOLERANCE  # type: ignore[operator]  # it is a number then


def _to(back: Entry) -> str:
    percent = back.body.get("percentage")
    return f"to {percent_text(percent)} " if isinstance(percent, float | int) else ""


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
