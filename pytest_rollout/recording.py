"""Recording: what `rollout baseline record` does: the days before a rollout, written into its ledger.

Each day becomes one number, the mean of the logarithms of its samples. A day
of which more than a fifth is missing is left out, and too few days are refused.
"""

from __future__ import annotations

import getpass
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.baselines import day_start
from pytest_rollout.environment import check_environment, open_environment, secrets_of
from pytest_rollout.errors import UsageError, did_you_mean, listed
from pytest_rollout.plan.environment import Environment
from pytest_rollout.plan.load import load_plan
from pytest_rollout.plan.metric import Metric
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.nodes import plan_path
from pytest_rollout.plan.phase import BASELINE
from pytest_rollout.quantities import format_duration, format_number, with_unit
from pytest_rollout.readings import Readings
from pytest_rollout.recorded import RecordedBaseline, asked_of
from pytest_rollout.sources import BUILT_IN, Kinds
from pytest_rollout.sources.once import AnswerBook

_DAY = timedelta(days=1)


def record_baselines(
    folder: Path,
    environment: str,
    *,
    at: datetime,
    window: timedelta | None,
    only: Sequence[str],
    say: Callable[[str], object],
    kinds: Kinds = BUILT_IN,
) -> int:
    """Record the baseline of every metric that a budget of the plan is held against one.

    Args:
        folder: The rollout's folder.
        environment: Where to ask.
        at: The end of the window, UTC.
        window: How far back; None for what the plan says.
        only: Metrics to record, in place of all.
        say: Prints a line.
        kinds: The kinds of sources there are.

    Returns:
        0; or 1 when a metric has too few days, and then nothing is written.

    Raises:
        RolloutError: The plan, the environment, a metric's name or the ledger is not usable.
    """
    plan = load_plan(plan_path(folder), kinds=kinds.sources, flag_kinds=kinds.flags)
    check_environment(plan, environment)
    declared = plan.environments[environment]
    if declared.world is not None:
        raise UsageError(f"environment '{environment}' is an embedded world, which brings baselines of its own")
    opened = open_environment(declared)
    if not opened.ledger:
        raise UsageError(f"environment '{environment}' names no ledger to record in: write 'ledger:' in the plan")
    readings = Readings(plan, opened, at, AnswerBook(secrets=secrets_of(opened, kinds)), kinds=kinds)
    length = window or plan.baseline_window
    found = {metric.name: _days(readings, metric, length) for metric in _metrics(plan, only)}
    bad = 0
    for name, days in found.items():
        bad += isinstance(days, str)
        say(f"{name}: {days}" if isinstance(days, str) else _shown(plan.metrics[name], days, length))
    if bad:
        say("nothing was recorded")
        return 1
    _write(plan, opened, at, {name: days for name, days in found.items() if not isinstance(days, str)})
    return 0


def _metrics(plan: Plan, only: Sequence[str]) -> list[Metric]:
    budgets = [budget for phase in plan.phases.values() for budget in phase.budgets.values()]
    judged = dict.fromkeys(budget.metric for budget in budgets if budget.against == BASELINE)
    for name in only:
        if name not in plan.metrics:
            lines = [f"{plan.rollout} has no metric '{name}'", f"metrics: {listed(plan.metrics)}"]
            raise UsageError("\n  ".join([*lines, *did_you_mean(name, plan.metrics)]))
    names = only or list(judged)
    if not names:
        raise UsageError(f"no budget of {plan.rollout} is against a baseline: name metrics with --metric")
    return [plan.metrics[name] for name in names]


def _days(readings: Readings, metric: Metric, length: timedelta) -> dict[str, float] | str:
    """The mean of ln x of each whole day, by when it ended; or why there are not enough."""
    from pytest_rollout.stats.batches import DAY_SECONDS, FEWEST_DAYS, daily_logs

    window = readings.window(metric.name, length)
    if window.unknown is not None:
        return "; ".join(part for part in (window.unknown.why, window.unknown.needs) if part)
    found: dict[str, float] = {}
    step = window.step.total_seconds()
    for number in range(length // _DAY):
        start = number * DAY_SECONDS
        inside = [
            each for each in zip(window.times, window.values, strict=True) if start <= each[0] < start + DAY_SECONDS
        ]
        times = [time for time, _ in inside]
        begun = day_start(times, start, step)
        try:
            logs = daily_logs(times, [value for _, value in inside], start_seconds=begun, step_seconds=step)
        except ValueError as error:
            return str(error)
        found |= {(window.start + (number + 1) * _DAY).isoformat(): float(each) for each in logs[:1]}
    if len(found) < FEWEST_DAYS:
        return f"{len(found)} whole days in {format_duration(length)}, and at least {FEWEST_DAYS} are needed"
    return found


def _shown(metric: Metric, days: dict[str, float], length: timedelta) -> str:
    value = math.exp(math.fsum(days.values()) / len(days))
    spread = max(days.values()) - min(days.values())
    missing = length // _DAY - len(days)
    left_out = f", {missing} left out because samples are missing" if missing else ""
    return (
        f"{metric.name}: {with_unit(format_number(value), metric.unit)} over {len(days)} days{left_out}; "
        f"they differ by {math.expm1(spread):.2%} at most"
    )


def _write(plan: Plan, opened: Environment, at: datetime, found: dict[str, dict[str, float]]) -> None:
    from pytest_rollout.ledger.drafts import recorded
    from pytest_rollout.ledger.entries import Kind
    from pytest_rollout.ledger.ledger import open_ledger

    written = []
    for name, days in found.items():
        metric = plan.metrics[name]
        baseline = RecordedBaseline(
            metric=name,
            unit=metric.unit,
            days=tuple(days),
            logs=tuple(days.values()),
            recorded_at=at,
            by=getpass.getuser(),
            asked=asked_of(metric),
            source=metric.source,
        )
        written.append(
            recorded(Kind.BASELINE, rollout=plan.rollout, environment=opened.name, at=at, body=baseline.as_json())
        )
    with open_ledger(opened.ledger, plan.folder) as ledger:
        ledger.append_all(written, recorded_at=at)
