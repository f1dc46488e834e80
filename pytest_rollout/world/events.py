"""Events: the rows of an experiment, as an author describes them, one for each request.

Nothing random is here. What a fault does to one arm is an `Effect`; what it
does to the assignment stands in the `Events` themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_rollout.errors import WorldError


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one arm is otherwise than the control.

    Args:
        slower_ms: Added to each row above the arm's P92 of latency, so that P99 moves by it and P50 does not.
        confidence: Added to the confidence of each answer.
        failing: Added to the share of rows that fail.
        timing_out: The share of rows that time out.
        last_hours: Only so many hours ago and since; None for always.
    """

    slower_ms: float = 0.0
    confidence: float = 0.0
    failing: float = 0.0
    timing_out: float = 0.0
    last_hours: float | None = None


@dataclass(frozen=True, kw_only=True)
class Events:
    """The traffic of one phase's experiment.

    Units are numbers from `first` (or the names in `named`), and the r-th has
    a weight of 1 / (r + `flatness`). Latency is log-normal with a random effect
    of the unit; so is confidence, normal and cut at 0 and 1.

    Args:
        per_hour: Rows an hour, of all units together.
        units: How many units there are.
        first: The number of the first of them.
        named: Their names, where they have any; `units` is then not looked at.
        flatness: The larger, the more alike are the weights of units.
        unit_column: What the column of the units is called.
        by_row: Whether rows, and not units, are assigned to arms.
        salt: Of the assignment.
        labels: Each arm with its label in the column `mode`.
        shares: Per cent of the units of each arm; empty where the traffic says how much is treated.
        holdback: So many per cent are never treated.
        median_ms: The median latency.
        unit_spread: Standard deviation of ln latency between units.
        row_spread: The same within one.
        confidence: The mean confidence.
        confidence_spread: Its standard deviation.
        confidence_icc: How alike answers of one unit are.
        failing: The share of rows that fail.
        results: The mean number of results.
        effects: What is otherwise in an arm.
        unlogged: Share of the treatment's units whose rows are lost.
        in_both: Share of the units that have rows in both arms.
        reassigned: Whether units are assigned anew at each percentage.
        replays: How many questions with known answers are replayed in both arms; 0 for no such suite.
        replays_worse: How much less the treatment finds of them, as a share.

    Raises:
        WorldError: A number that makes no sense.
    """

    per_hour: float
    units: int = 0
    first: int = 1
    named: Sequence[str] = ()
    flatness: float = 500.0
    unit_column: str = "space_id"
    by_row: bool = False
    salt: str
    labels: Mapping[str, str]
    shares: Mapping[str, float] = field(default_factory=dict)
    holdback: float = 0.0
    median_ms: float = 5.0
    unit_spread: float = 0.164
    row_spread: float = 0.930
    confidence: float = 0.75
    confidence_spread: float = 0.12
    confidence_icc: float = 0.03
    failing: float = 5e-5
    results: float = 10.0
    effects: Mapping[str, Effect] = field(default_factory=dict)
    unlogged: float = 0.0
    in_both: float = 0.0
    reassigned: bool = False
    replays: int = 0
    replays_worse: float = 0.0

    def __post_init__(self) -> None:
        positive = {"per_hour": self.per_hour, "median_ms": self.median_ms, "row_spread": self.row_spread}
        for name, number in positive.items():
            if not 0 < number < math.inf:
                raise WorldError(f"events: {name} is {number}; it is above 0 and finite")
        shares = {"failing": self.failing, "unlogged": self.unlogged, "in_both": self.in_both}
        for name, number in shares.items():
            if not 0 <= number <= 1:
                raise WorldError(f"events: {name} is {number}; it is a share, between 0 and 1")
        if not self.unit_column.isidentifier():
            raise WorldError(f"events: '{self.unit_column}' is no name of a column: use letters, digits and _")
        if not self.named and self.units < 1:
            raise WorldError("events: say how many units there are, or name them")
        if "control" not in self.labels:
            raise WorldError("events: no arm is called 'control'")
        for arm in (*self.effects, *self.shares):
            if arm not in self.labels:
                raise WorldError(f"events: arm '{arm}' has no label: {', '.join(self.labels)}")

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(self.named) or self.units
