"""Remembering: what a gate may ask of time and people: `history`, `approvals`, `stage`.

Each answer is an exact reading as of the run's instant, unknown with its
reason where the past cannot be read, and known to the gate that asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pytest_rollout.claims import GateClaims
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError, SourceError, listed
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.provenance import Provenance
from pytest_rollout.remembered import Remembered, Streak
from pytest_rollout.waiting import NEW, Waiting


@dataclass(frozen=True)
class History:
    """`history.green_days` and the like: what the ledger says of the gate's phase, as exact readings."""

    _waiting: Callable[[], Waiting]
    _claims: GateClaims

    @property
    def green_days(self) -> Reading:
        """Green days in a row up to now."""
        return self._row("green days", lambda past: past.green)

    @property
    def clean_hours(self) -> Reading:
        """Clean hours in a row up to now."""
        return self._row("clean hours", lambda past: past.clean)

    @property
    def time_in_phase(self) -> Reading:
        """How long the phase has lasted."""
        return self._reading("time in phase", lambda past, at: _hours(past.started, at), unit="h")

    @property
    def time_at_stage(self) -> Reading:
        """How long the traffic has been what it is."""
        return self._reading("time at this stage", lambda past, at: _hours(past.since, at), unit="h")

    @property
    def incidents(self) -> Reading:
        """Open incidents of the severity that the phase names, or worse."""
        return self._listed("open incidents", lambda past: past.incidents)

    @property
    def interventions(self) -> Reading:
        """Interventions by hand since the phase began."""
        return self._listed("interventions", lambda past: past.interventions)

    @property
    def rollbacks(self) -> Reading:
        """Rollbacks since the phase began."""
        return self._reading("rollbacks", lambda past, _: past.rollbacks, absent=True)

    @property
    def evaluations(self) -> Reading:
        """How often the phase was judged before this run."""
        return self._reading("evaluations", lambda past, _: past.evaluations)

    def _listed(self, name: str, found: Callable[[Remembered], tuple[str, ...]]) -> Reading:
        """So many of what is named one by one."""
        return self._reading(
            name, lambda past, _: len(found(past)), why=lambda past: "; ".join(found(past)), absent=True
        )

    def _row(self, name: str, row: Callable[[Remembered], Streak]) -> Reading:
        """A row that the plan need not ask for; doubt where it judges too rarely for one."""
        found = self._reading(name, lambda past, _: row(past).count, why=lambda past: row(past).why)
        if math.isnan(found.value):
            return found
        unknown = row(self._waiting().past).unknown
        return replace(Reading.unknown(unknown, name=name), sources=found.sources) if unknown else found

    def _reading(
        self,
        name: str,
        count: Callable[[Remembered, datetime], float],
        *,
        unit: str = "",
        why: Callable[[Remembered], str] = lambda _: "",
        absent: bool = False,
    ) -> Reading:
        read = self._claims.read(name)
        try:
            waiting = self._waiting()
        except SourceError as error:
            return _unknown(str(error), name, read, reason=error.reason)
        if absent and not waiting.past.known:
            return _unknown(NEW, name, read)
        found = Reading.exactly(
            count(waiting.past, waiting.at),
            unit,
            name=name,
            provenance=Provenance(source="ledger", at=waiting.at),
        )
        return replace(found, why=why(waiting.past), sources=frozenset({read}))


def _unknown(why: str, name: str, read: int, *, reason: Reason = Reason.NO_DATA, source: str = "ledger") -> Reading:
    """What the ledger, or the signatures, cannot say; a verdict names which of them."""
    unknown = Reading.unknown(why, reason=reason, name=name, provenance=Provenance(source=source))
    return replace(unknown, sources=frozenset({read}))


def _hours(since: datetime | None, at: datetime) -> float:
    return (at - since).total_seconds() / 3600 if since is not None else 0.0


@dataclass(frozen=True)
class Approvals:
    """`approvals("engineering")`: how many people of a role have signed for what comes next."""

    _waiting: Callable[[], Waiting]
    _claims: GateClaims

    def __call__(self, role: str) -> Reading:
        """So many valid signatures; what does not count is in the reading's `why`.

        Raises:
            QuestionError: The phase asks no such role to sign.
        """
        name = f"signatures of {role}"
        read = self._claims.read(name)
        try:
            waiting = self._waiting()
        except SourceError as error:
            return _unknown(str(error), name, read, reason=error.reason)
        if role not in waiting.roles:
            raise QuestionError(
                f"{waiting.phase.name} asks no '{role}' to sign; it asks {listed(waiting.roles)}: "
                "write it below 'exit: approvals:' of the phase, or at a stage"
            )
        if waiting.past.unsigned:
            return _unknown(waiting.past.unsigned, name, read, source="signatures")
        signed = waiting.past.signed.get(role)
        by = signed.by if signed else ()
        provenance = Provenance(source="signatures", at=waiting.at)
        reading = Reading.exactly(len(by), name=name, provenance=provenance)
        why = "; ".join([*by, *(signed.refused if signed else ())])
        return replace(reading, why=why, sources=frozenset({read}))


@dataclass(frozen=True)
class StageNow:
    """`stage.current` and `stage.next`: percentages of traffic."""

    _waiting: Callable[[], Waiting]
    _claims: GateClaims
    _served: Callable[[], Estimate]

    @property
    def current(self) -> Estimate:
        """How much traffic is served now, by the metric that the plan names.

        Raises:
            QuestionError: The plan names none.
        """
        return self._served()

    @property
    def next(self) -> Reading:
        """How much the plan serves next; unknown at the last stage, and where this one is unknown."""
        read = self._claims.read("next traffic")
        name = "next traffic"
        try:
            following = self._waiting().standing.next
        except SourceError as error:
            return _unknown(str(error), name, read, reason=error.reason)
        if following is None:
            unknown = Reading.unknown("there is no further stage", name=name, unit="%")
            return replace(unknown, sources=frozenset({read}))
        return replace(Reading.exactly(following.percent, "%", name=name), sources=frozenset({read}))
