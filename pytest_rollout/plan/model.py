"""The plan as frozen facts: what `rollout.yaml` says, checked.

Nothing here and in the modules of its parts (`metric`, `experiment`, `phase`,
`environment`) reads a file or judges anything. Every part remembers where it
stands, so that a later complaint can point at line and column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pytest_rollout.plan.environment import Environment
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.phase import BASELINE, Phase

PREFLIGHT = "preflight"
"""The phase that every plan has without declaring it: can it be judged at all?"""


@dataclass(frozen=True, kw_only=True)
class Reports:
    """What a run leaves for people: `files` are formats that are written beside `verdict.json`.

    `templates` is a folder of messages of one's own, None for none; `links`
    are names, such as `dashboard` or `issue`, with the address behind each.
    """

    files: tuple[str, ...] = ()
    templates: Path | None = None
    links: tuple[tuple[str, str], ...] = ()


REPORT_FILES = ("markdown", "html")
"""The formats that a plan may ask for."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole `rollout.yaml`; `folder` holds it and the gates that it governs.

    `every` is how often the gates are judged, so that a level with `for:`
    looks back so far and no spike falls between two looks. `percentage` is
    the metric that says how much traffic is served now; `evidence_age` how
    old a verdict may be whose approval still counts; `baseline_window` over
    what a baseline is recorded, and `baseline_age` how old one may be. `rto`
    is how long it may take from a decision until its actions are verified.
    `partial_steps` are the percentages that a rollback by half may rest on,
    and `partial_watch` is how long one is watched there.
    """

    path: Path
    rollout: str
    title: str
    owner: str
    runbook: str
    environment: str
    metrics: Mapping[str, Metric]
    phases: Mapping[str, Phase]
    environments: Mapping[str, Environment]
    digest: str
    confidence: float = 0.95
    every: timedelta = timedelta(hours=1)
    percentage: str = ""
    evidence_age: timedelta = timedelta(days=7)
    looks: Literal["continuous", "once"] = "continuous"
    baseline_window: timedelta = timedelta(days=14)
    baseline_age: timedelta = timedelta(days=90)
    reports: Reports = Reports()
    rto: timedelta | None = None
    partial_steps: tuple[float, ...] = ()
    partial_watch: timedelta = timedelta(0)

    @property
    def folder(self) -> Path:
        """The folder of the plan and its gates."""
        return self.path.parent

    def declares(self, phase: str) -> bool:
        """Whether the plan has a phase; each has the checks before it can be judged."""
        return phase in self.phases or phase == PREFLIGHT

    def lines_of(self, phase: str) -> tuple[str, ...]:
        """The names of the plan's own gates in a phase."""
        declared = self.phases[phase]
        return (*declared.condition_lines, *declared.experiment_lines, *declared.budgets)

    def remembers(self, phases: Iterable[str]) -> bool:
        """Whether judging these phases takes a memory: conditions, or budgets against a baseline."""
        judged = [self.phases[phase] for phase in phases if phase in self.phases]
        return any(
            phase.condition_lines or any(budget.against == BASELINE for budget in phase.budgets.values())
            for phase in judged
        )

    @property
    def windows(self) -> frozenset[tuple[str, timedelta]]:
        """Each metric and window that the plan's own lines look at."""
        found = {(metric.name, metric.summary.over) for metric in self.metrics.values() if metric.summary}
        budgets = [budget for phase in self.phases.values() for budget in phase.budgets.values()]
        levels = [(budget.metric, level.held) for budget in budgets for level in budget.limit.levels]
        return frozenset(found | {(name, self.every + held) for name, held in levels if held})
