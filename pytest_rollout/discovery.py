"""Discovery: which rollouts a pytest run concerns.

Plans are looked for below every path that pytest was given, and upwards from
it, so that naming one gate file still finds the plan that governs it. Only
the standard library is imported: this runs in every project that merely has
the plugin installed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

PLAN_NAME = "rollout.yaml"
_MISNAMED = ("rollout.yml", "rollouts.yaml")
_LOCK_NAME = "gates.lock"  # a lock without its plan: the plan is missing, not unwanted
_NAMES = frozenset({PLAN_NAME, _LOCK_NAME, *_MISNAMED})


def find_plans(arguments: Iterable[str], *, start: Path, root: Path, skip: Sequence[str]) -> list[Path]:
    """Plans that govern what `arguments` name, sorted: those below each path, and the nearest one around it.

    A misnamed plan counts as one that is missing, so that it is refused and not passed over.

    Args:
        arguments: Paths or node ids as given to pytest.
        start: The folder that relative arguments start from.
        root: pytest's root folder; nothing above it is looked at.
        skip: Patterns of folder names that pytest does not enter (`norecursedirs`).
    """
    found: set[Path] = set()
    entered: set[tuple[int, int]] = set()
    for argument in arguments:
        path = absolute(start / argument.partition("::")[0])
        if path.is_dir():
            found.update(_below(path, skip, entered))
        if path.exists():
            found.update(_above(path, root))
    return sorted(found)


def absolute(path: Path) -> Path:
    """A path as pytest names what it collects: whole, without `..`, and with its links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, and gates be under no plan


def misnamed_plans(folder: Path) -> list[Path]:
    """Files beside a plan that somebody may take for it."""
    return [folder / name for name in _MISNAMED if (folder / name).exists() and not _of_kubernetes(folder / name)]


def governing(path: Path, plans: Iterable[Path]) -> Path | None:
    """The plan whose folder is the nearest one around `path`."""
    around = [plan for plan in plans if plan.parent == path or plan.parent in path.parents]
    return max(around, key=lambda plan: len(plan.parts), default=None)


def _below(folder: Path, skip: Sequence[str], entered: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
        entries = list(os.scandir(folder))
    except OSError:
        return
    if (status.st_dev, status.st_ino) in entered:
        return  # a link that leads back up
    entered.add((status.st_dev, status.st_ino))
    names = {entry.name for entry in entries}
    if "pyvenv.cfg" in names:
        return
    if names & _NAMES and _has_plan(folder):
        yield folder / PLAN_NAME
    for entry in entries:
        if _is_folder(entry) and not _skipped(entry.name, skip):
            yield from _below(Path(entry.path), skip, entered)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether something can be entered; a link to itself cannot, and asking raises."""
    try:
        return entry.is_dir(follow_symlinks=True)
    except OSError:
        return False


def _has_plan(folder: Path) -> bool:
    """Whether a folder has a plan; a link that leads nowhere is one that cannot be read, not none."""
    paths = (folder / name for name in _NAMES)
    return any((path.is_file() or path.is_symlink()) and not _of_kubernetes(path) for path in paths)


def _of_kubernetes(path: Path) -> bool:
    """Whether a file is a manifest: Argo calls its own resource a rollout, and people name the file after it."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return all(re.search(rb"^" + key + rb"\s*:", start, re.MULTILINE) for key in (b"apiVersion", b"kind"))


def _skipped(name: str, skip: Sequence[str]) -> bool:
    return name == "__pycache__" or any(fnmatch(name, pattern) for pattern in skip)


def _above(path: Path, root: Path) -> Iterator[Path]:
    inside = True
    for folder in (path, *path.parents):
        # Above pytest's root folder (a pytest.ini below the plan moves it) only a locked plan is ours for certain.
        if (inside or (folder / _LOCK_NAME).is_file()) and _has_plan(folder):
            yield folder / PLAN_NAME
            return
        inside = inside and folder != root
