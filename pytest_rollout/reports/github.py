"""GitHub: what a step of a workflow shows beside its log, and beside the lines of a pull request."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_rollout.decisions import Decision
from pytest_rollout.record import GateRecord, PhaseRecord, Record
from pytest_rollout.reports import words
from pytest_rollout.reports.escape import command_data, command_property, shortened

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable with which GitHub names the file of a step's summary."""
MOST = 10
"""GitHub shows ten annotations of each kind a step; the rest would be lost without a word."""
_KIND = {Decision.HOLD: "warning", Decision.ROLLBACK: "error"}
_LONGEST = 1000


def annotated(record: Record, root: Path) -> Iterator[str]:
    """A workflow command for each gate that counts and is not good, the worst first.

    Args:
        record: The run.
        root: The repository, from which on files are named.
    """
    found = [
        (phase, gate)
        for phase in record.phases
        for gate in words.ordered(phase.gates)
        if gate.counts and gate.decision is not Decision.PROCEED
    ]
    found.sort(key=lambda pair: -pair[1].decision.severity)
    for kind in ("error", "warning"):
        alike = [pair for pair in found if _KIND[pair[1].decision] == kind]
        shown = alike if len(alike) <= MOST else alike[: MOST - 1]
        yield from (_annotation(kind, phase, gate, root) for phase, gate in shown)
        if len(alike) > len(shown):
            yield f"::{kind} title={len(alike) - len(shown)} more gates::see the summary of this step, or verdict.json"
    if not found and record.decision is not Decision.PROCEED:
        said = "; ".join(words.reason_line(because) for because in record.all_reasons)
        kind = _KIND[record.decision]
        yield f"::{kind} title={record.decision.value}::{command_data(shortened(said, _LONGEST))}"


def _annotation(kind: str, phase: PhaseRecord, gate: GateRecord, root: Path) -> str:
    title = command_property(shortened(f"{words.headline(gate)} {words.about(phase)}", 200))
    message = " · ".join(part for part in (gate.title, gate.sentence, *gate.actions) if part)
    return f"::{kind} {_place(phase, gate, root)}title={title}::{command_data(shortened(message, _LONGEST))}"


def _place(phase: PhaseRecord, gate: GateRecord, root: Path) -> str:
    if phase.facts.folder is None:
        return ""
    path = Path(os.path.relpath(phase.facts.folder / gate.file, root)).as_posix()
    return f"file={command_property(path)}," + (f"line={gate.facts.line}," if gate.facts.line else "")


def append_summary(page: str, environ: Mapping[str, str]) -> None:
    """Add a page to the summary of this step.

    Raises:
        OSError: The file that GitHub names cannot be written to.
    """
    with Path(environ[SUMMARY]).open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(page + "\n")
