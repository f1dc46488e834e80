"""Surroundings: where the rollouts of a run are judged, and what they were told there.

The run's instant, its environments opened (a real system, an embedded world,
or the records of another run), its shared folder, and the evidence that it
leaves. It knows nothing of gates and verdicts.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.environment import (
    check_environment,
    chosen_environment,
    open_environment,
    secrets_of,
    world_environment,
)
from pytest_rollout.errors import RolloutError
from pytest_rollout.evidence import EVIDENCE_NAME, Bundle, Shape, digest_of, read_bundle, write_bundle
from pytest_rollout.memory import Memory
from pytest_rollout.plan.environment import Environment
from pytest_rollout.plan.model import PREFLIGHT, Plan
from pytest_rollout.readings import Readings
from pytest_rollout.sources import Kinds
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.verdict import Pin

if TYPE_CHECKING:
    from pytest_rollout.world.running import Endpoints, ShownPhase
    from pytest_rollout.world_past import Lived


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line and the environment say about a run."""

    environment: str
    fault: str
    explore: bool
    past: datetime | None = None
    replay: Path | None = None
    pinned: Mapping[tuple[str, str], Pin] = field(default_factory=dict)
    """The ends of ledgers as an earlier run saw them, by rollout and environment."""
    act: bool = False

    @property
    def mode(self) -> str:
        """Whether the run looks at what is, at what was, or at what another run was told."""
        return "replay" if self.replay else "past" if self.past else "live"


