"""Versions: which code judged, for the receipt.

Facts about this process and the repository it ran in; nothing is decided by
them, so what cannot be learned is left out.
"""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("pytest-rollout", "pytest", "pytest-xdist", "httpx", "duckdb")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that take part, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_facts(folder: Path) -> dict[str, object] | None:
    """The commit of a folder and whether it has uncommitted changes; None outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command on the user's own repository
            ["git", "-C", str(folder), *words],  # noqa: S607 - git from the user's PATH is the user's git
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
