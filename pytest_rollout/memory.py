"""Memory: what the ledger and the signatures say of one rollout, in one environment, as of one instant.

Everything that a run reads of them passes through its answer book: all
workers are told the same, it is part of the evidence, and a replay is told it
again. A ledger that cannot be read is doubt, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import LedgerError, RolloutError, SourceError
from pytest_rollout.estimates import Estimate
from pytest_rollout.plan.conditions import SEVERITIES
from pytest_rollout.plan.model import Environment, Metric, Phase, Plan
from pytest_rollout.quantities import format_duration
from pytest_rollout.readings import Readings
from pytest_rollout.recorded import RecordedBaseline, asked_of
from pytest_rollout.remembered import Remembered, Streak
from pytest_rollout.stages import TOLERANCE, Standing, reached
from pytest_rollout.waiting import Waiting

if TYPE_CHECKING:
    from pytest_rollout.ledger.ledger import Ledger
    from pytest_rollout.ledger.streaks import Evaluation
    from pytest_rollout.ledger.streaks import Streak as LedgerStreak
    from pytest_rollout.ledger.timeline import Incident, Share
    from pytest_rollout.receipt import Run
    from pytest_rollout.signatures import Signatures
    from pytest_rollout.verdict import Verdict

_SECONDS = 20.0


@dataclass(frozen=True)
class Memory:
    """What is remembered of one rollout.

    Args:
        plan: The rollout's plan.
        environment: Where it is judged, opened.
        at: The run's instant, UTC.
        readings: What its sources say; the traffic is one of its metrics.
    """

    plan: Plan
    environment: Environment
    at: datetime
    readings: Readings

    def waiting(self, phase: str) -> Waiting:
        """What a phase waits for.

        Raises:
            SourceError: The past cannot be read.
        """
        declared = self.plan.phases[phase]
        percent = self._percent(declared)
        served = None if percent is None or math.isnan(percent.value) else percent.value
        past = self.past(declared, served)
        standing = Standing(phase=declared, percent=served, since=past.since, reached=past.reached, at=self.at)
        return Waiting(phase=declared, standing=standing, past=past, at=self.at, percent=percent)

    def past(self, phase: Phase, percent: float | None) -> Remembered:
        """What was before, with the traffic that is served now.

        Raises:
            SourceError: The ledger or the signatures cannot be read.
        """
        found = self._shared(("past", phase.name), lambda ledger: _past(self, ledger, phase, percent).as_json())
        try:
            return Remembered.from_json(found)
        except ValueError as error:
            raise SourceError(str(error)) from None

    def baseline(self, metric: Metric) -> RecordedBaseline:
        """What was recorded of a metric, if it counts.

        Raises:
            SourceError: There is none, or it is old, thin, or of another question; or the ledger cannot be read.
        """
        found = self._shared(("baseline", metric.name), lambda ledger: self._recorded(ledger, metric))
        if not isinstance(found, Mapping):
            raise SourceError("what was recorded as a baseline is damaged")
        try:
            recorded = RecordedBaseline.from_json(found)
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"the baseline of {metric.name} is damaged: {error}") from None
        age = self.at - recorded.recorded_at
        if recorded.unit != metric.unit or recorded.asked != asked_of(metric):
            raise SourceError(
                f"the baseline of {metric.name} was recorded with another query or unit", reason=Reason.INVALID
            )
        if age > self.plan.baseline_age:
            allowed = format_duration(self.plan.baseline_age)
            why = f"the baseline of {metric.name} is {format_duration(age)} old, and the plan allows {allowed}"
            raise SourceError(why, reason=Reason.STALE)
        return recorded

    @property
    def signatures(self) -> Signatures:
        """What lies signed for this rollout."""
        from pytest_rollout.signatures import Signatures

        return Signatures(plan=self.plan, environment=self.environment, at=self.at)

    def record(self, verdict: Verdict, run: Run, *, recorded_at: datetime) -> None:
        """Write what a run decided, and what it saw for the first time: that the phase began, that traffic changed.

        Raises:
            LedgerError: The ledger could not take it, and nothing of it was written.
        """
        phase = self.plan.phases.get(verdict.phase)
        if phase is None or not self.environment.ledger:
            return
        from pytest_rollout.ledger import drafts
        from pytest_rollout.ledger.ledger import open_ledger

        rollout, environment = self.plan.rollout, self.environment.name
        by = f"run {run.run_id}"
        blocked = any(because.code == Reason.PREREQUISITE for because in verdict.reasons)
        written = []
        with closing(open_ledger(self.environment.ledger, self.plan.folder)) as ledger:
            past = _past(self, ledger, phase, verdict.traffic.current)
            if past.started is None and not blocked:
                written.append(
                    drafts.phase_start(rollout=rollout, environment=environment, at=self.at, phase=phase.name, by=by)
                )
            now = verdict.traffic.current
            if now is not None and (past.percent is None or not math.isclose(past.percent, now, abs_tol=TOLERANCE)):
                written.append(
                    drafts.percentage(
                        rollout=rollout,
                        environment=environment,
                        at=self.at,
                        phase=phase.name,
                        percentage=now,
                        by=f"seen by {by}",
                    )
                )
            told = drafts.Run(
                run_id=run.run_id,
                mode=run.mode,
                exit_code=run.exit_code,
                git=run.git,
                embedded=run.embedded,
                fault=run.fault,
            )
            written.append(
                drafts.evaluation(verdict, told, environment=environment, at=self.at, stage=verdict.traffic.stage)
            )
            ledger.append_all(written, recorded_at=recorded_at)

    def _percent(self, phase: Phase) -> Estimate | None:
        if not self.plan.percentage or (not phase.stages and phase.traffic is None):
            return None
        return self.readings.metric(self.plan.percentage)

    def _shared(self, key: tuple[str, ...], read: Callable[[Ledger], object]) -> object:
        where = ("ledger", "ledger", self.environment.name, *key, self.at.isoformat())
        return self.readings.answers.share(where, lambda: self._opened(read), _SECONDS)

    def _opened(self, read: Callable[[Ledger], object]) -> object:
        """Read from the ledger; whatever goes wrong there is no answer."""
        if not self.environment.ledger:
            raise SourceError(f"environment '{self.environment.name}' names no ledger\nwrite 'ledger:' in the plan")
        from pytest_rollout.ledger.ledger import open_ledger

        try:
            with closing(open_ledger(self.environment.ledger, self.plan.folder)) as ledger:
                return read(ledger)
        except LedgerError as error:
            raise SourceError(f"the ledger cannot be read: {error}") from None
        except RolloutError as error:
            raise SourceError(str(error)) from None

    def _recorded(self, ledger: Ledger, metric: Metric) -> Mapping[str, object]:
        from pytest_rollout.ledger.entries import Kind

        entries = ledger.entries(self.plan.rollout, self.environment.name, kinds=[Kind.BASELINE], until=self.at)
        for entry in reversed(entries):
            if entry.body.get("metric") == metric.name:
                return dict(entry.body)
        others = [name for rollout, name in ledger.subjects() if rollout == self.plan.rollout]
        elsewhere = [
            name
            for name in others
            if name != self.environment.name
            and any(
                each.body.get("metric") == metric.name
                for each in ledger.entries(self.plan.rollout, name, kinds=[Kind.BASELINE])
            )
        ]
        other = f"; the one of environment '{elsewhere[0]}' is of another system" if elsewhere else ""
        raise SourceError(f"no baseline of {metric.name} was recorded in '{self.environment.name}'{other}")


def _past(memory: Memory, ledger: Ledger, phase: Phase, percent: float | None) -> Remembered:
    from pytest_rollout.ledger.entries import Kind
    from pytest_rollout.ledger.streaks import clean_hours, green_days
    from pytest_rollout.ledger.timeline import STATUS_KINDS, status

    rollout, environment, at = memory.plan.rollout, memory.environment.name, memory.at
    entries = ledger.entries(rollout, environment, kinds=STATUS_KINDS - {Kind.BASELINE}, until=at)
    stands = status(entries, phase=phase.name, at=at)
    evaluations = ledger.evaluations(rollout, environment, phase.name, since=stands.phase_started, until=at)
    signatures = memory.signatures
    here = Standing(phase=phase, percent=percent, since=None, reached=None, at=at)
    statements, refused = signatures.said(phase)
    before = {name: _last_decision(ledger, memory, name) for name in phase.conditions.after}
    return Remembered(
        before={name: decision for name, decision in before.items() if decision},
        started=stands.phase_started,
        percent=stands.share.percentage if stands.share else None,
        reached=reached(phase, (share.percentage for share in stands.shares)),
        traffic=_traffic(stands.shares, stands.phase_started),
        since=_since(stands.shares, percent),
        green=_streak(green_days, evaluations, memory, phase, stands.phase_started, phase.conditions.green),
        clean=_streak(clean_hours, evaluations, memory, phase, stands.phase_started, phase.conditions.clean),
        signed=signatures.signed(phase, here.stage.name if here.stage else "", here.roles),
        statements=statements,
        refused=refused,
        incidents=_open_incidents(stands.incidents, phase.conditions.incidents),
        interventions=tuple(
            f"{each.body.get('what')} ({each.body.get('by')}, {each.at:%Y-%m-%d %H:%M} UTC)"
            for each in stands.interventions
        ),
        rollbacks=len(stands.rollbacks),
        evaluations=len(evaluations),
    )


def _streak(
    count: Callable[..., LedgerStreak],
    evaluations: Sequence[Evaluation],
    memory: Memory,
    phase: Phase,
    since: datetime | None,
    wanted: int | None,
) -> Streak:
    """How long a row is, where the phase asks."""
    if wanted is None:
        return Streak(count=0)
    policies = {"missing": phase.conditions.missing, "information": phase.conditions.information}
    found = count(evaluations, at=memory.at, every=memory.plan.every, since=since, **policies)
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


def _last_decision(ledger: Ledger, memory: Memory, phase: str) -> str:
    """The last decision on a phase; empty where there is none."""
    from pytest_rollout.ledger.entries import Kind

    entry = ledger.last(
        memory.plan.rollout, memory.environment.name, kinds=[Kind.EVALUATION], phase=phase, until=memory.at
    )
    if entry is None:
        return ""
    decision, mode = entry.body.get("decision"), entry.body.get("mode")
    return str(decision) if mode == "live" else f"by a run of the mode {mode}"
