"""Files: a small file replaced as a whole, with what was there beside it.

The order is the promise: the backup is on the disk before anything changes,
the new file is there whole or not at all, and what somebody else wrote in the
meantime is never lost.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from pytest_rollout.actions.protocol import Done
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.disk import read_whole
from pytest_rollout.sources.document import MAX_BYTES

_MOST_BACKUPS = 100


def contents(path: Path) -> bytes:
    """All of a file that is to be edited.

    Raises:
        SourceError: No such file, or one that cannot be read.
    """
    return read_whole(path, MAX_BYTES)


def replaced(path: Path, before: bytes, after: bytes, *, stamp: str, what: str) -> Done:
    """Put `after` in the place of `before`, with a backup beside the file.

    A link stays one: the file that it leads to is replaced. Mode, and owner
    where that is allowed, stay what they were.

    Raises:
        SourceError: Nothing was changed, and why; or it was, and is not what was written.
    """
    if after == before:
        return Done(changed=False, what=f"{path.name} says so already", before=_digest(before), after=_digest(before))
    real = path.resolve()
    try:
        backup = _backup(real, before, stamp)
        _swap(real, before, after)
        if real.read_bytes() != after:
            raise SourceError(f"{real}: is not what was written into it\nits backup: {backup}")
    except OSError as error:
        raise SourceError(f"{real}: cannot be replaced: {error.strerror or error}") from None
    return Done(changed=True, what=what, backup=str(backup), before=_digest(before), after=_digest(after))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _backup(real: Path, content: bytes, stamp: str) -> Path:
    """What was there, under a name that nothing had."""
    for number in range(1, _MOST_BACKUPS):
        path = real.with_name(f"{real.name}.{stamp}.bak" if number == 1 else f"{real.name}.{stamp}-{number}.bak")
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        _write(handle, content, like=real)
        _sync(real.parent)
        if path.read_bytes() != content:
            raise SourceError(f"{path}: the backup is not what it is a backup of, so nothing was changed")
        return path
    raise SourceError(f"{real}: has {_MOST_BACKUPS} backups of this run already, so nothing was changed")


def _swap(real: Path, before: bytes, after: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        _write(handle, after, like=real)
        if real.read_bytes() != before:
            raise SourceError(f"{real}: somebody else changed it in the meantime, so nothing was changed")
        Path(name).replace(real)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
    _sync(real.parent)


def _write(handle: int, content: bytes, *, like: Path) -> None:
    found = like.stat()
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        with suppress(PermissionError):  # only root may give files away
            os.fchown(file.fileno(), found.st_uid, found.st_gid)
        os.fchmod(file.fileno(), found.st_mode & 0o7777)
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make names in a folder last, so that no crash brings the old file back."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
