"""Items: the lines of a plan as pytest items.

`gates/x/rollout.yaml::phase1::memory_rss_bytes` is a gate like any other: it
carries the phase's marker, so `-m`, xdist, JUnit and Allure treat it so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rollout.claim_facts import describe
from pytest_rollout.errors import RolloutError
from pytest_rollout.gate import GATE
from pytest_rollout.plan.experiment import LAST_DAY
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Budget, Phase
from pytest_rollout.preflight import Depths, PreflightNode

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr


class PlanFile(pytest.File):
    """A `rollout.yaml`, collected: a node for each of its phases."""

    plan: Plan
    depths: Depths | None

    @classmethod
    def of(cls, parent: pytest.Collector, path: Path, plan: Plan, depths: Depths | None) -> PlanFile:
        """The collector of one plan; with the checks before it can be judged, where `depths` says what to check."""
        node = cls.from_parent(parent, path=path)
        node.plan, node.depths = plan, depths
        return node

    def collect(self) -> Iterator[PhaseNode | PreflightNode]:
        """A node for each phase."""
        for phase in self.plan.phases.values():
            yield PhaseNode.of(self, self.plan, phase)
        if self.depths is not None:
            yield PreflightNode.of(self, self.plan, self.depths)


class PhaseNode(pytest.Collector):
    """One phase of a plan; carries the phase's marker."""

    plan: Plan
    phase: Phase

    @classmethod
    def of(cls, parent: pytest.Collector, plan: Plan, phase: Phase) -> PhaseNode:
        """The collector of one phase."""
        node = cls.from_parent(parent, name=phase.name)
        node.plan, node.phase = plan, phase
        node.add_marker(phase.name)
        return node

    def collect(self) -> Iterator[PlanItem]:
        """An item for each condition of the phase, and for each of its budgets."""
        for condition in self.phase.condition_lines:
            yield ConditionItem.of(self, self.phase, condition)
        for line in self.phase.experiment_lines:
            yield ExperimentItem.of(self, self.phase, line)
        for budget in self.phase.budgets.values():
            yield BudgetItem.of(self, self.plan.metrics[budget.metric], budget)


class PlanItem(pytest.Item):
    """A line of a plan: a gate without code."""

    title: str

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: object = None) -> str | TerminalRepr:
        """The claim in words; a traceback only for what is our own fault."""
        facts = self.stash[GATE].claims.facts
        if isinstance(excinfo.value, AssertionError) and facts:
            return "\n  ".join(describe(facts[-1]))
        if isinstance(excinfo.value, RolloutError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)  # type: ignore[arg-type]  # pytest's own literal, passed through


class ConditionItem(PlanItem):
    """What time or people must have said before a phase is over."""

    phase: Phase
    condition: str

    @classmethod
    def of(cls, parent: pytest.Collector, phase: Phase, condition: str) -> ConditionItem:
        """The item of one condition."""
        node = cls.from_parent(parent, name=condition)
        node.phase, node.condition = phase, condition
        return node

    @property
    def title(self) -> str:  # type: ignore[override]  # read-only here
        """What it asks, for reports."""
        return _TITLES[self.condition]

    def runtest(self) -> None:
        """Claim that it is met."""
        assert self.stash[GATE].scope.condition(self.condition)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the phase stands in the plan."""
        return self.path, self.phase.place.line - 1, f"{self.phase.name} {self.condition}"


_TITLES = {
    "after": "The phases before this one are over",
    "stage": "The traffic is what the plan says, one stage after the other",
    "minimum": "The phase has lasted its minimum time",
    "hold": "The stage was held for its time",
    "green": "Enough green days in a row",
    "clean": "Enough clean hours in a row",
    "incidents": "No incident is open",
    "interventions": "Nobody had to intervene by hand",
    "statements": "What people must have said, they have said and signed",
    "approvals": "Whoever must sign has signed",
    "sample_ratio": "Arms have the units that were planned",
    "contamination": "No unit is in two arms",
    "assignment": "Every unit is in the arm that the hash gives it, and stays there",
}


class ExperimentItem(PlanItem):
    """Whether the phase's experiment may be believed, or what its last day alone says."""

    phase: Phase

    @classmethod
    def of(cls, parent: pytest.Collector, phase: Phase, line: str) -> ExperimentItem:
        """The item of one check."""
        node = cls.from_parent(parent, name=line)
        node.phase = phase
        return node

    @property
    def title(self) -> str:  # type: ignore[override]  # read-only here
        """What it asks, for reports."""
        return _TITLES.get(self.name, f"The last 24 hours prove no harm in {self.name.removesuffix(LAST_DAY)}")

    @property
    def can_roll_back(self) -> bool:
        """Whether it takes the release back."""
        return self.name.endswith(LAST_DAY)

    def runtest(self) -> None:
        """Claim that it is so."""
        assert self.stash[GATE].scope.soundness(self.name)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the phase stands in the plan."""
        return self.path, self.phase.place.line - 1, f"{self.phase.name} {self.name}"


class BudgetItem(PlanItem):
    """One metric's limit in one phase."""

    metric: Metric
    budget: Budget

    @classmethod
    def of(cls, parent: pytest.Collector, metric: Metric, budget: Budget) -> BudgetItem:
        """The item of one budget."""
        node = cls.from_parent(parent, name=budget.name)
        node.metric, node.budget = metric, budget
        return node

    @property
    def title(self) -> str:  # type: ignore[override]  # read-only here
        """The metric's title and its mildest limit, for reports."""
        return self.metric.title or f"{self.metric.name} stays within its budget"

    @property
    def can_roll_back(self) -> bool:
        """Whether one of the budget's levels takes the release back."""
        return self.budget.limit.can_roll_back()

    def runtest(self) -> None:
        """Claim that the metric is within its budget."""
        assert self.stash[GATE].scope.judged(self.budget) in self.budget.limit

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the budget stands in the plan."""
        return self.path, self.budget.place.line - 1, f"{self.metric.name} within budget"
