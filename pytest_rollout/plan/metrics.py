"""Metrics: from the checked document to `Metric`, and the checks between metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pytest_rollout.errors import QuantityError, did_you_mean, listed
from pytest_rollout.plan.metric import Metric, NoData, Query, Ratio, Samples, Summary
from pytest_rollout.plan.nodes import Findings, Kind, Node, quoted
from pytest_rollout.plan.numbers import parse_burst, parse_quantile
from pytest_rollout.plan.thresholds import parse_number
from pytest_rollout.quantities import Quantity, Unit, parse_duration

DEFAULT_MAX_AGE = timedelta(minutes=5)
ROWS_MAX_AGE = timedelta(hours=1)
"""How old the newest row of an experiment may be, where the plan does not say; `every` where that is more."""
PAIRS_MAX_AGE = timedelta(days=1)
"""The same of a suite that is replayed, which has a time of its own."""
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
    every = parse_duration(checked.text_of("every") or "1h")
    metrics = {}
    for name, node in checked.fields_of("metrics").items():
        if node.get("no_data", "alive") is not None:
            _check_alive(name, node.fields["no_data"].fields["alive"], raw, findings)
        _check_questions(raw[name], findings)
        if all(key in node.fields for key in ("unit", "better") if key in raw[name].fields):
            metrics[name] = _metric(name, node, findings, every)
    return Metrics(frozenset(raw), metrics)


def _metric(name: str, node: Node, findings: Findings, every: timedelta) -> Metric:
    return Metric(
        name=name,
        title=node.text_of("title") or name,
        unit=Unit.parse(node.text_of("unit")).text,
        better=node.text_of("better"),
        source=node.text_of("source") or node.text_of("samples").partition(".")[0],
        query=_query(node.get("query")),
        series=_query(node.get("series")),
        ratio=_ratio(node.get("ratio")),
        max_age=_max_age(node, every),
        no_data=_no_data(node.get("no_data")),
        place=findings.place(node),
        step=parse_duration(node.text_of("step") or "60s"),
        summary=_summary(node),
        quantile=parse_quantile(node.text_of("quantile")) if node.text_of("quantile") else None,
        burst=parse_burst(node.text_of("burst") or "2"),
        samples=_samples(node, findings),
        within=_within(node, findings),
    )


def _within(node: Node, findings: Findings) -> tuple[float, float] | None:
    """The interval whose share is the value; a share has no other unit."""
    if "within" not in node.fields:
        return None
    stated = node.fields["within"]
    ends = [parse_number(item.text) for item in stated.items]
    if len(ends) != 2 or not ends[0] < ends[1]:
        findings.at(stated, "not a lower and an upper end", "write two numbers: [0.7, 0.9]")
        return None
    if Unit.parse(node.text_of("unit")).kind != "share":
        findings.at(stated, "the share of an interval is no number without a unit", "write unit: '%', or unit: share")
        return None
    return (ends[0], ends[1])


def _samples(node: Node, findings: Findings) -> Samples | None:
    stated = node.get("samples")
    if stated is None:
        return None
    source, dot, column = stated.text.partition(".")
    if not dot or not source or not column:
        findings.at(stated, f"{quoted(stated.text)} is no column", "write a source and a column: recalls.latency_ms")
    ends = [parse_number(item.text) for item in node.fields["range"].items] if "range" in node.fields else []
    if ends and (len(ends) != 2 or not ends[0] < ends[1]):
        findings.at(node.fields["range"], "not a lowest and a higher highest value", "write two numbers: [0, 1]")
        ends = []
    cap = None
    if "cap" in node.fields:
        try:
            cap = Quantity.parse(node.text_of("cap")).to(Unit.parse(node.text_of("unit")).text)
        except QuantityError as error:
            findings.at(node.fields["cap"], *str(error).splitlines())
    return Samples(
        column=column,
        timed_out=node.text_of("timed_out"),
        pairs=node.text_of("pairs"),
        cap=cap,
        range=(ends[0], ends[1]) if ends else None,
    )


def _query(node: Node | None) -> Query:
    if node is None:
        return Query()
    if node.kind is Kind.TEXT:
        return Query({"": node.text})
    return Query({kind: below.text for kind, below in node.fields.items()})


def _ratio(node: Node | None) -> Ratio | None:
    if node is None or node.get("of") is None or node.get("over") is None:
        return None
    return Ratio(_query(node.get("of")), _query(node.get("over")))


def _summary(node: Node) -> Summary | None:
    over, what = node.text_of("over"), node.text_of("as")
    return Summary(parse_duration(over), what) if over and what else None


def _check_questions(metric: Node, findings: Findings) -> None:
    """What is asked for a metric must make one question, and every key must have a part in it."""
    if metric.kind is not Kind.MAPPING:
        return
    has = metric.fields.keys()
    for key, partner in (("over", "as"), ("as", "over")):
        if key in has and partner not in has:
            findings.at_key(metric.fields[key], f"'{key}' without '{partner}'", "write both: over: 24h, as: max")
    for key, others in _APART.items():
        for other in sorted(others & has) if key in has else ():
            findings.at_key(metric.fields[other], f"'{other}' beside '{key}' has no meaning", "remove one of them")
    for key, needed in (("quantile", "query"), ("within", "query"), ("no_data", "query")):
        if key in has and needed not in has:
            findings.at_key(metric.fields[key], f"'{key}' without '{needed}'", f"it says something of a {needed}")

    if "burst" in has and not has & {"ratio", "quantile", "within", "samples"}:
        findings.at_key(metric.fields["burst"], "'burst' without 'ratio' or 'quantile'", "it says something of counts")
    if "source" not in has and "samples" not in has:
        findings.at_key(metric, "'source' is missing", "source: the source that is asked, by its name")
    for key in sorted(has & {"timed_out", "cap", "range", "pairs"} if "samples" not in has else ()):
        findings.at_key(metric.fields[key], f"'{key}' without 'samples'", "it says something of rows")
    if "timed_out" in has and metric.text_of("better") != "lower":
        # Endless, or true, would be the best that such a row could be.
        found = "'timed_out' where lower is not better: what never ended would count as good"
        findings.at_key(metric.fields["timed_out"], found, "claim what is bad: better: lower")


_APART = {
    "samples": {"source", "query", "series", "ratio", "over", "as", "quantile", "within", "no_data", "step"},
    "ratio": {"query", "series", "over", "as", "quantile", "within", "no_data", "step"},
    "quantile": {"series", "over", "as", "within", "no_data", "step"},
    "within": {"series", "over", "as", "no_data", "step"},
    "over": {"no_data"},
}
"""Keys of a metric that exclude each other."""


def _max_age(node: Node, every: timedelta) -> timedelta | None:
    """What the plan says; for rows that nobody polls, as long as a look may find nothing new."""
    text = node.text_of("max_age")
    if text == "any":
        return None
    if text:
        return parse_duration(text)
    if "samples" not in node.fields:
        return DEFAULT_MAX_AGE
    return max(every, PAIRS_MAX_AGE if "pairs" in node.fields else ROWS_MAX_AGE)


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
