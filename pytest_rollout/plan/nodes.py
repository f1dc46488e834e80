"""Nodes: a document as a tree in which every piece knows where it stands.

A node is a text, a list or a mapping. Texts are kept exactly as written:
`off`, `1:30` and `0777` are three texts, never a boolean, 90 and 511. What a
text means is asked by whoever knows what is wanted there.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from pytest_rollout.discovery import PLAN_NAME
from pytest_rollout.errors import PlanError, Problem

JsonValue = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
"""What JSON can say."""

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_JSON_WORDS: Mapping[str, bool] = MappingProxyType({"true": True, "false": False})
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_SHOWN_AT_MOST = 60


class Kind(Enum):
    """What a node is, in the words of a message."""

    TEXT = "a text"
    LIST = "a list"
    MAPPING = "a mapping"
    UNREAD = "something that was refused already"


@dataclass(frozen=True)
class Spot:
    """Line and column in the file, from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Place:
    """A position in a file: line and column from 1, and the dotted path inside the document."""

    file: Path
    line: int
    column: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """One piece of a document.

    `spot` is where its value starts, `key` where the key before it starts (the
    value itself in a list). `plain` texts stand without quotes.
    """

    kind: Kind
    path: str
    spot: Spot
    key: Spot
    text: str = field(default="", repr=False)
    plain: bool = False
    items: tuple[Node, ...] = ()
    fields: Mapping[str, Node] = field(default_factory=dict)

    @property
    def is_nothing(self) -> bool:
        """Whether no value stands here: nothing at all, `~` or `null`."""
        return self.kind is Kind.TEXT and self.plain and self.text in _NOTHING

    @property
    def value(self) -> JsonValue:
        """What stands here as JSON means it: plain `true`, `null` and numbers are such, all else is text."""
        if self.kind is Kind.LIST:
            return [item.value for item in self.items]
        if self.kind is Kind.MAPPING:
            return {name: below.value for name, below in self.fields.items()}
        if self.is_nothing:
            return None
        if not self.plain:
            return self.text
        if _JSON_NUMBER.fullmatch(self.text) is not None:
            return float(self.text) if set(self.text) & set(".eE") else int(self.text)
        return _JSON_WORDS.get(self.text, self.text)

    def get(self, *names: str) -> Node | None:
        """The node below these keys, None where there is none."""
        node: Node | None = self
        for name in names:
            node = node.fields.get(name) if node is not None else None
        return node

    def text_of(self, name: str) -> str:
        """The text below a key, empty where there is none."""
        node = self.fields.get(name)
        return node.text if node is not None else ""

    def fields_of(self, *names: str) -> Mapping[str, Node]:
        """The keys of the mapping below these keys, none where there is none."""
        node = self.get(*names)
        return node.fields if node is not None else {}


@dataclass
class Findings:
    """The problems found in one file so far; `shown` is how messages name the file."""

    file: Path
    shown: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, spot: Spot, path: str, found: str, *fix: str) -> None:
        """Note a problem at a spot."""
        self.problems.append(Problem(self.shown, spot.line, spot.column, path, found, fix))

    def at(self, node: Node, found: str, *fix: str) -> None:
        """Note a problem with what stands at a node."""
        self.add(node.spot, node.path, found, *fix)

    def at_key(self, node: Node, found: str, *fix: str) -> None:
        """Note a problem with the key that a node stands below."""
        self.add(node.key, node.path, found, *fix)

    def place(self, node: Node) -> Place:
        """Where a node's key stands, for complaints that come later."""
        return Place(self.file, node.key.line, node.key.column, node.path)

    def place_of_value(self, node: Node) -> Place:
        """Where a node's value stands."""
        return Place(self.file, node.spot.line, node.spot.column, node.path)

    def fail(self, spot: Spot, path: str, found: str, *fix: str) -> NoReturn:
        """Note a problem after which nothing can be read any more.

        Raises:
            PlanError: With this problem and those before it.
        """
        self.add(spot, path, found, *fix)
        raise PlanError(self.problems)

    def settle(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            PlanError: With every problem, in the order of the file.
        """
        if self.problems:
            raise PlanError(self.problems)


def plan_path(named: Path) -> Path:
    """The plan of a rollout that is named by its folder, or by the file itself."""
    return named if named.name == PLAN_NAME else named / PLAN_NAME


def shown_path(path: Path) -> str:
    """How messages name a file: from the working directory where it is below it, else in whole."""
    whole, here = path.absolute(), Path.cwd()
    return (whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix()


def typed_path(path: Path) -> str:
    """A path in a command that a message offers: as `shown_path`, for a shell."""
    return shlex.quote(shown_path(path))


def unprintable(text: str, *, except_for: str = "") -> bool:
    """Whether a text holds a line break, a control character or half a surrogate pair."""
    return any(unicodedata.category(each) in _UNPRINTABLE and each not in except_for for each in text)


def quoted(text: str) -> str:
    """A text as a message shows it: in quotes, on one line, and not too long."""
    return f"'{clipped(text)}'"


def clipped(text: str) -> str:
    """A text on one line, cut after 60 characters."""
    start = "".join("�" if unprintable(each) else each for each in text[:_SHOWN_AT_MOST])
    return start if len(text) <= _SHOWN_AT_MOST else f"{start}…"
