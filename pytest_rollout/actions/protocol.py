"""The action protocol: one thing that is done to a system, and where it may be done.

An action is made from the options of a plan, with its words filled in, and
performed at a `Site`. It changes what it is about and nothing else, says what
it changed, and does nothing where everything is as it should be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Kind, OptionValue

PERCENTAGE = "percentage"
WORDS = (PERCENTAGE, "rollout", "phase", "run")
"""What may stand in braces in an option, and is filled in when the verdict is known."""
_WORD = re.compile(r"(?<!\$)\{([a-z_]+)\}")


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where an action acts.

    Args:
        folder: The plan's folder, where relative paths start.
        target: The address of the service; empty where the environment names none.
        files: The file of the environment's switches, by the kind of action that edits it.
        embedded: Whether this is an embedded world, of which nothing but its own service and files may be touched.
        stamp: What backups of this run are called.
        seconds: How long it may take.
    """

    folder: Path
    target: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    embedded: bool = False
    stamp: str
    seconds: float

    def file(self, kind: str, path: str) -> Path:
        """The file that an action edits: the one that the plan names, else the environment's own.

        An embedded world's is its own, whatever the plan names.

        Raises:
            SourceError: There is none.
        """
        if path and not self.embedded:
            return self.folder / path
        if kind not in self.files:
            raise SourceError(
                "an embedded world has no such file of its own, and no other is touched for it"
                if self.embedded
                else "the environment reads its flags from no such file\nname it: path: FILE"
            )
        return self.files[kind]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What an action did: `what` in words, and for a file its backup and the SHA-256 of it before and after."""

    changed: bool
    what: str
    backup: str = ""
    before: str = ""
    after: str = ""


class Action(Protocol):
    """One thing to do."""

    @property
    def does(self) -> str:
        """What it does, in a line without secrets."""
        ...

    @property
    def repeatable(self) -> bool:
        """Whether it sees by itself that everything is as it should be, and then does nothing."""
        ...

    def perform(self, site: Site) -> Done:
        """Do it.

        Raises:
            SourceError: It could not be done, or not be done safely; what was
                there is still there, as far as anybody can know.
        """
        ...


ActionKind = Kind[Action]


def words_in(value: object) -> set[str]:
    """The words in braces in an option."""
    if isinstance(value, str):
        return set(_WORD.findall(value))
    if isinstance(value, Mapping):
        return {word for below in value.values() for word in words_in(below)}
    if isinstance(value, (list, tuple)):
        return {word for below in value for word in words_in(below)}
    return set()


def filled(value: object, words: Mapping[str, object]) -> object:
    """An option with its words filled in; one that is a word and no more has the word's own value."""
    if isinstance(value, str):
        whole = _WORD.fullmatch(value)
        if whole is not None:
            return words[whole[1]]
        return _WORD.sub(lambda match: written(words[match[1]]), value)
    if isinstance(value, Mapping):
        return {key: filled(below, words) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(below, words) for below in value]
    return value


def written(value: object) -> str:
    """A value as text: `true`, `5`, `0.5`, or the text that it is."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def number_of_percent(percent: float) -> float | int:
    """A percentage as files hold it: 5, not 5.0."""
    return int(percent) if percent == int(percent) else percent


def settings_of(options: Mapping[str, OptionValue]) -> dict[str, bool | int | float | str]:
    """The option `set`: names and values.

    Raises:
        SourceError: Empty, or a value that is neither true, false, a number nor a text.
    """
    stated = options.get("set")
    if not isinstance(stated, Mapping) or not stated:
        raise SourceError("option 'set' is a mapping of names and the values they get")
    found: dict[str, bool | int | float | str] = {}
    for name, value in stated.items():
        if not isinstance(value, (bool, int, float, str)):
            raise SourceError(
                f"option 'set': the value of '{first_line(str(name), 80)}' is neither true, false, a number nor a text"
                "\nput quotes around a word in braces: '{percentage}'"
            )
        found[str(name)] = value
    return found


def listed_settings(settings: Mapping[str, object]) -> str:
    """Names and values in a line."""
    return ", ".join(f"{name} = {written(value)}" for name, value in settings.items())
