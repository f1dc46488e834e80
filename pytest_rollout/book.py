"""The book: which gates were planned, and what each of them answered.

Gates are entered as they are collected, before anything can leave them out;
answers as pytest reports them. Under xdist each worker writes its page into a
shared folder, because what a worker keeps in memory is lost when it dies.
Every entry is plain JSON, so nothing here depends on how it travelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.decisions import Reason


class Ended(StrEnum):
    """How one part of a gate (set-up, call, tear-down) ended, in the gate's own view."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NO_CLAIM = "no-claim"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class PlannedGate:
    """A gate as it was collected.

    `id` is relative to the rollout's folder and the same wherever pytest was
    started; `nodeid` is pytest's own. `trigger` says that its limit may take
    the release back though the gate itself is not marked `rollback`, and
    `rollback_to` to which traffic the marker says. `stages` are those that it
    is for, empty for all. `shadow_until` is the last day on which the gate
    only reports; None for a gate that counts. `description` is what its
    docstring says after the title, `line` where it stands in its file (from
    1, 0 where nobody knows): both are for readers, and decide nothing.
    """

    id: str
    nodeid: str
    rollout: str
    phases: tuple[str, ...]
    title: str = ""
    owner: str = ""
    severity: str = ""
    runbook: str = ""
    rollback: bool = False
    trigger: bool = False
    rollback_to: str = ""
    stages: tuple[str, ...] = ()
    shadow_until: date | None = None
    shadow_why: str = ""
    description: str = ""
    line: int = 0

    def as_json(self) -> dict[str, object]:
        """The gate as JSON values."""
        return {**vars(self), "shadow_until": self.shadow_until.isoformat() if self.shadow_until else None}

    @classmethod
    def from_json(cls, record: Mapping[str, object]) -> PlannedGate:
        """Read what `as_json` wrote."""
        phases, stages, until = record["phases"], record["stages"], record["shadow_until"]
        if not isinstance(phases, list) or not isinstance(stages, list):
            raise TypeError(f"phases and stages are lists, not {phases!r} and {stages!r}")
        parsed = {
            "phases": tuple(phases),
            "stages": tuple(stages),
            "shadow_until": date.fromisoformat(str(until)) if until else None,
        }
        return cls(**{**record, **parsed})  # type: ignore[arg-type]  # JSON of our own writing


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one report says of a gate.

    `outcome` is pytest's word for it; `ended` the gate's own, None when the
    report came without one (the worker died). `attempt` counts how often the
    gate was set up, whoever did it; `subtest` is a part of the call. `seconds`
    is how long the part took, for readers.
    """

    nodeid: str
    when: str
    outcome: str
    expected_failure: bool = False
    ended: Ended | None = None
    reason: str = ""
    message: str = ""
    claims: tuple[ClaimFacts, ...] = ()
    attempt: int = 1
    subtest: bool = False
    seconds: float = 0.0


def pack(
    ended: Ended, *, reason: str = "", message: str = "", claims: Iterable[ClaimFacts] = (), attempt: int = 1
) -> str:
    """One part's answer as the JSON string that travels on its report.

    A string, because execnet kills a worker that sends it anything richer.
    """
    told = list(claims)
    if not told:
        return _packed_without_claims(ended, reason, message, attempt)
    return _packed(ended, reason, message, attempt, [claim.as_json() for claim in told])


@lru_cache(maxsize=256)
def _packed_without_claims(ended: Ended, reason: str, message: str, attempt: int) -> str:
    """Most parts of most gates say the same: nothing was wrong."""
    return _packed(ended, reason, message, attempt, [])


def _packed(ended: Ended, reason: str, message: str, attempt: int, claims: list[dict[str, object]]) -> str:
    record = {"ended": ended.value, "reason": reason, "message": message, "claims": claims, "attempt": attempt}
    return json.dumps(record, default=str)


def unpack(nodeid: str, when: str, outcome: str, packed: object, *, expected_failure: bool = False) -> Answer:
    """An answer from a report; one that cannot be read counts as none at all."""
    said = _read(packed) if isinstance(packed, str) else _Said()
    return Answer(nodeid=nodeid, when=when, outcome=outcome, expected_failure=expected_failure, **said._asdict())


class _Said(NamedTuple):
    ended: Ended | None = None
    reason: str = ""
    message: str = ""
    claims: tuple[ClaimFacts, ...] = ()
    attempt: int = 1


@lru_cache(maxsize=256)
def _read(packed: str) -> _Said:
    try:
        record = json.loads(packed)
        return _Said(
            ended=Ended(record["ended"]),
            reason=str(record["reason"]),
            message=str(record["message"]),
            claims=tuple(ClaimFacts.from_json(claim) for claim in record["claims"]),
            attempt=int(record["attempt"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return _Said(ended=Ended.ERROR, message=f"the gate's record could not be read: {error}")


@dataclass
class Book:
    """Planned gates and answers of one run; `page` files of workers are read into it."""

    planned: dict[str, PlannedGate] = field(default_factory=dict)
    deselected: set[str] = field(default_factory=set)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    functions: set[tuple[str, str]] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    uncollected: set[str] = field(default_factory=set)
    troubles: list[tuple[Reason, str]] = field(default_factory=list)

    @property
    def state(self) -> tuple[object, ...]:
        """What equal books have in common: planned gates may be entered anew, all else is only ever added to."""
        answers = sum(map(len, self.answers.values()))
        parts: tuple[Sized, ...] = (
            self.deselected,
            self.functions,
            self.skipped,
            self.uncollected,
            self.troubles,
        )
        return (tuple(self.planned.values()), answers, *(len(part) for part in parts))

    def plan(self, gate: PlannedGate) -> None:
        """Enter a collected gate."""
        self.planned[gate.nodeid] = gate

    def answer(self, answer: Answer) -> None:
        """Enter what a report says."""
        self.answers.setdefault(answer.nodeid, []).append(answer)

    def trouble(self, reason: Reason, sentence: str) -> None:
        """Enter something that keeps the whole run from being good."""
        if (reason, sentence) not in self.troubles:
            self.troubles.append((reason, sentence))

    def write_page(self, folder: Path, worker: str) -> None:
        """Leave this worker's page, whole or not at all."""
        page = {
            "planned": [gate.as_json() for gate in self.planned.values()],
            "deselected": sorted(self.deselected),
            "functions": sorted(self.functions),
            "skipped": sorted(self.skipped),
            "uncollected": sorted(self.uncollected),
            "troubles": [[reason.value, sentence] for reason, sentence in self.troubles],
        }
        unfinished = folder / f"{worker}.page.part"
        unfinished.write_text(json.dumps(page), encoding="utf-8")
        unfinished.replace(folder / f"{worker}.page")

    def read_pages(self, folder: Path) -> None:
        """Enter every worker's page; one that cannot be read is a trouble, not a gap."""
        for path in sorted(folder.glob("*.page")):
            try:
                page = json.loads(path.read_text(encoding="utf-8"))
                for gate in map(PlannedGate.from_json, page["planned"]):
                    self.plan(gate)
                self.deselected |= set(page["deselected"])
                self.functions |= {(str(file), str(name)) for file, name in page["functions"]}
                self.skipped |= {str(path) for path in page["skipped"]}
                self.uncollected |= {str(path) for path in page["uncollected"]}
                for reason, sentence in page["troubles"]:
                    self.trouble(Reason(reason), sentence)
            except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
                self.trouble(Reason.MISSING, f"the list of gates of worker {path.stem} could not be read: {error}")
