"""Hook specifications: what other plugins and conftest files may add to a rollout.

Implementations are ordinary functions of these names in a plugin or a
`conftest.py` at or above the gates; `pytest_rollout.hookimpl` marks them where
an order matters. They receive and return facts, and nothing of pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_rollout.record import Record
    from pytest_rollout.sources.protocol import FlagKind, SourceKind
    from pytest_rollout.verdict import Verdict


hookimpl = pytest.hookimpl
"""Marks an implementation, as pytest's own hooks are marked."""


@pytest.hookspec
def pytest_rollout_sources() -> Sequence[SourceKind]:  # type: ignore[empty-body]  # a specification has none
    """Further kinds of sources, which plans name with `kind:` below `sources:`."""


@pytest.hookspec
def pytest_rollout_flags() -> Sequence[FlagKind]:  # type: ignore[empty-body]  # as above
    """Further kinds of flags, which plans name with `kind:` below `flags:`."""


@pytest.hookspec
def pytest_rollout_verdict(verdict: Verdict) -> None:
    """One phase was judged; called for each, when the exit code is settled and `verdict.json` is written.

    On the controller only. Each implementation has facts of its own and a
    minute; whatever it does or raises is one line on the terminal, and changes
    neither the exit code nor a file.
    """


@pytest.hookspec
def pytest_rollout_report(record: Record) -> None:
    """A run was judged; called once, after `pytest_rollout_verdict` and on the same terms.

    Where a report belongs among the run's files, `record.output` is their folder.
    """
