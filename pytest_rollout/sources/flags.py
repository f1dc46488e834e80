"""Flags: the switches of a system as they are now.

A set of flags is one JSON object. Nested names are joined with dots, so
`{"dual_memory": {"blended_recall": true}}` and
`{"dual_memory.blended_recall": true}` say the same; both at once is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.disk import path_option, read_whole
from pytest_rollout.sources.document import MAX_BYTES, answers_now, first_line, parse_json, shown, text_option
from pytest_rollout.sources.fetch import SERVICE_OPTIONS, Service
from pytest_rollout.sources.memory import plain
from pytest_rollout.sources.protocol import FlagKind, FlagValue, Option, OptionValue
from pytest_rollout.sources.selected import select


@dataclass(frozen=True)
class FileFlags:
    """Flags in a JSON file, read anew each time; `now` is the clock."""

    path: Path
    now: Callable[[], datetime] = field(default=utc_now, repr=False)

    def read(self, at: datetime, timeout_seconds: float) -> Mapping[str, FlagValue]:  # noqa: ARG002 - a file answers at once
        """The flags in the file.

        Raises:
            SourceError: No such file, or no set of flags in it.
        """
        answers_now(at, self.now(), str(self.path))
        return flags_of(parse_json(read_whole(self.path, MAX_BYTES), str(self.path)), str(self.path))


@dataclass(frozen=True)
class HttpFlags:
    """Flags that a service answers as JSON, whole or the part that `select` finds; `now` is the clock."""

    service: Service
    select: str = ""
    now: Callable[[], datetime] = field(default=utc_now, repr=False)

    def read(self, at: datetime, timeout_seconds: float) -> Mapping[str, FlagValue]:
        """The flags as the service says them.

        Raises:
            SourceError: See `Service.get`; or what came is no set of flags.
        """
        where = self.service.shown()
        answers_now(at, self.now(), where)
        body = self.service.get("", timeout_seconds)
        if body.age_seconds > 60:
            raise SourceError(f"{where}: a cache answered, and what it holds is {body.age_seconds:g} s old")
        document = parse_json(body.content, where)
        return flags_of(select(document, self.select, where) if self.select else document, where)


@dataclass(frozen=True)
class MemoryFlags:
    """Flags that are written down, for testing gates."""

    flags: Mapping[str, object]

    def read(self, at: datetime, timeout_seconds: float) -> Mapping[str, FlagValue]:  # noqa: ARG002 - the same at any time
        """The flags as they were written down.

        Raises:
            SourceError: They are no set of flags.
        """
        return flags_of(self.flags, "memory")


def flags_of(document: object, where: str) -> dict[str, FlagValue]:
    """A JSON value as flags, nested names joined with dots.

    Raises:
        SourceError: No object, a name that is there twice, or a value that is
            neither true, false, a number nor a text.
    """
    if not isinstance(document, Mapping):
        raise SourceError(f"{where}: {shown(document)} is no set of flags\nwrite an object of names and values")
    found: dict[str, FlagValue] = {}
    try:
        for name, value in _flat(document, "", where):
            if name in found:
                raise SourceError(f"{where}: the flag '{first_line(name, 80)}' is there twice, nested and with dots")
            found[name] = value
    except RecursionError:
        raise SourceError(f"{where}: the flags are nested too deeply") from None
    return found


def _flat(document: Mapping[object, object], prefix: str, where: str) -> Iterator[tuple[str, FlagValue]]:
    for key, value in document.items():
        name = f"{prefix}{key}"
        if not isinstance(key, str) or not key:
            raise SourceError(f"{where}: {shown(key)} is no name of a flag (in '{first_line(prefix, 80)}')")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.", where)
        elif isinstance(value, (bool, str)) or (isinstance(value, (int, float)) and math.isfinite(value)):
            yield name, value
        else:
            raise SourceError(
                f"{where}: the flag '{first_line(name, 80)}' is {shown(value)}, not true, false, a number or a text"
            )


def _open_file(options: Mapping[str, OptionValue], folder: Path) -> FileFlags:
    return FileFlags(folder / path_option(options, "path"))


def _open_http(options: Mapping[str, OptionValue], folder: Path) -> HttpFlags:
    return HttpFlags(Service.of(options, folder), text_option(options, "select").strip())


def _open_memory(options: Mapping[str, OptionValue], folder: Path) -> MemoryFlags:  # noqa: ARG001 - as above
    flags = options.get("flags", {})
    if not isinstance(flags, Mapping):
        raise SourceError("option 'flags' is a mapping of names and values\nkind 'file' reads them from a file")
    return MemoryFlags({name: plain(value) for name, value in flags.items()})


FILE = FlagKind(
    "file",
    "flags in a JSON file",
    (Option("path", "the file, from the plan's folder", required=True),),
    _open_file,
)
HTTP = FlagKind(
    "http",
    "flags that a service answers as JSON",
    (*SERVICE_OPTIONS, Option("select", "a JMESPath expression for the part of the answer that holds the flags")),
    _open_http,
)
MEMORY = FlagKind(
    "memory",
    "flags that are written down, for testing gates",
    (Option("flags", "names and values", required=True, mapping=True),),
    _open_memory,
)
