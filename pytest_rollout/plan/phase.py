"""A phase as the plan states it: its limits, its traffic, what it waits for, and what is done about its verdict.

Each budget, condition and check of an experiment is a gate of its own; the
phase knows their names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pytest_rollout.limits import Limit
from pytest_rollout.plan.environment import SourceConfig
from pytest_rollout.plan.experiment import CONTROL, EXPERIMENT_CHECKS, LAST_DAY, Experiment
from pytest_rollout.plan.nodes import Place

BASELINE = "baseline"
"""A reference: what the metric was before the rollout."""

PLANNED_DAYS = 14
"""How long a phase is looked at where its plan does not say."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A metric's limit in one phase; each is a gate of its own.

    With `against`, the limit is of a change from that reference, and not of
    the metric's own value; against the control arm `what` says of which
    statistic, and `lift` that it is relative.
    """

    name: str
    limit: Limit
    place: Place
    metric: str
    against: str = ""
    what: str = ""
    lift: bool = False


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What time and people must have said before a phase is over; each that is stated is a gate of its own.

    `green` counts days, `clean` hours; `approvals` says how many people of
    each role must have signed, `statements` what somebody must have said and
    signed, by topic. An open incident of severity `incidents` or
    worse holds, as do more than `interventions` by hand. `missing` is what a
    day does to a streak in which an evaluation is missing, and `information`
    one that still gathers data: `break` or `pause`.
    """

    after: tuple[str, ...] = ()
    minimum: timedelta | None = None
    green: int | None = None
    clean: int | None = None
    missing: str = "break"
    information: str = "pause"
    approvals: Mapping[str, int] = field(default_factory=dict)
    statements: Mapping[str, str] = field(default_factory=dict)
    incidents: str = ""
    interventions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a phase's traffic: how long it is held, and whose signatures it takes to enter it."""

    percent: float
    hold: timedelta | None
    approvals: Mapping[str, int]
    place: Place

    @property
    def name(self) -> str:
        """As people and markers say it: `5 %`."""
        return percent_text(self.percent)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What must hold after actions: a metric or a flag, read again, `is`, `at_most` or `at_least` a value.

    `number` is the value in the metric's unit; None where it is the
    percentage that the traffic goes to, and for a flag that is no number.
    """

    metric: str
    flag: str
    what: str
    value: object
    place: Place
    number: float | None = None


@dataclass(frozen=True, kw_only=True)
class Response:
    """What is done once a verdict is final: actions as the plan states them, and how it is seen that they worked."""

    actions: tuple[SourceConfig, ...]
    verify: tuple[Condition, ...]
    place: Place


@dataclass(frozen=True, kw_only=True)
class Look:
    """One stretch of a phase in which it is looked at so often; without an end where `lasting` is None."""

    every: timedelta
    lasting: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What is written up at the end of a phase: its name, and how much longer a HOLD means there."""

    name: str
    held: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of a rollout, with the budgets that hold in it (a phase's own replaces the general one).

    `traffic` is the percentage that the phase is about, None where it does
    not say; a phase with `stages` goes through theirs. `responses` says what
    is done, by `on_rollback` and `on_proceed`.
    """

    name: str
    title: str
    budgets: Mapping[str, Budget]
    place: Place
    conditions: Conditions = Conditions()
    traffic: float | None = None
    stages: tuple[Stage, ...] = ()
    experiment: Experiment | None = None
    own_experiment: bool = False
    responses: Mapping[str, Response] = field(default_factory=dict)
    schedule: tuple[Look, ...] = ()
    checkpoint: Checkpoint | None = None

    @property
    def lowest(self) -> float:
        """The least traffic with which a release is in it: its first stage's, or its own; 0 where it has none."""
        return self.stages[0].percent if self.stages else self.traffic or 0.0

    @property
    def planned_days(self) -> int:
        """Over how many days it is looked at, as planned; a fortnight where nobody says how long it lasts."""
        held = sum((stage.hold or timedelta(0) for stage in self.stages), timedelta(0))
        length = max(self.conditions.minimum or timedelta(0), held)
        return math.ceil(length / timedelta(days=1)) or PLANNED_DAYS

    @property
    def compares(self) -> bool:
        """Whether the phase judges an experiment: one of its own, or one that a budget of it is held against."""
        against = any(each.against == CONTROL for each in self.budgets.values())
        return self.experiment is not None and (self.own_experiment or against)

    @property
    def experiment_lines(self) -> tuple[str, ...]:
        """The names of the gates that ask whether its experiment is sound, and of its triggers of the last day."""
        if not self.compares or self.experiment is None:
            return ()
        triggers = [
            each.name for each in self.budgets.values() if each.against == CONTROL and each.limit.can_roll_back()
        ]
        checks = (each for each in EXPERIMENT_CHECKS if each != "assignment" or self.experiment.salt)
        return (*checks, *(f"{name}{LAST_DAY}" for name in triggers))

    @property
    def condition_lines(self) -> tuple[str, ...]:
        """The names of its conditions' gates, in the order in which they are read."""
        return tuple(name for name, stated in _STATED.items() if stated(self))


_STATED: Mapping[str, Callable[[Phase], object]] = {
    "after": lambda phase: phase.conditions.after,
    "stage": lambda phase: phase.stages or phase.traffic is not None,
    "minimum": lambda phase: phase.conditions.minimum is not None,
    "hold": lambda phase: any(stage.hold for stage in phase.stages),
    "green": lambda phase: phase.conditions.green is not None,
    "clean": lambda phase: phase.conditions.clean is not None,
    "incidents": lambda phase: phase.conditions.incidents,
    "interventions": lambda phase: phase.conditions.interventions is not None,
    "statements": lambda phase: phase.conditions.statements,
    "approvals": lambda phase: phase.conditions.approvals or any(stage.approvals for stage in phase.stages),
}
CONDITIONS = tuple(_STATED)
"""Every name that a condition's gate has; no budget can be called so."""


def change_name(metric: str) -> str:
    """What the change of a metric from its baseline is called, in claims and limits."""
    return f"{metric} against its baseline"


def percent_text(percent: float) -> str:
    """`5 %`, `0.1 %`: one spelling for stages, markers and reports."""
    return f"{percent:.6g} %"
