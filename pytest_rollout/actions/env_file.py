"""Env file: variables in the file that sets them, replaced on their own lines.

Comments, order and every other line stay byte for byte what they were. A
variable that is not there is not added, and a file that readers could read
differently is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.actions.files import contents, replaced
from pytest_rollout.actions.protocol import ActionKind, Done, Site, listed_settings, settings_of, written
from pytest_rollout.errors import SourceError, did_you_mean
from pytest_rollout.sources.document import first_line, text_option
from pytest_rollout.sources.env_file import variables_of
from pytest_rollout.sources.protocol import Option, OptionValue

_ASSIGNMENT = re.compile(
    r"(?P<start>[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*)(?P<value>.*?)(?P<end>\s*)"
)
_BARE = re.compile(r"[A-Za-z0-9_.,:/@%+=-]*")


@dataclass(frozen=True)
class EnvFile:
    """Sets variables in an env file; without a path, in the one that the environment reads its flags from."""

    settings: Mapping[str, bool | int | float | str]
    path: str = ""

    repeatable = True

    @property
    def does(self) -> str:
        """The variables and their values."""
        return f"sets in {self.path or 'the env file'}: {listed_settings(self.settings)}"

    def perform(self, site: Site) -> Done:
        """Set them.

        Raises:
            SourceError: No such file or variable, a file that is no sound one, or it cannot be replaced.
        """
        path = site.file("env_file", self.path)
        before = contents(path)
        after, changed = edited(before, self.settings, str(path))
        # No old value is told: it may be a secret.
        what = ", ".join(f"{name} = {written(self.settings[name])}" for name in changed)
        return replaced(path, before, after, stamp=site.stamp, what=what)


def edited(content: bytes, settings: Mapping[str, bool | int | float | str], where: str) -> tuple[bytes, list[str]]:
    """An env file with other values of some variables, and the names of those that change.

    Raises:
        SourceError: A file that readers could read differently, or a variable that is not there.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}: is not UTF-8 (byte {error.start})") from None
    known = variables_of(text, where)
    wanted = {name: assigned(value, name) for name, value in settings.items()}
    for name in wanted:
        if name not in known:
            guess = did_you_mean(name, known)
            lines = [f"{where}: there is no variable '{first_line(name, 80)}', and none is added", *guess]
            raise SourceError("\n".join(lines))
    lines, changed = text.split("\n"), []
    for number, line in enumerate(lines):
        match = _ASSIGNMENT.fullmatch(line)
        name = match["key"] if match is not None else ""
        if match is None or name not in wanted or known[name] == variables_of(f"x={wanted[name]}", where)["x"]:
            continue
        lines[number] = f"{match['start']}{wanted[name]}{match['end']}"
        changed.append(name)
    return "\n".join(lines).encode("utf-8"), changed


def assigned(value: float | str, name: str) -> str:
    """A value as it stands behind `=`, so that every reader reads the same.

    Raises:
        SourceError: It cannot be written so.
    """
    text = written(value)
    if _BARE.fullmatch(text):
        return text
    if "'" in text or not text.isprintable():
        raise SourceError(f"option 'set': the value of '{name}' cannot be written so that all readers read the same")
    return f"'{text}'"


def _open(options: Mapping[str, OptionValue], folder: Path) -> EnvFile:  # noqa: ARG001 - the site says where
    settings = settings_of(options)
    for name, value in settings.items():
        assigned(value, name)
    return EnvFile(settings, text_option(options, "path").strip())


KIND = ActionKind(
    "env_file",
    "sets environment variables in the file that holds them, and leaves every other line as it is",
    (
        Option(
            "set", "variables and the values they get; '{percentage}' is where the traffic goes", True, mapping=True
        ),
        Option("path", "the file, from the plan's folder; the one that flags are read from if not said"),
    ),
    _open,
)
