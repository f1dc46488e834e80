"""Freshness: how old the rows of an experiment are, and when that is too old.

Bounds of rows that ended last week say how the release was last week. An arm
is as old as its newest row with a value; one that has none, in a phase that
has lasted, is a pipeline that is dead and no wait for data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.design import Doubt
from pytest_rollout.experiment.table_samples import TableSamples
from pytest_rollout.quantities import format_duration

PATIENCE = timedelta(hours=1)
"""How long nobody wonders that there is no row at all, where rows may be of any age."""
_NEEDS = "see why nothing newer arrives"


def newest(samples: TableSamples, arm: str) -> datetime | None:
    """When the newest row of an arm that has a value was written; None where there is none.

    Raises:
        SourceError: The table cannot be asked, or has not what was described.
    """
    taken = [each.newest for (of, _), each in samples.look.cells.items() if of == arm and each.values]
    # SQLite counts in days, and has no more than milliseconds.
    return datetime.fromtimestamp(round(max(taken), 3), UTC) if taken else None


def late(samples: TableSamples, arms: Sequence[str], allowed: timedelta | None, name: str) -> Doubt | None:
    """Why the rows of some arms are too old, or not there; None while they are neither.

    Args:
        samples: The table, in the time that is looked at.
        arms: Those that are compared.
        allowed: How old the newest row of each may be; None for any age.
        name: The metric.

    Raises:
        SourceError: As for `newest`.
    """
    span, limit = samples.span, allowed if allowed is not None else PATIENCE
    taken = {arm: newest(samples, arm) for arm in arms}
    empty = [arm for arm, at in taken.items() if at is None]
    if empty and span.length > limit:
        valueless = any(each.rows for (arm, _), each in samples.look.cells.items() if arm in empty)
        what = "no row with a value" if valueless else "no row"
        why = f"{' and '.join(empty)}: {what} since {span.start:%Y-%m-%d %H:%M} UTC"
        return Doubt(Reason.NO_DATA, f"{why}, {format_duration(span.length)} ago", _NEEDS)
    known = {arm: at for arm, at in taken.items() if at is not None}
    if allowed is None or not known:
        return None
    oldest = min(known, key=lambda arm: known[arm])
    age = span.end - known[oldest]
    if age <= allowed:
        return None
    shown = f"{format_duration(age)} old, and {name} allows {format_duration(allowed)}"
    return Doubt(Reason.STALE, f"the newest row of {oldest} is {shown}", _NEEDS)
