"""Fixtures: the words that gates are written in.

Each is one short function; what they hand out lives in `scope.py`. They ask
the config for the running gate, which is cheaper than pytest's `request`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_rollout.baselines import Baselines
from pytest_rollout.gate import RUNNING
from pytest_rollout.gate_words import Ab, Budgets, Flags, Metrics
from pytest_rollout.remembering import Approvals, History, StageNow
from pytest_rollout.scope import Scope

if TYPE_CHECKING:
    import httpx

    from pytest_rollout.drill import Drill
    from pytest_rollout.load import Load
    from pytest_rollout.machine import Machine


@pytest.fixture
def metrics(pytestconfig: pytest.Config) -> Metrics:
    """`metrics("name")`: the plan's metric, read as of the run's instant."""
    return _scope(pytestconfig, "metrics").metrics


@pytest.fixture
def budget(pytestconfig: pytest.Config) -> Budgets:
    """`budget("name")`: the plan's limit in this phase, for use with `in`."""
    return _scope(pytestconfig, "budget").budgets


@pytest.fixture
def flags(pytestconfig: pytest.Config) -> Flags:
    """`flags("name")`, `flags.on("name")`, `flags.off("name")`: feature flags as they are now."""
    return _scope(pytestconfig, "flags").flags


@pytest.fixture
def target(pytestconfig: pytest.Config) -> Iterator[httpx.Client]:
    """An `httpx.Client` on the service; a service that does not answer is doubt, not failure."""
    with _scope(pytestconfig, "target").client() as client:
        yield client


@pytest.fixture
def history(pytestconfig: pytest.Config) -> History:
    """`history.green_days`, `.incidents`, `.time_in_phase`: what the ledger says of the gate's phase."""
    return _scope(pytestconfig, "history").history


@pytest.fixture
def approvals(pytestconfig: pytest.Config) -> Approvals:
    """`approvals("engineering")`: how many people of a role have signed for what comes next."""
    return _scope(pytestconfig, "approvals").approvals


@pytest.fixture
def stage(pytestconfig: pytest.Config) -> StageNow:
    """`stage.current` and `stage.next`: percentages of traffic."""
    return _scope(pytestconfig, "stage").stage


@pytest.fixture
def baseline(pytestconfig: pytest.Config) -> Baselines:
    """`baseline("name")`: what the metric was before the rollout, as it was recorded."""
    return _scope(pytestconfig, "baseline").baselines


@pytest.fixture
def ab(pytestconfig: pytest.Config) -> Ab:
    """`ab("name").p99.delta`: a metric of the phase's experiment, treatment against control."""
    return _scope(pytestconfig, "ab").ab


@pytest.fixture
def load(pytestconfig: pytest.Config) -> Load:
    """`load("GET /health", n=1000, at_once=100)`: a bounded load test of a host that the environment names."""
    return _scope(pytestconfig, "load").load()


@pytest.fixture
def drill(pytestconfig: pytest.Config) -> Drill:
    """`drill(to="0 %", keeping=["rows"])`: a rollback that is performed, to see how long it takes and what it loses."""
    return _scope(pytestconfig, "drill").drill()


@pytest.fixture
def machine(pytestconfig: pytest.Config) -> Machine:
    """`machine.cpu`, `.memory_free`, `.disk_free("/var")`: the host on which the gates run."""
    return _scope(pytestconfig, "machine").machine()


def _scope(config: pytest.Config, name: str) -> Scope:
    """The running gate's scope, or an error that says why there is none."""
    gate = config.stash.get(RUNNING, None)
    if gate is None:
        lines = [f"'{name}' belongs to gates, and this test is none:"]
        lines.append("a gate stands in or below the folder of a rollout.yaml and carries a phase marker of that plan")
        pytest.fail(" ".join(lines), pytrace=False)
    return gate.scope
