"""Structures: lists and mappings whose pieces have shapes of their own.

Reading keeps the order of the file, because the levels of a budget stand from
mild to severe, and gives back a tree without the pieces that did not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pytest_rollout.errors import did_you_mean, listed
from pytest_rollout.plan.nodes import Findings, Kind, Node, clipped, quoted, unprintable
from pytest_rollout.plan.shape import Choice, Name, Schema, Shape

Refusal = tuple[str, ...]
"""Why a key is refused: what was found, then lines of what would do."""

_ONLY_MAPPINGS = (Kind.MAPPING,)


@dataclass(frozen=True, kw_only=True)
class ListOf(Shape):
    """A list of texts, at least one of them, none of them twice."""

    items: Shape
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.LIST,)

    def _instead(self, node: Node) -> tuple[str, ...]:
        return (f"write [{clipped(node.text)}]",) if node.kind is Kind.TEXT else ()

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if not node.items:
            findings.at(node, "an empty list", f"wanted: {self.about}")
        seen: dict[str, Node] = {}
        for item in node.items:
            kept = self.items.read(item, findings)
            if kept is not None and kept.text in seen:
                findings.at(kept, f"{quoted(kept.text)} stands in the list twice")
            elif kept is not None:
                seen[kept.text] = kept
        return replace(node, items=tuple(seen.values()))

    def _schema(self) -> Schema:
        return {"type": "array", "items": self.items.schema(), "minItems": 1, "uniqueItems": True}


@dataclass(frozen=True, kw_only=True)
class RowsOf(Shape):
    """A list of mappings of one shape, at least one of them."""

    rows: Shape
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.LIST,)

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if not node.items:
            findings.at(node, "an empty list", f"wanted: {self.about}")
        kept = [self.rows.read(item, findings) for item in node.items]
        return replace(node, items=tuple(item for item in kept if item is not None))

    def _schema(self) -> Schema:
        return {"type": "array", "items": self.rows.schema(), "minItems": 1}


@dataclass(frozen=True, kw_only=True)
class ListOrMap(Shape):
    """A list where names are enough, or a mapping that says more of each."""

    listed: Shape
    mapped: Shape
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.LIST, Kind.MAPPING)

    def _read(self, node: Node, findings: Findings) -> Node | None:
        return (self.listed if node.kind is Kind.LIST else self.mapped).read(node, findings)

    def _schema(self) -> Schema:
        return {"anyOf": [self.listed.schema(), self.mapped.schema()]}


@dataclass(frozen=True, kw_only=True)
class MapOf(Shape):
    """A mapping from names to things of one shape."""

    names: Name
    values: Shape
    at_least: int = 0
    kinds: ClassVar[tuple[Kind, ...]] = _ONLY_MAPPINGS

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if len(node.fields) < self.at_least:
            findings.at(node, "an empty mapping", f"wanted: {self.about}")
        kept = {}
        for name, value in node.fields.items():
            if complaint := self.names.complaint(name):
                findings.at_key(value, *complaint)
            read = self.values.read(value, findings)
            if read is not None and not complaint:
                kept[name] = read
        return replace(node, fields=kept)

    def _schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.names.pattern})$"},
            "additionalProperties": self.values.schema(),
            "minProperties": self.at_least,
        }


@dataclass(frozen=True, kw_only=True)
class Fields(Shape):
    """A mapping with known keys, some of them required.

    `refused` are keys with a better answer than "unknown key". `others`, if
    given, takes further names: mappings that have the keys it requires. Of
    the keys in `one_of`, if there are any, at least one must be there.
    """

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    others: Others | None = None
    one_of: tuple[str, ...] = ()
    kinds: ClassVar[tuple[Kind, ...]] = _ONLY_MAPPINGS

    @property
    def keys(self) -> Mapping[str, Shape]:
        """Every known key with its shape."""
        return {**self.required, **self.optional}

    def _read(self, node: Node, findings: Findings) -> Node | None:
        for name, shape in self.required.items():
            if name not in node.fields:
                findings.at_key(node, f"'{name}' is missing", f"{name}: {shape.about}")
        if self.one_of and not node.fields.keys() & set(self.one_of):
            wanted = [f"{name}: {self.keys[name].about}" for name in self.one_of]
            findings.at_key(node, f"none of {listed(self.one_of)} is there", *wanted)
        kept = {}
        for name, value in node.fields.items():
            expected = self._shape_of(name, value)
            if expected is None:
                findings.at_key(value, *self._refusal(name))
            elif (read := expected.read(value, findings)) is not None:
                kept[name] = read
        return replace(node, fields=kept)

    def _shape_of(self, name: str, value: Node) -> Shape | None:
        if name in self.keys:
            return self.keys[name]
        if self.others is None or name in self.refused or self.others.names.complaint(name):
            return None
        return self.others.values if value.fields.keys() >= self.others.values.required.keys() else None

    def _refusal(self, name: str) -> Refusal:
        if name in self.refused:
            return self.refused[name]
        further = (self.others.about,) if self.others is not None else ()
        return (
            f"unknown key {quoted(name)}",
            f"keys: {listed(self.keys)}",
            *further,
            *did_you_mean(name, self.keys),
        )

    def _schema(self) -> Schema:
        properties: dict[str, object] = {name: shape.schema() for name, shape in self.keys.items()}
        schema: Schema = {"type": "object", "properties": properties, "required": list(self.required)}
        if self.one_of:
            schema["anyOf"] = [{"required": [name]} for name in self.one_of]
        if self.others is None:
            return {**schema, "additionalProperties": False}
        properties.update(dict.fromkeys(self.refused, False))
        names = "|".join([*self.keys, self.others.names.pattern])
        further = self.others.values.schema()
        return {**schema, "propertyNames": {"pattern": f"^(?:{names})$"}, "additionalProperties": further}


@dataclass(frozen=True, kw_only=True)
class Others:
    """Keys beyond the known ones: what they are called, and what stands below them."""

    about: str
    names: Name
    values: Fields


@dataclass(frozen=True, kw_only=True)
class Either(Shape):
    """A short form of one scalar, or a mapping that says more."""

    short: Shape
    long: Shape
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TEXT, Kind.MAPPING)

    def _read(self, node: Node, findings: Findings) -> Node | None:
        return (self.short if node.kind is Kind.TEXT else self.long).read(node, findings)

    def _schema(self) -> Schema:
        return {"anyOf": [self.short.schema(), self.long.schema()]}


@dataclass(frozen=True, kw_only=True)
class Split(Shape):
    """A mapping of one shape when it has the key `key`, and of another when it has not."""

    key: str
    having: Fields
    lacking: Fields
    kinds: ClassVar[tuple[Kind, ...]] = _ONLY_MAPPINGS

    def _read(self, node: Node, findings: Findings) -> Node | None:
        return (self.having if self.key in node.fields else self.lacking).read(node, findings)

    def _schema(self) -> Schema:
        return {"if": {"required": [self.key]}, "then": self.having.schema(), "else": self.lacking.schema()}


@dataclass(frozen=True, kw_only=True)
class ByKind(Shape):
    """A mapping whose `kind` says which other keys it has."""

    forms: Mapping[str, Fields]
    kinds: ClassVar[tuple[Kind, ...]] = _ONLY_MAPPINGS

    @property
    def kind(self) -> Choice:
        """The shape of the key `kind`."""
        return Choice(about=f"what it is: {listed(self.forms)}", words=tuple(sorted(self.forms)))

    def _read(self, node: Node, findings: Findings) -> Node | None:
        kind = node.get("kind")
        if kind is None:
            findings.at_key(node, "'kind' is missing", f"kind: {self.kind.about}")
            return None
        read = self.kind.read(kind, findings)
        return self.forms[read.text].read(node, findings) if read is not None else None

    def _schema(self) -> Schema:
        cases = [
            {"if": {"properties": {"kind": {"const": name}}}, "then": form.schema()}
            for name, form in sorted(self.forms.items())
        ]
        return {
            "type": "object",
            "properties": {"kind": self.kind.schema()},
            "required": ["kind"],
            **({"allOf": cases} if cases else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Tree(Shape):
    """A text, a list, or a mapping with anything below it, whatever its keys."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TEXT, Kind.MAPPING, Kind.LIST)

    def _read(self, node: Node, findings: Findings) -> Node | None:
        if node.kind is Kind.TEXT and unprintable(node.text, except_for="\n\t"):
            findings.at(node, "a control character in the text", f"wanted: {self.about}")
        for name, below in node.fields.items():
            if "${" in name or unprintable(name, except_for="\n\t"):
                findings.at_key(below, "variables and control characters cannot stand in a key")
        for below in (*node.items, *node.fields.values()):
            self._read(below, findings)
        return node

    def _schema(self) -> Schema:
        return {"type": ["string", "number", "boolean", "object", "array"]}
