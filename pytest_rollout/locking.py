"""Locking: what `rollout lock` does: collect a rollout's gates with pytest, and write them down."""

from __future__ import annotations

import difflib
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pytest_rollout.decisions import Reason
from pytest_rollout.discovery import absolute
from pytest_rollout.errors import UsageError
from pytest_rollout.lastword import ROLLOUT
from pytest_rollout.lock import LOCK_NAME, locked, render, write_lock
from pytest_rollout.plan.nodes import typed_path
from pytest_rollout.rollout import Rollout
from pytest_rollout.strays import collection_error


class _Collected:
    """A pytest plugin that keeps the `Rollout` of a run that only collects, and what could not be collected."""

    rollout: Rollout | None = None

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            said = collection_error(report.longreprtext, report.nodeid.partition("::")[0])
            self.failed += [f"{report.nodeid or 'the run'}: {line}" for line in said]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.rollout = session.config.stash.get(ROLLOUT, None)


def lock_folders(folders: Sequence[Path], *, check: bool, say: Callable[[str], object]) -> int:
    """Write, or with `check` compare, the lock of every rollout in `folders`.

    Returns:
        0; or 1 when `check` is given and a lock would change.

    Raises:
        UsageError: pytest cannot collect the gates, there is no rollout, only
            a part of one was named, or a lock cannot be read or written.
    """
    rollout = _collect(folders)
    _refuse_parts(rollout, folders)
    strays = [sentence for reason, sentence in rollout.book.troubles if reason is Reason.MISSING]
    if strays:
        raise UsageError("\n".join(strays))
    return max(_lock_one(rollout, index, check=check, say=say) for index in range(len(rollout.plans)))


def _collect(folders: Sequence[Path]) -> Rollout:
    collected, screen = _Collected(), io.StringIO()
    # A lock knows every phase, whatever -m the project's own options say, and leaves the last run's receipt alone.
    options = ["--collect-only", "-q", "-m", "", "-p", "no:cacheprovider", "--disable-warnings"]
    with tempfile.TemporaryDirectory() as out, redirect_stdout(screen), redirect_stderr(screen):
        status = pytest.main([*options, "--rollout-out", out, *map(str, folders)], plugins=[collected])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        said = "\n".join(collected.failed) or screen.getvalue().strip()
        raise UsageError(f"pytest could not collect the gates (status {int(status)}):\n{said}")
    if collected.rollout is None or not collected.rollout.plans:
        raise UsageError(f"no rollout.yaml in or below {', '.join(map(str, folders))}")
    return collected.rollout


def _refuse_parts(rollout: Rollout, folders: Sequence[Path]) -> None:
    """A lock made from a part of a rollout would forget the gates of the rest."""
    named = {absolute(folder) for folder in folders}
    for plan in rollout.plans:
        if named.isdisjoint({plan.folder, *plan.folder.parents}):
            whole = f"name the whole folder: rollout lock {typed_path(plan.folder)}"
            raise UsageError(f"a lock holds every gate of a rollout, here of {plan.rollout}\n  {whole}")


def _lock_one(rollout: Rollout, index: int, *, check: bool, say: Callable[[str], object]) -> int:
    plan = rollout.plans[index]
    gates = locked(gate for gate in rollout.book.planned.values() if gate.rollout == plan.rollout)
    path, text = plan.folder / LOCK_NAME, render(gates)
    shown = os.path.relpath(path)
    try:
        before = path.read_bytes().decode("utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if before == text:
        say(f"{shown}: {len(gates)} gates, unchanged")
        return 0
    for line in difflib.unified_diff(before.splitlines(), text.splitlines(), "before", "now", lineterm="", n=0):
        say(line)
    if check:
        command = f"rollout lock {typed_path(plan.folder)}"
        say(f"{shown}: differs from the gates that are there; run `{command}` and commit it")
        return 1
    try:
        write_lock(plan.folder, gates)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    say(f"{shown}: {len(gates)} gates written")
    return 0
