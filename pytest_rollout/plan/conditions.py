"""Conditions: from the checked document to what time and people must say before a phase is over.

What stands at a phase beside its budgets: which phases come before it, how
long it lasts at least, its stages of traffic, and what its exit takes. Each
condition that is stated becomes a gate of the phase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from pytest_rollout.errors import QuantityError, did_you_mean, listed
from pytest_rollout.plan.nodes import Findings, Kind, Node, quoted
from pytest_rollout.plan.phase import Conditions, Stage
from pytest_rollout.plan.shape import Choice, Name, Parsed, Shape, Text, duration
from pytest_rollout.plan.structures import Fields, ListOf, ListOrMap, MapOf, RowsOf
from pytest_rollout.quantities import Quantity, parse_duration

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
SEVERITIES = ("sev1", "sev2", "sev3", "sev4")
"""How bad an incident is, the worst first."""


def parse_percent(text: str) -> float:
    """Read a percentage of traffic: `5 %`, `0.1 %`, `100 %`.

    Raises:
        QuantityError: Not a percentage between 0 and 100.
    """
    said = Quantity.parse(text)
    if said.unit != "%" or said.sign or not 0 <= said.value <= 100:
        raise QuantityError(f"'{text}' is no percentage of traffic\nwrite 0 % to 100 %, such as 5 %")
    return said.value


def _whole(text: str, unit: timedelta, example: str) -> int:
    count = parse_duration(text) / unit
    if count != int(count):
        raise QuantityError(f"'{text}' is no whole number of {'days' if unit == _DAY else 'hours'}\nwrite {example}")
    return int(count)


def parse_days(text: str) -> int:
    """Read whole days: `7d`.

    Raises:
        QuantityError: No duration, or a part of a day.
    """
    return _whole(text, _DAY, "7d")


def parse_hours(text: str) -> int:
    """Read whole hours: `11h`.

    Raises:
        QuantityError: No duration, or a part of an hour.
    """
    return _whole(text, _HOUR, "11h")


def parse_count(text: str) -> int:
    """Read how many: 0, 1, 2 and so on.

    Raises:
        QuantityError: Not a whole number.
    """
    if re.fullmatch(r"[0-9]{1,6}", text.strip()) is None:
        raise QuantityError(f"'{text}' is no whole number\nwrite 0, 1, 2 and so on")
    return int(text)


def parse_people(text: str) -> int:
    """Read how many people: at least one.

    Raises:
        QuantityError: Not a whole number, or nobody.
    """
    if parse_count(text) < 1:
        raise QuantityError(f"'{text}' people sign nothing\nwrite 1 or more, or leave the role out")
    return parse_count(text)


PERCENT = Parsed(about="how much traffic is served, such as 5 %", parse=parse_percent, pattern=r"[0-9.].*")
_ROLE = Name(about="a role, as approvers.yaml gives it", pattern="[a-z][a-z0-9_-]*", letters="lower-case letters first")
_ROLES = ListOrMap(
    about="the roles that must sign, or how many people of each, such as {engineering: 2}",
    listed=ListOf(about="the roles that must sign", items=_ROLE),
    mapped=MapOf(
        about="how many people of each role must sign",
        names=_ROLE,
        values=Parsed(about="how many people", parse=parse_people, pattern="[0-9]+"),
        at_least=1,
    ),
)
_EXIT = Fields(
    about="what must be so before the phase is over",
    optional={
        "green": Parsed(about="green days in a row, such as 7d", parse=parse_days, pattern="[0-9].*"),
        "clean": Parsed(about="clean hours in a row, such as 11h", parse=parse_hours, pattern="[0-9].*"),
        "missing": Choice(
            about="what an interval without an evaluation does to a streak (break)", words=("break", "pause")
        ),
        "information": Choice(
            about="what a day does to a streak whose only lack is information (pause)", words=("break", "pause")
        ),
        "approvals": _ROLES,
        "statements": MapOf(
            about="what somebody must have said and signed, by topic, such as {survey: neutral or better}",
            names=_ROLE,
            values=Text(about="the words, as they are signed"),
            at_least=1,
        ),
        "incidents": Choice(about="no open incident of this severity or worse", words=SEVERITIES),
        "interventions": Parsed(about="at most so many interventions by hand", parse=parse_count, pattern="[0-9]+"),
    },
)
_STAGE = Fields(
    about="one step of the traffic",
    required={"traffic": PERCENT},
    optional={"hold": duration("how long it is held, such as 48h"), "approvals": _ROLES},
)
PHASE_KEYS: Mapping[str, Shape] = {
    "after": ListOf(about="phases that must be over before", items=Text(about="a phase's name")),
    "minimum": duration("how long the phase lasts at least, such as 14d"),
    "traffic": PERCENT,
    "stages": RowsOf(about="the steps of its traffic, from small to large", rows=_STAGE),
    "exit": _EXIT,
}
"""The keys of a phase that are conditions."""


def build_conditions(name: str, phase: Node, phases: list[str], findings: Findings) -> Conditions:
    """The conditions that a phase states."""
    after = [item.text for item in (phase.fields["after"].items if "after" in phase.fields else ())]
    for item in phase.fields["after"].items if "after" in phase.fields else ():
        if item.text not in phases:
            fix = (f"phases: {', '.join(phases)}", *did_you_mean(item.text, phases))
            findings.at(item, f"unknown phase {quoted(item.text)}", *fix)
        elif phases.index(item.text) >= phases.index(name):
            findings.at(item, f"{quoted(item.text)} does not come before '{name}'", "phases stand in their order")
    over = phase.fields.get("exit")
    for key in ("missing", "information"):
        if over is not None and key in over.fields and not {"green", "clean"} & over.fields.keys():
            findings.at_key(over.fields[key], f"'{key}' without a streak", "it says something of green or clean")
    text = over.text_of if over is not None else lambda _: ""
    return Conditions(
        after=tuple(after),
        minimum=parse_duration(phase.text_of("minimum")) if phase.text_of("minimum") else None,
        green=parse_days(text("green")) if text("green") else None,
        clean=parse_hours(text("clean")) if text("clean") else None,
        missing=text("missing") or "break",
        information=text("information") or "pause",
        approvals=_roles(over.fields.get("approvals") if over is not None else None),
        statements={topic: below.text for topic, below in over.fields_of("statements").items()}
        if over is not None
        else {},
        incidents=text("incidents"),
        interventions=parse_count(text("interventions")) if text("interventions") else None,
    )


def build_stages(phase: Node, findings: Findings) -> tuple[Stage, ...]:
    """The stages of a phase, from small to large."""
    rows = phase.fields["stages"].items if "stages" in phase.fields else ()
    if rows and "traffic" in phase.fields:
        findings.at_key(phase.fields["traffic"], "'traffic' beside 'stages' has no meaning", "remove one of them")
    stages: list[Stage] = []
    for row in rows:
        if "traffic" not in row.fields:
            continue  # said where it is missing
        percent = parse_percent(row.fields["traffic"].text)
        if stages and percent <= stages[-1].percent:
            findings.at(
                row.fields["traffic"],
                f"{quoted(row.fields['traffic'].text)} is not more than the stage before",
                "stages stand from small to large, each once",
            )
        hold = parse_duration(row.text_of("hold")) if row.text_of("hold") else None
        approvals = _roles(row.fields.get("approvals"))
        stages.append(Stage(percent=percent, hold=hold, approvals=approvals, place=findings.place(row)))
    return tuple(stages)


def traffic_of(phase: Node) -> float | None:
    """The percentage that a phase is about; None where it does not say."""
    return parse_percent(phase.text_of("traffic")) if phase.text_of("traffic") else None


def check_percentage(checked: Node, written: Node, findings: Findings) -> str:
    """The metric that says how much traffic is served; stages and traffic cannot be judged without one."""
    named = checked.get("percentage")
    metrics = written.fields_of("metrics")
    if named is not None and named.text not in metrics:
        fix = (f"metrics: {listed(metrics)}", *did_you_mean(named.text, metrics))
        findings.at(named, f"unknown metric {quoted(named.text)}", *fix)
    if written.get("percentage") is None:
        for phase in written.fields_of("phases").values():
            for key in ("stages", "traffic"):
                if phase.kind is Kind.MAPPING and key in phase.fields:
                    found = f"'{key}', and nothing says how much traffic is served"
                    findings.at_key(phase.fields[key], found, "name a metric that does: percentage: METRIC")
    return named.text if named is not None else ""


def _roles(node: Node | None) -> dict[str, int]:
    if node is None:
        return {}
    if node.kind is Kind.LIST:
        return {item.text: 1 for item in node.items}
    return {role: parse_people(below.text) for role, below in node.fields.items()}
