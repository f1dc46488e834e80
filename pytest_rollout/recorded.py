"""Recorded: what was recorded of a metric before the rollout, as a ledger keeps it, and whether it still counts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError
from pytest_rollout.ledger.entries import JSON, Entry, Kind
from pytest_rollout.plan.metric import Metric
from pytest_rollout.quantities import format_duration

if TYPE_CHECKING:
    from pytest_rollout.ledger.ledger import Ledger

_DAY = timedelta(days=1)


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

    def without(self, spans: Iterable[tuple[datetime, datetime | None]]) -> RecordedBaseline:
        """The same without the days that have a part in these spans, as those that a release was in."""
        spans = list(spans)
        kept = [
            (day, log)
            for day, log in zip(self.days, self.logs, strict=True)
            for end in [datetime.fromisoformat(day)]
            if all(end <= since or (to is not None and end - _DAY >= to) for since, to in spans)
        ]
        return replace(self, days=tuple(day for day, _ in kept), logs=tuple(log for _, log in kept))

    def refuse_unless_fit(self, metric: Metric, *, at: datetime, allowed: timedelta) -> None:
        """Refuse a baseline that is no reference for a metric as the plan has it now.

        Raises:
            SourceError: It is of another question or unit, or too old.
        """
        if self.unit != metric.unit or self.asked != asked_of(metric):
            raise SourceError(
                f"the baseline of {metric.name} was recorded with another query or unit", reason=Reason.INVALID
            )
        age = at - self.recorded_at
        if age > allowed:
            old, most = format_duration(age), format_duration(allowed)
            raise SourceError(
                f"the baseline of {metric.name} is {old} old, and the plan allows {most}", reason=Reason.STALE
            )

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
    def read(cls, found: object, metric: Metric) -> RecordedBaseline:
        """What was found in a ledger.

        Raises:
            SourceError: It is no baseline.
        """
        if not isinstance(found, Mapping):
            raise SourceError("what was recorded as a baseline is damaged")
        try:
            return cls.from_json(found)
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"the baseline of {metric.name} is damaged: {error}") from None

    @classmethod
    def from_json(cls, found: Mapping[str, object]) -> RecordedBaseline:
        """Read what `as_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: It is something else.
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


def newest_baseline(
    ledger: Ledger, rollout: str, environment: str, metric: str, *, until: datetime
) -> Mapping[str, object]:
    """What was recorded of a metric last, as it stands in the ledger.

    Raises:
        SourceError: Nothing was; where it was in another environment, that is said.
    """

    def recorded_in(name: str, until: datetime | None = None) -> list[Entry]:
        entries = ledger.entries(rollout, name, kinds=[Kind.BASELINE], until=until)
        return [each for each in entries if each.body.get("metric") == metric]

    found = recorded_in(environment, until)
    if found:
        return dict(found[-1].body)
    others = (name for owner, name in ledger.subjects() if owner == rollout and name != environment)
    elsewhere = next((name for name in others if recorded_in(name)), "")
    other = f"; the one of environment '{elsewhere}' is of another system" if elsewhere else ""
    raise SourceError(f"no baseline of {metric} was recorded in '{environment}'{other}")


def asked_of(metric: Metric) -> str:
    """A digest of what a metric's series is asked with, so that a baseline of another question is no baseline."""
    texts = sorted((metric.series or metric.query).texts.items())
    return hashlib.sha256(repr((texts, metric.unit)).encode()).hexdigest()[:16]
