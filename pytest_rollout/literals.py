"""Literals: which metrics a gate's text names, and the windows it names them over.

Only for asking ahead: what a function computes is found when it asks. Reading
too much costs a query, reading too little costs waiting; neither changes a verdict.
"""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from pytest_rollout.asserts import tree_of
from pytest_rollout.errors import QuantityError
from pytest_rollout.quantities import parse_duration


@dataclass(frozen=True)
class Named:
    """A metric that a text names: where, and the window over it, if there is one; `flags` where flags are read."""

    line: int
    metric: str
    over: timedelta | None = None


@lru_cache(maxsize=256)
def named_in(filename: str) -> tuple[Named, ...]:
    """Every `metrics("name")` of a file, and its `.over("24h")`; a metric called "" stands for the flags."""
    tree = tree_of(filename)
    found: list[Named] = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call):
            found += _named(node)
    return tuple(found)


def names_of(filename: str, first_line: int, last_line: int) -> list[Named]:
    """What a function between two lines names, and what the file names outside of its tests."""
    lines, named = _by_line(filename)
    own = named[bisect_left(lines, first_line) : bisect_right(lines, last_line)]
    return [*own, *(each for each in _outside_tests(filename) if not first_line <= each.line <= last_line)]


@lru_cache(maxsize=256)
def _by_line(filename: str) -> tuple[list[int], list[Named]]:
    """What a file names, in order of its lines, so that each of its many tests finds its own without a search."""
    named = sorted(named_in(filename), key=lambda each: each.line)
    return [each.line for each in named], named


@lru_cache(maxsize=256)
def _outside_tests(filename: str) -> tuple[Named, ...]:
    lines, named = _by_line(filename)
    inside: set[int] = set()
    for start, end in _tests_of(filename):
        inside.update(range(bisect_left(lines, start), bisect_right(lines, end)))
    return tuple(each for place, each in enumerate(named) if place not in inside)


@lru_cache(maxsize=256)
def _tests_of(filename: str) -> tuple[tuple[int, int], ...]:
    tree = tree_of(filename)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return tuple(
        (node.lineno, node.end_lineno or node.lineno)
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, functions) and node.name.startswith("test")
    )


def _named(call: ast.Call) -> list[Named]:
    if _called(call) == "flags" or (isinstance(call.func, ast.Attribute) and _name(call.func.value) == "flags"):
        return [Named(call.lineno, "")]
    if _called(call) == "metrics" and (name := _text(call)):
        return [Named(call.lineno, name)]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "over" and isinstance(call.func.value, ast.Call):
        name, over = _text(call.func.value), _duration(_text(call))
        if _called(call.func.value) == "metrics" and name and over:
            return [Named(call.lineno, name, over)]
    return []


def _called(call: ast.Call) -> str:
    return _name(call.func)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _duration(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except QuantityError:
        return None
