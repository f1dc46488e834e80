"""Alerts: the rules of a monitoring server, as the file that it reads and as its API shows them.

The embedded world has no Prometheus. It says of its rules what Prometheus
would: which are there, whether they are evaluated, and which are firing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert rule.

    Args:
        name: What it is called.
        expr: When it fires, in PromQL. A rate is per second: a limit per hour
            is compared with `3600 * rate(…)`.
        for_: How long that must last.
        severity: Its label.
        runbook: Where it is written what to do.
        firing: Whether it is firing.
        health: `ok`, or why it is not evaluated.
    """

    name: str
    expr: str
    for_: str = "0s"
    severity: str = "warning"
    runbook: str = ""
    firing: bool = False
    health: str = "ok"


def rules_yaml(alerts: Sequence[Alert], group: str) -> str:
    """The rule file of a real Prometheus."""
    import yaml

    rules = [
        {
            "alert": each.name,
            "expr": each.expr,
            "for": each.for_,
            "labels": {"severity": each.severity},
            "annotations": {"runbook": each.runbook},
        }
        for each in alerts
    ]
    return str(yaml.safe_dump({"groups": [{"name": group, "rules": rules}]}, sort_keys=False))


def rules_answer(alerts: Sequence[Alert], group: str, at: datetime) -> dict[str, object]:
    """What `GET /api/v1/rules` of Prometheus answers."""
    rules = [
        {
            "type": "alerting",
            "name": each.name,
            "query": each.expr,
            "labels": {"severity": each.severity},
            "health": "ok" if each.health == "ok" else "err",
            "lastError": "" if each.health == "ok" else each.health,
            "lastEvaluation": at.isoformat(),
            "state": "firing" if each.firing else "inactive",
            "alerts": [{"state": "firing", "labels": {"alertname": each.name}}] if each.firing else [],
        }
        for each in alerts
    ]
    return {"status": "success", "data": {"groups": [{"name": group, "rules": rules}]}}
