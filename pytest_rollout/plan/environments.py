"""Environments: from the checked document to worlds, targets, flags and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_rollout.errors import did_you_mean, listed
from pytest_rollout.plan.conditions import parse_percent
from pytest_rollout.plan.environment import Environment, SourceConfig
from pytest_rollout.plan.nodes import Findings, Kind, Node, quoted
from pytest_rollout.plan.phase import percent_text
from pytest_rollout.sources.protocol import OptionValue


def build_environments(checked: Node, written: Node, findings: Findings) -> dict[str, Environment]:
    """The environments of a plan; every one with sources must have those that the metrics name."""
    raw = written.fields_of("environments")
    for name, node in raw.items():
        if node.kind is Kind.MAPPING and not node.fields:
            findings.at_key(node, "says nothing", "write 'world: world.py', or 'sources:' of a real system")
        elif node.kind is Kind.MAPPING and "world" not in node.fields:
            _check_sources(name, node, checked.fields_of("metrics"), findings)
            _check_ledger(name, node, checked, findings)
    default = checked.get("environment")
    if default is not None and default.text not in raw:
        fix = (f"environments: {listed(raw)}", *did_you_mean(default.text, raw))
        findings.at(default, f"unknown environment {quoted(default.text)}", *fix)
    return {name: _environment(name, node, findings) for name, node in checked.fields_of("environments").items()}


def _check_sources(environment: str, node: Node, metrics: Mapping[str, Node], findings: Findings) -> None:
    known = node.fields_of("sources")
    for metric in metrics.values():
        samples = metric.get("samples")
        rows = replace(samples, text=samples.text.partition(".")[0]) if samples is not None else None
        source = metric.get("source") if rows is None else rows
        if source is not None and source.text not in known:
            fix = (f"sources of environment {quoted(environment)}: {listed(known)}", *did_you_mean(source.text, known))
            findings.at(source, f"unknown source {quoted(source.text)}", *fix)
        elif source is not None:
            _check_kinds(environment, known[source.text], metric, findings)


def _check_ledger(environment: str, node: Node, checked: Node, findings: Findings) -> None:
    """Time in a phase, streaks and the like are remembered somewhere, or nobody knows them."""
    remembered = {"after", "minimum", "stages", "traffic", "exit"}
    needing = [phase for phase in checked.fields_of("phases").values() if phase.fields.keys() & remembered]
    if needing and "ledger" not in node.fields:
        found = f"environment {quoted(environment)} names no ledger, and phases have conditions that need a memory"
        findings.at_key(node, found, "write 'ledger:' with a file, or the URL of a database that all jobs share")


def _check_kinds(environment: str, source: Node, metric: Node, findings: Findings) -> None:
    """A metric that words its queries by kind must have one for the kind of its source."""
    kind = source.text_of("kind")
    ratio = metric.get("ratio")
    stated = [metric.get("query"), metric.get("series"), *(ratio.fields.values() if ratio is not None else ())]
    for query in stated:
        if query is not None and query.kind is Kind.MAPPING and kind and kind not in query.fields:
            has = f"it has: {listed(query.fields)}"
            findings.at_key(query, f"no query of kind '{kind}', which environment '{environment}' asks", has)


def _environment(name: str, node: Node, findings: Findings) -> Environment:
    world, flags, target = node.text_of("world"), node.get("flags"), node.get("target")
    ledger, approvals, since = node.get("ledger"), node.text_of("approvals"), node.get("change", "since")
    paths, load = node.get("change", "paths"), node.get("load")
    if "${" in world:
        findings.at(node.fields["world"], "environment variables are not filled in here", "write the path itself")
    return Environment(
        name=name,
        world=(findings.file.parent / world).resolve() if world else None,
        target=target.text if target is not None else "",
        flags=_source("flags", flags, findings) if flags is not None else None,
        sources={key: _source(key, below, findings) for key, below in node.fields_of("sources").items()},
        place=findings.place(node),
        target_place=findings.place_of_value(target) if target is not None else None,
        ledger=ledger.text if ledger is not None else "",
        ledger_place=findings.place_of_value(ledger) if ledger is not None else None,
        change_since=since.text if since is not None else "",
        change_since_place=findings.place_of_value(since) if since is not None else None,
        change_paths=tuple(item.text for item in paths.items) if paths is not None else (".",),
        stage=percent_text(parse_percent(node.text_of("stage"))) if node.text_of("stage") else "",
        load=tuple(item.text for item in load.items) if load is not None else (),
        approvals=(findings.file.parent / approvals).resolve() if approvals else None,
    )


def _source(name: str, node: Node, findings: Findings) -> SourceConfig:
    options = {key: below for key, below in node.fields.items() if key != "kind"}
    return SourceConfig(
        name=name,
        kind=node.text_of("kind"),
        options={key: _option(below) for key, below in options.items()},
        place=findings.place(node),
        places={key: findings.place_of_value(below) for key, below in options.items()},
    )


def _option(node: Node) -> OptionValue:
    """An option's text as written, or a list of texts; below a mapping, values are what JSON calls them."""
    if node.kind is Kind.MAPPING:
        return {key: below.value for key, below in node.fields.items()}
    if node.kind is Kind.LIST:
        return [below.text if below.kind is Kind.TEXT else below.value for below in node.items]
    return node.text
