"""Subject: which rollout, environment and ledger a command of the command line is about."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.errors import PlanError, RolloutError, UsageError, did_you_mean, listed
from pytest_rollout.ledger.ledger import Ledger, open_ledger

if TYPE_CHECKING:
    from pytest_rollout.plan.model import Plan
    from pytest_rollout.sources import Kinds


def add_subject(parser: argparse.ArgumentParser) -> None:
    """The options by which every such command is told its environment and its ledger."""
    parser.add_argument("--rollout-env", default="", metavar="NAME", help="the environment (the plan's own)")
    parser.add_argument("--ledger", default="", metavar="WHERE", help="a file, or postgresql://… (the plan's)")


def plan_of(folder: Path) -> Plan:
    """The plan in a folder, which may also be named by its own file.

    Raises:
        PlanError: It cannot be judged, or there is none.
    """
    return plan_and_kinds(folder)[0]


def plan_and_kinds(folder: Path) -> tuple[Plan, Kinds]:
    """The plan in a folder, and the kinds of sources that it may name.

    Those of conftests and other plugins are looked for only where the plan
    is not sound without them, since it takes a start of pytest.

    Raises:
        PlanError: As `plan_of`.
        UsageError: pytest cannot load the plugins there.
    """
    from pytest_rollout.kinds import kinds_around
    from pytest_rollout.plan.load import load_plan
    from pytest_rollout.plan.nodes import plan_path
    from pytest_rollout.sources import BUILT_IN

    path = plan_path(folder)
    try:
        return load_plan(path, kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags), BUILT_IN
    except PlanError as error:
        if not path.is_file() or not any(problem.path.endswith(".kind") for problem in error.problems):
            raise
        kinds = kinds_around(path.parent)
        return load_plan(path, kinds=kinds.sources, flag_kinds=kinds.flags), kinds


def environment_of(plan: Plan, named: str) -> str:
    """The environment that was named, or the plan's own.

    Raises:
        UsageError: Neither is, or the plan has no such environment.
    """
    name = named or plan.environment
    if name not in plan.environments:
        what = f"no environment '{name}'" if name else "which environment? name it with --rollout-env"
        known = [f"  environments: {listed(plan.environments)}", *(f"  {each}" for each in _guess(name, plan))]
        raise UsageError("\n".join([f"{plan.path}: {what}", *known]))
    return name


def _guess(name: str, plan: Plan) -> Iterable[str]:
    return did_you_mean(name, plan.environments)


def checked_phase(plan: Plan, phase: str) -> str:
    """A phase of the plan.

    Raises:
        UsageError: It has no such phase.
    """
    if phase not in plan.phases:
        known = [f"  phases: {listed(plan.phases)}", *(f"  {each}" for each in did_you_mean(phase, plan.phases))]
        raise UsageError("\n".join([f"{plan.path}: no phase '{phase}'", *known]))
    return phase


def ledger_of(plan: Plan, environment: str, where: str, *, create: bool) -> Ledger:
    """The ledger that was named, from the working directory on; or the environment's own, from the plan's folder on.

    Raises:
        UsageError: Nobody names one.
        PlanError: A variable of the plan's `ledger` is not set.
        LedgerError: It cannot be opened, or is not there and is not to be made.
    """
    from pytest_rollout.plan.expand import expand

    if where:
        return open_ledger(where, Path(), create=create)
    declared = plan.environments[environment]
    if not declared.ledger:
        what = "is an embedded world with a ledger of its own in each run" if declared.world else "names no ledger"
        raise UsageError(
            f"{plan.path}: environment '{environment}' {what}\n  name one with --ledger, or as 'ledger:' in the plan"
        )
    # What a service or a source needs is not asked of somebody who looks at the ledger.
    alone = replace(declared, target="", flags=None, sources={}, change_since="")
    return open_ledger(expand(alone, os.environ).ledger, plan.folder, create=create)


def width() -> int:
    """Columns of the screen; 80 where there is none."""
    return shutil.get_terminal_size().columns


def refused(error: ValueError) -> RolloutError:
    """What cannot be written, as a message of ours."""
    return UsageError(str(error))
