"""What tests of sources share: an instant, a way to ask, and a hostile server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.hostile_server import HostileServer

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


@pytest.fixture
def hostile():
    """A running hostile server."""
    with HostileServer() as server:
        yield server
