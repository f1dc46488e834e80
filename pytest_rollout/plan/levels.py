"""Levels: from the checked document to the levels of one budget, from mild to severe."""

from __future__ import annotations

import math
from collections.abc import Callable

from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.errors import QuantityError, listed
from pytest_rollout.limits import DEFAULT_DECISIONS, Level, out_of_order
from pytest_rollout.plan.budget_shape import BUDGET_KEYS
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.nodes import Findings, Node, quoted
from pytest_rollout.plan.thresholds import Change, Threshold
from pytest_rollout.quantities import convert, format_duration, parse_duration

_TAKEN = {reason.value for reason in Reason} - DEFAULT_DECISIONS.keys()


def build_levels(
    metric: Metric, node: Node, findings: Findings, sides: Callable[[Node], tuple[float, float] | None]
) -> dict[str, Level]:
    """The levels of one budget, by name, from mild to severe; `sides` reads where a level's range ends."""
    nodes = {name: below for name, below in node.fields.items() if name not in BUDGET_KEYS}
    levels = {}
    for name, below in nodes.items():
        if name in _TAKEN:
            fix = f"reason codes mean something else in a verdict: {listed(_TAKEN)}"
            findings.at_key(below, f"a level cannot be called {quoted(name)}", fix)
        _check_held(metric, below, findings)
        limit = below.fields.get("limit", below)
        ends = sides(limit) if limit.text else None
        if ends is not None:
            levels[name] = _level(name, ends, below, node)
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


def change_sides(metric: Metric, limit: Node, findings: Findings) -> tuple[float, float] | None:
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


def own_sides(metric: Metric, limit: Node, findings: Findings) -> tuple[float, float] | None:
    """The lower and the upper end of a level in the metric's unit, infinite where it is open."""
    try:
        threshold = Threshold.parse(limit.text)
    except QuantityError as error:
        findings.at(limit, *str(error).splitlines())
        return None
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
