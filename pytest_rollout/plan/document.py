"""Documents: bytes in, a tree of nodes out, and YAML's surprises refused.

YAML is read as its events, so nothing is ever resolved or constructed: no
tag runs code, no alias multiplies, no `off` becomes False. What a plan has no
use for (tags, anchors, aliases, merge keys, a second document) is refused
where it stands, because quietly ignoring it would mean something else than
the author meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

import yaml

from pytest_rollout.plan.nodes import Findings, Kind, Node, Spot, clipped

MAX_BYTES = 1 << 20
"""Larger files are refused: a plan is written by hand, and reading YAML is slow."""

MAX_DEPTH = 32
"""Deeper documents are refused, long before Python's own recursion ends."""

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_START = Spot(1, 1)
_IN_WORDS = (
    (
        "expected <block end>, but found '?'",
        "a key stands among the items of a list",
        "the list starts at line {line}: a mapping has no '- ' before its keys",
    ),
    (
        "expected <block end>, but found '-'",
        "a '- ' stands among the keys of a mapping",
        "the mapping starts at line {line}: indent the list below its key",
    ),
    (
        "expected <block end>",
        "the indentation of this line is that of no line to which it could belong",
        "the block around it starts at line {line}, column {column}",
    ),
    (
        "mapping values are not allowed here",
        "a second ': ' in one value, or a line that is indented too far",
        "quote a text that holds ': '; indent the keys of one block alike",
    ),
    (
        "could not find expected ':'",
        "no 'key: value' before this place, at line {line}",
        "a blank stands behind the colon",
    ),
    (
        "that cannot start any token",
        "a text cannot start with this character",
        "quote the text",
    ),
    (
        "found unexpected end of stream",
        "the quote that opens at line {line} is not closed",
        "end the text with the same quote",
    ),
)
"""The most frequent slips, which PyYAML says in words of its grammar: what it says, what is meant, what would do."""


def read_document(data: bytes, findings: Findings, *, starts: str = "a plan starts with 'rollout: <name>'") -> Node:
    """The one document in `data`; what is refused but does not end the reading is noted in `findings`.

    Args:
        data: The whole file.
        findings: Where problems are noted.
        starts: What would do where there is nothing.

    Raises:
        PlanError: The bytes are no document that a plan could be.
    """
    if len(data) > MAX_BYTES:
        findings.fail(_START, "", "larger than 1 MiB: this is no plan")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        findings.fail(_spot_after(before), "", "not UTF-8", "save the file as UTF-8")
    return _Builder(_events(text, findings), findings).document(starts)


def _events(text: str, findings: Findings) -> Iterator[yaml.Event]:
    """The events of a YAML text; what is not YAML is noted where reading stops."""
    spot = _START
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            spot = _spot(event.start_mark)
            yield event
    except yaml.reader.ReaderError as error:
        character = f"U+{ord(text[error.position]):04X}"
        findings.fail(_spot_after(text[: error.position]), "", f"the character {character} cannot stand in YAML")
    except yaml.MarkedYAMLError as error:
        where = _spot(error.problem_mark) if error.problem_mark else spot
        findings.fail(where, "", *_explained(error, text, where))
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets chr() and int() fail on escapes and directives that are out of range.
        findings.fail(spot, "", "not YAML: an escape or a directive after this place is out of range")


def _explained(error: yaml.MarkedYAMLError, text: str, where: Spot) -> list[str]:
    problem = clipped(error.problem or "the document ends too early")
    if "'\\t'" in problem:
        return ["a tab stands where only spaces may", "indent with spaces"]
    begins = _spot(error.context_mark or error.problem_mark)
    said = next((words for sign, *words in _IN_WORDS if sign in problem), None)
    if said is not None:
        return [f"not YAML: {said[0]}".format(line=begins.line), said[1].format(line=begins.line, column=begins.column)]
    lines = [f"not YAML: {problem}"]
    if error.context:
        start = f" that starts at line {error.context_mark.line + 1}" if error.context_mark else ""
        lines.append(f"{error.context}{start}")
    if "${" in _LINE_BREAK.split(text)[where.line - 1 : where.line][0]:
        lines.append('inside { } and [ ], quote variables: "${NAME}"')
    return lines


