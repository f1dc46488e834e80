"""Scope: what one running gate may ask, and what it has asked.

The words of a gate (`metrics`, `budget`, `flags`, `target`) are small objects
bound to the gate that asked for them, so that every value handed out is
known to the gate's record, whatever thread reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_rollout.claims import Claim, GateClaims
from pytest_rollout.errors import QuestionError, RolloutError, did_you_mean, listed
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.facts import Fact
from pytest_rollout.limits import Limit
from pytest_rollout.plan.model import Plan
from pytest_rollout.readings import Readings
from pytest_rollout.windows import Window

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Scope:
    """One gate's view of its rollout.

    Args:
        plan: The plan that governs the gate.
        phases: The phases that are judged in this run and that the gate belongs to.
        readings: Opens the environment's readings on first use.
        claims: What the gate has read and claimed.
        gate: The gate's id.
    """

    plan: Plan
    phases: tuple[str, ...]
    readings: Callable[[], Readings]
    claims: GateClaims
    gate: str = ""

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

    def client(self) -> httpx.Client:
        """A client on the environment's service.

        Raises:
            RolloutError: The environment names no `target`.
        """
        from pytest_rollout.target import service_client

        readings = self.readings()
        return service_client(readings.target, self.claims, readings.answers, self.gate)


@dataclass(frozen=True)
class Metrics:
    """`metrics("name")`: readings of the plan's metrics, as of the run's instant."""

    _scope: Scope

    def __call__(self, name: str) -> Estimate:
        """The value of one metric; unknown, with the reason, where its source gave no number.

        Raises:
            RolloutError: The plan has no such metric.
        """
        read = self._scope.claims.read(name)  # first, so that a question that failed and was swallowed is still seen
        return replace(self._scope.readings().metric(name), sources=frozenset({read}))

    def window(self, name: str, length: timedelta) -> Window:
        """The series of one metric, also of one whose value is no reading."""
        read = self._scope.claims.read(name)
        return replace(self._scope.readings().window(name, length), sources=frozenset({read}))


@dataclass(frozen=True)
class Budgets:
    """`budget("name")`: the limit that the plan sets for a metric in the gate's phase."""

    _scope: Scope

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

    _scope: Scope

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
