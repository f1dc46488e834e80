"""Setting up: from a command line to a `Rollout`.

Plans are read, phases and environment checked, and everything that cannot be
judged is a usage error with all of its problems, before any test runs.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_rollout.acting import check_actions
from pytest_rollout.clock import utc_now
from pytest_rollout.discovery import misnamed_plans
from pytest_rollout.environment import check_environment, ci_variable, open_environment
from pytest_rollout.errors import PlanError, Problem, RolloutError, UsageError
from pytest_rollout.kinds import kinds_of
from pytest_rollout.lastword import PINNED, ROLLOUT, output_folder
from pytest_rollout.plan.model import PREFLIGHT, Plan
from pytest_rollout.receipt import RUN_ID
from pytest_rollout.rollout import Rollout
from pytest_rollout.selection import phases_asked
from pytest_rollout.sources import BUILT_IN, Kinds
from pytest_rollout.surroundings import Settings


def open_rollout(config: pytest.Config, paths: Sequence[Path]) -> Rollout:
    """The run's `Rollout`, kept in the config's stash.

    Raises:
        pytest.UsageError: Every problem of the plans, an unknown phase in
            `-m`, or an environment that is not named, not known or not complete.
    """
    try:
        kinds = kinds_of(config)
        plans = load_plans(paths, config.rootpath, kinds)
        for phase, titles in _phases(plans).items():
            config.addinivalue_line("markers", f"{phase}: {titles}")
        asked = phases_asked(config.option.markexpr, phases=_phases(plans), markers=_markers(config))
        settings = _settings(config)
        rollout = Rollout(plans, settings=settings, asked=asked, at=settings.past or utc_now(), kinds=kinds)
        rollout.run_id = _named_run() or rollout.run_id
        if asked:
            _check(rollout)
            _check_output(config)
        if settings.act:
            _check_acting(rollout)
    except RolloutError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[ROLLOUT] = rollout
    return rollout


def load_plans(paths: Sequence[Path], root: Path, kinds: Kinds = BUILT_IN) -> list[Plan]:
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
            plans.append(load_plan(path, kinds=kinds.sources, flag_kinds=kinds.flags, shown=shown))
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
        declared = plan.environments[rollout.surroundings.environment_of(plan)]
        if declared.world is None and not rollout.settings.replay:
            open_environment(declared)


def _check_output(config: pytest.Config) -> None:
    """Refuse an output folder that can be none, before any gate says that the release may go on.

    Whether a folder can be written to is found out at the end: a disk that
    takes nothing must not hide that the release goes back.

    Raises:
        UsageError: It is a file, or a folder of a file.
    """
    if hasattr(config, "workerinput"):
        return  # the controller writes
    folder = output_folder(config)
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not os.path.isdir(there):  # noqa: PTH112 - Path.is_dir raises where a folder may not be looked into
        named = config.known_args_namespace.rollout_out
        what = "is a file" if there == folder else f"is below {there}, a file"
        raise UsageError(f"--rollout-out {named} {what}: name a folder")


def _check_acting(rollout: Rollout) -> None:
    """Refuse to act where no verdict can be final, or nobody said what to do.

    Raises:
        UsageError: A run of the past, a replay, one that asks for no phase or
            for several of one rollout; or no plan that says what to do.
        PlanError: Variables of actions that are not set.
    """
    settings, asked = rollout.settings, rollout.asked
    if settings.mode != "live" or settings.replay:
        raise UsageError("--rollout-act acts on what is judged now: remove --rollout-at and --rollout-replay")
    if not asked:
        raise UsageError("--rollout-act acts on a verdict, and -m asks for no phase")
    found = 0
    for plan in rollout.judged_plans:
        phases = tuple(phase for phase in asked if phase in plan.phases)
        if len(phases) > 1:
            raise UsageError(
                f"--rollout-act acts on one phase of a rollout: {plan.rollout} is asked for {', '.join(phases)}"
            )
        world = plan.environments[rollout.surroundings.environment_of(plan)].world
        stated = (plan.phases[phase].responses.values() for phase in phases)
        found += sum(map(len, stated)) if world is not None else check_actions(plan, phases)
    if not found:
        raise UsageError("--rollout-act, and no plan of this run says on_rollback or on_proceed for its phase")


def _settings(config: pytest.Config) -> Settings:
    return Settings(
        environment=_named_environment(config),
        fault=config.option.rollout_fault,
        past=_past(config.option.rollout_at, utc_now()),
        replay=_bundle(config),
        act=config.option.rollout_act,
        explore=config.option.rollout_explore or _somebody_looks(config),
        pinned=config.stash.get(PINNED, {}),
    )


def _past(text: str, now: datetime) -> datetime | None:
    """The instant that `--rollout-at` names.

    Raises:
        UsageError: No instant with an offset from UTC, or one that is not past.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(f"--rollout-at is an instant with its offset, such as 2026-11-01T09:00Z, not {text!r}")
    if at >= now:
        raise UsageError(f"--rollout-at {text} is not past: without it a run judges now")
    return at.astimezone(UTC)


def _bundle(config: pytest.Config) -> Path | None:
    """The bundle that `--rollout-replay` names, from the folder in which pytest was started.

    Raises:
        UsageError: It is not there, or an instant is named too.
    """
    named = config.option.rollout_replay
    if not named:
        return None
    if config.option.rollout_at:
        raise UsageError("--rollout-replay judges the instant of its bundle: remove --rollout-at")
    path = Path(config.invocation_params.dir, named)
    if not path.is_file():
        raise UsageError(f"--rollout-replay {named}: there is no such file")
    return path


def _named_environment(config: pytest.Config) -> str:
    """The environment that somebody named for this run; what an ini file always says is nobody's word under CI."""
    named: str = config.option.rollout_env
    said = any(str(word).startswith("--rollout-env") for word in config.invocation_params.args)
    if named and not said and ci_variable():
        named = ""
    return named or os.environ.get("ROLLOUT_ENV", "")


def _named_run() -> str:
    """What the job calls this run, if it does, so that `rollout verify` can tell it from any other.

    Raises:
        RolloutError: The name is empty, which is a variable that was not set, or could not be printed.
    """
    name = os.environ.get(RUN_ID)
    if name is not None and not re.fullmatch(r"[\w.:/+-]{1,200}", name):
        raise RolloutError(f"{RUN_ID} names this run, for `rollout verify`: it cannot be {name[:200]!r}")
    return name or ""


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
    phases[PREFLIGHT] = ["can the gates be judged at all, before anybody needs the answer"]
    return {name: "; ".join(titles) for name, titles in sorted(phases.items())}


def _markers(config: pytest.Config) -> set[str]:
    lines: list[str] = config.getini("markers")
    return {line.partition(":")[0].partition("(")[0].strip() for line in lines}
