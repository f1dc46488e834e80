"""The lock: `gates.lock`, the committed list of gates that a rollout has.

A gate that was deleted, renamed or never collected leaves no trace in a test
run; only a list from before can miss it. One line a gate, sorted, so that a
review shows a vanished gate as a red line.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.book import PlannedGate
from pytest_rollout.errors import PlanError, Problem
from pytest_rollout.plan.nodes import shown_path, typed_path

LOCK_NAME = "gates.lock"
_HEADER = (
    "# The gates of this rollout: phases, id, and `rollback` where the gate takes the release back.\n"
    "# Written by `rollout lock`; commit it. A run whose gates differ from it is a HOLD.\n"
)
_ROLLBACK = "  [rollback]"
_SHADOW = re.compile(r"  \[shadow until (\d{4}-\d\d-\d\d)\]$")
_STAGE = re.compile(r"  \[stage ([^\]]+)\]$")


@dataclass(frozen=True, order=True)
class LockedGate:
    """One line of the lock: a gate's phases and id, and what makes it another gate than it seems.

    Whether it takes the release back, for which stages alone it is, until when it is in shadow.
    """

    id: str
    phases: tuple[str, ...]
    rollback: bool = False
    shadow: str = ""
    stages: str = ""

    def __str__(self) -> str:
        shadow = f"  [shadow until {self.shadow}]" if self.shadow else ""
        stages = f"  [stage {self.stages}]" if self.stages else ""
        marks = (_ROLLBACK if self.rollback else "") + stages + shadow
        return f"{','.join(self.phases)}  {_shown(self.id)}" + marks


@dataclass(frozen=True)
class Lock:
    """A lock file as read: its gates, and the digest that a verdict names."""

    gates: tuple[LockedGate, ...]
    digest: str

    def of_phase(self, phase: str) -> tuple[LockedGate, ...]:
        """The gates that are locked for one phase."""
        return tuple(gate for gate in self.gates if phase in gate.phases)


def lock_of_lines(lines: Iterable[str], phase: str) -> Lock:
    """What stands in for a lock where all gates of a phase follow from the plan."""
    return Lock(tuple(LockedGate(line, (phase,)) for line in sorted(lines)), "")


def locked(gates: Iterable[PlannedGate]) -> tuple[LockedGate, ...]:
    """The lines that a rollout's collected gates make, sorted by id."""
    return tuple(
        sorted(
            LockedGate(
                gate.id,
                tuple(sorted(gate.phases)),
                gate.rollback,
                str(gate.shadow_until or ""),
                ", ".join(gate.stages),
            )
            for gate in gates
        )
    )


def render(gates: Iterable[LockedGate]) -> str:
    """The text of a lock file."""
    return _HEADER + "".join(f"{gate}\n" for gate in sorted(gates))


def write_lock(folder: Path, gates: Iterable[LockedGate]) -> None:
    """Replace a rollout's lock, whole or not at all."""
    unfinished = folder / f".{LOCK_NAME}.part"
    unfinished.write_text(render(gates), encoding="utf-8")
    unfinished.replace(folder / LOCK_NAME)


def read_lock(folder: Path) -> Lock | None:
    """A rollout's lock; None when it has none.

    Raises:
        PlanError: Every line that is not a gate, or names one twice.
    """
    path = folder / LOCK_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PlanError([Problem(shown_path(path), 1, 1, "", f"cannot be read: {error.strerror}")]) from error
    gates: dict[str, LockedGate] = {}
    problems = []
    fix = (f"run `rollout lock {typed_path(folder)}`",)
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        gate = _parse(line)
        if gate is None:
            problems.append(Problem(shown_path(path), number, 1, "", f"not a gate: {line[:80]!r}", fix))
        elif gate.id in gates:
            problems.append(Problem(shown_path(path), number, 1, "", f"'{gate.id}' stands here twice", fix))
        else:
            gates[gate.id] = gate
    if problems:
        raise PlanError(problems)
    return Lock(tuple(sorted(gates.values())), hashlib.sha256(data).hexdigest())


def _parse(line: str) -> LockedGate | None:
    phases, _, rest = line.strip().partition("  ")
    shadow = _SHADOW.search(rest)
    rest = rest[: shadow.start()] if shadow else rest
    stage = _STAGE.search(rest)
    rest = rest[: stage.start()] if stage else rest
    rollback = rest.endswith(_ROLLBACK)
    gate_id = _read(rest.removesuffix(_ROLLBACK).strip())
    names = tuple(phases.split(","))
    if not gate_id or not all(name.isidentifier() for name in names):
        return None
    return LockedGate(gate_id, names, rollback, shadow[1] if shadow else "", stage[1] if stage else "")


def _shown(gate_id: str) -> str:
    """An id as it stands in the lock; as a JSON string where a line of text could not give it back."""
    odd = not gate_id.isprintable() or gate_id != gate_id.strip() or gate_id.startswith('"')
    marked = gate_id.endswith(_ROLLBACK) or _SHADOW.search(gate_id) or _STAGE.search(gate_id)
    return json.dumps(gate_id) if odd or marked else gate_id


def _read(shown: str) -> str:
    """The id that `_shown` showed; empty when it is none."""
    if not shown.startswith('"'):
        return shown
    try:
        return str(json.loads(shown))
    except ValueError:
        return ""
