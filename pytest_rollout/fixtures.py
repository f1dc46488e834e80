"""Fixtures: the words that gates are written in.

Each is one short function; what they hand out lives in `scope.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_rollout.gate import GATE, Gate
from pytest_rollout.scope import Budgets, Flags, Metrics, Scope

if TYPE_CHECKING:
    import httpx


@pytest.fixture
def metrics(request: pytest.FixtureRequest) -> Metrics:
    """`metrics("name")`: the plan's metric, read as of the run's instant."""
    return scope_of(request).metrics


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> Budgets:
    """`budget("name")`: the plan's limit in this phase, for use with `in`."""
    return scope_of(request).budgets


@pytest.fixture
def flags(request: pytest.FixtureRequest) -> Flags:
    """`flags("name")`, `flags.on("name")`, `flags.off("name")`: feature flags as they are now."""
    return scope_of(request).flags


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """An `httpx.Client` on the service; a service that does not answer is doubt, not failure."""
    with scope_of(request).client() as client:
        yield client


def scope_of(request: pytest.FixtureRequest) -> Scope:
    """The running gate's scope, or an error that says why there is none."""
    gate: Gate | None = request.node.stash.get(GATE, None)
    if gate is None:
        lines = [f"'{request.fixturename}' belongs to gates, and this test is none:"]
        lines.append("a gate stands in or below the folder of a rollout.yaml and carries a phase marker of that plan")
        pytest.fail(" ".join(lines), pytrace=False)
    return gate.scope
