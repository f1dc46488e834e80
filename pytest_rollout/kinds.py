"""Kinds: the sources and flags that plans of this run may name, the built-in ones and those of other plugins."""

from __future__ import annotations

import tempfile
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar, cast

import pluggy
import pytest

from pytest_rollout.errors import UsageError
from pytest_rollout.sources import BUILT_IN, Kinds
from pytest_rollout.sources.protocol import Kind

Opened = TypeVar("Opened")


def kinds_of(config: pytest.Config) -> Kinds:
    """Every kind of source and of flags that there is.

    Raises:
        UsageError: A hook broke, returned something else, or took a name that is taken.
    """
    hook = config.hook
    return Kinds(
        sources=_with(BUILT_IN.sources, "pytest_rollout_sources", _answers(hook, "pytest_rollout_sources")),
        flags=_with(BUILT_IN.flags, "pytest_rollout_flags", _answers(hook, "pytest_rollout_flags")),
    )


def kinds_around(folder: Path) -> Kinds:
    """Every kind that plans in a folder may name, for a command that is no run: pytest loads the plugins there.

    No test is collected, and no receipt is touched.

    Raises:
        UsageError: pytest cannot start there, or as for `kinds_of`.
    """
    asking = _Asking()
    with tempfile.TemporaryDirectory() as nowhere:
        words = ["-p", "no:cacheprovider", "-o", "addopts=", "--rollout-out", nowhere, str(folder)]
        status = int(pytest.main(words, plugins=[asking]))
    if asking.found is None:
        raise asking.error or UsageError(f"{folder}: pytest could not load the plugins there (status {status})")
    return asking.found


class _Asking:
    """Takes the place of a run, once conftests and plugins are loaded."""

    def __init__(self) -> None:
        self.found: Kinds | None = None
        self.error: UsageError | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        """Ask the hooks and end."""
        try:
            self.found = kinds_of(config)
        except UsageError as error:
            self.error = error
        return 0


def _answers(hook: pluggy.HookRelay, name: str) -> Iterable[object]:
    try:
        return [each for answer in getattr(hook, name)() for each in answer]
    except Exception as error:
        raise UsageError(f"{name}: a plugin's hook broke: {type(error).__name__}: {error}") from error


def _with(built_in: Mapping[str, Kind[Opened]], hook: str, added: Iterable[object]) -> Mapping[str, Kind[Opened]]:
    found: ChainMap[str, Kind[Opened]] = ChainMap({}, cast("dict[str, Kind[Opened]]", built_in))
    for kind in added:
        if not isinstance(kind, Kind):
            raise UsageError(f"{hook}: a plugin's hook returns kinds, not {kind!r}")
        if kind.name in found:
            raise UsageError(f"{hook}: a kind '{kind.name}' is there already; give yours another name")
        found[kind.name] = kind
    return found
