"""The plan as facts: what `rollout.yaml` says, checked, with its places.

Nothing here reads a file or judges anything. Every part remembers where it
stands, so that a later complaint can point at line and column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pytest_rollout.limits import Limit
from pytest_rollout.quantities import format_duration
from pytest_rollout.sources.protocol import OptionValue

PREFLIGHT = "preflight"
"""The phase that every plan has without declaring it: can it be judged at all?"""


@dataclass(frozen=True)
class Place:
    """A position in a file: line and column from 1, and the dotted path inside the document."""

    file: Path
    line: int
    column: int
    path: str


@dataclass(frozen=True, kw_only=True)
class NoData:
    """What an *empty* answer means: `value`, while the metric `alive` is fresh, `because` of a stated fact."""

    value: float
    alive: str
    because: str


@dataclass(frozen=True)
class Query:
    """What a source is asked: one text, or one for each kind of source.

    `texts` has the one text under "", or texts by kind; it is empty where the plan states no such query.
    """

    texts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.texts)

    def to(self, kind: str) -> str:
        """The text for one kind of source; empty where there is none."""
        return self.texts.get(kind, self.texts.get("", ""))


@dataclass(frozen=True)
class Ratio:
    """A share as two counts."""

    of: Query
    over: Query


@dataclass(frozen=True)
class Summary:
    """A window, and what is taken of it: `mean`, `max`, `growth`, `p99` and the like."""

    over: timedelta
    what: str


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that a source gives: its unit, which direction is good, and how old it may be.

    `better` is `lower`, `higher` or empty (a range judges it). `max_age` is
    None where the plan says `any`: the value does not age. `series` is asked
    for windows, and `query` where it is empty; `quantile` is of the histogram
    that `query` answers; `burst` says how many events of a `ratio` come
    together at least.
    """

    name: str
    title: str
    unit: str
    better: str
    source: str
    query: Query
    max_age: timedelta | None
    no_data: NoData | None
    place: Place
    series: Query = Query()
    ratio: Ratio | None = None
    step: timedelta = timedelta(seconds=60)
    summary: Summary | None = None
    quantile: float | None = None
    burst: float = 2.0

    @property
    def queries(self) -> tuple[Query, ...]:
        """Every query that the plan states for it."""
        stated = (self.query, self.series, *((self.ratio.of, self.ratio.over) if self.ratio else ()))
        return tuple(query for query in stated if query)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A metric's limit in one phase; each is a gate of its own."""

    name: str
    limit: Limit
    place: Place


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of a rollout, with the budgets that hold in it (a phase's own replaces the general one)."""

    name: str
    title: str
    budgets: Mapping[str, Budget]
    place: Place


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """One source of an environment as the plan states it; options may still hold `${NAME}`.

    `places` says where each option's value stands, by the option's name.
    """

    name: str
    kind: str
    options: Mapping[str, OptionValue] = field(repr=False)
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where a rollout is judged: an embedded world, or the sources, target and flags of a real system.

    `world` is absolute. `target` is empty where the plan names none;
    `target_place` says where its value stands.
    """

    name: str
    world: Path | None
    target: str = field(repr=False)
    flags: SourceConfig | None
    sources: Mapping[str, SourceConfig]
    place: Place
    target_place: Place | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole `rollout.yaml`; `folder` holds it and the gates that it governs.

    `every` is how often the gates are judged, so that a level with `for:`
    looks back so far and no spike falls between two looks.
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

    @property
    def folder(self) -> Path:
        """The folder of the plan and its gates."""
        return self.path.parent

    def declares(self, phase: str) -> bool:
        """Whether the plan has a phase; each has the checks before it can be judged."""
        return phase in self.phases or phase == PREFLIGHT

    def lines_of(self, phase: str) -> tuple[str, ...]:
        """The names of the plan's own gates in a phase."""
        if phase == PREFLIGHT:
            return (*self.metrics, *self.windows, "flags", "target", "disk")
        return tuple(self.phases[phase].budgets)

    @property
    def windows(self) -> Mapping[str, tuple[str, timedelta]]:
        """Each metric and window that the plan's own lines look at, by a name for it."""
        found = {(metric.name, metric.summary.over) for metric in self.metrics.values() if metric.summary}
        budgets = [budget for phase in self.phases.values() for budget in phase.budgets.values()]
        levels = [(budget.limit.metric, level.held) for budget in budgets for level in budget.limit.levels]
        found |= {(name, self.every + held) for name, held in levels if held}
        return {f"{name}_{format_duration(length).replace(' ', '_')}": (name, length) for name, length in sorted(found)}
