"""Decisions and reasons: the few words a release pipeline acts on.

A `Decision` is what to do; a `Reason` is the stable code that says why. Both
are part of the public contract: they stand in `verdict.json`, in the exit
code and in every report, and they do not change between releases.
"""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum


class Decision(Enum):
    """What a verdict tells the pipeline to do."""

    PROCEED = "PROCEED"
    HOLD = "HOLD"
    ROLLBACK = "ROLLBACK"

    @property
    def severity(self) -> int:
        """0 for PROCEED, 1 for HOLD, 2 for ROLLBACK: the worst one wins."""
        return _SEVERITY[self]

    @classmethod
    def worst(cls, *decisions: Decision) -> Decision:
        """The most severe decision; HOLD when there is none at all.

        Nothing judged is not good news, so an empty call holds.
        """
        return max(decisions, key=lambda each: each.severity, default=cls.HOLD)


_SEVERITY = {Decision.PROCEED: 0, Decision.HOLD: 1, Decision.ROLLBACK: 2}


class ExitCode(IntEnum):
    """The exit codes that this plugin sets; 2 to 7 belong to pytest and its plugins."""

    PROCEED = 0
    HOLD = 1
    HOLD_WAITING = 10
    ROLLBACK = 20


class Reason(StrEnum):
    """Stable codes for why a gate or a phase is not (or not yet) good.

    Levels of a limit other than `warning` and `critical` appear under their
    own name, so a reason in a verdict is any of these or such a level name.
    """

    NO_DATA = "no-data"
    STALE = "stale"
    LOW_N = "low-n"
    INFORMATION = "information"
    INCONCLUSIVE = "inconclusive"
    WARNING = "warning"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    DESELECTED = "deselected"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    UNLOCKED = "unlocked"
    NO_CLAIM = "no-claim"
    NO_PHASE = "no-phase"
    SRM = "srm"
    INVALID = "invalid"
    PREREQUISITE = "prerequisite"
    APPROVAL = "approval"
    STREAK = "streak"
    HOLD_TIME = "hold-time"
    REPLAY_MISMATCH = "replay-mismatch"
    CRITICAL = "critical"
    TRIGGER = "trigger"


WAITING = frozenset({Reason.INFORMATION, Reason.APPROVAL, Reason.STREAK, Reason.HOLD_TIME})
"""A HOLD for these alone is healthy: time or a signature will end it (exit code 10)."""

MEANING: dict[Reason, str] = {
    Reason.NO_DATA: "a source gave no number: down, empty, NaN, an error, or too slow",
    Reason.STALE: "the newest number is older than the metric allows, or its age is unknown",
    Reason.LOW_N: "too few rows or units for any bound to exist",
    Reason.INFORMATION: "the planned amount of data is not reached yet; nothing is wrong so far",
    Reason.INCONCLUSIVE: "the interval lies on both sides of the limit: the data cannot tell",
    Reason.WARNING: "proven to be beyond the warning level",
    Reason.FAILED: "an assertion failed, or pytest itself did not end well",
    Reason.ERROR: "the gate broke before it could answer",
    Reason.SKIPPED: "the gate was skipped or expected to fail, so it proved nothing",
    Reason.DESELECTED: "the gate belongs to the phase and was left out of the run",
    Reason.MISSING: "the gate is planned or locked and gave no answer",
    Reason.DUPLICATE: "the gate was answered twice (rerun, two workers, two functions of one name)",
    Reason.UNLOCKED: "the gate is not in gates.lock, or there is no gates.lock",
    Reason.NO_CLAIM: "the gate passed without a claim that was proven and asserted",
    Reason.NO_PHASE: "gates ran, but -m asked for no phase, so nothing was judged",
    Reason.SRM: "sample-ratio mismatch: the arms are not the size that was planned",
    Reason.INVALID: "what is relied on does not hold: the experiment's assignment, or the ledger",
    Reason.PREREQUISITE: "a phase that comes before this one is still open",
    Reason.APPROVAL: "a signature is awaited",
    Reason.STREAK: "more green days or clean hours are needed",
    Reason.HOLD_TIME: "the phase or stage has not lasted its minimum time",
    Reason.REPLAY_MISMATCH: "the evidence bundle does not hold what this gate asks",
    Reason.CRITICAL: "proven to be beyond the critical level",
    Reason.TRIGGER: "a gate that takes the release back has fired",
}
