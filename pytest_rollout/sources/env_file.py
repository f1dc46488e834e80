"""Env file: switches that are environment variables, in the file that sets them.

`KEY=value` a line, as dotenv and systemd read it. Where readers of such files
differ (a key that is there twice, `$NAME` or a comment behind a value, a quote
that is not closed), two services could see two values; such a file is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.disk import path_option, read_whole
from pytest_rollout.sources.document import MAX_BYTES, answers_now, first_line
from pytest_rollout.sources.memory import plain
from pytest_rollout.sources.protocol import FlagKind, FlagValue, Option, OptionValue

_LINE = re.compile(r"(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*(?P<value>.*)")
_DOUBLE = re.compile(r'"(?P<text>(?:[^"\\$`]|\\.)*)"')
_SINGLE = re.compile(r"'(?P<text>[^']*)'")
_BARE = re.compile(r"(?P<text>(?:[^\"'$`\\#]|(?<=[^\s=])#)*)")
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class EnvFileFlags:
    """Variables in a file, read anew each time; `now` is the clock."""

    path: Path
    now: Callable[[], datetime] = field(default=utc_now, repr=False)

    def read(self, at: datetime, timeout_seconds: float) -> Mapping[str, FlagValue]:  # noqa: ARG002 - a file answers at once
        """The variables, `true`, `false` and numbers as such, anything else as text.

        Raises:
            SourceError: No such file, or a line that readers could read differently.
        """
        where = str(self.path)
        answers_now(at, self.now(), where)
        try:
            text = read_whole(self.path, MAX_BYTES).decode("utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(f"{where}: is not UTF-8 (byte {error.start})") from None
        return variables_of(text, where)


def variables_of(text: str, where: str) -> dict[str, FlagValue]:
    """The variables that the text of an env file sets.

    Raises:
        SourceError: A line is none, or a key is there twice; no value is quoted, for it may be a secret.
    """
    found: dict[str, FlagValue] = {}
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        place, match = f"{where}:{number}", _LINE.fullmatch(stripped)
        if match is None:
            raise SourceError(f"{place}: is not KEY=value")
        if match["key"] in found:
            raise SourceError(f"{place}: the key '{first_line(match['key'], 80)}' is there twice")
        found[match["key"]] = _value(match["value"], f"{place}: {first_line(match['key'], 80)}")
    return found


def _value(written: str, where: str) -> FlagValue:
    pattern = {'"': _DOUBLE, "'": _SINGLE}.get(written[:1], _BARE)
    match = pattern.fullmatch(written)
    if match is None:
        raise SourceError(
            f"{where}: readers of env files differ on this value\n"
            "write single quotes around $, `, #, \\ and quotes, close them, and put comments on lines of their own"
        )
    text = match["text"]
    if pattern is _DOUBLE:
        text = _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), text)
    value = plain(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise SourceError(f"{where}: is too large for a number")
    return value if isinstance(value, (bool, int, float)) else text


def _open(options: Mapping[str, OptionValue], folder: Path) -> EnvFileFlags:
    return EnvFileFlags(folder / path_option(options, "path"))


KIND = FlagKind(
    "env_file",
    "environment variables, in the file that sets them",
    (Option("path", "the file, from the plan's folder", required=True),),
    _open,
)
