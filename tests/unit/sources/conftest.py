"""What tests of sources share: an instant, a way to ask, and a hostile server."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_rollout.sources.protocol import Question

AT = datetime(2026, 11, 7, 9, 0, tzinfo=UTC)


@pytest.fixture
def at():
    """The run's instant."""
    return AT


@pytest.fixture
def ask(at):
    """Ask a source one query, as of the run's instant."""

    def ask(source, query, *, timeout_seconds=5.0):
        return source.ask(Question(query=query, at=at, timeout_seconds=timeout_seconds))

    return ask


@pytest.fixture(scope="session")
def hostile_module():
    """`tests/hostile_server.py`; test folders are no packages, so it is loaded by its path."""
    path = Path(__file__).parents[2] / "hostile_server.py"
    spec = importlib.util.spec_from_file_location("hostile_server", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hostile(hostile_module):
    """A running hostile server."""
    with hostile_module.HostileServer() as server:
        yield server
