"""A ledger with what happened to a rollout before its run, written through the ledger's own API.

Times are counted back from now, as a project's process reads the clock itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import BEGINNING, Draft, Entry, Kind, entry_of, row_of
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.verdict import Because, Verdict

EVERY = timedelta(hours=6)
ABOUT = {"rollout": "shop", "environment": "test"}
PATIENT = (Reason.HOLD_TIME, Reason.STREAK)


def chain(*drafts: Draft, late: float = 0) -> list[Entry]:
    """Drafts as entries of one chain, recorded at once or so many hours later."""
    entries: list[Entry] = []
    for sequence, draft in enumerate(drafts, start=1):
        recorded_at, previous = draft.at + timedelta(hours=late), entries[-1].digest if entries else BEGINNING
        entries.append(entry_of(row_of(draft, sequence=sequence, recorded_at=recorded_at, previous=previous)))
    return entries


class Past:
    """The ledger of one project, and a pen for it."""

    def __init__(self, path: Path, now: datetime) -> None:
        self.path, self.now = path, now

    def write(self, *written: Draft) -> None:
        """Add entries."""
        with closing(open_ledger(str(self.path), self.path.parent)) as ledger:
            ledger.append_all(written, recorded_at=self.now)

    def ago(self, **lasted: float) -> datetime:
        """A moment before now: `ago(days=3)`."""
        return self.now - timedelta(**lasted)

    def begun(self, phase: str, at: datetime) -> Draft:
        """A phase begins."""
        return drafts.phase_start(**ABOUT, phase=phase, at=at, by="ada")

    def served(self, percentage: float, at: datetime, phase: str = "phase1") -> Draft:
        """The traffic was set."""
        return drafts.percentage(**ABOUT, phase=phase, percentage=percentage, at=at, by="ada")

    def judged(
        self, phase: str, at: datetime, *reasons: Reason, decision: Decision | None = None, stage: str = ""
    ) -> Draft:
        """An evaluation: PROCEED, or HOLD for these reasons."""
        said = decision or (Decision.HOLD if reasons else Decision.PROCEED)
        because = tuple(Because(reason, "as it was then") for reason in reasons)
        verdict = Verdict(rollout="shop", phase=phase, decision=said, reasons=because, gates=(), plan_digest="")
        code = {Decision.PROCEED: 0, Decision.ROLLBACK: 20}.get(said, 10 if verdict.waiting else 1)
        run = drafts.Run(run_id=f"{phase} {at}", mode="live", exit_code=code)
        return drafts.evaluation(verdict, run, environment="test", at=at, stage=stage)

    def lived(self, phase: str, since: datetime, *, without: Sequence[datetime] = ()) -> list[Draft]:
        """A phase that began then, and was patient at every evaluation since, but for those intervals left out."""
        midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
        moments, moment = [], midnight + timedelta(minutes=1)
        while moment < self.now:
            moments += [moment] if moment > since else []
            moment += EVERY
        left_out = {(moment - midnight) // EVERY for moment in without}
        kept = [each for each in moments if (each - midnight) // EVERY not in left_out]
        return [self.begun(phase, since), *(self.judged(phase, each, *PATIENT) for each in kept)]

    def entries(self, *kinds: Kind) -> tuple[Entry, ...]:
        """What stands in the ledger now."""
        with closing(open_ledger(str(self.path), self.path.parent, create=False)) as ledger:
            return ledger.entries("shop", "test", kinds=kinds or list(Kind))
