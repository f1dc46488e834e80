"""The plugin that pytest loads: options, and the look whether this run has rollouts at all.

In a project without a `rollout.yaml` this is all that ever happens, so only
pytest and the standard library are imported here. Where there are plans, the
hooks that judge (`hooks.py`) are registered.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_rollout.discovery import find_plans
from pytest_rollout.lastword import PLANS, LastWord, output_folder, plans_of

MARKERS = (
    "rollback: a gate whose failure takes the release back",
    "shadow(until, why): the gate reports and cannot block, until the day given (ISO 8601)",
    "gate(owner, severity, runbook): who answers for a gate, how bad its failure is, what to do then",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the few options; the plan says everything else."""
    group = parser.getgroup("rollout", "rollout gates")
    group.addoption("--rollout-env", metavar="NAME", default="", help="environment to judge (also: ROLLOUT_ENV)")
    group.addoption("--rollout-out", metavar="DIR", default=".rollout", help="folder for verdict.json (.rollout)")
    group.addoption("--rollout-fault", metavar="NAME", default="", help="fault to inject into the embedded world")
    group.addoption("--rollout-explore", action="store_true", help="run gates without judging any phase")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Clear what an earlier run left before anything can fail, and register the last word after all else."""
    worker = hasattr(early_config, "workerinput")
    if not worker:
        folder = output_folder(early_config)
        LastWord.clear(folder)
        if "--rollout-" in os.environ.get("PYTEST_ADDOPTS", ""):
            raise pytest.UsageError(
                "--rollout-* options are not taken from PYTEST_ADDOPTS: say them on the command line"
            )
        fault = early_config.known_args_namespace.rollout_fault
        if fault and not any(str(word).startswith("--rollout-fault") for word in early_config.invocation_params.args):
            raise pytest.UsageError("--rollout-fault is said on the command line or not at all")
        explore = early_config.known_args_namespace.rollout_explore
        if explore and "--rollout-explore" not in early_config.invocation_params.args:
            raise pytest.UsageError("--rollout-explore judges nothing: it is said on the command line or not at all")
    yield
    if not worker:
        _add(early_config, LastWord(), "rollout-last-word")


def _add(config: pytest.Config, plugin: object, name: str) -> None:
    if config.pluginmanager.register(plugin, name) is None:
        raise pytest.UsageError(f"-p no:{name} takes a part out of pytest-rollout: -p no:rollout takes out the whole")


def pytest_configure(config: pytest.Config) -> None:
    """Register markers, and the hooks that judge where there is a plan."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    plans = config.stash[PLANS] = plans_of(config, config.args)
    if plans and not (hasattr(config, "workerinput") or config.pluginmanager.has_plugin("rollout-last-word")):
        raise pytest.UsageError(
            "pytest-rollout was loaded by a conftest, too late to have the last word: "
            "install it, or say -p pytest_rollout.plugin on the command line"
        )
    if plans:
        _register(config, plans)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse gates whose plan was not found in time, as when `--pyargs` names them by module."""
    one_of_each = {item.path.parent: item.path for item in items}
    for folder, path in one_of_each.items():
        plans = find_plans([str(path)], start=Path(), root=config.rootpath, skip=())
        if unknown := [plan for plan in plans if plan not in config.stash[PLANS]]:
            raise pytest.UsageError(f"{folder} is governed by {unknown[0]}, which no path of this run leads to")


def _register(config: pytest.Config, plans: list[Path]) -> None:
    if sys.flags.optimize:
        raise pytest.UsageError("gates are asserts, and python -O (PYTHONOPTIMIZE) removes them: run without it")
    from pytest_rollout import fixtures
    from pytest_rollout.hooks import JudgingHooks
    from pytest_rollout.setup import open_rollout

    rollout = open_rollout(config, plans)
    _add(config, fixtures, "rollout-fixtures")
    _add(config, JudgingHooks(config, rollout), "rollout-hooks")
