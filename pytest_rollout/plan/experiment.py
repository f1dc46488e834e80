"""An experiment as the plan states it: which arms there are, and how units come into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONTROL = "control"
"""A reference: the arm of an experiment that others are compared with."""


LAST_DAY = ".last_day"
"""What a trigger is called that judges the last 24 hours alone."""


EXPERIMENT_CHECKS = ("sample_ratio", "contamination", "assignment")
"""Every name that a gate about an experiment itself has."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is compared with what: see `docs/plan.md`.

    Args:
        unit: The column that names what is assigned.
        arms: Each arm with its label in the column `arm`.
        arm: The column that says which arm a row is of.
        at: The column of a row's time.
        row: The column that names a row; empty for none.
        stratum: A column whose values are compared each with itself; empty for none.
        salt: Of the hash that assigns; empty where nobody states how units were assigned.
        method: Of the assignment.
        shares: The planned part of the units of each arm, in %; empty where the traffic says it.
        holdback: So many % are never treated.
        ignored: Labels that are of no arm.
        planned: Rows of the smaller arm at which an answer is expected; 0 where nobody planned.
    """

    unit: str = ""
    arms: Mapping[str, str] = field(default_factory=dict)
    arm: str = "arm"
    at: str = "at"
    row: str = ""
    stratum: str = ""
    salt: str = ""
    method: str = "blake2b"
    shares: Mapping[str, float] = field(default_factory=dict)
    holdback: float = 0.0
    ignored: tuple[str, ...] = ()
    planned: int = 0


def comparison_name(what: str, metric: str, arm: str, *, lift: bool) -> str:
    """What a comparison with the control arm is called, in claims and limits: `P99 latency_ms, treatment - control`."""
    shown = what.upper() if what.startswith("p") else what
    return f"{shown} {metric}, {arm} / {CONTROL} - 1" if lift else f"{shown} {metric}, {arm} - {CONTROL}"
