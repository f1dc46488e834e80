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
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType

_BOUNDARIES = ("_pytest", "pluggy", "unittest", "xdist", "execnet")
_BY_HAND = frozenset({"value", "low", "high"})


@dataclass(frozen=True)
class AssertLine:
    """One `assert` of a file: the lines its test spans, and what it reads by hand."""

    line: int
    last: int
    by_hand: bool


@lru_cache(maxsize=1024)
def asserts_of(filename: str) -> tuple[AssertLine, ...]:
    """The asserts of a file in line order; empty when there is no source to read."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return ()
    found = [
        AssertLine(node.test.lineno, node.test.end_lineno or node.test.lineno, _reads_by_hand(node.test))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    return tuple(sorted(found, key=lambda each: each.line))


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
    """Lines of a function that assert on `.value`, `.low` or `.high` of something."""
    first, last = code.co_firstlineno, max((line or 0 for _, _, line in code.co_lines()), default=0)
    return tuple(each.line for each in asserts_of(code.co_filename) if first <= each.line <= last and each.by_hand)


def _frames_of_the_gate(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in _BOUNDARIES:
            return
        yield frame
        frame = frame.f_back


def _reads_by_hand(test: ast.expr) -> bool:
    """Whether a comparison has `.value`, `.low` or `.high` on one side; inside `check()` it is said on purpose."""
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check":
            return False
    return any(
        isinstance(side, ast.Attribute) and side.attr in _BY_HAND
        for node in ast.walk(test)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
    )
