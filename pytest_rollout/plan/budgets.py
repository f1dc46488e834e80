"""Budgets: from the checked document to limits with levels, and the phases that hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.errors import QuantityError, did_you_mean, listed
from pytest_rollout.limits import DEFAULT_DECISIONS, Level, Limit, out_of_order
from pytest_rollout.plan.conditions import build_conditions, build_stages, traffic_of
from pytest_rollout.plan.grammar import BUDGET_KEYS
from pytest_rollout.plan.metrics import Metrics
from pytest_rollout.plan.model import BASELINE, CONDITIONS, PREFLIGHT, Budget, Metric, Phase, change_name
from pytest_rollout.plan.nodes import Findings, Kind, Node, quoted
from pytest_rollout.plan.thresholds import Change, Threshold
from pytest_rollout.quantities import convert, format_duration, parse_duration

_TAKEN = {reason.value for reason in Reason} - DEFAULT_DECISIONS.keys()


def build_phases(checked: Node, written: Node, metrics: Metrics, findings: Findings) -> dict[str, Phase]:
    """The phases of a plan with the budgets that hold in each; a phase's own replaces the general one."""
    names = list(written.fields_of("phases"))
    general: dict[str, dict[str, Budget]] = {name: {} for name in names}
    for name, node in checked.fields_of("budgets").items():
        _check_levels(written.fields_of("budgets")[name], findings)
        budget = _budget(name, node, metrics, findings)
        for phase in _phases_of(node, names, findings):
            if budget is not None:
                general[phase][name] = budget
    phases = {}
    for name, node in checked.fields_of("phases").items():
        if name == PREFLIGHT:
            findings.at_key(node, f"a phase '{name}' is in every plan already", "give this one another name")
        for below in written.fields_of("phases", name, "budgets").values():
            _check_levels(below, findings)
        own = {key: _budget(key, below, metrics, findings) for key, below in node.fields_of("budgets").items()}
        budgets = general[name] | {key: budget for key, budget in own.items() if budget is not None}
        _check_names(budgets, written, findings)
        phases[name] = Phase(
            name=name,
            title=node.text_of("title") or name,
            budgets=budgets,
            place=findings.place(node),
            conditions=build_conditions(name, node, names, findings),
            traffic=traffic_of(node),
            stages=build_stages(node, findings),
        )
    return phases


def _check_names(budgets: Mapping[str, Budget], written: Node, findings: Findings) -> None:
    """A budget's gate and a condition's gate cannot share a name."""
    for name in budgets.keys() & set(CONDITIONS):
        found = f"a metric called '{name}' would hide the phase's condition of that name"
        findings.at_key(written.fields_of("metrics")[name], found, "call it something else")


def _phases_of(node: Node, names: list[str], findings: Findings) -> list[str]:
    phases = node.get("phases")
    known = []
    for item in phases.items if phases is not None else ():
        if item.text in names:
            known.append(item.text)
        else:
            fix = (f"phases: {', '.join(names) or 'none'}", *did_you_mean(item.text, names))
            findings.at(item, f"unknown phase {quoted(item.text)}", *fix)
    return known


def _check_levels(written: Node, findings: Findings) -> None:
    if written.kind is Kind.MAPPING and not written.fields.keys() - BUDGET_KEYS:
        findings.at_key(written, "no level", "write at least one, such as 'warning: 600 MB'")


def _budget(name: str, node: Node, metrics: Metrics, findings: Findings) -> Budget | None:
    if name not in metrics.names:
        fix = (f"metrics: {listed(metrics.names)}", *did_you_mean(name, metrics.names))
        findings.at_key(node, f"unknown metric {quoted(name)}", *fix)
        return None
    metric = metrics.sound.get(name)
    if metric is None:
        return None
    against = node.text_of("against")
    levels = tuple(_levels(metric, node, findings).values())
    judged, unit = (change_name(name), "%") if against == BASELINE else (name, metric.unit)
    if against == BASELINE and not (metric.series or metric.query):
        found = f"metric '{name}' has no series, and a baseline is made of days"
        findings.at(node.fields["against"], found, "give it a 'series', or leave 'against' out")
    limit = Limit(name, judged, unit, levels)
    return Budget(name=name, limit=limit, place=findings.place(node), metric=name, against=against)


