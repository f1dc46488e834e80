"""Baselines: what a metric was before the rollout, and how far it is from that now.

Days before are compared with the last 24 hours. Nobody randomised them, so
each day counts once, and the bounds say how much days differ anyway. Hours
before the release had its traffic are no part of what it did: until a whole
day has passed, nobody knows the change. And days that the release was in are
no part of what was before, whenever they were recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from shlex import quote
from typing import TYPE_CHECKING

from pytest_rollout.claims import GateClaims
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import RolloutError, SourceError, did_you_mean, listed
from pytest_rollout.estimates import Estimate, History, Reading
from pytest_rollout.measuring import with_level
from pytest_rollout.memory import Memory
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.nodes import typed_path
from pytest_rollout.plan.phase import change_name
from pytest_rollout.presence import Span
from pytest_rollout.provenance import Provenance
from pytest_rollout.quantities import format_duration
from pytest_rollout.readings import Readings
from pytest_rollout.recorded import RecordedBaseline
from pytest_rollout.windows import Window

if TYPE_CHECKING:
    from pytest_rollout.stats.bounds import Bounds

DAY = timedelta(days=1)
"""Over how many days it is looked at where the phase states no minimum."""
LABEL = "before/after, not randomised"


@dataclass(frozen=True, eq=False)
class Baseline(Reading):
    """A recorded reference reading, which knows how far the metric is from it now."""

    changed: Callable[[], Estimate] | None = field(default=None, repr=False)

    __hash__ = object.__hash__

    @property
    def change(self) -> Estimate:
        """How much the metric has changed, in %, with bounds that hold for every look of the phase."""
        assert self.changed is not None
        return replace(self.changed(), sources=self.sources)


@dataclass(frozen=True)
class Baselines:
    """`baseline("name")`: the reference of a plan's metric.

    Args:
        plan: The rollout's plan.
        readings: Opens the environment's readings.
        memory: Opens what is remembered.
        claims: The gate that asks.
        began: Since when what is judged has been there: the gate's phase, or its traffic; None where it begins now.
        released: When the release was in, in this phase and in those before it.
        planned_days: Over how many days the longest of the gate's phases is looked at, at least a fortnight.
    """

    plan: Plan
    readings: Callable[[], Readings]
    memory: Callable[[], Memory]
    claims: GateClaims
    began: Callable[[], datetime | None]
    released: Callable[[], Sequence[Span]]
    planned_days: int

    def __call__(self, name: str) -> Baseline:
        """The reference of one metric; unknown, with the reason, where there is none that counts.

        Raises:
            RolloutError: The plan has no such metric.
        """
        metric = self.plan.metrics.get(name)
        if metric is None:
            lines = [f"{self.plan.rollout} has no metric '{name}'", f"metrics: {listed(self.plan.metrics)}"]
            raise RolloutError("\n  ".join([*lines, *did_you_mean(name, self.plan.metrics)]))
        read = frozenset({self.claims.read(f"baseline of {name}")})
        try:
            found, spans = self.memory().baseline(metric), self.released()
            recorded = found.without(spans)
        except SourceError as error:
            return self._unknown(metric, read, str(error).partition("\n")[0], error.reason)
        if found.days and not recorded.days:
            since = max((began for began, _ in spans), default=found.recorded_at)
            why = f"{name} was recorded of days that the release was in, since {since:%Y-%m-%d %H:%M} UTC"
            reach = self.readings().at - since
            return self._unknown(
                metric, read, f"the baseline of {why}, and of no day before", Reason.INVALID, reach=reach
            )
        days = f"{len(recorded.days)} days up to {recorded.days[-1][:10]}" if recorded.days else "no days"
        provenance = Provenance(source=recorded.source, window=days, at=recorded.recorded_at)
        exact = Reading.exactly(recorded.value, recorded.unit, name=f"baseline of {name}", provenance=provenance)
        # A change is a sample, also where nobody knows it.
        return _baseline(exact, read, lambda: replace(self._change(metric, recorded), confidence=self.plan.confidence))

    def _unknown(
        self, metric: Metric, read: frozenset[int], why: str, reason: Reason, *, reach: timedelta = timedelta(0)
    ) -> Baseline:
        """A reference that nobody knows, and how to record one: of the days before, so much longer ago than usual."""
        hours = math.ceil((self.plan.baseline_window + reach) / timedelta(hours=1))
        where = f"{typed_path(self.plan.folder)} --rollout-env {quote(self.memory().environment.name)}"
        unknown = Reading.unknown(
            why,
            reason=reason,
            name=f"baseline of {metric.name}",
            unit=metric.unit,
            needs=f"rollout baseline record {where} --window {hours}h",
        )
        change = replace(unknown, name=change_name(metric.name), unit="%", confidence=self.plan.confidence)
        return _baseline(unknown, read, lambda: change)

    def _change(self, metric: Metric, recorded: RecordedBaseline) -> Estimate:
        """The last 24 hours against the recorded days."""
        from pytest_rollout.stats.batches import FEWEST_DAYS

        readings = self.readings()
        window = readings.window(metric.name, DAY)
        name = change_name(metric.name)
        if window.unknown is not None:
            return replace(window.unknown, name=name, unit="%")
        provenance = replace(window.provenance, window=f"last 24 h against {len(recorded.days)} days, {LABEL}")
        # Of fewer days nobody knows how much they differ, which is no matter of time.
        history = _held(readings, metric, recorded) if len(recorded.days) >= FEWEST_DAYS else None
        if history is not None:
            young = self._young(name, readings.at)
            if young is not None:
                # What an acute breach is judged by is the raw series, which needs no day.
                return replace(young, provenance=provenance, history=history)
        found = _ratio(window, recorded, self.planned_days, self.plan.confidence)
        if math.isnan(found.value) or not math.isfinite(found.value):
            # A day with gaps has no mean; what its samples held for a while, they held all the same.
            return replace(
                Reading.unknown(found.why, name=name, unit="%", reason=Reason.LOW_N, needs="record more days"),
                provenance=provenance,
                history=history,
            )
        estimate = Estimate(
            100 * (found.value - 1),
            100 * (found.low - 1),
            100 * (found.high - 1),
            self.plan.confidence,
            "%",
            n=found.n,
            method=found.method,
            why=found.why,
            name=name,
            provenance=provenance,
            history=history,
        )
        if found.level is None:
            return estimate
        level = found.level
        return with_level(estimate, lambda limit, above: level(1 + limit / 100, above), 1.0)

    def _young(self, name: str, at: datetime) -> Reading | None:
        """Doubt while a day would reach back to before what is judged; None once it does not."""
        try:
            began = self.began()
        except SourceError as error:
            return Reading.unknown(str(error), reason=error.reason, name=name, unit="%")
        whole = (began or at) + DAY
        if whole <= at:
            return None
        return Reading.unknown(
            f"no whole day has passed since {began:%Y-%m-%d %H:%M} UTC" if began else "it begins with this run",
            reason=Reason.INFORMATION,
            name=name,
            unit="%",
            needs=f"{format_duration(whole - at)} more: until {whole:%Y-%m-%d %H:%M} UTC",
        )


def _baseline(reading: Reading, sources: frozenset[int], changed: Callable[[], Estimate]) -> Baseline:
    facts = {each.name: getattr(reading, each.name) for each in fields(reading)}
    return Baseline(**{**facts, "sources": sources}, changed=changed)


def _ratio(window: Window, recorded: RecordedBaseline, planned_days: int, confidence: float) -> Bounds:
    from pytest_rollout.stats.batches import METHOD, baseline_ratio, daily_logs
    from pytest_rollout.stats.bounds import Bounds

    step = window.step.total_seconds()
    # The 24 hours are over; how old their newest sample may be is the metric's `max_age`, and was asked before.
    start = day_start(window.times, 0.0, step)
    try:
        now = daily_logs(window.times, window.values, start_seconds=start, step_seconds=step)
    except ValueError as error:
        return Bounds.unbounded(str(error), method=METHOD)
    if not len(now):
        return Bounds.unbounded("more than a fifth of the last 24 hours is missing", method=METHOD)
    return baseline_ratio(now, recorded.logs, planned_days=planned_days, confidence=confidence)


def day_start(times: Sequence[float], start: float, step: float) -> float:
    """Where a day begins that is over, so that a sample which came late, or is still on its way, does not undo it.

    Args:
        times: When the day's samples were taken, in seconds; all of them at `start` or later.
        start: Where the day begins.
        step: How often a sample is due.

    Returns:
        `start`, or earlier by as much as is missing at the day's end. No sample lies between the two, so that
        what is missing is counted as it would be anywhere else in the day.
    """
    return min(start, times[-1] + step - DAY.total_seconds()) if times else start


def _held(readings: Readings, metric: Metric, recorded: RecordedBaseline) -> History:
    """What the raw series held for a while, as changes: an acute breach is not averaged away."""

    def history(held: timedelta) -> tuple[Estimate, Estimate]:
        kept = readings.window(metric.name, readings.asking.lookback(held)).sustained(held)
        lowest, highest = (_as_change(each, recorded) for each in (kept.lowest, kept.highest))
        return lowest, highest

    return history


def _as_change(kept: Estimate, recorded: RecordedBaseline) -> Estimate:
    def change(value: float) -> float:
        return 100 * (value / recorded.value - 1)

    return replace(
        kept,
        value=change(kept.value),
        low=change(kept.low),
        high=change(kept.high),
        unit="%",
        name=change_name(recorded.metric),
        refuting_level=None,
    )
