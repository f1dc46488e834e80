"""Depths: how far back the gates of a rollout look, by its plan's lines and by the text of its gate files.

Before a run that matters, each of these windows is asked once. What a gate
computes is not found here; it is found when the gate asks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

from pytest_rollout.literals import named_in
from pytest_rollout.plan.experiment import CONTROL
from pytest_rollout.plan.model import Plan
from pytest_rollout.quantities import format_duration

POWER = "power"
"""The name of the check that asks what the next comparison can see."""


def depths_of(plan: Plan, ignore: Collection[Path]) -> Mapping[str, tuple[str, timedelta]]:
    """Each metric of a plan with a window that a gate of it looks at, by a name for both.

    Args:
        plan: The plan.
        ignore: Files and folders below the plan's that hold no gates of it.
    """
    found = set(plan.windows)
    for path in sorted(plan.folder.rglob("*.py")):
        if path not in ignore and not any(parent in ignore for parent in path.parents):
            found |= {(each.metric, each.over) for each in named_in(str(path)) if each.over}
    known = sorted((name, length) for name, length in found if name in plan.metrics)
    return {f"{name}_{format_duration(length).replace(' ', '_')}": (name, length) for name, length in known}


def preflight_lines(plan: Plan, ignore: Collection[Path]) -> tuple[str, ...]:
    """The names of everything that is checked before a plan's gates are judged; `ignore` as for `depths_of`."""
    power = (POWER,) if can_be_planned(plan) else ()
    return (*plan.metrics, *depths_of(plan, ignore), "flags", "target", *power, "disk")


def can_be_planned(plan: Plan) -> bool:
    """Whether a budget of the plan is against the control arm, so that somebody can say what it will see."""
    return any(each.against == CONTROL for phase in plan.phases.values() for each in phase.budgets.values())
