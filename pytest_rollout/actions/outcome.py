"""The outcome: what was done, or would be, and whether it worked; for the receipt, the ledger and the screen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How an action, or all of them together, ended."""

    SHOWN = "shown"
    DONE = "done"
    ALREADY = "already so"
    LATE = "late"
    FAILED = "failed"
    SKIPPED = "not run"


LOUD = frozenset({State.LATE, State.FAILED})
"""What somebody must hear of at once."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One action: what it does, how it ended, what it changed, or why it did not."""

    kind: str
    does: str
    state: State
    what: str = ""
    backup: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One condition after the actions: what it says, whether it held, and what was seen instead."""

    text: str
    held: bool | None
    seen: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done about one verdict.

    Args:
        event: `on_rollback` or `on_proceed`.
        state: How it ended; SHOWN where nothing was to be done yet.
        why: Why nothing was done, or what went wrong.
        percentage: Where the traffic goes, in %; None where nobody knows or says it.
        steps: The actions, in their order.
        verified: The conditions.
        rto_seconds: How long it may take from the decision until all conditions hold.
        seconds: How long it took; None where they never held.
    """

    event: str
    state: State
    steps: tuple[Step, ...]
    verified: tuple[Seen, ...]
    rto_seconds: float
    percentage: float | None = None
    why: str = ""
    seconds: float | None = None

    def as_json(self) -> dict[str, object]:
        """As the receipt and the ledger hold it."""
        return {
            "event": self.event,
            "state": self.state.value,
            "why": self.why or None,
            "percentage": self.percentage,
            "rto_seconds": self.rto_seconds,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "steps": [
                {
                    "kind": step.kind,
                    "does": step.does,
                    "state": step.state.value,
                    "what": step.what or None,
                    "backup": step.backup or None,
                    "before": step.before or None,
                    "after": step.after or None,
                }
                for step in self.steps
            ],
            "verified": [{"text": each.text, "held": each.held, "seen": each.seen or None} for each in self.verified],
        }
