"""The timeline: where a rollout stands, from its entries.

Pure: entries in the order in which they were recorded go in, facts come out.
What was recorded last is in force; what speaks of a time after `at` has not
happened yet. A start that is not there is None, never now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.ledger.drafts import SEVERITIES
from pytest_rollout.ledger.entries import Entry, Kind

BLOCKING = frozenset(SEVERITIES[:2])
"""Severities of incidents that block a rollout until they are resolved."""
STATUS_KINDS = frozenset(Kind) - {Kind.EVALUATION, Kind.RECEIPT}
"""What `status` needs besides the last evaluation: of these there are few."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """From `since` on, so many per cent of the traffic; `kind` says what set it, `by` who."""

    percentage: float
    since: datetime
    kind: Kind
    phase: str = ""
    stage: str = ""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One incident; `resolved` is None while it is open."""

    name: str
    severity: str
    title: str
    opened: datetime
    resolved: datetime | None = None

    @property
    def blocks(self) -> bool:
        """Whether it is open and severe; a severity that nobody knows is severe."""
        return self.resolved is None and (self.severity in BLOCKING or self.severity not in SEVERITIES)


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where one phase stands, as of `at`.

    Attributes:
        phase: Its name.
        at: As of when.
        phase_started: When it began last; None when it has not.
        held_for: How long ago that is; None when it has not begun.
        stage: The stage that was started last in it, and not taken back since.
        stage_started: When; None when there is none.
        stage_held_for: How long the percentage has been what it is since then.
        share: The percentage that is in force, whoever set it; None when nobody did.
        shares: Every change of the percentage, in order.
        incidents: All of them, the open ones too.
        rollbacks: Since the phase began; all when it has not.
        interventions: As `rollbacks`.
        evaluated: The last evaluation that was recorded; None when there is none.
        recorded_late: How long after `phase_started` that was recorded: more
            than a moment means that somebody wrote it down afterwards.
    """

    phase: str
    at: datetime
    phase_started: datetime | None = None
    held_for: timedelta | None = None
    stage: str = ""
    stage_started: datetime | None = None
    stage_held_for: timedelta | None = None
    share: Share | None = None
    shares: tuple[Share, ...] = ()
    incidents: tuple[Incident, ...] = ()
    rollbacks: tuple[Entry, ...] = ()
    interventions: tuple[Entry, ...] = ()
    evaluated: Entry | None = None
    recorded_late: timedelta = timedelta()

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Those that block: open, and SEV1 or SEV2."""
        return tuple(each for each in self.incidents if each.blocks)


def status(entries: Iterable[Entry], *, phase: str, at: datetime) -> Status:
    """The facts of one phase.

    Args:
        entries: Of one rollout in one environment, in the order in which they
            were recorded; evaluations may be left out but for the last.
        phase: Its name.
        at: As of when.
    """
    known = [entry for entry in entries if entry.at <= at]
    begun = _last(known, Kind.PHASE_START, phase)
    started = begun.at if begun else None
    changes = shares(known)
    share = changes[-1] if changes else None
    stage = _stage(known, phase, begun)
    evaluated = _last(known, Kind.EVALUATION, phase)
    since = {
        kind: tuple(each for each in known if each.kind is kind and (started is None or each.at >= started))
        for kind in (Kind.ROLLBACK, Kind.INTERVENTION)
    }
    return Status(
        phase=phase,
        at=at,
        phase_started=started,
        held_for=at - started if started else None,
        stage=stage.stage if stage else "",
        stage_started=stage.at if stage else None,
        stage_held_for=at - max(stage.at, share.since) if stage and share else None,
        share=share,
        shares=changes,
        incidents=incidents(known, at=at),
        rollbacks=since[Kind.ROLLBACK],
        interventions=since[Kind.INTERVENTION],
        evaluated=evaluated,
        recorded_late=begun.recorded_at - begun.at if begun else timedelta(),
    )


def _last(entries: Sequence[Entry], kind: Kind, phase: str) -> Entry | None:
    return next((each for each in reversed(entries) if each.kind is kind and each.phase == phase), None)


def _stage(entries: Sequence[Entry], phase: str, begun: Entry | None) -> Entry | None:
    """The start of the stage that runs: none once the release was taken back, or the phase has begun again."""
    for entry in reversed(entries):
        if entry.kind is Kind.STAGE_START:
            return entry if entry.phase == phase else None
        if entry.kind is Kind.ROLLBACK or entry is begun:
            return None
    return None


def shares(entries: Iterable[Entry]) -> tuple[Share, ...]:
    """Every change of the percentage; a start, or the same number again, begins no new share unless a stage does."""
    found: list[Share] = []
    for entry in entries:
        if entry.kind not in {Kind.PERCENTAGE, Kind.STAGE_START, Kind.ROLLBACK}:
            continue
        value = entry.body.get("percentage")
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        same = bool(found) and found[-1].percentage == value
        if not same or entry.kind is not Kind.PERCENTAGE:
            found.append(
                Share(
                    percentage=float(value),
                    since=entry.at,
                    kind=entry.kind,
                    phase=entry.phase,
                    stage=entry.stage,
                    by=str(entry.body.get("by", "")),
                )
            )
    return tuple(found)


def incidents(entries: Iterable[Entry], *, at: datetime) -> tuple[Incident, ...]:
    """Every incident that had begun, by its beginning; one that is resolved later is still open."""
    found: dict[str, Incident] = {}
    for entry in entries:
        if entry.kind is not Kind.INCIDENT or entry.at > at:
            continue
        body, name = entry.body, str(entry.body.get("incident", ""))
        before = found.get(name)
        if body.get("state") == "resolved" and before is not None:
            found[name] = _changed(before, resolved=entry.at)
        elif body.get("state") != "resolved":
            severity, title = str(body.get("severity", "")), str(body.get("title", ""))
            if before is not None and before.resolved is None:  # two wrote at once: it is as bad as either says
                severity = min((before.severity, severity), key=_badness)
            found[name] = Incident(name=name, severity=severity, title=title, opened=entry.at)
    return tuple(sorted(found.values(), key=lambda each: (each.opened, each.name)))


def _badness(severity: str) -> int:
    """The worst is the least; what nobody knows may be worse than any."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def _changed(incident: Incident, *, resolved: datetime) -> Incident:
    return Incident(
        name=incident.name,
        severity=incident.severity,
        title=incident.title,
        opened=incident.opened,
        resolved=resolved,
    )
