"""Evidence: everything that a run was told, in one file that can be judged again.

Each answer is a record of its own (see `sources/once.py`), redacted when it
was written. The bundle is a zip of them with a manifest that names every
record's digest, so a run can be replayed without any network, and an edit shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeGuard
from urllib.parse import urlsplit

from pytest_rollout.errors import RolloutError
from pytest_rollout.plan.environment import Environment, SourceConfig

EVIDENCE_NAME = "evidence.zip"
_SCHEMA = "urn:pytest-rollout:evidence:1"
_MANIFEST = "manifest.json"
_LARGEST_BYTES = 256 * 2**20
_QUICK = 1  # a third larger than with the usual level, and four times as fast


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What of an environment a replay needs: which sources it had and of which kind, and no address or secret."""

    name: str
    target: str
    flags: str
    sources: Mapping[str, str]

    @classmethod
    def of(cls, environment: Environment) -> Shape:
        """The shape of an opened environment."""
        return cls(
            name=environment.name,
            # Its path is part of what is asked, and of the keys of the records.
            target=f"http://replay{urlsplit(environment.target).path}" if environment.target else "",
            flags=environment.flags.kind if environment.flags else "",
            sources={name: config.kind for name, config in environment.sources.items()},
        )

    def environment(self, declared: Environment) -> Environment:
        """An environment of this shape that nobody can ask anything."""

        def config(name: str, kind: str) -> SourceConfig:
            return SourceConfig(name=name, kind=kind, options={}, place=declared.place)

        return Environment(
            name=self.name,
            world=None,
            target=self.target,
            flags=config("flags", self.flags) if self.flags else None,
            sources={name: config(name, kind) for name, kind in self.sources.items()},
            place=declared.place,
        )


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What a manifest says of a run."""

    run_id: str
    at: datetime
    embedded: bool
    fault: str
    shapes: Mapping[str, Shape]


def digest_of(folder: Path | None) -> str:
    """One digest of every record in a folder, in the order of their names; empty where there is none."""
    records = _records(folder) if folder else {}
    if not records:
        return ""
    return hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()


def write_bundle(path: Path, bundle: Bundle, folders: Mapping[str, Path]) -> None:
    """Write the bundle so that it is whole or absent.

    Args:
        path: The file.
        bundle: What the manifest says.
        folders: Where each rollout's records are.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    records = {rollout: _records(folder) for rollout, folder in folders.items()}
    manifest = {
        "schema": _SCHEMA,
        "run_id": bundle.run_id,
        "at": bundle.at.astimezone(UTC).isoformat(),
        "embedded": bundle.embedded,
        "fault": bundle.fault,
        "rollouts": {
            rollout: {"environment": asdict(shape), "records": records.get(rollout, {})}
            for rollout, shape in bundle.shapes.items()
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=_QUICK) as archive:
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
            for rollout, names in records.items():
                for name in names:
                    archive.write(folders[rollout] / name, f"{rollout}/{name}")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_bundle(path: Path, folder: Path) -> Bundle:
    """Unpack a bundle's records, a folder for each rollout, and check each against its digest.

    Raises:
        RolloutError: It is not there, not a bundle, or not what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_BYTES:
                raise RolloutError(f"{path}: more than 256 MiB when unpacked")
            found = json.loads(archive.read(_MANIFEST))
            if found["schema"] != _SCHEMA:
                raise RolloutError(f"{path}: its schema is {found['schema']!r}, not {_SCHEMA!r}")
            for rollout, each in found["rollouts"].items():
                _unpack(archive, rollout, each["records"], folder / rollout, path)
            return Bundle(
                run_id=str(found["run_id"]),
                at=_instant(found["at"]),
                embedded=bool(found["embedded"]),
                fault=str(found["fault"]),
                shapes={rollout: _shape(each["environment"]) for rollout, each in found["rollouts"].items()},
            )
    except OSError as error:
        raise RolloutError(f"{path}: cannot be replayed: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RolloutError(f"{path}: is no evidence bundle: {type(error).__name__}: {error}") from None


def _records(folder: Path) -> dict[str, str]:
    """Every record in a folder with its digest."""
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _unpack(archive: zipfile.ZipFile, rollout: str, records: Mapping[str, str], folder: Path, path: Path) -> None:
    if not _plain(rollout) or not all(_plain(name) and name.endswith(".json") for name in records):
        raise RolloutError(f"{path}: a record's name leads out of its folder")
    folder.mkdir(parents=True)
    for name, digest in records.items():
        content = archive.read(f"{rollout}/{name}")
        if hashlib.sha256(content).hexdigest() != digest:
            raise RolloutError(f"{path}: {rollout}/{name} is not what was recorded")
        (folder / name).write_bytes(content)


def _plain(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and name == Path(name).name and not name.startswith(".") and name.isprintable()


def _instant(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(f"the time {text} has no offset from UTC")
    return at.astimezone(UTC)


def _shape(found: Mapping[str, object]) -> Shape:
    sources = found["sources"]
    if not isinstance(sources, Mapping):
        raise TypeError("the sources of an environment are a mapping")
    return Shape(
        name=str(found["name"]),
        target=str(found["target"]),
        flags=str(found["flags"]),
        sources={str(name): str(kind) for name, kind in sources.items()},
    )
