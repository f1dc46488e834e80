"""Telling: what was decided goes to those who asked to hear it, when nothing can change it any more.

The exit code is settled and `verdict.json` is written. Each hook gets facts
of its own and a minute in a thread; what it raises, exits with, changes or
never finishes is one line on the terminal, and no more.
"""

from __future__ import annotations

import json
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.evidence import EVIDENCE_NAME
from pytest_rollout.gathering import RECORD_NAME, facts_of_gates, facts_of_phases, gates_as_json
from pytest_rollout.receipt import RECEIPT_NAME, receipt
from pytest_rollout.record import Beside, Record, read_record
from pytest_rollout.reports.files import files, on_github
from pytest_rollout.reports.table import plain

if TYPE_CHECKING:
    import pytest

    from pytest_rollout.rollout import Conclusion, Rollout

SECONDS = 60.0
"""How long one hook may take before the run goes on without it."""
_LONGEST = 300


def tell(plugins: pytest.PytestPluginManager, rollout: Rollout, conclusion: Conclusion, folder: Path) -> Iterator[str]:
    """Write the reports that were asked for, and call every hook that wants to hear of verdicts and reports.

    Args:
        plugins: Those who may want to.
        rollout: The run.
        conclusion: How it ended.
        folder: Where its receipt was written.

    Yields:
        A line for each of them that did not end well, and what GitHub is told by lines.
    """
    kept = _Kept(folder / RECEIPT_NAME)
    record = _record(rollout, conclusion, kept, folder)
    calls = list(files(record, {name for plan in rollout.judged_plans for name in plan.reports.files}, os.environ))
    for verdict in conclusion.verdict.verdicts:
        calls += _calls(plugins, "pytest_rollout_verdict", "verdict", verdict)
    calls += _calls(plugins, "pytest_rollout_report", "record", record)
    for who, call in calls:
        if found := in_time(call, SECONDS) or kept.restored():
            yield f"REPORT  {who}: {plain(found)[:_LONGEST]}"
    yield from on_github(record, os.environ)


def _calls(
    plugins: pytest.PytestPluginManager, hook: str, argument: str, facts: object
) -> Iterator[tuple[str, Callable[[], object]]]:
    """One call for each plugin, with facts that no other has seen, since frozen ones can be changed by force."""
    everybody = [implementation.plugin for implementation in getattr(plugins.hook, hook).get_hookimpls()]
    packed = pickle.dumps(facts) if everybody else b""
    for plugin in everybody:
        alone = plugins.subset_hook_caller(hook, [other for other in everybody if other is not plugin])

        def call(alone: Callable[..., object] = alone) -> object:
            return alone(**{argument: pickle.loads(packed)})  # noqa: S301 - our own bytes, of the line above

        yield f"{hook} of {_name_of(plugins, plugin)}", call


def _name_of(plugins: pytest.PytestPluginManager, plugin: object) -> str:
    return plain(plugins.get_name(plugin) or type(plugin).__name__)


def in_time(call: Callable[[], object], seconds: float) -> str:
    """Make a call in a thread of its own.

    Args:
        call: Anything at all: it may raise, exit or hang.
        seconds: How long to wait for it.

    Returns:
        What went wrong; empty when it ended well.
    """
    found = [f"did not end within {seconds:g} s, and was left behind"]

    def called() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - a hook that exits or interrupts has only ended itself
            found.append(f"{type(error).__name__}: {error}")
        else:
            found.append("")

    thread = threading.Thread(target=called, name="rollout-report", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    except KeyboardInterrupt:
        return "was interrupted, and was left behind"
    return found[-1]


class _Kept:
    """A file as it was written; who changes it is said, and it is written again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.data = _read(path)

    def restored(self) -> str:
        """What happened to the file since; empty for nothing."""
        if self.data is None or _read(self._path) == self.data:
            return ""
        unfinished = self._path.with_name(f".{self._path.name}.kept")
        try:
            unfinished.write_bytes(self.data)
            unfinished.replace(self._path)
        except OSError as error:
            return f"changed {self._path.name}, which could not be written back: {error}"
        return f"changed {self._path.name}, which was written back"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _record(rollout: Rollout, conclusion: Conclusion, kept: _Kept, folder: Path) -> Record:
    """The run's record, from its receipt as it was written; what it adds is left beside it for later reports."""
    document = json.loads(kept.data) if kept.data else receipt(rollout.run_of(conclusion))
    digest = sha256(kept.data).hexdigest() if kept.data else ""
    gates = facts_of_gates(rollout, conclusion.verdict)
    if digest:
        with suppress(OSError):  # later reports will know less; this one need not fail for it
            _write(folder / RECORD_NAME, gates_as_json(gates, digest))
    evidence = folder / EVIDENCE_NAME
    beside = Beside(
        gates=gates,
        phases=facts_of_phases(rollout),
        verdict_digest=digest,
        output=folder,
        evidence=evidence if evidence.is_file() else None,
    )
    return read_record(document, beside)


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
    unfinished.replace(path)
