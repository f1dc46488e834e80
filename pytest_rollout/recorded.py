"""Recorded: what was recorded of a metric before the rollout, as a ledger keeps it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pytest_rollout.ledger.entries import JSON
from pytest_rollout.plan.metric import Metric


@dataclass(frozen=True, kw_only=True)
class RecordedBaseline:
    """What was recorded of one metric before the rollout.

    Args:
        metric: Its name in the plan.
        unit: The metric's unit then.
        days: When each recorded day ended, ISO 8601, oldest first.
        logs: For each of those days, the mean of ln x.
        recorded_at: When it was recorded.
        by: Who did.
        asked: A digest of what the source was asked.
        source: The source.
    """

    metric: str
    unit: str
    days: tuple[str, ...]
    logs: tuple[float, ...]
    recorded_at: datetime
    by: str
    asked: str
    source: str

    @property
    def value(self) -> float:
        """The geometric mean of the days, in `unit`."""
        return math.exp(math.fsum(self.logs) / len(self.logs)) if self.logs else math.nan

    def before(self, moment: datetime) -> RecordedBaseline:
        """The same without the days that ended after a moment, as those that a release was in."""
        kept = [each for each in zip(self.days, self.logs, strict=True) if datetime.fromisoformat(each[0]) <= moment]
        return replace(self, days=tuple(day for day, _ in kept), logs=tuple(log for _, log in kept))

    def as_json(self) -> dict[str, JSON]:
        """As JSON values."""
        return {
            "metric": self.metric,
            "unit": self.unit,
            "days": list(self.days),
            "logs": list(self.logs),
            "recorded_at": self.recorded_at.isoformat(),
            "by": self.by,
            "asked": self.asked,
            "source": self.source,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, object]) -> RecordedBaseline:
        """Read what `as_json` wrote.

        Raises:
            ValueError: It is something else.
        """
        days, logs = found.get("days"), found.get("logs")
        if not isinstance(days, list) or not isinstance(logs, list) or len(days) != len(logs):
            raise ValueError("a baseline has as many days as numbers")
        numbers = tuple(float(each) for each in logs)
        if not all(map(math.isfinite, numbers)):
            raise ValueError("a baseline's numbers are finite")
        if any(datetime.fromisoformat(str(each)).tzinfo is None for each in days):
            raise ValueError("a baseline's days end at a time with its offset")
        return cls(
            metric=str(found["metric"]),
            unit=str(found["unit"]),
            days=tuple(map(str, days)),
            logs=numbers,
            recorded_at=datetime.fromisoformat(str(found["recorded_at"])),
            by=str(found["by"]),
            asked=str(found["asked"]),
            source=str(found["source"]),
        )


def asked_of(metric: Metric) -> str:
    """A digest of what a metric's series is asked with, so that a baseline of another question is no baseline."""
    texts = sorted((metric.series or metric.query).texts.items())
    return hashlib.sha256(repr((texts, metric.unit)).encode()).hexdigest()[:16]
