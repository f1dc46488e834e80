"""Powering: what `rollout power` does: open an environment, look at its traffic, and say what a phase can see."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import UsageError, did_you_mean, listed
from pytest_rollout.foresight import arms_ahead
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.load import load_plan
from pytest_rollout.plan.nodes import plan_path
from pytest_rollout.planned_split import smaller_share
from pytest_rollout.planning import Foreseen, Planning, cannot_succeed, joint_chance, length_of, soonest
from pytest_rollout.quantities import format_duration, format_number, with_unit
from pytest_rollout.reports.table import fitted
from pytest_rollout.sources import BUILT_IN, Kinds
from pytest_rollout.surroundings import Settings, Surroundings

_WIDE, _NEEDED = 110, 6
"""The columns of a screen on which all is shown; how many of the table's are, on a narrower one."""


def say_power(
    folder: Path,
    phase: str,
    environment: str,
    *,
    at: datetime,
    width: int,
    say: Callable[[str], object],
    kinds: Kinds = BUILT_IN,
) -> int:
    """Print what each comparison of a phase can see.

    Returns:
        0; or 1 when a gate is unlikely to be proven in the phase's minimum time.

    Raises:
        RolloutError: The plan, the phase, the environment or its sources cannot be used.
    """
    plan = load_plan(plan_path(folder), kinds=kinds.sources, flag_kinds=kinds.flags)
    if phase not in plan.phases:
        lines = [f"{plan.rollout} has no phase '{phase}'", f"phases: {', '.join(plan.phases)}"]
        raise UsageError("\n  ".join([*lines, *did_you_mean(phase, plan.phases)]))
    declared = plan.phases[phase]
    if not any(budget.against == CONTROL for budget in declared.budgets.values()):
        raise UsageError(f"no budget of {phase} is against the control arm, so there is nothing to plan")
    surroundings = Surroundings(Settings(environment=environment, fault="", explore=False), kinds, at, [phase])
    try:
        surroundings.start([plan])
        arms = arms_ahead(plan, surroundings.memory_of(plan), surroundings.readings_of(plan), declared)
        length = length_of(arms)
        found = list(Planning(arms, smaller_share(declared), length).foreseen())
    finally:
        surroundings.stop()
    say(f"{plan.rollout} {phase}, environment {environment}, as of {at:%Y-%m-%d %H:%M} UTC")
    rows = [row if width >= _WIDE else row[:_NEEDED] for row in _table_of(found, length)]
    for line in fitted(rows, width - 2, whole=1):
        say(f"  {line}")
    chance = math.floor(100 * joint_chance(found))
    say(f"all of them together: at least {chance} % by the minimum time, if nothing gets worse")
    end = soonest(declared, found)
    if end is not None:
        ends = f"over after {end.over} days at the soonest"
        say(f"first green day: day {end.first}; {ends}, if each gate is proven by then (95 %)")
    unlikely = cannot_succeed(found)
    if unlikely:
        say(f"unlikely to be proven in time: {listed(unlikely)}: more traffic, a longer phase, or a wider limit")
    return 1 if unlikely else 0


def _table_of(found: Sequence[Foreseen], length: timedelta) -> list[tuple[str, ...]]:
    """What is foreseen as rows of words, the heading first."""
    heading = (
        "gate",
        "margin",
        "sees (80 %)",
        f"in {format_duration(length)}",
        "50 % / 95 % in",
        "double in, 50 % / 95 %",
    )
    rows: list[tuple[str, ...]] = [(*heading, "units", "deff")]
    for each in found:
        if each.why:
            rows.append((each.budget, each.why, "", "", "", "", "", ""))
            continue
        half, most = (_hours(hours) for hours in each.hours)
        rows.append(
            (
                each.budget,
                with_unit(format_number(each.margin), each.unit),
                with_unit(format_number(each.detectable, digits=3), each.unit),
                f"{each.chance:.0%}",
                f"{half} / {most}",
                " / ".join(map(_hours, each.to_catch)),
                f"{format_number(each.effective_units, digits=3)}, largest {each.largest:.1%}",
                format_number(each.deff, digits=3),
            )
        )
    return rows


def _hours(hours: float | None) -> str:
    return "never" if hours is None else format_duration(timedelta(hours=math.ceil(hours)))
