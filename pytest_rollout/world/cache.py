"""The cache: files that are costly to make and the same for the same recipe.

A file appears under its final name in one step (a temporary file and a
rename), so several runs at once never see half of one. Losing the cache loses
time and nothing else: every problem with it ends in making the file anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def cache_folder() -> Path:
    """This user's folder for worlds; `XDG_CACHE_HOME` moves it."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path("~/.cache").expanduser()) / "pytest-rollout" / "worlds"  # noqa: PTH117 - the specification says to ignore relative ones, and '' is one


def copied_or_made(
    key: str, make: Callable[[Path], None], target: Path, *, folder: Path | None = None, kept: int
) -> bool:
    """Put the file that `key` names at `target`: a copy from the cache, or made and kept there.

    Args:
        key: A name that changes whenever the content would.
        make: Writes the content to the path that it is given.
        target: Where it is wanted.
        folder: Another place for the cache.
        kept: How many files stay there.

    Returns:
        Whether it came from the cache.
    """
    with suppress(OSError, RuntimeError):  # RuntimeError: no home folder to be found
        place = (folder or cache_folder()) / key
        if _copied(place, target):
            return True
        make(target)
        with suppress(OSError):
            _kept(target, place, kept)
        return False
    target.unlink(missing_ok=True)
    make(target)
    return False


def _copied(place: Path, target: Path) -> bool:
    """Copy a cached file if it is whole: its digest lies at its end, after the content."""
    try:
        data = place.read_bytes()
    except OSError:
        return False
    content, digest = data[:-32], data[-32:]
    if hashlib.sha256(content).digest() != digest:
        return False
    target.write_bytes(content)
    with suppress(OSError):
        os.utime(place)
    return True


def _kept(made: Path, place: Path, most: int) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = made.read_bytes()
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content + hashlib.sha256(content).digest())
        Path(name).replace(place)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _pruned(place.parent, most)


def _pruned(folder: Path, most: int) -> None:
    """Drop all but the files used last. Another run may do the same, so what is gone is gone."""
    dated: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        with suppress(OSError):
            if path.is_dir():
                continue
            dated.append((path.stat().st_mtime, path))
    for _, path in sorted(dated)[:-most]:
        with suppress(OSError):
            path.unlink()
