"""Flag file: values in a JSON file of flags, replaced where they stand.

Nothing else of the file changes, not a blank: what the plan does not name is
byte for byte what it was. A name is found nested or with dots, as flags are
read; one that is not there is no flag, and none is added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_rollout.actions.files import contents, replaced
from pytest_rollout.actions.protocol import ActionKind, Done, Site, listed_settings, settings_of
from pytest_rollout.errors import SourceError, did_you_mean
from pytest_rollout.sources.document import first_line, parse_json, text_option
from pytest_rollout.sources.protocol import Option, OptionValue

_BLANK = " \t\n\r"


@dataclass(frozen=True)
class FlagFile:
    """Sets flags in a JSON file; without a path, in the one that the environment reads its flags from."""

    settings: Mapping[str, bool | int | float | str]
    path: str = ""

    repeatable = True

    @property
    def does(self) -> str:
        """The flags and their values."""
        where = self.path or "the file of flags"
        return f"sets in {where}: {listed_settings(self.settings)}"

    def perform(self, site: Site) -> Done:
        """Set them.

        Raises:
            SourceError: No such file or flag, no sound JSON, or it cannot be replaced.
        """
        path = site.file("flag_file", self.path)
        before = contents(path)
        after, changes = edited(before, self.settings, str(path))
        return replaced(path, before, after, stamp=site.stamp, what="; ".join(changes))


def edited(content: bytes, settings: Mapping[str, bool | int | float | str], where: str) -> tuple[bytes, list[str]]:
    """A JSON file with other values of some flags, and what changes, `name: old -> new`.

    Raises:
        SourceError: No sound JSON object, or a flag that is not there, is
            there twice, or holds more than one value.
    """
    if not isinstance(parse_json(content, where), dict):
        raise SourceError(f"{where}: is no set of flags: an object of names and values is meant")
    text = content.decode("utf-8")
    found: dict[str, tuple[int, int]] = {}
    try:
        for name, start, end in _object(text, _after_blank(text, 0), "")[1]:
            if name in found:
                raise SourceError(f"{where}: the flag '{first_line(name, 80)}' is there twice, nested and with dots")
            found[name] = (start, end)
    except (ValueError, IndexError, RecursionError):
        raise SourceError(f"{where}: is no set of flags that can be edited") from None
    edits, changes = [], []
    for name, value in settings.items():
        if name not in found:
            guess = did_you_mean(name, found)
            raise SourceError(
                "\n".join([f"{where}: there is no flag '{first_line(name, 80)}', and none is added", *guess])
            )
        start, end = found[name]
        new = json.dumps(value, ensure_ascii=False)
        if not _same(json.loads(text[start:end]), value):
            edits.append((start, end, new))
            changes.append(f"{name}: {text[start:end]} -> {new}")
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text.encode("utf-8"), changes


def _same(one: object, other: object) -> bool:
    """Whether two values are equal as JSON, where `true` is not 1; 5.0 is 5."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _object(text: str, at: int, prefix: str) -> tuple[int, list[tuple[str, int, int]]]:
    """Where the object at a place ends, and the values in it. The text is sound JSON."""
    found: list[tuple[str, int, int]] = []
    decoder = json.JSONDecoder()
    at = _after_blank(text, at + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        start = _after_blank(text, _after_blank(text, at) + 1)
        if text[start] == "{":
            end, below = _object(text, start, f"{prefix}{key}.")
            found += below
        else:
            _, end = decoder.raw_decode(text, start)
            found.append((f"{prefix}{key}", start, end))
        at = _after_blank(text, end)
        if text[at] == ",":
            at = _after_blank(text, at + 1)
    return at + 1, found


def _after_blank(text: str, at: int) -> int:
    while text[at] in _BLANK:
        at += 1
    return at


def _open(options: Mapping[str, OptionValue], folder: Path) -> FlagFile:  # noqa: ARG001 - the site says where
    return FlagFile(settings_of(options), text_option(options, "path").strip())


KIND = ActionKind(
    "flag_file",
    "sets flags in a JSON file, and leaves every other byte as it is",
    (
        Option("set", "flags and the values they get; '{percentage}' is where the traffic goes", True, mapping=True),
        Option("path", "the file, from the plan's folder; the one that flags are read from if not said"),
    ),
    _open,
)