class Surroundings:
    """Where the rollouts of one run are judged.

    Args:
        settings: Environment, fault, and what instant or bundle is asked for.
        kinds: The kinds of sources and flags there are.
        at: The run's instant, UTC; a replay has that of its bundle.
        phases: The phases that are judged, which an embedded world shows.
    """

    def __init__(self, settings: Settings, kinds: Kinds, at: datetime, phases: Sequence[str] = ()) -> None:
        self.settings = settings
        self.phases = tuple(phases)
        self.kinds = kinds
        self.at = at
        self.folder: Path | None = None
        self._worlds: dict[str, Endpoints] = {}
        self._readings: dict[Path, Readings] = {}
        self._shapes: dict[str, Shape] = {}
        self._replayed: Bundle | None = None
        self._cleanup = ExitStack()

    def start(self, plans: Sequence[Plan]) -> None:
        """Open the run's shared folder and every embedded world, on the controller only.

        Raises:
            RolloutError: A world cannot start, the fault is not one that it knows, or a bundle is none.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="pytest-rollout-"))
        self._cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        if self.settings.replay:
            self._replay(self.settings.replay, self.folder)
            return
        worlds = [plan for plan in plans if self._has_world(plan)]
        if self.settings.fault and len(worlds) < len(plans):
            raise RolloutError(
                f"--rollout-fault {self.settings.fault} needs an embedded world; this environment has none"
            )
        for plan in worlds:
            self._worlds[str(plan.path)] = self._open_world(plan, self.folder / f"world-{len(self._worlds)}")

    def _replay(self, path: Path, folder: Path) -> None:
        """Take the instant, the environments and every answer from a bundle; nothing is opened."""
        if self.settings.fault:
            raise RolloutError("--rollout-fault changes a world, and a replay has none")
        bundle = read_bundle(path, folder)
        self.at, self._shapes, self._replayed = bundle.at, dict(bundle.shapes), bundle

    def _open_world(self, plan: Plan, folder: Path) -> Endpoints:
        from pytest_rollout.world.running import running_world

        declared = self._declared(plan)
        assert declared.world is not None
        folder.mkdir()
        lived = self._lived(plan)
        world = running_world(
            declared.world, fault=self.settings.fault or None, at=self.at, folder=folder, shown=_shown(lived, declared)
        )
        self._cleanup.callback(world.stop)
        return self._with_past(plan, replace(lived, baselines=world.endpoints.baselines), world.endpoints, folder)

    def _lived(self, plan: Plan) -> Lived:
        """How much of its rollout a world has behind it."""
        from pytest_rollout.world_past import Lived

        # What can be judged at all is asked where there is most to ask: in the first phase that compares arms.
        asked = [phase for phase in self.phases if phase in plan.phases]
        if PREFLIGHT in self.phases and not asked:
            asked = [phase.name for phase in plan.phases.values() if phase.compares][:1]
        return Lived(
            plan=plan,
            environment=self.environment_of(plan),
            at=self.at,
            phases=asked,
            stage=self._declared(plan).stage,
            fault=self.settings.fault,
            baselines={},
        )

    def _with_past(self, plan: Plan, lived: Lived, endpoints: Endpoints, folder: Path) -> Endpoints:
        """The world with a ledger and signatures, where its plan has conditions or references."""
        if not plan.remembers(lived.phases):
            return endpoints
        from pytest_rollout.world_past import write_baselines, write_past
        from pytest_rollout.world_signers import write_signatures

        declared = self._declared(plan)
        if not declared.ledger:
            signed = write_signatures(
                plan, lived.environment, lived.awaited, at=self.at, folder=folder, unsigned=lived.unsigned
            )
            return replace(endpoints, ledger=write_past(lived, folder), approvals=signed)
        write_baselines(lived, declared.ledger)
        return replace(endpoints, ledger=declared.ledger, approvals=str(declared.approvals or plan.folder))

    def stop(self) -> None:
        """End worlds and remove the shared folder."""
        self._cleanup.close()

    def context(self) -> str:
        """What an xdist worker must know, as a JSON string."""
        facts = {
            "at": self.at.isoformat(),
            "folder": str(self.folder),
            "worlds": {path: asdict(endpoints) for path, endpoints in self._worlds.items()},
            "shapes": {rollout: asdict(shape) for rollout, shape in self._shapes.items()},
        }
        return json.dumps(facts)

    def adopt(self, context: str) -> None:
        """Take part, as an xdist worker, in what a controller opened."""
        facts = json.loads(context)
        self.at, self.folder = datetime.fromisoformat(facts["at"]), Path(facts["folder"])
        if facts["worlds"]:
            from pytest_rollout.world.running import Endpoints

            self._worlds = {path: Endpoints(**endpoints) for path, endpoints in facts["worlds"].items()}
        self._shapes = {rollout: Shape(**shape) for rollout, shape in facts["shapes"].items()}

    def readings_of(self, plan: Plan) -> Readings:
        """What the sources of a rollout say, opened when it is first asked."""
        if plan.path not in self._readings:
            environment = self.opened(plan)
            answers = AnswerBook(
                self._answers_of(plan),
                replay=self.settings.replay is not None,
                secrets=secrets_of(environment, self.kinds),
            )
            self._readings[plan.path] = Readings(plan, environment, self.at, answers, kinds=self.kinds)
        return self._readings[plan.path]

    def memory_of(self, plan: Plan) -> Memory:
        """What is remembered of a rollout in this environment."""
        return Memory(plan, self.opened(plan), self.at, self.readings_of(plan))

    def anew(self, plan: Plan, at: datetime) -> Readings:
        """What the sources of a rollout say at another instant, asked anew and kept in no evidence."""
        environment = self.opened(plan)
        answers = AnswerBook(secrets=secrets_of(environment, self.kinds))
        return Readings(plan, environment, at, answers, kinds=self.kinds)

    def opened(self, plan: Plan) -> Environment:
        """The environment of a rollout, as it is open for this run."""
        declared = self._declared(plan)
        if self.settings.replay:
            shape = self._shapes.get(plan.rollout, Shape(name=declared.name, target="", flags="", sources={}))
            return shape.environment(declared)
        world = self._worlds.get(str(plan.path))
        return world_environment(declared, world) if world else open_environment(declared)

    def _answers_of(self, plan: Plan) -> Path | None:
        """Where the answers of one rollout are shared, recorded, and found again by a replay."""
        return self.folder / plan.rollout if self.folder else None

    def _declared(self, plan: Plan) -> Environment:
        check_environment(plan, self.settings.environment)
        return plan.environments[self.environment_of(plan)]

    def _has_world(self, plan: Plan) -> bool:
        name = self.environment_of(plan)
        return name in plan.environments and plan.environments[name].world is not None

    def environment_of(self, plan: Plan) -> str:
        """The name of the environment in which a plan is judged; empty when nobody named one."""
        return chosen_environment(plan, self.settings.environment)

    def ledger_lasts(self, plan: Plan) -> bool:
        """Whether the next run finds this ledger: an embedded world makes a new one where its plan names none."""
        declared = plan.environments.get(self.environment_of(plan))
        return declared is not None and bool(declared.ledger)

    def names(self, plans: Sequence[Plan]) -> str:
        """The environment of the run, as reports name it; several when plans have different defaults."""
        if self._replayed:
            return ", ".join(sorted({shape.name for shape in self._shapes.values()})) or "none"
        return ", ".join(sorted(filter(None, {self.environment_of(plan) for plan in plans}))) or "none"

    def embedded(self, plans: Sequence[Plan]) -> bool:
        """Whether an embedded world is judged, which proves nothing about a real system."""
        return self._replayed.embedded if self._replayed else any(map(self._has_world, plans))

    @property
    def fault(self) -> str:
        """What was made to go wrong in an embedded world; empty for nothing."""
        return self._replayed.fault if self._replayed else self.settings.fault

    def evidence_digest(self, plan: Plan) -> str:
        """A digest of everything that one rollout was told."""
        return digest_of(self._answers_of(plan))

    def write_evidence(self, folder: Path, run_id: str, plans: Sequence[Plan]) -> None:
        """Write the bundle of everything that the run was told; a replay has its bundle already.

        Raises:
            OSError: It cannot be written.
        """
        if self.folder is None or self.settings.replay:
            return
        shapes = {}
        for plan in plans:
            with suppress(RolloutError):  # an environment that nobody named, or that cannot be opened, was not asked
                shapes[plan.rollout] = Shape.of(self.opened(plan))
        bundle = Bundle(run_id=run_id, at=self.at, embedded=self.embedded(plans), fault=self.fault, shapes=shapes)
        write_bundle(folder / EVIDENCE_NAME, bundle, {plan.rollout: self.folder / plan.rollout for plan in plans})


def _shown(lived: Lived, declared: Environment) -> ShownPhase | None:
    """The phase that a world shows: as a ledger that stays remembers it, or else on its last day."""
    if not declared.ledger or not lived.plan.remembers(lived.phases):
        return lived.shown()
    from pytest_rollout.world_shown import remembered_phase

    return remembered_phase(lived, declared.ledger)