class _Builder:
    """Puts the events of one document together to a tree."""

    def __init__(self, events: Iterator[yaml.Event], findings: Findings) -> None:
        self._events = events
        self._findings = findings

    def document(self, starts: str) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self._findings.fail(_spot(event.start_mark), "", "a second document", "a plan is one document")
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event, path="", key=None, depth=0)
        if root is None or root.is_nothing:
            self._findings.fail(_START, "", "the file is empty", starts)
        return root

    def _node(self, event: yaml.NodeEvent, *, path: str, key: Spot | None, depth: int) -> Node:
        spot = _spot(event.start_mark)
        kind, items, fields = Kind.TEXT, [], {}
        if depth > MAX_DEPTH:
            self._findings.fail(spot, path, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.SequenceStartEvent):
            kind, items = Kind.LIST, self._items(path, depth)
        elif isinstance(event, yaml.MappingStartEvent):
            kind, fields = Kind.MAPPING, self._fields(path, depth)
        if self._refused(event, spot, path):
            kind, items, fields = Kind.UNREAD, [], {}
        scalar = event if isinstance(event, yaml.ScalarEvent) else None
        return Node(
            kind=kind,
            path=path,
            spot=spot,
            key=key or spot,
            text=scalar.value if scalar else "",
            plain=scalar is not None and scalar.style is None,
            items=tuple(items),
            fields=fields,
        )

    def _refused(self, event: yaml.NodeEvent, spot: Spot, path: str) -> bool:
        found = []
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            found.append(("anchors and aliases ('&', '*') are not read", "write the value out"))
        if getattr(event, "tag", None):
            found.append(("tags ('!') are not read", "write the plain value; quote a text that starts with '!'"))
        for each in found:
            self._findings.add(spot, path, *each)
        return bool(found)

    def _items(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while isinstance(event := next(self._events), yaml.NodeEvent):
            items.append(self._node(event, path=f"{path}[{len(items)}]", key=None, depth=depth + 1))
        return items

    def _fields(self, path: str, depth: int) -> dict[str, Node]:
        fields: dict[str, Node] = {}
        while isinstance(event := next(self._events), yaml.NodeEvent):
            name = self._node(event, path=path, key=None, depth=depth + 1)
            below = ".".join(part for part in (path, clipped(name.text)) if part)
            value = self._node(self._value(), path=below, key=name.spot, depth=depth + 1)
            if self._sound(name, below, fields):
                fields[name.text] = value
        return fields

    def _value(self) -> yaml.NodeEvent:
        event = next(self._events)
        if not isinstance(event, yaml.NodeEvent):
            raise TypeError(f"a key without a value: {event}")
        return event

    def _sound(self, name: Node, path: str, fields: dict[str, Node]) -> bool:
        """Whether `name` may stand as a key; says why not."""
        if name.kind is Kind.UNREAD:
            return False
        if name.kind is not Kind.TEXT:
            self._findings.at(name, f"a key is a text, not {name.kind.value}")
        elif name.plain and not name.text:
            self._findings.at(name, "a value without a key")
        elif name.plain and name.text == "<<":
            self._findings.at(name, "merge keys ('<<') are not read", "write the keys out")
        elif name.text in fields:
            first = fields[name.text].key
            self._findings.add(name.spot, path, "the same key for the second time", f"first at line {first.line}")
        else:
            return True
        return False


class _Mark(Protocol):
    """A mark of PyYAML's, which counts from 0."""

    line: int
    column: int


def _spot(mark: _Mark | None) -> Spot:
    return Spot(mark.line + 1, mark.column + 1) if mark is not None else _START


def _spot_after(text: str) -> Spot:
    lines = _LINE_BREAK.split(text)
    return Spot(len(lines), len(lines[-1]) + 1)
