"""Asserts: which lines of a source file are `assert` statements.

A claim counts only where it was asserted. pytest rewrites asserts, or does
not (`--assert=plain`), and a claim may travel through helpers and `all()`
before its truth is asked; what stays true in all cases is the line that asks.
So a claim is asserted when a frame between the question and the gate stands
on the tested expression of an `assert`.

Source that cannot be read has no asserts: that errs towards HOLD.
"""

from __future__ import annotations

import ast
import linecache
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

_OURS = __name__.partition(".")[0]
_INSTALLED = {"site-packages", "dist-packages"}
_BOUNDARIES = ("_pytest", "pluggy", "unittest", "xdist", "execnet")
_NEVER_FALSE = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.JoinedStr, ast.Lambda, ast.GeneratorExp)
_ITERATORS = frozenset({"map", "filter", "zip", "iter", "enumerate", "reversed"})
_BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)
_READERS = frozenset({"metrics", "flags"})
_BY_HAND = frozenset({"value", "low", "high"})
_LOOKED_AT = _BY_HAND | {"truth"}


@dataclass(frozen=True)
class AssertLine:
    """One `assert` of a file: its line, the last line of its test, and what is wrong with it.

    `by_hand` compares a bare `.value`; `hollow` holds whatever the facts are;
    `looks` takes a number or an answer apart in place of asking it.
    """

    line: int
    last: int
    by_hand: bool
    hollow: bool = False
    looks: bool = False


@lru_cache(maxsize=256)
def tree_of(filename: str) -> ast.Module | None:
    """A file's syntax tree; None when there is no source to read."""
    try:
        return ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return None


@lru_cache(maxsize=1024)
def asserts_of(filename: str) -> tuple[AssertLine, ...]:
    """The asserts of a file in line order; empty when there is no source to read."""
    tree = tree_of(filename)
    suspicious = any(f".{name}" in line for line in linecache.getlines(filename) for name in _BY_HAND)
    readings = _readings(tree) if tree and suspicious else frozenset()
    found = [
        AssertLine(
            node.lineno,
            node.test.end_lineno or node.test.lineno,
            suspicious and _reads_by_hand(node.test, readings),
            _is_hollow(node.test),
            any(isinstance(each, ast.Attribute) and each.attr in _LOOKED_AT for each in ast.walk(node.test)),
        )
        for node in (_asserts(tree.body) if tree else ())
    ]
    return tuple(sorted(found, key=lambda each: each.line))


def _asserts(nodes: Iterable[ast.AST]) -> Iterator[ast.Assert]:
    """Asserts among statements and the statements inside them; no expression holds one."""
    for node in nodes:
        if isinstance(node, ast.Assert):
            yield node
        else:
            yield from _asserts(child for child in ast.iter_child_nodes(node) if isinstance(child, _BLOCKS))


def assert_at(filename: str, line: int) -> AssertLine | None:
    """The assert whose tested expression covers a line, or None."""
    lines = asserts_of(filename)
    index = bisect_right(lines, line, key=lambda each: each.line) - 1
    return lines[index] if index >= 0 and line <= lines[index].last else None


def asserting_frame(frame: FrameType | None) -> tuple[str, int] | None:
    """File and first line of the assert that is asking, from `frame` outwards.

    The walk ends where the test framework begins.
    """
    for each in _frames_of_the_gate(frame):
        if found := assert_at(each.f_code.co_filename, each.f_lineno):
            return each.f_code.co_filename, found.line
    return None


def asserts_by_hand(code: CodeType) -> tuple[int, ...]:
    """Lines of a function that assert on the bare `.value`, `.low` or `.high` of a metric or flag."""
    return _lines_within(code, _by_hand_in(code.co_filename))


def hollow_asserts(code: CodeType) -> tuple[int, ...]:
    """Lines of a function that assert what cannot be false: a generator, a tuple, a constant."""
    return _lines_within(code, _hollow_in(code.co_filename))


def _lines_within(code: CodeType, lines: tuple[int, ...]) -> tuple[int, ...]:
    if not lines:
        return ()
    last = max((line or 0 for _, _, line in code.co_lines()), default=0)
    return tuple(line for line in lines if code.co_firstlineno <= line <= last)


@lru_cache(maxsize=1024)
def _by_hand_in(filename: str) -> tuple[int, ...]:
    return tuple(each.line for each in asserts_of(filename) if each.by_hand)


@lru_cache(maxsize=1024)
def _hollow_in(filename: str) -> tuple[int, ...]:
    return tuple(each.line for each in asserts_of(filename) if each.hollow)


def in_a_message(filename: str, line: int, column: int) -> bool:
    """Whether a place of a file is the message of an `assert`, which is made when the assert has failed already."""
    tree = tree_of(filename)
    return any(
        (said.lineno, said.col_offset) <= (line, column) < (said.end_lineno or line, said.end_col_offset or 0)
        for said in (node.msg for node in (_asserts(tree.body) if tree else ()))
        if said is not None
    )


def always_true(test: str) -> bool:
    """Whether an asserted expression holds whatever the facts are, as `True` and `(claim, "message")` do.

    What cannot be read is taken for such a one: that errs towards HOLD.
    """
    try:
        return _is_hollow(ast.parse(f"({test}\n)", mode="eval").body)
    except (SyntaxError, ValueError):
        return True


def _is_hollow(test: ast.expr) -> bool:
    """Whether an expression is true whatever it holds: an iterator is, before anybody has read it."""
    iterator = isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id in _ITERATORS
    return iterator or isinstance(test, _NEVER_FALSE)


def made_within(frame: FrameType | None, code: CodeType) -> bool:
    """Whether the assert that a test framework reports at `frame` stands in a function or in what it called.

    One of this package or of an installed one does not: pytest rewrites the asserts of every plugin's package (anyio
    is one, below each HTTP request), and they are no facts of the gate.
    """
    while frame is not None and _is_framework(frame):
        frame = frame.f_back
    if frame is not None and (_package_of(frame) == _OURS or _INSTALLED & {*Path(frame.f_code.co_filename).parts}):
        return False
    return any(each.f_code is code for each in _frames_of_the_gate(frame))


def _is_framework(frame: FrameType) -> bool:
    return _package_of(frame) in _BOUNDARIES


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _frames_of_the_gate(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if _is_framework(frame):
            return
        yield frame
        frame = frame.f_back


def _reads_by_hand(test: ast.expr, readings: frozenset[str]) -> bool:
    """Whether a comparison has the bare `.value`, `.low` or `.high` of something read on one side."""
    return any(
        isinstance(side, ast.Attribute) and side.attr in _BY_HAND and _is_reading(side.value, readings)
        for node in ast.walk(test)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
    )


def _is_reading(node: ast.expr, readings: frozenset[str]) -> bool:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _READERS
    return called or (isinstance(node, ast.Name) and node.id in readings)


def _readings(tree: ast.Module) -> frozenset[str]:
    """Names that a file gives to what it reads: `latency = metrics("latency")`."""
    return frozenset(
        target.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.Assign, ast.NamedExpr)) and _is_reading(node.value, frozenset())
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    )
