"""Disk: what a source may take from files, in time and no more than it should.

A pipe would let the reader wait, a disk that hangs would too, and a file can
be larger than memory. Whoever reads a file reads it through here.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.deadline import DeadlineError, within
from pytest_rollout.sources.document import text_option

Result = TypeVar("Result")

_MAX_FILES = 1000


def path_option(options: Mapping[str, object], name: str) -> str:
    """An option that names a file.

    Raises:
        SourceError: It is no text, or empty.
    """
    path = text_option(options, name).strip()
    if not path or "\0" in path:
        raise SourceError(f"option '{name}' is empty\nname the file, from the plan's folder")
    return path


def matching(folder: Path, pattern: str) -> tuple[Path, ...]:
    """The files that `pattern` names, from `folder`, in the order of their names.

    Raises:
        SourceError: There is none (a file that is not there is not an empty one), or very many.
    """
    # Not Path.glob, which refuses absolute patterns.
    found = sorted(folder / each for each in glob.iglob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207
    if not found:
        raise SourceError(f"{pattern}: there is no such file in {folder}")
    if odd := [path for path in found if not path.is_file()]:
        raise SourceError(f"{odd[0]}: is no file, and the pattern '{pattern}' names it")
    if len(found) > _MAX_FILES:
        raise SourceError(f"{pattern}: names {len(found)} files, more than {_MAX_FILES}")
    return tuple(found)


def read_whole(path: Path, limit_bytes: int) -> bytes:
    """All of a file that is meant to be small.

    Raises:
        SourceError: No such file, one that cannot be read, or a larger one.
    """
    try:
        if not path.is_file():  # a pipe would let the reader wait
            raise SourceError(f"{path}: there is no such file")
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    if len(content) > limit_bytes:
        raise SourceError(f"{path}: larger than {limit_bytes // 2**20} MiB")
    return content


def in_time(seconds: float, where: str, work: Callable[[], Result]) -> Result:
    """What `work` gives, if it does so within `seconds`.

    Raises:
        SourceError: It did not; or what `work` raised.
    """
    try:
        return within(seconds, work)
    except DeadlineError:
        raise SourceError(f"{where}: not read within {seconds:g} s") from None
