"""The words of a gate: `metrics`, `budget`, `flags` and `ab`.

Small objects bound to the gate that asked for them, so that every value
handed out is known to the gate's record, whatever thread reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from pytest_rollout.claims import Claim, GateClaims
from pytest_rollout.errors import QuestionError, RolloutError, did_you_mean, in_doubt, listed
from pytest_rollout.estimates import Reading
from pytest_rollout.facts import Fact
from pytest_rollout.limits import Limit
from pytest_rollout.plan.model import Plan
from pytest_rollout.readings import Readings
from pytest_rollout.windows import Window

if TYPE_CHECKING:
    from pytest_rollout.arms import Arms
    from pytest_rollout.live_comparison import LiveComparison
    from pytest_rollout.readings import MetricReading


@dataclass(frozen=True)
class Metrics:
    """`metrics("name")`: readings of the plan's metrics, as of the run's instant."""

    _readings: Callable[[], Readings] = field(repr=False)
    _claims: GateClaims = field(repr=False)

    def __call__(self, name: str) -> MetricReading:
        """The value of one metric; unknown, with the reason, where its source gave no number.

        A share or a summary is an `Estimate` that has no past of its own, which a checker of types cannot know.

        Raises:
            RolloutError: The plan has no such metric.
        """
        read = self._claims.read(name)  # first, so that a question that failed and was swallowed is still seen
        found = replace(self._readings().metric(name), sources=frozenset({read}))
        return cast("MetricReading", found)

    def window(self, name: str, length: timedelta) -> Window:
        """The series of one metric, also of one whose value is no reading."""
        read = self._claims.read(name)
        return replace(self._readings().window(name, length), sources=frozenset({read}))


@dataclass(frozen=True)
class Budgets:
    """`budget("name")`: the limit that the plan sets for a metric in the gate's phase."""

    _plan: Plan = field(repr=False)
    _phases: tuple[str, ...]

    def __call__(self, name: str) -> Limit:
        """One limit, with its levels.

        Raises:
            RolloutError: No such budget in the gate's phase.
            QuestionError: The gate is judged for several phases, whose limits differ.
        """
        phases = [self._plan.phases[phase] for phase in self._phases]
        limits = [phase.budgets[name].limit for phase in phases if name in phase.budgets]
        if len(limits) < len(phases) or not limits:
            without = [phase.name for phase in phases if name not in phase.budgets]
            known = {each for phase in phases for each in phase.budgets}
            lines = [
                f"{self._plan.rollout} has no budget '{name}' in {listed(without)}",
                f"budgets there: {listed(known)}",
            ]
            raise RolloutError("\n  ".join([*lines, *did_you_mean(name, known)]))
        if any(limit.levels != limits[0].levels for limit in limits):
            raise QuestionError(f"budget '{name}' differs between {listed(self._phases)}: write a gate for each phase")
        return limits[0]


@dataclass(frozen=True)
class Flags:
    """`flags("name")`: a feature flag as it is now; `on` and `off` claim a switch."""

    _readings: Callable[[], Readings] = field(repr=False)
    _claims: GateClaims = field(repr=False)

    def __call__(self, name: str) -> Fact | Reading:
        """A switch or word as a `Fact`, a number as a `Reading`; unknown where there is no such flag."""
        read = self._claims.read(name)
        return replace(self._readings().flag(name), sources=frozenset({read}))

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
        with in_doubt():
            return self._arms().comparison(name, arm).read_as(read)

    def winner(self, name: str, *, by: str = "mean") -> Claim:
        """The claim that an arm is better than the control, all arms at once; its report says which.

        Raises:
            RolloutError: As for a comparison; also a metric that does not say which way is good.
        """
        from pytest_rollout.winner import winner

        read = self._claims.read(f"winner by {name}")
        with in_doubt():
            return winner(self._arms(), name, by, frozenset({read}))
