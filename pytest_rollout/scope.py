"""Scope: what one running gate may ask, and what it has asked.

The words of a gate (`metrics`, `budget`, `flags`, `target`) are small objects
bound to the gate that asked for them, so that every value handed out is
known to the gate's record, whatever thread reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from pytest_rollout.baselines import Baselines
from pytest_rollout.claims import Claim, GateClaims
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, QuestionError, RolloutError, SourceError, did_you_mean, listed
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.facts import Fact
from pytest_rollout.limits import Limit
from pytest_rollout.memory import Memory
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import BASELINE, PLANNED_DAYS, Budget, percent_text
from pytest_rollout.readings import Readings
from pytest_rollout.remembering import Approvals, History, StageNow
from pytest_rollout.stages import TOLERANCE
from pytest_rollout.waiting import Waiting
from pytest_rollout.windows import Window

if TYPE_CHECKING:
    import httpx

    from pytest_rollout.arms import Arms
    from pytest_rollout.drill import Drill, Range
    from pytest_rollout.live_comparison import LiveComparison
    from pytest_rollout.load import Load
    from pytest_rollout.machine import Machine
    from pytest_rollout.readings import MetricReading


def _no_memory() -> Memory:
    raise SourceError("this gate's rollout remembers nothing")


def _no_range() -> Range:
    raise SourceError("this gate's rollout has no place for drills")


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
    gate: str = ""
    memory: Callable[[], Memory] = _no_memory
    range: Callable[[], Range] = _no_range

    @property
    def metrics(self) -> Metrics:
        """The plan's metrics."""
        return Metrics(self)

    @property
    def budgets(self) -> Budgets:
        """The plan's limits in the gate's phase."""
        return Budgets(self)

    @property
    def flags(self) -> Flags:
        """The feature flags of the environment."""
        return Flags(self)

    @property
    def ab(self) -> Ab:
        """The experiment of the gate's phase."""
        return Ab(self.arms, self.claims)

    def soundness(self, line: str) -> Claim:
        """The claim that a line of the plan about the phase's experiment makes."""
        from pytest_rollout.soundness import claim_of

        try:
            return claim_of(self.arms(), line)
        except SourceError as error:
            raise Inconclusive(str(error), reason=error.reason) from None

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
        return Baselines(self.plan, self.readings, self.memory, self.claims, self._began, self._started, days)

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
            began = waiting.past.since if stated else waiting.past.started
            if began is None:
                return None
            moments.append(began)
        return max(moments, default=None)

    def _started(self) -> datetime | None:
        """When the first of the gate's phases began; None where they begin with this run.

        Raises:
            SourceError: As for `_began`.
        """
        judged = (phase for phase in self.phases if phase in self.plan.phases)
        started = (self.memory().waiting(phase).past.started for phase in judged)
        return min((each for each in started if each is not None), default=None)

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
        try:
            return self.waiting().claim(name)
        except SourceError as error:
            raise Inconclusive(str(error), reason=error.reason) from None

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
        try:
            waiting = self.waiting()
        except SourceError as error:
            raise Inconclusive(str(error), reason=error.reason) from None
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


@dataclass(frozen=True)
class Metrics:
    """`metrics("name")`: readings of the plan's metrics, as of the run's instant."""

    _scope: Scope = field(repr=False)

    def __call__(self, name: str) -> MetricReading:
        """The value of one metric; unknown, with the reason, where its source gave no number.

        A share or a summary is an `Estimate` that has no past of its own, which a checker of types cannot know.

        Raises:
            RolloutError: The plan has no such metric.
        """
        read = self._scope.claims.read(name)  # first, so that a question that failed and was swallowed is still seen
        found = replace(self._scope.readings().metric(name), sources=frozenset({read}))
        return cast("MetricReading", found)

    def window(self, name: str, length: timedelta) -> Window:
        """The series of one metric, also of one whose value is no reading."""
        read = self._scope.claims.read(name)
        return replace(self._scope.readings().window(name, length), sources=frozenset({read}))


@dataclass(frozen=True)
class Budgets:
    """`budget("name")`: the limit that the plan sets for a metric in the gate's phase."""

    _scope: Scope = field(repr=False)

    def __call__(self, name: str) -> Limit:
        """One limit, with its levels.

        Raises:
            RolloutError: No such budget in the gate's phase.
            QuestionError: The gate is judged for several phases, whose limits differ.
        """
        plan = self._scope.plan
        phases = [plan.phases[phase] for phase in self._scope.phases]
        limits = [phase.budgets[name].limit for phase in phases if name in phase.budgets]
        if len(limits) < len(phases) or not limits:
            without = [phase.name for phase in phases if name not in phase.budgets]
            known = {each for phase in phases for each in phase.budgets}
            lines = [f"{plan.rollout} has no budget '{name}' in {listed(without)}", f"budgets there: {listed(known)}"]
            raise RolloutError("\n  ".join([*lines, *did_you_mean(name, known)]))
        if any(limit.levels != limits[0].levels for limit in limits):
            raise QuestionError(
                f"budget '{name}' differs between {listed(self._scope.phases)}: write a gate for each phase"
            )
        return limits[0]


@dataclass(frozen=True)
class Flags:
    """`flags("name")`: a feature flag as it is now; `on` and `off` claim a switch."""

    _scope: Scope = field(repr=False)

    def __call__(self, name: str) -> Fact | Reading:
        """A switch or word as a `Fact`, a number as a `Reading`; unknown where there is no such flag."""
        read = self._scope.claims.read(name)
        return replace(self._scope.readings().flag(name), sources=frozenset({read}))

    def on(self, name: str) -> Claim:
        """The claim that a switch is on."""
        return self._switch(name, on=True)

    def off(self, name: str) -> Claim:
        """The claim that a switch is off."""
        return self._switch(name, on=False)

    def _switch(self, name: str, *, on: bool) -> Claim:
        flag = self(name)
        if isinstance(flag, Reading):
            raise QuestionError(f"flag '{name}' is a number ({flag.value:g}), not a switch: compare it")
        return flag == on


@dataclass(frozen=True)
class Ab:
    """`ab("latency_ms").p99.delta`: a metric of the phase's experiment, treatment against control."""

    _arms: Callable[[], Arms] = field(repr=False)
    _claims: GateClaims = field(repr=False)

    def __call__(self, name: str, *, arm: str = "") -> LiveComparison:
        """One metric of two arms.

        Raises:
            RolloutError: The plan has no such metric with samples, or no such arm.
            Inconclusive: The past cannot be read, so nobody knows since when to look.
        """
        read = self._claims.read(f"ab {name}")
        try:
            return self._arms().comparison(name, arm).read_as(read)
        except SourceError as error:
            raise Inconclusive(str(error), reason=error.reason) from None

    def winner(self, name: str, *, by: str = "mean") -> Claim:
        """The claim that an arm is better than the control, all arms at once; its report says which.

        Raises:
            RolloutError: As for a comparison; also a metric that does not say which way is good.
        """
        from pytest_rollout.winner import winner

        read = self._claims.read(f"winner by {name}")
        try:
            return winner(self._arms(), name, by, frozenset({read}))
        except SourceError as error:
            raise Inconclusive(str(error), reason=error.reason) from None
