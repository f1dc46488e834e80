"""Scope: what one running gate may ask, and what it has asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_rollout.baselines import Baselines
from pytest_rollout.claims import Claim, GateClaims
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, QuestionError, in_doubt, listed
from pytest_rollout.estimates import Estimate
from pytest_rollout.gate_words import Ab, Budgets, Flags, Metrics
from pytest_rollout.memory import Memory
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import BASELINE, PLANNED_DAYS, Budget, percent_text
from pytest_rollout.presence import Span
from pytest_rollout.readings import Readings
from pytest_rollout.remembering import Approvals, History, StageNow
from pytest_rollout.stages import TOLERANCE
from pytest_rollout.waiting import Waiting

if TYPE_CHECKING:
    import httpx

    from pytest_rollout.arms import Arms
    from pytest_rollout.drill import Drill, Range
    from pytest_rollout.load import Load
    from pytest_rollout.machine import Machine


@dataclass(frozen=True)
class Scope:
    """One gate's view of its rollout.

    Args:
        plan: The plan that governs the gate.
        phases: The phases that are judged in this run and that the gate belongs to.
        readings: Opens the environment's readings on first use.
        claims: What the gate has read and claimed.
        gate: The gate's id.
        memory: Opens what is remembered, on first use.
        range: Where drills take place.
    """

    plan: Plan
    phases: tuple[str, ...]
    readings: Callable[[], Readings]
    claims: GateClaims
    gate: str
    memory: Callable[[], Memory]
    range: Callable[[], Range]

    @property
    def metrics(self) -> Metrics:
        """The plan's metrics."""
        return Metrics(self.readings, self.claims)

    @property
    def budgets(self) -> Budgets:
        """The plan's limits in the gate's phase."""
        return Budgets(self.plan, self.phases)

    @property
    def flags(self) -> Flags:
        """The feature flags of the environment."""
        return Flags(self.readings, self.claims)

    @property
    def ab(self) -> Ab:
        """The experiment of the gate's phase."""
        return Ab(self.arms, self.claims)

    def soundness(self, line: str) -> Claim:
        """The claim that a line of the plan about the phase's experiment makes."""
        from pytest_rollout.soundness import claim_of

        with in_doubt():
            return claim_of(self.arms(), line)

    def arms(self) -> Arms:
        """The gate's phase as an experiment.

        Raises:
            QuestionError: The gate is judged for several phases at once.
            SourceError: The past, which says since when to look, cannot be read.
        """
        from pytest_rollout.arms import Arms

        waiting = self.waiting()
        return Arms(self.plan, waiting.phase, waiting, self.readings())

    @property
    def baselines(self) -> Baselines:
        """The recorded reference readings."""
        planned = (self.plan.phases[each].planned_days for each in self.phases if each in self.plan.phases)
        days = max([PLANNED_DAYS, *planned])
        return Baselines(self.plan, self.readings, self.memory, self.claims, self._began, self._released, days)

    def _began(self) -> datetime | None:
        """Since when all that the gate judges has been there: each phase, and its traffic where the plan states any.

        Raises:
            SourceError: The past, which says it, cannot be read.
        """
        moments: list[datetime] = []
        for phase in self.phases:
            if phase not in self.plan.phases:
                continue
            waiting = self.memory().waiting(phase)
            stated = bool(self.plan.percentage) and (waiting.phase.stages or waiting.phase.traffic is not None)
            began = waiting.past.since if stated else waiting.past.begun
            if began is None:
                return None
            moments.append(began)
        return max(moments, default=None)

    def _released(self) -> tuple[Span, ...]:
        """When the release was in, as far as each of the gate's phases goes.

        Raises:
            SourceError: As for `_began`.
        """
        judged = (phase for phase in self.phases if phase in self.plan.phases)
        return tuple(span for phase in judged for span in self.memory().waiting(phase).past.released)

    def judged(self, budget: Budget) -> Estimate:
        """What a budget judges: the metric itself, or how far it is from its reference."""
        if budget.against == BASELINE:
            return self.baselines(budget.metric).change
        if budget.against == CONTROL:
            sides = self.ab(budget.metric).statistic(budget.what)
            return sides.lift if budget.lift else sides.delta
        return self.metrics(budget.metric)

    def condition(self, name: str) -> Claim:
        """The claim that a condition of the gate's phase is met.

        Raises:
            Inconclusive: The past cannot be read.
        """
        with in_doubt():
            return self.waiting().claim(name)

    def waiting(self) -> Waiting:
        """What the gate's phase waits for.

        Raises:
            QuestionError: The gate is judged for several phases at once, each of which has its own past.
            SourceError: The past cannot be read.
        """
        if len(self.phases) != 1:
            raise QuestionError(
                f"a gate that asks about time and people is judged for one phase, not for {listed(self.phases)}: "
                "write one for each, or name one phase with -m"
            )
        return self.memory().waiting(self.phases[0])

    def why_not(self, stages: tuple[str, ...], condition: str) -> str:
        """Why a gate is not for this stage of its phase; empty where it is.

        Raises:
            Inconclusive: Nobody knows which stage this is.
        """
        if not stages and not condition:
            return ""
        with in_doubt():
            waiting = self.waiting()
        if condition:
            return waiting.why_not(condition)
        percent = waiting.standing.percent
        if percent is None:
            raise Inconclusive("nobody knows how much traffic is served, so which stage this is", reason=Reason.NO_DATA)
        here = any(abs(parse_percent(stage) - percent) <= TOLERANCE for stage in stages)
        return "" if here else f"for {listed(stages)}; the traffic is {percent_text(percent)}"

    @property
    def history(self) -> History:
        """What was judged, and what happened, before."""
        return History(self.waiting, self.claims)

    @property
    def approvals(self) -> Approvals:
        """Who has signed."""
        return Approvals(self.waiting, self.claims)

    @property
    def stage(self) -> StageNow:
        """How much traffic there is, and how much next."""
        return StageNow(self.waiting, self.claims, self._served)

    def _served(self) -> Estimate:
        if not self.plan.percentage:
            raise QuestionError(f"{self.plan.rollout} names no metric for its traffic: write percentage: METRIC")
        return self.metrics(self.plan.percentage)

    def client(self) -> httpx.Client:
        """A client on the environment's service.

        Raises:
            RolloutError: The environment names no `target`.
        """
        from pytest_rollout.target import service_client

        readings = self.readings()
        return service_client(readings.target, self.claims, readings.answers, self.gate)

    def load(self) -> Load:
        """Load tests of the environment's hosts."""
        from pytest_rollout.load import Load

        readings = self.readings()
        return Load(readings, self.claims, gate=self.gate, at=readings.at, confidence=self.plan.confidence)

    def drill(self) -> Drill:
        """Rollback drills.

        Raises:
            QuestionError: The gate is judged for several phases at once.
        """
        from pytest_rollout.drill import Drill

        if len(self.phases) != 1:
            raise QuestionError(f"a drill is judged for one phase, not for {listed(self.phases)}")
        return Drill(self.plan, self.phases[0], self.range(), self.readings(), self.claims, gate=self.gate)

    def machine(self) -> Machine:
        """This host."""
        from pytest_rollout.machine import Machine

        return Machine(self.readings(), self.claims)
