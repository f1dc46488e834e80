"""Switches: a world's flags, which are also a file that anybody may write: JSON, or variables in an env file.

What a request sets stands in the file, and what somebody writes into the
file holds from the next request on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pytest_rollout.errors import WorldError

ENV = ".env"
"""How the name of a file of environment variables ends."""


class Switches:
    """The live flags of one world, with their file if they have one."""

    def __init__(self, flags: Mapping[str, object], file: Path | None = None) -> None:
        self.live: dict[str, object] = json.loads(json.dumps(dict(flags)))
        self.file = file
        self._guard = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._written = ""
        try:
            self.save()
        except OSError as error:
            raise WorldError(f"{file}: the flags cannot be written there: {error.strerror}") from error

    def load(self) -> None:
        """Take what the file says, if somebody changed it; what is no set of these flags changes nothing."""
        with self._guard, suppress(OSError, ValueError):
            if self.file is None or (stamp := _stamp(self.file)) == self._stamp:
                return
            text = self.file.read_text(encoding="utf-8")
            found = _variables(text) if self._is_env else json.loads(text)
            if isinstance(found, dict) and found.keys() == self.live.keys():
                self.live.update(found)
                self._stamp, self._written = stamp, self._text()

    def save(self) -> None:
        """Write what changed, in one step."""
        with self._guard:
            text = self._text()
            if self.file is None or text == self._written:
                return
            new = self.file.with_name(f".{self.file.name}.new")
            new.write_text(text + "\n", encoding="utf-8")
            new.replace(self.file)
            self._stamp, self._written = _stamp(self.file), text

    @property
    def _is_env(self) -> bool:
        return self.file is not None and self.file.suffix == ENV

    def _text(self) -> str:
        """The flags as their file has them, without the end of the last line."""
        if not self._is_env:
            return json.dumps(self.live, indent=1)
        return "\n".join(f"{name}={_as_variable(value)}" for name, value in self.live.items())


def _variables(text: str) -> dict[str, object]:
    """The variables of an env file, as a service reads them at its start: `true`, numbers, else text."""
    found: dict[str, object] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, is_one, written = line.partition("=")
        if line.startswith("#"):
            continue
        if not is_one:
            raise ValueError(f"'{line}' sets nothing")
        found[name.strip()] = _value(written.strip())
    return found


def _value(written: str) -> object:
    if len(written) > 1 and written[0] == written[-1] and written[0] in "'\"":
        return written[1:-1]
    with suppress(ValueError):
        return json.loads(written)
    return written


def _as_variable(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
