"""The plugin that pytest loads: options, and the look whether this run has rollouts at all.

In a project without a `rollout.yaml` this is all that ever happens, so only
pytest and the standard library are imported here. Where there are plans, the
hooks that judge (`hooks.py`) are registered.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_rollout import hookspecs
from pytest_rollout.discovery import find_plans
from pytest_rollout.lastword import PINNED, PLANS, LastWord, output_folder, plans_of

MARKERS = (
    "rollback(to): a gate whose failure takes the release back, to a percentage of traffic where it says so",
    "stage(percentage, ...): a gate for these stages of its phase alone, such as '25 %'",
    "shadow(until, why): the gate reports and cannot block, until the day given (ISO 8601)",
    "gate(owner, severity, runbook): who answers for a gate, how bad its failure is, what to do then",
)
_SAID_ALOUD = {
    "--rollout-fault": "judges a world with a fault",
    "--rollout-act": "changes the system that is judged",
    "--rollout-explore": "judges nothing",
    "--rollout-at": "judges the past",
    "--rollout-replay": "judges another run's evidence",
}
"""Options that take a run away from what is live, or change it; none of them may hide in an ini file."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks through which other plugins add to rollouts."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the few options; the plan says everything else."""
    group = parser.getgroup("rollout", "rollout gates")
    group.addoption("--rollout-env", metavar="NAME", default="", help="environment to judge (also: ROLLOUT_ENV)")
    group.addoption("--rollout-out", metavar="DIR", default=".rollout", help="folder for verdict.json (.rollout)")
    group.addoption("--rollout-fault", metavar="NAME", default="", help="fault to inject into the embedded world")
    group.addoption("--rollout-at", metavar="TIME", default="", help="judge the past, as of TIME (ISO 8601)")
    group.addoption("--rollout-replay", metavar="BUNDLE", default="", help="judge an evidence bundle again, offline")
    act = "do what the plan says on a final verdict: on_rollback, on_proceed"
    group.addoption("--rollout-act", action="store_true", help=act)
    group.addoption("--rollout-explore", action="store_true", help="run gates without judging any phase")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Clear what an earlier run left before anything can fail, and register the last word after all else."""
    folder = output_folder(early_config)
    early_config.stash[PINNED] = LastWord.clear(folder)
    if _said_by_the_environment(early_config):
        for each in _folders_without_the_environment(early_config):
            LastWord.clear(each)
        raise pytest.UsageError("--rollout-* options are not taken from PYTEST_ADDOPTS: say them on the command line")
    for option, why in _SAID_ALOUD.items():
        said = getattr(early_config.known_args_namespace, option.removeprefix("--").replace("-", "_"))
        if said and not any(str(word).startswith(option) for word in early_config.invocation_params.args):
            raise pytest.UsageError(f"{option} {why}: it is said on the command line or not at all")
    yield
    _add(early_config, LastWord(), "rollout-last-word")


def _said_by_the_environment(config: pytest.Config) -> bool:
    """Whether PYTEST_ADDOPTS says an option of ours: as it is, in quotes, in an `@file`, or by an ini file it chose."""
    text = os.environ.get("PYTEST_ADDOPTS", "")
    if not text:
        return False
    parse = config._parser.parse_known_args
    environment = parse(shlex.split(text))
    if "--rollout-" in text or _ours(environment) != _ours(parse([])):
        return True
    chosen = [environment.inifilename, environment.override_ini, environment.rootdir, environment.file_or_dir]
    return any(chosen) and _ours(config.known_args_namespace) != _ours(parse(config.invocation_params.args))


def _meant(config: pytest.Config) -> list[str]:
    """What a run is about by its own words and the project's file, where PYTEST_ADDOPTS or an `-o` narrows it."""
    if config.option.help:
        return []  # before version 9, pytest prints its help wherever that word is parsed again
    parse = config._parser.parse_known_args
    elsewhere = parse(shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))).file_or_dir
    overridden = any(str(each).startswith("testpaths") for each in config.known_args_namespace.override_ini or ())
    if not elsewhere and not overridden:
        return []
    said = parse([*config.getini("addopts"), *map(str, config.invocation_params.args)]).file_or_dir
    return [*(said or ([] if overridden else config.getini("testpaths")) or ["."])]


def _folders_without_the_environment(config: pytest.Config) -> list[Path]:
    """Where `verdict.json` is looked for by those who do not know of PYTEST_ADDOPTS, or of the ini file it chose."""
    said = config.invocation_params.args
    parsed = [config._parser.parse_known_args(words) for words in (said, [*config.getini("addopts"), *said])]
    return [config.invocation_params.dir / each.rollout_out for each in parsed]


def _ours(namespace: argparse.Namespace) -> dict[str, object]:
    return {name: value for name, value in vars(namespace).items() if name.startswith("rollout_")}


def _add(config: pytest.Config, plugin: object, name: str) -> None:
    if config.pluginmanager.register(plugin, name) is None:
        raise pytest.UsageError(f"-p no:{name} takes a part out of pytest-rollout: -p no:rollout takes out the whole")


def pytest_configure(config: pytest.Config) -> None:
    """Register markers, and the hooks that judge where there is a plan."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    plans = config.stash[PLANS] = plans_of(config, [*config.args, *_meant(config)])
    if plans and not config.pluginmanager.has_plugin("rollout-last-word"):
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
