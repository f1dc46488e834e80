"""The plan as facts: what `rollout.yaml` says, checked, with its places.

Nothing here reads a file or judges anything. Every part remembers where it
stands, so that a later complaint can point at line and column.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pytest_rollout.limits import Limit
from pytest_rollout.sources.protocol import OptionValue

BASELINE = "baseline"
"""A reference: what the metric was before the rollout."""
CONTROL = "control"
"""A reference: the arm of an experiment that others are compared with."""
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
class Samples:
    """Where an experiment's rows of a metric are: a column of a source's table.

    `pairs` names the question, where the same ones were put to both arms.
    Rows of which `timed_out` is true are endless; those beyond `cap` count as
    it in means; `range` is the lowest and the highest that a row can be. All
    numbers are in the metric's unit.
    """

    column: str
    timed_out: str = ""
    pairs: str = ""
    cap: float | None = None
    range: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is compared with what: see `docs/plan.md`.

    Args:
        unit: The column that names what is assigned.
        arms: Each arm with its label in the column `arm`.
        arm: The column that says which arm a row is of.
        at: The column of a row's time.
        row: The column that names a row; empty for none.
        stratum: A column whose values are compared each with itself; empty for none.
        salt: Of the hash that assigns; empty where nobody states how units were assigned.
        method: Of the assignment.
        shares: The planned part of the units of each arm, in %; empty where the traffic says it.
        holdback: So many % are never treated.
        ignored: Labels that are of no arm.
        planned: Rows of the smaller arm at which an answer is expected; 0 where nobody planned.
    """

    unit: str = ""
    arms: Mapping[str, str] = field(default_factory=dict)
    arm: str = "arm"
    at: str = "at"
    row: str = ""
    stratum: str = ""
    salt: str = ""
    method: str = "blake2b"
    shares: Mapping[str, float] = field(default_factory=dict)
    holdback: float = 0.0
    ignored: tuple[str, ...] = ()
    planned: int = 0


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that a source gives: its unit, which direction is good, and how old it may be.

    `better` is `lower`, `higher` or empty (a range judges it). `max_age` is
    None where the plan says `any`: the value does not age. `series` is asked
    for windows, and `query` where it is empty; `quantile` is of the histogram
    that `query` answers, and `within` the interval whose share of it is asked
    for; `burst` says how many events of a `ratio` come together at least.
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
    samples: Samples | None = None
    within: tuple[float, float] | None = None

    @property
    def distribution(self) -> bool:
        """Whether the query answers a histogram or rows, of which the value is one number."""
        return self.quantile is not None or self.within is not None

    @property
    def queries(self) -> tuple[Query, ...]:
        """Every query that the plan states for it."""
        stated = (self.query, self.series, *((self.ratio.of, self.ratio.over) if self.ratio else ()))
        return tuple(query for query in stated if query)


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
        checks = ("sample_ratio", "contamination", *(("assignment",) if self.experiment.salt else ()))
        return (*checks, *(f"{name}{LAST_DAY}" for name in triggers))

    @property
    def condition_lines(self) -> tuple[str, ...]:
        """The names of its conditions' gates, in the order in which they are read."""
        stated = self.conditions
        staged = bool(self.stages)
        lines = {
            "after": bool(stated.after),
            "stage": staged or self.traffic is not None,
            "minimum": stated.minimum is not None,
            "hold": any(stage.hold for stage in self.stages),
            "green": stated.green is not None,
            "clean": stated.clean is not None,
            "incidents": bool(stated.incidents),
            "interventions": stated.interventions is not None,
            "statements": bool(stated.statements),
            "approvals": bool(stated.approvals) or any(stage.approvals for stage in self.stages),
        }
        return tuple(name for name, there in lines.items() if there)


CONDITIONS = (
    "after",
    "stage",
    "minimum",
    "hold",
    "green",
    "clean",
    "incidents",
    "interventions",
    "statements",
    "approvals",
)
"""Every name that a condition's gate has; no budget can be called so."""


PLANNED_DAYS = 14
"""How long a phase is looked at where its plan does not say."""
LAST_DAY = ".last_day"
"""What a trigger is called that judges the last 24 hours alone."""
EXPERIMENT_CHECKS = ("sample_ratio", "contamination", "assignment")
"""Every name that a gate about an experiment itself has."""


def comparison_name(what: str, metric: str, arm: str, *, lift: bool) -> str:
    """What a comparison with the control arm is called, in claims and limits: `P99 latency_ms, treatment - control`."""
    shown = what.upper() if what.startswith("p") else what
    return f"{shown} {metric}, {arm} / {CONTROL} - 1" if lift else f"{shown} {metric}, {arm} - {CONTROL}"


def change_name(metric: str) -> str:
    """What the change of a metric from its baseline is called, in claims and limits."""
    return f"{metric} against its baseline"


def percent_text(percent: float) -> str:
    """`5 %`, `0.1 %`: one spelling for stages, markers and reports."""
    return f"{percent:.6g} %"


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
    `target_place` says where its value stands. `ledger` is a file or the URL
    of a database, empty where there is no memory; `approvals` is the folder
    of the signatures and of who may sign, None for the plan's own. The
    change is what git has between `change_since` and now in `change_paths`:
    its authors cannot approve it. `stage` is what an embedded world shows of
    a phase with stages, and `flags_file` its own file of flags, once it runs.
    `load` has addresses besides the target whose hosts may be put under load.
    """

    name: str
    world: Path | None
    target: str = field(repr=False)
    flags: SourceConfig | None
    sources: Mapping[str, SourceConfig]
    place: Place
    target_place: Place | None = field(default=None, repr=False)
    ledger: str = field(default="", repr=False)
    ledger_place: Place | None = field(default=None, repr=False)
    approvals: Path | None = None
    change_since: str = ""
    change_since_place: Place | None = field(default=None, repr=False)
    change_paths: tuple[str, ...] = (".",)
    stage: str = ""
    flags_file: Path | None = None
    load: tuple[str, ...] = field(default=(), repr=False)


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
