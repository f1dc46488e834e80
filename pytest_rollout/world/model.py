"""The world: what an author says of their service, and what each fault changes of it.

A `World` is a description and nothing runs here. It has a state and flags
that routes answer from, series that telemetry is made of, and faults by name.
A fault says what it changes and can change nothing else, so that a gate which
reacts to it reacts to that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pytest_rollout.errors import WorldError, did_you_mean, listed
from pytest_rollout.world.alerts import Alert
from pytest_rollout.world.before import Before
from pytest_rollout.world.events import Events
from pytest_rollout.world.exposition import Exposed
from pytest_rollout.world.files import WorldFile
from pytest_rollout.world.series import Series

ANY_WORLD = {
    "metrics_down": "the telemetry cannot be asked at all",
    "stale": "the telemetry ended two hours ago",
    "nan": "the newest value of every series is NaN",
    "young": "the phase, or its stage, is in its third day, or has lasted a fifth of its time",
    "unsigned": "nobody has signed anything",
    "previous_phase_open": "the phase before this one was last judged HOLD",
}
"""The faults that every world has: they are done to the table `telemetry`, or to what is remembered."""
OWN_SOURCES = ("telemetry", "service", "metrics", "alerts")
"""The names of sources that a world gives by itself."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to the service, with the live state and flags to answer it from.

    `query` holds the last value of each parameter; `at` is the run's instant.
    `state` and `flags` are shared by all requests and may be changed.
    `connections` is how many clients hold a connection to the service now.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: object
    at: datetime
    state: dict[str, object]
    flags: dict[str, object]
    connections: int = 1


@dataclass(frozen=True)
class Reply:
    """An answer that is not simply 200 with JSON: a status, or a text body such as Prometheus' format."""

    body: object
    status: int = 200
    content_type: str = "application/json"


