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
    from pytest_rollout.sources.protocol import FlagKind, SourceKind


hookimpl = pytest.hookimpl
"""Marks an implementation, as pytest's own hooks are marked."""


@pytest.hookspec
def pytest_rollout_sources() -> Sequence[SourceKind]:  # type: ignore[empty-body]  # a specification has none
    """Further kinds of sources, which plans name with `kind:` below `sources:`."""


@pytest.hookspec
def pytest_rollout_flags() -> Sequence[FlagKind]:  # type: ignore[empty-body]  # as above
    """Further kinds of flags, which plans name with `kind:` below `flags:`."""
