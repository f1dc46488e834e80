"""The environment: where a rollout is judged, opened.

A declared environment becomes one that can be asked: variables filled in, or
an embedded world's endpoints in place of sources.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pytest_rollout.errors import UsageError, did_you_mean, listed
from pytest_rollout.plan.environment import Environment, SourceConfig
from pytest_rollout.plan.expand import expand
from pytest_rollout.plan.model import Plan
from pytest_rollout.sources import Kinds

if TYPE_CHECKING:
    from pytest_rollout.world.running import Endpoints

_CI_VARIABLES = (
    "BUILDKITE",
    "BUILD_BUILDID",
    "CI",
    "CODEBUILD_BUILD_ID",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
    "KUBERNETES_SERVICE_HOST",
    "TEAMCITY_VERSION",
    "TF_BUILD",
)


def ci_variable() -> str:
    """The variable that says this is a CI system; empty when none does."""
    return next((name for name in _CI_VARIABLES if os.environ.get(name, "").lower() not in {"", "0", "false"}), "")


def chosen_environment(plan: Plan, named: str) -> str:
    """The name of the environment to judge a plan in: as named, else the plan's default, which CI does not take."""
    return named or ("" if ci_variable() else plan.environment)


def check_environment(plan: Plan, named: str) -> None:
    """Refuse a run whose environment is not named, or is not one of the plan's.

    Raises:
        UsageError: Says which environments the plan has. Under CI a plan's
            default does not count: a gate that measured the demo world has
            proven nothing about production.
    """
    chosen = chosen_environment(plan, named)
    known = f"  environments of {plan.rollout}: {listed(plan.environments)}"
    if not chosen:
        under = f" ({ci_variable()} is set, so this is CI, and no default counts)" if ci_variable() else ""
        lines = [f"name the environment to judge {plan.rollout} in: --rollout-env NAME{under}", known]
        raise UsageError("\n".join(lines))
    if chosen not in plan.environments:
        guess = [f"  {line}" for line in did_you_mean(chosen, plan.environments)]
        raise UsageError("\n".join([f"{plan.rollout} has no environment '{chosen}'", known, *guess]))


def open_environment(declared: Environment) -> Environment:
    """A real system's environment with its variables filled in.

    Raises:
        PlanError: Every variable that is missing or malformed.
    """
    return expand(declared, os.environ)


def world_environment(declared: Environment, endpoints: Endpoints) -> Environment:
    """An embedded world as an environment: its service, flags and telemetry."""
    from pytest_rollout.world.switches import ENV

    def config(name: str, kind: str, options: dict[str, str]) -> SourceConfig:
        return SourceConfig(name=name, kind=kind, options=options, place=declared.place)

    sources = {
        name: config(name, options["kind"], {key: value for key, value in options.items() if key != "kind"})
        for name, options in endpoints.sources.items()
    }
    is_env = endpoints.flags_file.endswith(ENV)
    options = {"path": endpoints.flags_file} if is_env else {"url": endpoints.flags}
    flags = config("flags", "env_file" if is_env else "http", options)
    return replace(
        declared,
        target=endpoints.target,
        flags=flags,
        sources=sources,
        ledger=endpoints.ledger,
        approvals=Path(endpoints.approvals) if endpoints.approvals else None,
        flags_file=Path(endpoints.flags_file) if endpoints.flags_file else None,
    )


def secrets_of(environment: Environment, kinds: Kinds) -> frozenset[str]:
    """Every text of an opened environment that no file of a run may hold: secret options, and passwords in URLs."""
    found: set[str] = set()
    configs = [(config, kinds.sources) for config in environment.sources.values()]
    for config, known in [*configs, *([(environment.flags, kinds.flags)] if environment.flags else [])]:
        hidden = {option.name for option in known[config.kind].options if option.secret}
        for name, value in config.options.items():
            found |= set(_texts(value)) if name in hidden else _passwords(value)
    return frozenset(found | _passwords(environment.target) | _passwords(environment.ledger))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for below in value.values() for text in _texts(below))
    elif isinstance(value, list):
        yield from (text for below in value for text in _texts(below))


def _passwords(value: object) -> set[str]:
    """Passwords in the URLs of an option: as written, and as they are sent."""
    found = set()
    for text in _texts(value):
        with suppress(ValueError):  # what is no URL has no password
            password = urlsplit(text).password
            found |= {password, unquote(password)} if password else set()
    return found
