"""Budgets: from the checked document to limits, and the phases that hold them."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_rollout.errors import did_you_mean, listed
from pytest_rollout.limits import Limit
from pytest_rollout.plan.budget_shape import BUDGET_KEYS
from pytest_rollout.plan.conditions import build_conditions, build_stages, traffic_of
from pytest_rollout.plan.experiment import CONTROL, EXPERIMENT_CHECKS
from pytest_rollout.plan.experiments import Compared, build_experiment, difference_sides
from pytest_rollout.plan.levels import build_levels, change_sides, own_sides
from pytest_rollout.plan.looks import build_checkpoint, build_schedule
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.metrics import Metrics
from pytest_rollout.plan.model import PREFLIGHT
from pytest_rollout.plan.nodes import Findings, Kind, Node, quoted
from pytest_rollout.plan.phase import BASELINE, CONDITIONS, Budget, Phase, change_name
from pytest_rollout.plan.responses import build_responses, check_rto
from pytest_rollout.strays import GATE_MARKERS


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
    phases: dict[str, Phase] = {}
    units = {name: metric.unit for name, metric in metrics.sound.items() if metric.samples is None}
    responses = build_responses(checked, units, findings)
    check_rto(checked, written, findings)
    general_experiment = build_experiment(checked.fields.get("experiment"), None, findings)
    for name, node in checked.fields_of("phases").items():
        if name == PREFLIGHT:
            findings.at_key(node, f"a phase '{name}' is in every plan already", "give this one another name")
        if name in GATE_MARKERS:
            fix = f"a phase's name is its marker: call it something else, such as '{name}_phase'"
            findings.at_key(node, f"gates wear the marker '{name}' for something else", fix)
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
            experiment=build_experiment(node.fields.get("experiment"), general_experiment, findings),
            own_experiment="experiment" in node.fields,
            schedule=build_schedule(node, findings),
            checkpoint=build_checkpoint(node),
            responses=responses | build_responses(node, units, findings),
        )
        _check_experiment(phases[name], findings, node)
    return phases


def _check_experiment(phase: Phase, findings: Findings, node: Node) -> None:
    """Arms can be compared only where somebody says which they are."""
    stated = phase.experiment
    if stated is None and any(budget.against == CONTROL for budget in phase.budgets.values()):
        fix = "write 'experiment: {unit: ..., arms: {control: ..., treatment: ...}}' in the plan"
        findings.at_key(node, f"budgets of '{phase.name}' are against control, and there is no experiment", fix)
    if stated is None or not phase.compares or not stated.salt or stated.shares or CONTROL not in stated.arms:
        return
    unsaid = f"'assignment' in the experiment of '{phase.name}', and nobody says which part of the units"
    if set(stated.arms) != {CONTROL, "treatment"}:
        found = f"{unsaid} each arm has"
        fix = f"write 'shares' for {listed(stated.arms)}: traffic says it only of 'control' and 'treatment'"
        findings.at_key(node, found, fix)
    elif phase.traffic is None and not phase.stages:
        fix = "write 'traffic' or 'stages' in the phase, or 'shares' in the experiment"
        findings.at_key(node, f"{unsaid} is treated", fix)


def _check_names(budgets: Mapping[str, Budget], written: Node, findings: Findings) -> None:
    """A budget's gate and a condition's gate cannot share a name."""
    for name in budgets.keys() & {*CONDITIONS, *EXPERIMENT_CHECKS}:
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
    """One budget: of a metric itself, of its change from a baseline, or of a difference from the control arm."""
    against = node.text_of("against")
    compared = Compared.parse(name) if against == CONTROL else None
    if against == CONTROL and compared is None:
        before = name.rpartition(".")[0]
        meant = before if before in metrics.names and name not in metrics.names else name
        fix = f"name it, such as '{meant}.p99': a statistic is mean, rate, p50, p95, p99 and the like"
        findings.at_key(node, f"'{name}' names no statistic, and arms are compared by one", fix)
        return None
    subject = compared.metric if compared else name
    if subject not in metrics.names:
        fixes = (f"metrics: {listed(metrics.names)}", *did_you_mean(subject, metrics.names))
        findings.at_key(node, f"unknown metric {quoted(subject)}", *fixes)
        return None
    metric = metrics.sound.get(subject)
    if metric is None:
        return None
    if compared:
        return _against_control(name, compared, metric, node, findings)
    if metric.samples is not None:
        found = f"metric '{name}' is the rows of an experiment, and no number by itself"
        findings.at_key(node, found, f"compare it: '{name}.p99: {{against: control, ...}}'")
        return None
    if against == BASELINE:
        return _against_baseline(name, metric, node, findings)
    levels = build_levels(metric, node, findings, lambda limit: own_sides(metric, limit, findings))
    limit = Limit(name, name, metric.unit, tuple(levels.values()))
    return Budget(name=name, limit=limit, place=findings.place(node), metric=name)


def _against_baseline(name: str, metric: Metric, node: Node, findings: Findings) -> Budget:
    if not (metric.series or metric.query):
        found = f"metric '{name}' has no series, and a baseline is made of days"
        findings.at(node.fields["against"], found, "give it a 'series', or leave 'against' out")
    levels = build_levels(metric, node, findings, lambda limit: change_sides(metric, limit, findings))
    limit = Limit(name, change_name(name), "%", tuple(levels.values()))
    return Budget(name=name, limit=limit, place=findings.place(node), metric=name, against=BASELINE)


def _against_control(name: str, compared: Compared, metric: Metric, node: Node, findings: Findings) -> Budget | None:
    if metric.samples is None:
        found = f"metric '{metric.name}' has no 'samples', and arms are compared by their rows"
        findings.at(node.fields["against"], found, "give the metric 'samples: SOURCE.COLUMN'")
        return None
    kinds: dict[bool, Node] = {}

    def sides(limit: Node) -> tuple[float, float] | None:
        found = difference_sides(metric, compared, limit, findings)
        if found is None:
            return None
        kinds.setdefault(found[2], limit)
        return found[:2]

    levels = build_levels(metric, node, findings, sides)
    if len(kinds) > 1:
        findings.at(kinds[True], "a relative level beside an absolute one", "write all levels of a budget alike")
    for level in levels.values():
        if level.held is not None:
            findings.at_key(node, f"level '{level.name}' says 'for', and arms are compared over a window", "remove it")
    lift = True in kinds
    limit = Limit(name, compared.subject(lift=lift), compared.unit(metric, lift=lift), tuple(levels.values()))
    place = findings.place(node)
    return Budget(
        name=name, limit=limit, place=place, metric=metric.name, against=CONTROL, what=compared.what, lift=lift
    )
