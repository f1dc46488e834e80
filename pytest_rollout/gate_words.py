"""The words of a gate: `metrics`, `budget`, `flags` and `ab`.

Small objects bound to the gate that asked for them, so that every value
handed out is known to the gate's record, whatever thread reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import isnan
from typing import TYPE_CHECKING, ClassVar, NoReturn, cast

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


class _Called:
    """What is asked for by a call with a name: who writes it otherwise is told how."""

    _word: ClassVar[str]

    def _needs_a_name(self, name: object) -> None:
        """A bracket in the wrong place makes a comparison of what was to be a name."""
        if not isinstance(name, str):
            raise QuestionError(f"{self._word} takes a name, not {name!r}: does a bracket close too late?")

    if not TYPE_CHECKING:  # for checkers of types, what is not there is not there

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):  # what Python and its libraries look for
                raise AttributeError(f"{self._word} has no {name}")
            raise AttributeError(f"the name stands in a call: write `{self._word}('{name}')`")


@dataclass(frozen=True)
class Metrics(_Called):
    """`metrics("name")`: readings of the plan's metrics, as of the run's instant."""

    _word = "metrics"
    _readings: Callable[[], Readings] = field(repr=False)
    _claims: GateClaims = field(repr=False)

    def __call__(self, name: str) -> MetricReading:
        """The value of one metric; unknown, with the reason, where its source gave no number.

        A share or a summary is an `Estimate` that has no past of its own, which a checker of types cannot know.

        Raises:
            RolloutError: The plan has no such metric.
        """
        self._needs_a_name(name)
        read = self._claims.read(name)  # first, so that a question that failed and was swallowed is still seen
        found = replace(self._readings().metric(name), sources=frozenset({read}))
        if isnan(found.value):
            self._claims.nobody_knows(read, found.why)
        return cast("MetricReading", found)

    def window(self, name: str, length: timedelta) -> Window:
        """The series of one metric, also of one whose value is no reading."""
        read = self._claims.read(name)
        return replace(self._readings().window(name, length), sources=frozenset({read}))


@dataclass(frozen=True)
class Budgets(_Called):
    """`budget("name")`: the limit that the plan sets for a metric in the gate's phase."""

    _word = "budget"
    _plan: Plan = field(repr=False)
    _phases: tuple[str, ...]

    def __call__(self, name: str) -> Limit:
        """One limit, with its levels.

        Raises:
            RolloutError: No such budget in the gate's phase.
            QuestionError: The gate is judged for several phases, whose limits differ.
        """
        self._needs_a_name(name)
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
class Flags(_Called):
    """`flags("name")`: a feature flag as it is now; `on` and `off` claim a switch."""

    _word = "flags"
    _readings: Callable[[], Readings] = field(repr=False)
    _claims: GateClaims = field(repr=False)

    def __call__(self, name: str) -> Fact | Reading:
        """A switch or word as a `Fact`, a number as a `Reading`; unknown where there is no such flag."""
        self._needs_a_name(name)
        read = self._claims.read(name)
        found = self._readings().flag(name)
        if isinstance(found, Fact) and found.value is None:
            self._claims.nobody_knows(read, found.why)
        return replace(found, sources=frozenset({read}))

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
class Ab(_Called):
    """`ab("latency_ms").p99.delta`: a metric of the phase's experiment, treatment against control."""

    _word = "ab"
    _arms: Callable[[], Arms] = field(repr=False)
    _claims: GateClaims = field(repr=False)

    def __call__(self, name: str, *, arm: str = "") -> LiveComparison:
        """One metric of two arms.

        Raises:
            RolloutError: The plan has no such metric with samples, or no such arm.
            Inconclusive: The past cannot be read, so nobody knows since when to look.
        """
        self._needs_a_name(name)
        read = self._claims.read(f"ab {name}")
        with in_doubt():
            return self._arms().comparison(name, arm).read_as(read)

    def winner(self, name: str, *, by: str = "mean", among: Collection[str] | None = None) -> Claim:
        """The claim that an arm is better than the control, all of them (or `among` some) at once; it says which.

        Raises:
            RolloutError: As for a comparison; also a metric that does not say which way is good.
        """
        from pytest_rollout.winner import winner

        read = self._claims.read(f"winner by {name}")
        with in_doubt():
            return winner(self._arms(), name, by, frozenset({read}), among=among)