Route = Callable[[Call], object]
"""Answers a call with a JSON value or a `Reply`."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong, and everything it changes.

    Args:
        about: What it does, in one line.
        series: New levels of series, by metric.
        drifts: Per cent an hour by which series grow, by metric.
        hours: For how long the series have had these levels.
        minutes: The same in minutes, in place of `hours`.
        ends_minutes_ago: When the series came back to their own levels; 0 where they have not.
            What drifts does so until now.
        state: New values in the service's state, by dotted path (`"stats.bindings_per_hour"`).
        flags: New values of flags, by name, or by dotted path inside one.
        files: Other content of files, by their source.
        events: Other rows of experiments, by their phase.
        phases: What it changes in one phase alone, and there in place of what it changes in all.
        without_alerts: Alert rules that are not there.
        dies_at: A path; the service ends without an answer when it is asked for.
    """

    about: str
    series: Mapping[str, float] = field(default_factory=dict)
    drifts: Mapping[str, float] = field(default_factory=dict)
    hours: float = 6.0
    minutes: float | None = None
    ends_minutes_ago: float = 0.0
    state: Mapping[str, object] = field(default_factory=dict)
    flags: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, WorldFile] = field(default_factory=dict)
    events: Mapping[str, Events] = field(default_factory=dict)
    phases: Mapping[str, Phase] = field(default_factory=dict)
    without_alerts: Sequence[str] = ()
    dies_at: str = ""

    def __post_init__(self) -> None:
        if self.drifts and self.ends_minutes_ago:
            raise WorldError("a fault that drifts lasts until now: leave ends_minutes_ago out")

    def done_to(self, series: Series) -> Series:
        """A series as it is under this fault."""
        minutes = self.hours * 60 if self.minutes is None else self.minutes
        if series.metric in self.series:
            return series.lately(self.series[series.metric], minutes=minutes, until=self.ends_minutes_ago)
        if series.metric in self.drifts:
            return series.drifting(self.drifts[series.metric], minutes=minutes)
        return series


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What is otherwise in one phase of the rollout that a world is of: flags, the state by path, and files.

    `percentage` is the flag that holds how much traffic is treated, or all flags that do; empty for none. `files`
    names those of the world's files that are written in this phase, where some are costly to make; None for all.
    `other_files` is what some of them hold in this phase, where that differs.
    """

    flags: Mapping[str, object] = field(default_factory=dict)
    state: Mapping[str, object] = field(default_factory=dict)
    percentage: str | Sequence[str] = ""
    files: Sequence[str] | None = None
    other_files: Mapping[str, WorldFile] = field(default_factory=dict)

    @property
    def percentages(self) -> tuple[str, ...]:
        """Every flag that holds how much traffic is treated."""
        named = (self.percentage,) if isinstance(self.percentage, str) else self.percentage
        return tuple(name for name in named if name)

    def under(self, fault: Fault) -> Phase:
        """The same under a fault, which has the last word."""
        flags = {name: value for name, value in self.flags.items() if name not in fault.flags}
        state = {path: value for path, value in self.state.items() if path not in fault.state}
        other_files = {name: file for name, file in self.other_files.items() if name not in fault.files}
        percentages = tuple(name for name in self.percentages if name not in fault.flags)
        return replace(self, flags=flags, state=state, other_files=other_files, percentage=percentages)

    def changed(self, own: Phase) -> Phase:
        """The same with what a fault changes in this phase alone."""
        return replace(
            self,
            flags={**self.flags, **own.flags},
            state={**self.state, **own.state},
            other_files={**self.other_files, **own.other_files},
            percentage=tuple(name for name in self.percentages if name not in own.flags),
            files=self.files if own.files is None else own.files,
        )


@dataclass(frozen=True, kw_only=True)
class World:
    """A small service to try gates on.

    Args:
        name: What reports call it.
        routes: `"GET /path"` to a function of a `Call`.
        state: What the routes answer from; each run has its own copy.
        flags: Feature flags, served at `/flags`; `PUT /flags/NAME` sets one while it runs.
        flags_file: The file that they are in as well; one whose name ends in `.env` has them as environment
            variables, and is then what gates read.
        series: The telemetry: a table of series is a source of that name.
        files: What lies beside it, each a source of that name.
        exposition: What its `/metrics` says; the source `metrics`.
        alerts: Its alert rules, in `alerts.yml` and as `/prometheus/api/v1/rules`; the source `alerts`.
        sources: Further sources, as a plan states them; `{url}` in them is the service, `{folder}` the run's folder.
        faults: What can be made to go wrong, by name.
        baselines: What was recorded before the rollout, by the plan's metric.
        events: The rows of an experiment, by the phase that is shown; the source `recalls`, and `replays` with a suite.
        phases: What is otherwise in a phase that is shown: flags, state and files.

    Raises:
        WorldError: A fault that changes what the world does not have, two
            series of one metric, a route that is no `METHOD /path`.
    """

    name: str
    routes: Mapping[str, Route] = field(default_factory=dict)
    state: Mapping[str, object] = field(default_factory=dict)
    flags: Mapping[str, object] = field(default_factory=dict)
    flags_file: str = "flags.json"
    series: Sequence[Series] = ()
    files: Mapping[str, WorldFile] = field(default_factory=dict)
    exposition: Sequence[Exposed] = ()
    alerts: Sequence[Alert] = ()
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    baselines: Mapping[str, Before] = field(default_factory=dict)
    events: Mapping[str, Events] = field(default_factory=dict)
    phases: Mapping[str, Phase] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for route in self.routes:
            method, _, path = route.partition(" ")
            if method not in {"GET", "POST", "PUT", "PATCH", "DELETE"} or not path.startswith("/"):
                raise WorldError(f"route '{route}' is not a method and a path, such as 'GET /status'")
        metrics = [series.metric for series in self.series]
        for metric in {each for each in metrics if metrics.count(each) > 1}:
            raise WorldError(f"series '{metric}' is there twice: each metric has one")
        tables = {series.table for series in self.series} - {"telemetry"}
        names = [*OWN_SOURCES, *tables, *self.files, *self.sources]
        for name in {each for each in names if names.count(each) > 1}:
            raise WorldError(f"source '{name}' is there twice: tables, files and sources each have a name of their own")
        for phase, shown in self.phases.items():
            for name in set(shown.files or ()) - set(self.files):
                lines = [f"phase {phase} has the file '{name}', which world '{self.name}' does not have"]
                raise WorldError("\n  ".join([*lines, f"files: {listed(self.files)}", *did_you_mean(name, self.files)]))
            self._refuse_unknown(f"phase {phase}", "file", shown.other_files, self.files)
        for name in self.faults:
            if name in ANY_WORLD:
                raise WorldError(f"fault '{name}' is one that every world has: give yours another name")
            self.with_fault(name)

    def with_fault(self, fault: str | None) -> World:
        """The world as it is with one of its faults, and without any other.

        The faults that every world has leave the description as it is.

        Raises:
            WorldError: No such fault; lists those that exist.
        """
        if fault is None or fault in ANY_WORLD:
            return self
        if fault not in self.faults:
            known = [*self.faults, *ANY_WORLD]
            lines = [
                f"unknown fault '{fault}'",
                f"faults of world '{self.name}': {listed(known)}",
                *did_you_mean(fault, known),
            ]
            raise WorldError("\n  ".join(lines))
        chosen = self.faults[fault]
        self._refuse_unknown(fault, "flag", chosen.flags, {**self.flags, **dict.fromkeys(_paths(self.flags))})
        levels = {series.metric: series for series in self.series}
        self._refuse_unknown(fault, "series", {**chosen.series, **chosen.drifts}, levels)
        self._refuse_unknown(fault, "file", chosen.files, self.files)
        self._refuse_unknown(fault, "phase with events", chosen.events, self.events)
        self._refuse_unknown(fault, "phase", chosen.phases, self.phases)
        for own in chosen.phases.values():
            self._refuse_unknown(fault, "file", {**own.other_files, **dict.fromkeys(own.files or ())}, self.files)
        rules = {alert.name: alert for alert in self.alerts}
        self._refuse_unknown(fault, "alert", dict.fromkeys(chosen.without_alerts), rules)
        return replace(
            self,
            state=_changed_state(self.state, chosen.state, fault),
            flags=_changed_flags(self.flags, chosen.flags, fault),
            series=tuple(map(chosen.done_to, self.series)),
            files={**self.files, **chosen.files},
            events={**self.events, **chosen.events},
            phases={
                name: phase.under(chosen).changed(chosen.phases.get(name, Phase()))
                for name, phase in self.phases.items()
            },
            alerts=tuple(alert for alert in self.alerts if alert.name not in chosen.without_alerts),
            faults={},
        )

    def showing(self, phase: str, percent: float = 0.0) -> World:
        """The world as it is in one phase with so much traffic; as it is without any where a phase has nothing own."""
        shown = self.phases.get(phase, Phase())
        treated = dict.fromkeys(shown.percentages, percent)
        files = {**self.files, **shown.other_files}
        return replace(
            self,
            flags=_changed_flags(self.flags, {**shown.flags, **treated}, f"phase {phase}"),
            state=_changed_state(self.state, shown.state, f"phase {phase}"),
            files=files if shown.files is None else {name: files[name] for name in shown.files},
            phases={},
            events={phase: self.events[phase]} if phase in self.events else {},
            faults={},
        )

    def dies_at(self, fault: str | None) -> str:
        """The path at which the service ends under this fault; empty when there is none."""
        return self.faults[fault].dies_at if fault is not None and fault in self.faults else ""

    def fault_names(self) -> Mapping[str, str]:
        """Every fault that can be injected, with what it does."""
        return {**{name: fault.about for name, fault in self.faults.items()}, **ANY_WORLD}

    def _refuse_unknown(self, fault: str, kind: str, asked: Mapping[str, object], known: Mapping[str, object]) -> None:
        for name in asked:
            if name not in known:
                lines = [
                    f"fault '{fault}' changes {kind} '{name}', which world '{self.name}' does not have",
                    f"{kind}: {listed(known)}",
                    *did_you_mean(name, known),
                ]
                raise WorldError("\n  ".join(lines))


def _changed_state(state: Mapping[str, object], changes: Mapping[str, object], fault: str) -> dict[str, object]:
    changed: dict[str, object] = copy.deepcopy(dict(state))
    for path, value in changes.items():
        *parents, last = path.split(".")
        inner: object = changed
        for parent in parents:
            inner = inner.get(parent) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            raise WorldError(
                f"fault '{fault}' changes state '{path}', which is not there\n  state: {listed(_paths(state))}"
            )
        inner[last] = value
    return changed


def _changed_flags(flags: Mapping[str, object], changes: Mapping[str, object], whose: str) -> dict[str, object]:
    """Flags with other values: whole ones by their name, and parts of one by dotted path."""
    whole = {name: value for name, value in changes.items() if name in flags}
    parts = {name: value for name, value in changes.items() if name not in flags}
    return _changed_state({**flags, **whole}, parts, whose)


def _paths(state: Mapping[str, object], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, value in state.items():
        found += _paths(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [f"{prefix}{name}"]
    return found
