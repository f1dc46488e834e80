"""Shapes: what may stand at a place of a document, said once.

A shape reads a node strictly (keeping what fits, complaining about the rest)
and describes itself as JSON Schema. Both come from the same few facts, so the
published schema cannot refuse what the reader takes. Texts are here; lists
and mappings of shapes are in `structures.py`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pytest_rollout.errors import QuantityError, did_you_mean, listed
from pytest_rollout.plan.nodes import Findings, Kind, Node, quoted, unprintable
from pytest_rollout.quantities import parse_duration

Schema = dict[str, object]
"""A JSON Schema, or a part of one."""

# The reader takes `5` and `off` as the texts they are; other YAML readers hand
# a validator a number and a boolean. The schema must not refuse what we take.
_ANY_SCALAR = ["string", "number", "boolean"]
_LONGEST_PARSED = 100


@dataclass(frozen=True, kw_only=True)
class Shape(ABC):
    """What may stand at a place; `about` says in one line what it is for."""

    about: str
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TEXT,)

    def read(self, node: Node, findings: Findings) -> Node | None:
        """The part of `node` that has this shape; the rest is noted in `findings`."""
        if node.kind is Kind.UNREAD:
            return None
        if node.is_nothing:
            findings.at(node, "nothing stands here", f"wanted: {self.about}")
            return None
        if node.kind not in self.kinds:
            wanted = " or ".join(kind.value for kind in self.kinds)
            fix = (f"wanted: {self.about}", *self._instead(node))
            findings.at(node, f"{wanted} is wanted here, not {node.kind.value}", *fix)
            return None
        return self._read(node, findings)

    def schema(self) -> Schema:
        """This shape as JSON Schema, draft 2020-12."""
        return {"description": self.about, **self._schema()}

    def _instead(self, node: Node) -> tuple[str, ...]:
        """How a node of another kind would be written, where that is plain."""
        del node
        return ()

    @abstractmethod
    def _read(self, node: Node, findings: Findings) -> Node | None: ...

    @abstractmethod
    def _schema(self) -> Schema: ...


@dataclass(frozen=True, kw_only=True)
class Text(Shape):
    """A text as written; of one line unless `lines`."""

    lines: bool = False

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if not node.text.strip():
            findings.at(node, "an empty text", f"wanted: {self.about}")
        elif unprintable(node.text, except_for="\n\t" if self.lines else "\t"):
            found = "a control character" if self.lines else "a line break or a control character"
            findings.at(node, f"{found} in the text", f"wanted: {self.about}")
        else:
            return node
        return None

    def _schema(self) -> Schema:
        return {"type": _ANY_SCALAR, "minLength": 1}


@dataclass(frozen=True, kw_only=True)
class Name(Shape):
    """A text that fits a pattern; `letters` says the pattern in words."""

    pattern: str
    letters: str

    def complaint(self, text: str) -> tuple[str, ...]:
        """Why `text` is no such name: what was found, and what would do; nothing if it is one."""
        if re.fullmatch(self.pattern, text):
            return ()
        return f"{quoted(text)} cannot be a name here", f"names: {self.letters}"

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if complaint := self.complaint(node.text):
            findings.at(node, *complaint)
            return None
        return node

    def _schema(self) -> Schema:
        return {"type": _ANY_SCALAR, "pattern": f"^(?:{self.pattern})$"}


@dataclass(frozen=True, kw_only=True)
class Choice(Shape):
    """One of a few words."""

    words: tuple[str, ...]

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if node.text in self.words:
            return node
        fix = (f"words: {listed(self.words)}", *did_you_mean(node.text, self.words))
        findings.at(node, f"unknown word {quoted(node.text)}", *fix)
        return None

    def _schema(self) -> Schema:
        return {"enum": list(self.words)}


@dataclass(frozen=True, kw_only=True)
class Parsed(Shape):
    """A text that `parse` understands (or one of a few `words`): a number, a duration, a unit, a threshold.

    `pattern` is the looser half of the truth, which a JSON Schema can say.
    """

    parse: Callable[[str], object]
    pattern: str
    words: tuple[str, ...] = ()

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if node.text in self.words:
            return node
        if unprintable(node.text) or len(node.text) > _LONGEST_PARSED:
            findings.at(node, f"{quoted(node.text)} is too long, or has several lines", f"wanted: {self.about}")
            return None
        try:
            self.parse(node.text)
        except QuantityError as error:
            findings.at(node, *str(error).splitlines())
            return None
        return node

    def _schema(self) -> Schema:
        words = "".join(f"{word}|" for word in self.words)
        return {"type": ["string", "number"], "pattern": rf"^(?:{words}\s*{self.pattern}\s*)$"}


def duration(about: str) -> Parsed:
    """The shape of a duration such as `5m`."""
    return Parsed(about=about, parse=parse_duration, pattern="[0-9].*")
