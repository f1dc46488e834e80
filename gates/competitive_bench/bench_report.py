"""Report: this quarter's figures beside published ones and beside earlier quarters, as text, pictures and rows.

It reads results and measures nothing. What a competitor has not published, and
a quarter of which there is no file, is said to be missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from bench_scenarios import Scenario, read_all

from pytest_rollout.campaign.bars import Bar, svg, terminal
from pytest_rollout.campaign.findings import Finding, Severity, finding_of, priorities
from pytest_rollout.campaign.results import written_whole
from pytest_rollout.campaign.standing import (
    Change,
    Earlier,
    Published,
    against_earlier,
    against_published,
    corrected,
    outliers,
)
from pytest_rollout.errors import RolloutError, SourceError
from pytest_rollout.sources.benchmark_json import Report, read_report
from pytest_rollout.sources.document import parse_json
from pytest_rollout.stats import paired

NOW = "now.json"
EARLIER = "20??-q?.json"
NEAR_PERCENT = 10.0
COLUMNS = ("what", "name", "against", "kind", "percent", "low", "high", "p", "proven", "severity", "text", "place")


@dataclass(frozen=True)
class Quarter:
    """A file of results that could be read."""

    when: str
    report: Report


def write_report(results: Path, scenarios: Path, out: Path) -> str:
    """Write `report.txt`, a picture of each scenario and `findings.jsonl`; the text.

    Raises:
        PlanError: A scenario is malformed.
        RolloutError: Nothing can be written.
    """
    planned = read_all(scenarios)
    now, quarters, findings = _read(results)
    measured = {each.name: _rounds(now, each.name) for each in planned}
    changes = corrected([change for each in planned for change in _changes(each, measured[each.name], quarters)])
    findings += [finding for each in planned for finding in _own(each, measured[each.name])]
    findings += [finding for each in planned for finding in _trend(each, measured[each.name], quarters)]
    findings += [finding_of(change) for change in changes]
    findings.sort(key=lambda each: (-each.severity, -(each.gap or 0.0), each.name))
    first = priorities(findings)
    text = ["Campaign report", ""]
    charts = 0
    for each in planned:
        bars = _bars(each, measured[each.name], quarters)
        text += [f"{each.title}, P99", *(f"  {row}" for row in terminal(bars, unit="ms")), ""]
        written_whole(out / f"{each.name}.svg", svg(bars, title=f"{each.title}, P99 in ms", unit="ms"))
        charts += 2
    text += ["Priorities (proven gaps beyond 20 %, the largest first)"]
    text += [f"  {at}. {each.name}: {each.text}" for at, each in enumerate(first, start=1)] or ["  none"]
    text += ["", "Findings"] + [f"  {each.severity.name:<7}  {each.name}: {each.text}" for each in findings] + [""]
    written_whole(out / "report.txt", "\n".join(text))
    spent = _spent(results / NOW, planned) if now else None
    rows = [*_facts(changes, findings, first), _whole(planned, quarters, charts, changes, spent)]
    keys = dict.fromkeys((*COLUMNS, *(key for row in rows for key in row)))
    lines = (json.dumps({**dict.fromkeys(keys), **row}, allow_nan=False) for row in rows)
    written_whole(out / "findings.jsonl", "".join(f"{each}\n" for each in lines))
    return "\n".join(text)


def _read(results: Path) -> tuple[Report | None, list[Quarter], list[Finding]]:
    """This quarter and those before it, oldest first; what cannot be read is a finding, and left out."""
    now, quarters, findings = None, [], []
    try:
        now = read_report(results / NOW)
    except SourceError as error:
        findings.append(Finding(severity=Severity.FATAL, name=NOW, text=_one_line(error)))
    for path in sorted(results.glob(EARLIER)):
        try:
            quarters.append(Quarter(path.stem, read_report(path)))
        except SourceError as error:
            findings.append(Finding(severity=Severity.ERROR, name=path.name, text=_one_line(error)))
    if not quarters:
        findings.append(
            Finding(severity=Severity.WARNING, name="trend", text="missing: there are no results of an earlier quarter")
        )
    quarters.sort(key=lambda each: each.report.taken)
    if now is not None:
        for each in quarters:
            if each.report.taken >= now.taken:
                text = "was not taken before this quarter's results, and is left out"
                findings.append(Finding(severity=Severity.ERROR, name=each.when, text=text))
        quarters = [each for each in quarters if each.report.taken < now.taken]
    return now, quarters, findings


def _rounds(report: Report | None, name: str) -> list[float]:
    """P99 of each round in ms; none where there is no result."""
    try:
        return [1000 * each for each in report.rounds(f"{name}[p99]")] if report else []
    except SourceError:
        return []


def _changes(scenario: Scenario, rounds: Sequence[float], quarters: Sequence[Quarter]) -> list[Change]:
    """What the scenario is compared with; nothing where it was not measured."""
    if not rounds:
        return []
    competitor = scenario.competitor
    published = competitor and Published(who=competitor.name, low=competitor.low_ms, high=competitor.high_ms)
    found = [against_published(scenario.name, rounds, published or None)]
    for each in quarters:
        earlier = Earlier(when=each.when, taken=each.report.taken, rounds=_rounds(each.report, scenario.name))
        found.append(against_earlier(scenario.name, rounds, earlier))
    return found


def _own(scenario: Scenario, rounds: Sequence[float]) -> list[Finding]:
    """What its own rounds say: none at all, the target, outliers."""
    if not rounds:
        return [Finding(severity=Severity.FATAL, name=scenario.name, text="missing: it has no result")]
    found = paired.mean([0.0] * len(rounds), rounds)
    target, said = scenario.target_ms, f"P99 {found.value:.4g} ms   bounds [{found.low:.4g}, {found.high:.4g}]"
    met = found.high < target
    says = "is met" if met else "is missed" if found.low > target else "is not proven"
    severity = Severity.INFO if met else Severity.ERROR
    findings = [Finding(severity=severity, name=scenario.name, text=f"{said}: the target of {target:g} ms {says}")]
    far = outliers(rounds)
    if far:
        named = ", ".join(f"round {at + 1} with {rounds[at]:.4g} ms" for at in far)
        findings.append(Finding(severity=Severity.WARNING, name=scenario.name, text=f"outliers: {named}"))
    return findings


def _trend(scenario: Scenario, rounds: Sequence[float], quarters: Sequence[Quarter]) -> list[Finding]:
    """Whether it went one way in every quarter; nothing where there are fewer than two before."""
    before = [found for each in quarters if (found := _rounds(each.report, scenario.name))]
    if len(before) < 2 or not rounds:
        return []
    means = [sum(each) / len(each) for each in (*before, rounds)]
    steps = [after - mean for mean, after in pairwise(means)]
    way = "rises every quarter" if min(steps) > 0 else "falls every quarter" if max(steps) < 0 else "goes both ways"
    severity = Severity.WARNING if min(steps) > 0 else Severity.INFO
    figures = ", ".join(f"{mean:.4g}" for mean in means)
    return [Finding(severity=severity, name=scenario.name, text=f"trend: P99 {way} ({figures} ms)")]


def _bars(scenario: Scenario, rounds: Sequence[float], quarters: Sequence[Quarter]) -> list[Bar]:
    """Ours, the competitor's, and ours of before."""
    bars = [_measured("this quarter", rounds, ours=True)]
    competitor = scenario.competitor
    if competitor is None:
        bars.append(Bar(label="competitor", value=None, missing="no figure is published"))
    else:
        middle = (competitor.low_ms + competitor.high_ms) / 2
        bars.append(Bar(label=competitor.name, value=middle, low=competitor.low_ms, high=competitor.high_ms))
    before = [_measured(each.when, _rounds(each.report, scenario.name)) for each in reversed(quarters)]
    return bars + (before or [Bar(label="earlier", value=None, missing="no results of an earlier quarter")])


