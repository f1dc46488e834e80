"""The schedule: when a phase is looked at next, by its plan and by when it was last judged.

Pure: instants in, an instant out. It changes no verdict; a look that nobody
made is said by `rollout status`, and by the streak that it breaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.plan.phase import Look
from pytest_rollout.quantities import format_duration


@dataclass(frozen=True, kw_only=True)
class Due:
    """The next look: when, and how often there is one at that time."""

    at: datetime
    every: timedelta

    def said(self, now: datetime) -> str:
        """In a line: how long until then, or since when it is overdue."""
        every = f"every {format_duration(self.every)} now"
        if self.at < now:
            return f"overdue by {format_duration(now - self.at)} ({every})"
        return f"{self.at:%Y-%m-%d %H:%M} UTC ({every})"


def due(schedule: Sequence[Look], *, since: datetime, judged: datetime | None) -> Due | None:
    """The next look after the last one; None where the plan has no schedule.

    Args:
        schedule: Stretches, from `since` on.
        since: When the phase began, or its traffic last changed.
        judged: When it was last judged; None where it was not.
    """
    if not schedule:
        return None
    if judged is None or judged < since:
        return Due(at=since, every=schedule[0].every)
    start = since
    for look in schedule:
        end = None if look.lasting is None else start + look.lasting
        if end is None or judged < end:
            following = judged + look.every
            return Due(at=following if end is None else min(following, max(end, judged)), every=look.every)
        start = end
    return Due(at=judged + schedule[-1].every, every=schedule[-1].every)
