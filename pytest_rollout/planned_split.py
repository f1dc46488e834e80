"""Planned split: which part of a phase's units each arm is to have, and so in which arm a unit should be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError, UsageError
from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.experiment.design import Doubt
from pytest_rollout.exposure import strata
from pytest_rollout.plan.experiment import CONTROL, Experiment
from pytest_rollout.plan.phase import Phase

UNPLANNED = Doubt(
    Reason.INVALID,
    "nobody says how units were to be split",
    "write 'assignment' or 'shares' in the experiment of the plan",
)
"""Why arms whose sizes nobody planned are not believed: that one of them loses units would not be seen."""


@dataclass(frozen=True)
class PlannedSplit:
    """The arms of one phase as they were planned.

    Args:
        phase: The phase.
        experiment: What it compares with what.
        traffic: Each percentage that was served in it, with its beginning, in their order.
    """

    phase: Phase
    experiment: Experiment
    traffic: Sequence[tuple[float, datetime]]
    _assignments: dict[str, Assignment] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def shares(self) -> Mapping[str, Mapping[str, float]] | None:
        """The part of each arm in per cent, by stratum ("" for every other); None where nobody planned one."""
        phase, experiment = self.phase, self.experiment
        if experiment.shares:
            return {"": dict(experiment.shares)}
        if not experiment.salt or set(experiment.arms) != {CONTROL, "treatment"}:
            return None
        if phase.stages:
            return {label: self._at(percent) for label, (percent, _) in strata(self.traffic).items()}
        return {"": self._at(phase.traffic)} if phase.traffic is not None else None

    @property
    def unplanned(self) -> Doubt | None:
        """Why nobody knows how large the arms should be; None where it is planned."""
        if self.shares is not None:
            return None
        return self._empty if self.experiment.salt else UNPLANNED

    @property
    def _empty(self) -> Doubt:
        why = f"the plan has an assignment, and nobody says how many units of {self.phase.name} are in which arm"
        return Doubt(Reason.INVALID, why, "write 'traffic' or 'stages' in the phase, or 'shares' in its experiment")

    def arm(self, unit: str, stratum: str) -> str | None:
        """The arm that a unit should be in, at the percentage of a stratum; None for none of them.

        Raises:
            SourceError: Nobody says who gets what.
        """
        if stratum not in self._assignments:
            self._assignments[stratum] = self._assignment(stratum)
        return self._assignments[stratum].arm(unit)

    def _at(self, percent: float) -> dict[str, float]:
        treated = min(percent, 100 - self.experiment.holdback)
        return {CONTROL: 100 - treated, "treatment": treated}

    def _assignment(self, stratum: str) -> Assignment:
        experiment, planned = self.experiment, self.shares or {}
        shares = planned.get(stratum) or planned.get("", {})
        if not sum(shares.values()) > 0:
            raise SourceError(f"{self._empty.why}\n{self._empty.needs}", reason=Reason.INVALID)
        whole = math.isclose(sum(shares.values()), 100)
        # Where the arms are all there is, the control has what the others leave.
        placed = {arm: share for arm, share in shares.items() if arm != CONTROL or not whole}
        rest = CONTROL if whole else None
        return Assignment(salt=experiment.salt, shares=placed, rest=rest, method=experiment.method)


def smaller_share(phase: Phase) -> float:
    """The smaller arm's planned part of the units, between 0 and 1.

    Raises:
        UsageError: The plan says neither traffic nor shares.
    """
    experiment = phase.experiment
    if experiment is not None and experiment.shares:
        whole = sum(experiment.shares.values())
        return min(experiment.shares.values()) / whole
    percent = phase.stages[0].percent if phase.stages else phase.traffic
    if percent is None or not 0 < percent < 100:
        raise UsageError(f"{phase.name} says neither traffic nor shares, so nobody knows how large its arms are")
    return min(percent, 100 - percent) / 100