def _levels(metric: Metric, node: Node, findings: Findings) -> dict[str, Level]:
    """The levels of one budget, by name, from mild to severe."""
    nodes = {name: below for name, below in node.fields.items() if name not in BUDGET_KEYS}
    levels = {}
    for name, below in nodes.items():
        if name in _TAKEN:
            fix = f"reason codes mean something else in a verdict: {listed(_TAKEN)}"
            findings.at_key(below, f"a level cannot be called {quoted(name)}", fix)
        _check_held(metric, below, findings)
        limit = below.fields.get("limit", below)
        judge = _change_sides if node.text_of("against") else _sides
        sides = judge(metric, limit, findings) if limit.text else None
        if sides is not None:
            levels[name] = _level(name, sides, below, node)
    for severe, mild in out_of_order(tuple(levels.values())):
        where = nodes[severe.name].fields.get("limit", nodes[severe.name])
        findings.at(
            where,
            f"impossible thresholds: '{severe.name}' is crossed before '{mild.name}'",
            "levels stand from mild to severe",
        )
    return levels


def _check_held(metric: Metric, level: Node, findings: Findings) -> None:
    held = level.get("for")
    if held is None:
        return
    if metric.ratio or metric.summary or metric.quantile is not None:
        what = "a ratio" if metric.ratio else "a summary of a window" if metric.summary else "a quantile of a histogram"
        findings.at(held, f"metric '{metric.name}' is {what}, which lasts no time", "judge a plain metric with 'for'")
    elif parse_duration(held.text) < 2 * metric.step:
        findings.at(
            held,
            f"shorter than two samples of '{metric.name}', which come every {format_duration(metric.step)}",
            "write a longer time, or state the metric's 'step'",
        )


def _level(name: str, sides: tuple[float, float], node: Node, budget: Node) -> Level:
    said = node.text_of("decision")
    return Level(
        name=name,
        low=sides[0],
        high=sides[1],
        decision=Decision[said.upper()] if said else DEFAULT_DECISIONS.get(name, Decision.HOLD),
        action=node.text_of("action") or budget.text_of("action"),
        runbook=node.text_of("runbook") or budget.text_of("runbook"),
        held=parse_duration(node.text_of("for")) if node.text_of("for") else None,
        to=node.text_of("to"),
    )


def _change_sides(metric: Metric, limit: Node, findings: Findings) -> tuple[float, float] | None:
    """The lower and the upper end of a change from a reference, in %, infinite where it is open."""
    try:
        change = Change.parse(limit.text)
        low, high = (
            each if math.isinf(each) else convert(each, change.unit, "%") for each in (change.low, change.high)
        )
    except QuantityError as error:
        findings.at(limit, *str(error).splitlines(), "a change from a baseline is relative: +10 %, -5 %, ±20 %")
        return None
    wrong = {"lower": low > -math.inf and high == math.inf, "higher": low == -math.inf and high < math.inf}
    if wrong.get(metric.better, False):
        found = f"{quoted(limit.text)} limits the good side: metric '{metric.name}' says 'better: {metric.better}'"
        findings.at(limit, found, "turn the sign round")
        return None
    return low, high


def _sides(metric: Metric, limit: Node, findings: Findings) -> tuple[float, float] | None:
    """The lower and the upper end of a level in the metric's unit, infinite where it is open."""
    threshold = Threshold.parse(limit.text)
    if metric.unit and not threshold.unit:
        findings.at(limit, f"{quoted(limit.text)} has no unit", f"write the unit, such as '{limit.text} {metric.unit}'")
        return None
    try:
        threshold = threshold.to(metric.unit)
    except QuantityError as error:
        findings.at(limit, *str(error).splitlines())
        return None
    if threshold.low is not None:
        return threshold.low, threshold.high
    if metric.better == "lower":
        return -math.inf, threshold.high
    if metric.better == "higher":
        return threshold.high, math.inf
    findings.at(
        limit,
        f"one number, and metric '{metric.name}' does not say which way is good",
        f"write a range, such as '0..{limit.text}', or 'better: lower' or 'better: higher' at the metric",
    )
    return None
