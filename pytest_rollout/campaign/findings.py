"""Findings: what a report says of changes, each with a severity, the largest regression first.

FATAL: nothing can be said of a benchmark. ERROR: it became slower by more
than what makes a priority, or missed its target. WARNING: slower by less, or
rounds that do not belong. INFO: everything else, also what is missing because
nobody has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from pytest_rollout.campaign.standing import NOBODY, Change

PRIORITY_PERCENT = 20.0
"""A proven gap beyond it becomes a priority."""


class Severity(IntEnum):
    """How bad a finding is; the larger the worse."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    FATAL = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence of a report; `gap` is by how many per cent a benchmark is proven slower, where it is."""

    severity: Severity
    name: str
    text: str
    gap: float | None = None


def finding_of(change: Change) -> Finding:
    """What one comparison says."""
    if not change.known:
        severity = Severity.INFO if change.against == NOBODY else Severity.WARNING
        what = "a competitor: missing" if change.against == NOBODY else f"{change.against}: unknown"
        return Finding(severity=severity, name=change.name, text=f"against {what} ({change.percent.why})")
    said = (
        f"against {change.against}: {change.percent.value:+.1f} %"
        f"   bounds [{change.percent.low:+.1f}, {change.percent.high:+.1f}]   p = {change.p:.2g}"
    )
    if not change.proven:
        return Finding(severity=Severity.INFO, name=change.name, text=f"{said}: no difference is proven")
    if change.percent.high < 0:
        return Finding(severity=Severity.INFO, name=change.name, text=f"{said}: faster")
    severity = Severity.ERROR if change.percent.value > PRIORITY_PERCENT else Severity.WARNING
    return Finding(severity=severity, name=change.name, text=f"{said}: slower", gap=change.percent.value)


def priorities(findings: Sequence[Finding]) -> list[Finding]:
    """Proven gaps beyond 20 %, the largest first; each benchmark once, with its largest."""
    largest: dict[str, Finding] = {}
    for each in sorted(findings, key=lambda finding: -(finding.gap or 0.0)):
        if each.gap is not None and each.gap > PRIORITY_PERCENT:
            largest.setdefault(each.name, each)
    return list(largest.values())
