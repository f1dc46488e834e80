"""Metrics: from the checked document to `Metric`, and the checks between metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pytest_rollout.errors import did_you_mean, listed
from pytest_rollout.plan.model import Metric, NoData
from pytest_rollout.plan.nodes import Findings, Node, quoted
from pytest_rollout.plan.thresholds import parse_number
from pytest_rollout.quantities import Unit, parse_duration

DEFAULT_MAX_AGE = timedelta(minutes=5)
"""How old a number may be where the plan does not say."""


@dataclass(frozen=True)
class Metrics:
    """The metrics of a plan: the names it uses, and those sound enough to judge limits by.

    A metric whose unit or direction was refused is known and not sound: its
    budgets are neither "unknown metric" nor checked against a unit we guess.
    """

    names: frozenset[str]
    sound: Mapping[str, Metric]


def build_metrics(checked: Node, written: Node, findings: Findings) -> Metrics:
    """The metrics of a plan, from what was kept of the document and what was written in it."""
    raw = written.fields_of("metrics")
    metrics = {}
    for name, node in checked.fields_of("metrics").items():
        if node.get("no_data", "alive") is not None:
            _check_alive(name, node.fields["no_data"].fields["alive"], raw, findings)
        if all(key in node.fields for key in ("unit", "better") if key in raw[name].fields):
            metrics[name] = _metric(name, node, findings)
    return Metrics(frozenset(raw), metrics)


def _metric(name: str, node: Node, findings: Findings) -> Metric:
    return Metric(
        name=name,
        title=node.text_of("title") or name,
        unit=Unit.parse(node.text_of("unit")).text,
        better=node.text_of("better"),
        source=node.text_of("source"),
        query=node.text_of("query"),
        max_age=_max_age(node.text_of("max_age")),
        no_data=_no_data(node.get("no_data")),
        place=findings.place(node),
    )


def _max_age(text: str) -> timedelta | None:
    if text == "any":
        return None
    return parse_duration(text) if text else DEFAULT_MAX_AGE


def _no_data(node: Node | None) -> NoData | None:
    if node is None or "as" not in node.fields:
        return None
    return NoData(value=parse_number(node.text_of("as")), alive=node.text_of("alive"), because=node.text_of("because"))


def _check_alive(name: str, alive: Node, metrics: Mapping[str, Node], findings: Findings) -> None:
    """An empty answer is a number only while something shows that the source works."""
    others = metrics.keys() - {name}
    if alive.text == name:
        findings.at(
            alive, f"metric '{name}' cannot show by itself that its source is alive", f"metrics: {listed(others)}"
        )
    elif alive.text not in metrics:
        fix = (f"metrics: {listed(others)}", *did_you_mean(alive.text, others))
        findings.at(alive, f"unknown metric {quoted(alive.text)}", *fix)
    elif "no_data" in metrics[alive.text].fields:
        findings.at(
            alive,
            f"metric '{alive.text}' has 'no_data' itself, so it shows nothing alive",
            "name a metric that always answers",
        )
    elif metrics[alive.text].text_of("max_age") == "any":
        findings.at(
            alive,
            f"metric '{alive.text}' never grows old ('max_age: any'), so it shows nothing alive",
            "give it a max_age",
        )
