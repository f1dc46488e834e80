"""Distrust: why nothing of a running experiment's metric may be believed, whatever its numbers say.

Rows that are too old or not there, units in two arms, units that are not
where the assignment puts them. The gates of a phase that compares arms say so
as well; here it silences each comparison, also in a phase that has none of
those gates. Nothing is asked before an estimate is, and no text twice a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_rollout.experiment import freshness
from pytest_rollout.experiment.design import Doubt
from pytest_rollout.experiment.table_samples import TableSamples


@dataclass(frozen=True)
class Distrust:
    """What is asked about two arms of one metric.

    Args:
        samples: Its rows, in the time that is looked at.
        arms: Those that are compared.
        name: The metric.
        max_age: How old the newest row may be; None for any age.
        mixed: Whether units are where they should be, and in one arm each.
    """

    samples: TableSamples
    arms: tuple[str, str]
    name: str
    max_age: timedelta | None
    mixed: Callable[[], Doubt | None]

    def late(self) -> Doubt | None:
        """Why rows are too old, or not there.

        Raises:
            SourceError: The table cannot be asked, or has not what was described.
        """
        return freshness.late(self.samples, self.arms, self.max_age, self.name)

    def __call__(self) -> Doubt | None:
        """The first reason that there is.

        Raises:
            SourceError: As for `late`; or the assignment cannot be checked.
        """
        return self.late() or self.mixed()

    def newest(self) -> datetime | None:
        """How things stood when the arm that is older had its newest row; None where one has no row.

        Raises:
            SourceError: As for `late`.
        """
        taken = [freshness.newest(self.samples, arm) for arm in self.arms]
        known = [each for each in taken if each is not None]
        return min(known) if len(known) == len(taken) else None
