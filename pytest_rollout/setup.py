"""Setting up: from a command line to a `Rollout`.

Plans are read, phases and environment checked, and everything that cannot be
judged is a usage error with all of its problems, before any test runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_rollout.discovery import misnamed_plans
from pytest_rollout.environment import check_environment, ci_variable, open_environment
from pytest_rollout.errors import PlanError, Problem, RolloutError
from pytest_rollout.lastword import ROLLOUT, output_folder
from pytest_rollout.plan.model import Plan
from pytest_rollout.rollout import Rollout, Settings, utc_now
from pytest_rollout.selection import phases_asked
from pytest_rollout.sources import FLAG_KINDS, KINDS


def open_rollout(config: pytest.Config, paths: Sequence[Path]) -> Rollout:
    """The run's `Rollout`, kept in the config's stash.

    Raises:
        pytest.UsageError: Every problem of the plans, an unknown phase in
            `-m`, or an environment that is not named, not known or not complete.
    """
    try:
        plans = load_plans(paths, config.rootpath)
        for phase, titles in _phases(plans).items():
            config.addinivalue_line("markers", f"{phase}: {titles}")
        asked = phases_asked(config.option.markexpr, phases=_phases(plans), markers=_markers(config))
        rollout = Rollout(plans, settings=_settings(config), asked=asked, at=utc_now())
        if asked:
            _check(rollout)
    except RolloutError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[ROLLOUT] = rollout
    return rollout


def load_plans(paths: Sequence[Path], root: Path) -> list[Plan]:
    """Every plan of a run.

    Raises:
        PlanError: The problems of all plans together; also misnamed plan
            files, and two plans for one rollout.
    """
    from pytest_rollout.plan.load import load_plan

    plans: list[Plan] = []
    problems: list[Problem] = []
    for path in paths:
        shown = os.path.relpath(path) if root in path.parents else str(path)
        problems += [_misnamed(each, shown) for each in misnamed_plans(path.parent)]
        try:
            plans.append(load_plan(path, kinds=KINDS, flag_kinds=FLAG_KINDS, shown=shown))
        except PlanError as error:
            problems += error.problems
    problems += _duplicates(plans)
    if problems:
        raise PlanError(problems)
    return plans


def _misnamed(path: Path, plan: str) -> Problem:
    second = "a second plan in one folder: it would not be read"
    found = second if Path(plan).exists() else f"a plan called {path.name} would not be read"
    return Problem(os.path.relpath(path), 1, 1, "", found, (f"a folder has one plan, called rollout.yaml ({plan})",))


def _duplicates(plans: Sequence[Plan]) -> list[Problem]:
    first: dict[str, Plan] = {}
    problems = []
    for plan in plans:
        other = first.setdefault(plan.rollout, plan)
        if other is not plan:
            found = f"rollout '{plan.rollout}' is declared twice"
            problems.append(Problem(os.path.relpath(plan.path), 1, 1, "rollout", found, (f"also in {other.path}",)))
    return problems


def _check(rollout: Rollout) -> None:
    for plan in rollout.judged_plans:
        check_environment(plan, rollout.settings.environment)
        declared = plan.environments[rollout.environment_of(plan)]
        if declared.world is None:
            open_environment(declared)


def _settings(config: pytest.Config) -> Settings:
    return Settings(
        environment=_named_environment(config),
        fault=config.option.rollout_fault,
        out=output_folder(config),
        explore=config.option.rollout_explore or _somebody_looks(config),
    )


def _named_environment(config: pytest.Config) -> str:
    """The environment that somebody named for this run; what an ini file always says is nobody's word under CI."""
    named: str = config.option.rollout_env
    said = any(str(word).startswith("--rollout-env") for word in config.invocation_params.args)
    if named and not said and ci_variable():
        named = ""
    return named or os.environ.get("ROLLOUT_ENV", "")


def _somebody_looks(config: pytest.Config) -> bool:
    """Whether a person tries gates at a terminal; a pipeline that forgot -m is none, terminal or not."""
    forgot = "-m" in config.invocation_params.args  # `-m "$PHASE"` with nothing in PHASE
    return sys.stdout.isatty() and not ci_variable() and not forgot


def _phases(plans: Sequence[Plan]) -> dict[str, str]:
    """Every phase, with its titles in the plans that declare it."""
    phases: dict[str, list[str]] = {}
    for plan in plans:
        for phase in plan.phases.values():
            phases.setdefault(phase.name, []).append(f"{phase.title or phase.name} ({plan.rollout})")
    return {name: "; ".join(titles) for name, titles in sorted(phases.items())}


def _markers(config: pytest.Config) -> set[str]:
    lines: list[str] = config.getini("markers")
    return {line.partition(":")[0].partition("(")[0].strip() for line in lines}
