"""Memory: what the ledger and the signatures say of one rollout, in one environment, as of one instant.

Everything that a run reads of them passes through its answer book: all
workers are told the same, it is part of the evidence, and a replay is told it
again. A ledger that cannot be read is doubt, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Decision
from pytest_rollout.errors import LedgerError, RolloutError, SignoffError, SourceError
from pytest_rollout.estimates import Estimate
from pytest_rollout.plan.environment import Environment
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Phase
from pytest_rollout.quantities import format_duration
from pytest_rollout.readings import Readings
from pytest_rollout.recorded import RecordedBaseline, newest_baseline
from pytest_rollout.remembered import Remembered
from pytest_rollout.stages import TOLERANCE, Reached, Standing
from pytest_rollout.verdict import Pin
from pytest_rollout.waiting import Waiting

if TYPE_CHECKING:
    from pytest_rollout.actions.outcome import Outcome
    from pytest_rollout.ledger.checking import Head
    from pytest_rollout.ledger.drafts import Run as Told
    from pytest_rollout.ledger.entries import Draft
    from pytest_rollout.ledger.ledger import Ledger
    from pytest_rollout.phase_past import Subject
    from pytest_rollout.signatures import Signatures
    from pytest_rollout.verdict import Verdict

_SECONDS = 20.0
_CLOCKS_MAY_DIFFER = timedelta(seconds=60)


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
        before = Reached(percent=past.reached, over=past.over)
        standing = Standing(
            phase=declared,
            percent=served,
            since=past.since,
            reached=before,
            at=self.at,
            steps=self.plan.partial_steps,
            watch=self.plan.partial_watch,
        )
        return Waiting(
            phase=declared,
            standing=standing,
            past=past,
            at=self.at,
            folder=self.plan.folder,
            environment=self.environment.name,
            percent=percent,
        )

    def past(self, phase: Phase, percent: float | None) -> Remembered:
        """What was before, with the traffic that is served now.

        Raises:
            SourceError: The ledger or the signatures cannot be read.
        """
        found = self._shared(("past", phase.name), lambda ledger: self._past(ledger, phase, percent).as_json())
        try:
            return Remembered.from_json(found)
        except ValueError as error:
            raise SourceError(str(error)) from None

    def baseline(self, metric: Metric) -> RecordedBaseline:
        """What was recorded of a metric, if it counts.

        Raises:
            SourceError: There is none, or it is old or of another question; or the ledger cannot be read.
        """

        def newest(ledger: Ledger) -> object:
            return newest_baseline(ledger, self.plan.rollout, self.environment.name, metric.name, until=self.at)

        recorded = RecordedBaseline.read(self._shared(("baseline", metric.name), newest), metric)
        recorded.refuse_unless_fit(metric, at=self.at, allowed=self.plan.baseline_age)
        return recorded

    @property
    def signatures(self) -> Signatures:
        """What lies signed for this rollout."""
        from pytest_rollout.signatures import Signatures

        return Signatures(plan=self.plan, environment=self.environment, at=self.at)

    def record(self, verdict: Verdict, told: Told, *, recorded_at: datetime) -> Pin | None:
        """Write what a run decided, and what it saw for the first time: that the phase began, that traffic changed.

        Returns:
            The end of the ledger with it; None where there is no ledger.

        Raises:
            LedgerError: The ledger could not take it, and nothing of it was written.
        """
        phase = self.plan.phases.get(verdict.phase)
        if phase is None or not self.environment.ledger:
            return None
        from pytest_rollout.ledger.drafts import evaluation, said_again
        from pytest_rollout.ledger.entries import Kind

        judged = evaluation(verdict, told, environment=self.environment.name, at=self.at, stage=verdict.traffic.stage)
        with self._ledger() as ledger:
            before = ledger.last(self.plan.rollout, self.environment.name, kinds=[Kind.EVALUATION], phase=verdict.phase)
            judged = said_again(judged, before)
            ledger.append_all([*self._seen(ledger, phase, verdict, told), judged], recorded_at=recorded_at)
            return self._pin(ledger.head())

    def record_receipt(self, phase: str, digest: str, told: Told, *, recorded_at: datetime) -> None:
        """Write which `verdict.json` a run leaves, so that no other one can be approved.

        Raises:
            LedgerError: The ledger could not take it.
        """
        if phase not in self.plan.phases or not self.environment.ledger:
            return
        from pytest_rollout.ledger.drafts import receipt

        with self._ledger() as ledger:
            left = receipt(**self._about, phase=phase, at=self.at, digest=digest, by=f"run {told.run_id}")
            ledger.append(left, recorded_at=recorded_at)

    def _ledger(self) -> Ledger:
        """The ledger, open until the end of a `with`; imported where there is one, because most runs have none."""
        from pytest_rollout.ledger.ledger import open_ledger

        return open_ledger(self.environment.ledger, self.plan.folder)

    @property
    def _about(self) -> dict[str, str]:
        return {"rollout": self.plan.rollout, "environment": self.environment.name}

    def _pin(self, head: Head) -> Pin:
        return Pin(environment=self.environment.name, entries=head.entries, digest=head.digest)

    def relied_on(self, pinned: Pin | None, *, whole: bool, now: datetime) -> tuple[Pin | None, tuple[str, ...]]:
        """The end of the ledger that a run relies on, and what speaks against relying on it.

        Every entry that a question reads is compared with its digest then and
        there. That none is missing or moved is what is looked at here.

        Args:
            pinned: The end of the ledger as an earlier run saw it; None where there was none.
            whole: Whether to look at all entries, and not only whether it ends as it says.
            now: The hour that it is. What speaks of a later one was passed over as not having happened.

        Raises:
            LedgerError: The ledger cannot be read, or does not end as it says.
        """
        if not self.environment.ledger:
            return None, ()
        with self._ledger() as ledger:
            if pinned is not None and not ledger.holds(pinned.digest):
                lost = f"an earlier run saw it end with entry {pinned.entries}, which is not in it"
                return pinned, (f"{ledger.where} is not the ledger that it was: {lost}",)
            found = [str(each) for each in ledger.check(chain_only=True) if not each.warning] if whole else []
            sentences = tuple(f"{ledger.where} is not what was written: {each}" for each in found)
            sentences += tuple(f"{ledger.where}: {each}" for each in (self._ahead(ledger, now) if whole else ()))
            return pinned if found else self._pin(ledger.head()), sentences

    def _ahead(self, ledger: Ledger, now: datetime) -> list[str]:
        """The first entry that speaks of a time to come, such as an incident that a host with a wrong clock opened."""
        entries = ledger.entries(self.plan.rollout, self.environment.name, since=now + _CLOCKS_MAY_DIFFER)
        return [
            f"entry {each.sequence} ({each.kind}) speaks of a time {format_duration(each.at - now)} from now: "
            "one of the clocks is wrong"
            for each in entries[:1]
        ]

    def _seen(self, ledger: Ledger, phase: Phase, verdict: Verdict, told: Told) -> list[Draft]:
        """That the phase began and that traffic changed, where the ledger has not heard of it."""
        from pytest_rollout.ledger.drafts import percentage, phase_start
        from pytest_rollout.phase_past import phase_past

        now, by = verdict.traffic.current, f"run {told.run_id}"
        past = phase_past(ledger, self._subject, phase, now)
        found = []
        # What the run was asked may have left out the gate that says so.
        open_ = [name for name in phase.conditions.after if past.before.get(name) != Decision.PROCEED.value]
        if past.started is None and not open_:
            found.append(phase_start(**self._about, at=self.at, phase=phase.name, by=by))
        if now is not None and (past.percent is None or not math.isclose(past.percent, now, abs_tol=TOLERANCE)):
            found.append(percentage(**self._about, at=self.at, phase=phase.name, percentage=now, by=f"seen by {by}"))
        return found

    @property
    def _subject(self) -> Subject:
        from pytest_rollout.phase_past import Subject

        return Subject(plan=self.plan, environment=self.environment.name, at=self.at)

    def _past(self, ledger: Ledger, phase: Phase, percent: float | None) -> Remembered:
        """What the ledger and the signatures say; where nothing can be known of these, what takes none still holds."""
        from pytest_rollout.phase_past import given_receipts, phase_past

        past = phase_past(ledger, self._subject, phase, percent)
        here = Standing(phase=phase, percent=percent, since=None, at=self.at)
        stage = here.stage.name if here.stage else ""
        try:
            signed = self.signatures.signed(
                phase, stage, here.roles, lambda given: given_receipts(ledger, self._subject, phase.name, given)
            )
            statements, refused = self.signatures.said(phase)
        except SignoffError as error:
            return replace(past, unsigned=str(error))
        return replace(past, signed=signed, statements=statements, refused=refused)

    def record_outcome(self, verdict: Verdict, outcome: Outcome, *, run_id: str, at: datetime) -> None:
        """Write what was done about a verdict, and where the traffic is since, once that was seen.

        Raises:
            LedgerError: The ledger could not take it, and nothing of it was written.
        """
        if not self.environment.ledger:
            return
        from pytest_rollout.ledger import drafts

        about = {**self._about, "phase": verdict.phase}
        by, stage = f"run {run_id}", verdict.traffic.stage
        written = [drafts.action(**about, stage=stage, at=at, outcome=outcome, by=by)]
        if outcome.seconds is not None and outcome.percentage is not None:
            if verdict.decision is Decision.ROLLBACK:
                codes = sorted({str(each.code) for each in verdict.reasons})
                why = f"on_rollback of {verdict.phase}: {', '.join(codes)}"
                written.append(drafts.rollback(**about, stage=stage, at=at, to=outcome.percentage, by=by, why=why))
            else:
                written.append(drafts.percentage(**about, at=at, percentage=outcome.percentage, by=by))
        with self._ledger() as ledger:
            ledger.append_all(written, recorded_at=at)

    def _percent(self, phase: Phase) -> Estimate | None:
        if not self.plan.percentage or (not phase.stages and phase.traffic is None):
            return None
        return self.readings.metric(self.plan.percentage)

    def _shared(self, key: tuple[str, ...], read: Callable[[Ledger], object]) -> object:
        where = ("ledger", "ledger", self.environment.name, *key, self.at.isoformat())
        return self.readings.answers.share(where, lambda: self.read(read), _SECONDS)

    def read(self, read: Callable[[Ledger], object]) -> object:
        """What `read` makes of the ledger, which is open for as long.

        Raises:
            SourceError: There is none, or it cannot be read.
        """
        if not self.environment.ledger:
            raise SourceError(f"environment '{self.environment.name}' names no ledger: write 'ledger:' in the plan")
        try:
            with self._ledger() as ledger:
                return read(ledger)
        except LedgerError as error:
            raise SourceError(f"the ledger cannot be read: {error}") from None
        except RolloutError as error:
            raise SourceError(str(error)) from None