def _measured(label: str, rounds: Sequence[float], *, ours: bool = False) -> Bar:
    if not rounds:
        return Bar(label=label, value=None, missing="not measured")
    found = paired.mean([0.0] * len(rounds), rounds)
    bar = Bar(label=label, value=found.value, ours=ours)
    return replace(bar, low=found.low, high=found.high) if found.level else bar


def _facts(changes: Sequence[Change], findings: Sequence[Finding], first: Sequence[Finding]) -> list[dict[str, object]]:
    """Changes, findings and priorities as rows; what is unknown is null."""
    rows: list[dict[str, object]] = [
        {
            "what": "change",
            "name": each.name,
            "against": each.against,
            "kind": each.kind,
            "percent": each.percent.value if each.known else None,
            "low": each.percent.low if each.known else None,
            "high": each.percent.high if each.known else None,
            "p": each.p,
            "proven": int(each.proven),
        }
        for each in changes
    ]
    rows += [
        {"what": "finding", "name": each.name, "severity": each.severity.name, "text": each.text} for each in findings
    ]
    return rows + [
        {"what": "priority", "name": each.name, "place": at, "percent": each.gap}
        for at, each in enumerate(first, start=1)
    ]


def _whole(
    planned: Sequence[Scenario],
    quarters: Sequence[Quarter],
    charts: int,
    changes: Sequence[Change],
    spent: float | None,
) -> dict[str, object]:
    """What the report is as a whole."""
    near = [each for each in changes if each.kind == "published" and each.known and each.percent.high <= NEAR_PERCENT]
    return {
        "what": "report",
        "name": "report",
        "scenarios": len(planned),
        "quarters": len(quarters),
        "charts": charts,
        "near_leader": len(near),
        "suite_seconds": spent,
    }


def _spent(path: Path, planned: Sequence[Scenario]) -> float | None:
    """How long all processes of the suite took, as was noted beside each scenario; None where one was not noted."""
    noted = {
        row["name"]: row.get("extra_info", {}).get("seconds")
        for row in parse_json(path.read_bytes(), path.name)["benchmarks"]
    }
    seconds = [noted.get(f"{each.name}[p99]") for each in planned]
    return None if None in seconds else float(sum(seconds))


def _one_line(error: RolloutError) -> str:
    return "; ".join(str(error).splitlines())
