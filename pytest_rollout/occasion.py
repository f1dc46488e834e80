"""Occasion: one verdict that a plan responds to: what it says to do, where, and where the traffic goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pytest_rollout.actions.protocol import PERCENTAGE, Site, number_of_percent
from pytest_rollout.decisions import Decision
from pytest_rollout.plan.environment import Environment
from pytest_rollout.plan.model import Plan
from pytest_rollout.plan.phase import Response
from pytest_rollout.readings import Readings
from pytest_rollout.verdict import Verdict

EVENT = {Decision.ROLLBACK: "on_rollback", Decision.PROCEED: "on_proceed"}
"""What a plan calls the response to a decision; a HOLD does nothing."""
LEAST_SECONDS = 10.0
"""An action is tried for so long even where the objective is over: late is better than never."""


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """One verdict that a plan responds to.

    Args:
        plan: The rollout's plan.
        verdict: The verdict on one of its phases.
        environment: Where, opened; as declared where it cannot be.
        run_id: The run.
        at: The run's instant, after which backups are called.
        read: Opens what the sources and flags say at an instant, each time anew.
    """

    plan: Plan
    verdict: Verdict
    environment: Environment
    run_id: str
    at: datetime
    read: Callable[[datetime], Readings] = field(repr=False)

    @property
    def response(self) -> Response | None:
        """What the plan says to do; None where it says nothing."""
        phase = self.plan.phases.get(self.verdict.phase)
        event = EVENT.get(self.verdict.decision)
        return phase.responses.get(event) if phase is not None and event is not None else None

    @property
    def percentage(self) -> float | None:
        """Where the traffic goes: back, or on; None where nobody knows it, and where there is no further stage."""
        traffic = self.verdict.traffic
        return traffic.back if self.verdict.decision is Decision.ROLLBACK else traffic.next

    @property
    def words(self) -> Mapping[str, object]:
        """What words in braces stand for."""
        percent = self.percentage
        told = f"{{{PERCENTAGE}}}" if percent is None else number_of_percent(percent)
        return {PERCENTAGE: told, "rollout": self.plan.rollout, "phase": self.verdict.phase, "run": self.run_id}

    @property
    def rto(self) -> float:
        """How long it may take, in seconds."""
        return self.plan.rto.total_seconds() if self.plan.rto is not None else 0.0

    @property
    def site(self) -> Site:
        """Where actions act, but for how long they may take."""
        here = self.environment
        embedded = here.world is not None
        return Site(
            folder=self.plan.folder,
            target=here.target,
            files=_world_files(here) if embedded else _flag_files(self.plan, here),
            embedded=embedded,
            stamp=f"{self.at:%Y%m%dT%H%M%SZ}",
            seconds=LEAST_SECONDS,
        )


def _world_files(here: Environment) -> dict[str, Path]:
    """The files that are an embedded world's own; one of variables is called as that of flags, with `.env`."""
    if here.flags_file is None:
        return {}
    found = {"flag_file": here.flags_file}
    variables = here.flags_file.with_suffix(".env")
    return {**found, **({"env_file": variables} if variables.is_file() else {})}


def _flag_files(plan: Plan, here: Environment) -> dict[str, Path]:
    kinds = {"file": "flag_file", "env_file": "env_file"}
    if here.flags is None or here.flags.kind not in kinds:
        return {}
    return {kinds[here.flags.kind]: plan.folder / str(here.flags.options.get("path", ""))}
