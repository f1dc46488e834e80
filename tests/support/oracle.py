"""Oracle: the tables of docs/rollouts that say which fault gets which verdict, read where people read them.

What people are told and what is tested cannot differ then. A table has a line
for a fault with the phases it is tried in; tests have a case for each phase.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
ALL_FAULTS = os.environ.get("ROLLOUT_ALL_FAULTS") == "1"
"""Whether every row is tried, and not only a choice of them."""
TELEMETRY = frozenset({"metrics_down", "stale", "nan"})
"""Faults of what measures, which every world has: whoever asks telemetry says so, and nobody else says anything."""
_DASH = "\N{EN DASH}"  # how a page says "none"
_AS_ABOVE = "as above"
_COLUMNS = {"phase": "phases", "exit code": "exit", "gates that say it": "gates", "gate that says it": "gates"}


@dataclass(frozen=True)
class Row:
    """A line of a table, or one phase of it.

    Attributes:
        fault: Its name; empty for the healthy world.
        phases: The phases it is tried in.
        environment: The environment of the demo.
        codes: The exit codes that it may have; more than one where chance decides.
        reason: A reason code that its gates say; empty for none.
        gates: The gates that say it.
        says: The same, in the words of the page.
        back: The percentage that a rollback goes back to; None for no rollback, or where the page has no such column.
    """

    fault: str
    phases: tuple[str, ...]
    environment: str
    codes: frozenset[int]
    reason: str
    gates: frozenset[str]
    says: str
    back: float | None

    @property
    def phase(self) -> str:
        """The only phase."""
        (phase,) = self.phases
        return phase

    @property
    def exit_code(self) -> int:
        """The only exit code."""
        (code,) = self.codes
        return code

    @property
    def case(self) -> tuple[str, str, str]:
        """What makes it one of its kind: fault, phase and environment."""
        return self.fault, self.phase, self.environment

    @property
    def name(self) -> str:
        """The same, as the name of a test."""
        return "-".join((self.fault or "healthy", self.phase, self.environment))


def lines(rollout: str) -> list[Row]:
    """Every line of the tables of a rollout's page."""
    found: list[Row] = []
    heads: list[str] = []
    page = REPOSITORY / "docs" / "rollouts" / rollout / "index.md"
    for text in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")] if text.startswith("|") else []
        if cells[:1] == ["fault"]:
            heads = [_COLUMNS.get(cell, cell) for cell in cells]
        elif len(cells) != len(heads):
            heads = []
        elif heads and not cells[0].startswith("---"):
            found.append(_line(dict(zip(heads, cells, strict=True)), found))
    return found


def _line(cells: Mapping[str, str], above: list[Row]) -> Row:
    says, back = cells["gates"], cells.get("back to", _DASH)
    return Row(
        fault="" if cells["fault"] == "none" else cells["fault"].strip("`"),
        phases=tuple(f"phase{number.strip()}" for number in cells["phases"].split(",")),
        environment=cells.get("environment", "demo"),
        codes=frozenset(map(int, cells["exit"].split(" or "))),
        reason="" if cells["reason"] == _DASH else cells["reason"],
        gates=above[-1].gates if says == _AS_ABOVE else frozenset(re.findall(r"`([\w.\[\]]+)`", says)),
        says=says,
        back=None if back == _DASH else float(back.removesuffix(" %")),
    )


def rows(rollout: str) -> list[Row]:
    """Every case: a line for each of its phases."""
    return [replace(line, phases=(phase,)) for line in lines(rollout) for phase in line.phases]


def chosen(every: Iterable[Row], always: Container[object], key: Callable[[Row], object] = lambda row: row.case) -> Any:
    """Cases as parameters of a test: all with ROLLOUT_ALL_FAULTS=1, and those of a choice otherwise."""
    return [pytest.param(row, id=row.name) for row in every if ALL_FAULTS or key(row) in always]
