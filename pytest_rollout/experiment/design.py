"""Design: what was decided about an experiment before anybody looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_rollout.decisions import Reason
from pytest_rollout.experiment.samples import Cell
from pytest_rollout.stats.bounds import alpha_of

BOOLEANS = (0.0, 1.0)
"""The range of what can be true or false only."""


@dataclass(frozen=True)
class Doubt:
    """Why nothing that the experiment measured may be believed, such as arms of the wrong size."""

    reason: Reason
    why: str
    needs: str = ""


@dataclass(frozen=True, kw_only=True)
class Design:
    """How one metric of two arms is judged.

    Args:
        control: The arm that is compared with.
        treatment: The arm that is judged.
        confidence: Of each bound on its own, above 0.5 and below 1.
        looks: `once`, or `continuous` for bounds that hold at every look.
        planned: Rows of the smaller arm at which an answer is expected, fixed before the start. Before that, doubt is
            `information` and after it `inconclusive`; None where nobody planned.
        burst: The least design effect of rates that is believed; None for 2 with units and 1 without.
        value_range: The lowest and the highest value that a row can have; None where nobody said it. It is never learnt
            from the rows: what was not seen yet may lie anywhere.
        cap: Rows beyond count as this in means (winsorised); without a range, rows are then 0 or more.
        weights: Of each stratum; None for the treatment's share of rows.
        shares: The planned weight of every cell, for all arms that were assigned; None where units were not assigned
            by chance, so that no sample ratio is checked.
        doubt: What makes every estimate inconclusive.
        unit: The metric's unit.
        name: The metric, as reports call it.

    Raises:
        ValueError: A number is out of range.
    """

    control: str = "control"
    treatment: str = "treatment"
    confidence: float = 0.95
    looks: Literal["continuous", "once"] = "continuous"
    planned: float | None = None
    burst: float | None = None
    value_range: tuple[float, float] | None = None
    cap: float | None = None
    weights: Mapping[str, float] | None = None
    shares: Mapping[Cell, float] | None = None
    doubt: Doubt | None = None
    unit: str = ""
    name: str = "metric"

    def __post_init__(self) -> None:
        alpha_of(self.confidence)
        if self.looks not in {"once", "continuous"}:
            raise ValueError(f"looks is {self.looks!r}, not 'once' or 'continuous'")
        if self.planned is not None and not 0 < self.planned < float("inf"):
            raise ValueError(f"planned is {self.planned}, not a positive number of rows")
        if self.burst is not None and not 1 <= self.burst < float("inf"):
            raise ValueError(f"burst is {self.burst}, not 1 or more")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError(f"value_range is {self.value_range}, not a lowest and a higher highest value")
