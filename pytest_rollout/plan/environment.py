"""An environment as the plan states it: where a rollout is judged, and who answers there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_rollout.plan.nodes import Place
from pytest_rollout.sources.protocol import OptionValue


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """One source of an environment as the plan states it; options may still hold `${NAME}`.

    `places` says where each option's value stands, by the option's name.
    """

    name: str
    kind: str
    options: Mapping[str, OptionValue] = field(repr=False)
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where a rollout is judged: an embedded world, or the sources, target and flags of a real system.

    `world` is absolute. `target` is empty where the plan names none;
    `target_place` says where its value stands. `ledger` is a file or the URL
    of a database, empty where there is no memory; `approvals` is the folder
    of the signatures and of who may sign, None for the plan's own. The
    change is what git has between `change_since` and now in `change_paths`:
    its authors cannot approve it. `stage` is what an embedded world shows of
    a phase with stages, and `flags_file` its own file of flags, once it runs.
    `load` has addresses besides the target whose hosts may be put under load.
    """

    name: str
    world: Path | None
    target: str = field(repr=False)
    flags: SourceConfig | None
    sources: Mapping[str, SourceConfig]
    place: Place
    target_place: Place | None = field(default=None, repr=False)
    ledger: str = field(default="", repr=False)
    ledger_place: Place | None = field(default=None, repr=False)
    approvals: Path | None = None
    change_since: str = ""
    change_since_place: Place | None = field(default=None, repr=False)
    change_paths: tuple[str, ...] = (".",)
    stage: str = ""
    flags_file: Path | None = None
    load: tuple[str, ...] = field(default=(), repr=False)
