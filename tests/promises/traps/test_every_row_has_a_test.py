"""The rows of the design table are kept: each has tests of its own, and none of them is ever left out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROWS = {
    1: "evidence that execnet cannot send",
    2: "gates that skip",
    3: "a module that skips itself",
    4: "gates that are expected to fail",
    5: "gates that pass unexpectedly",
    6: "an empty parametrisation",
    7: "gates that are left out of their phase",
    8: "an -m that asks for less than was meant",
    9: "gates that are never collected",
    10: "options of pytest and of the environment",
    11: "reruns",
    12: "runs that end early",
    13: "a process that ends without a word",
    14: "a status that somebody else sets",
    15: "workers that die",
    16: "slips of the author",
    17: "Python without asserts",
    18: "an exit code lost on the way",
    19: "a wrapper with a code of its own",
    20: "the wrong environment",
    21: "several rollouts",
    22: "stale receipts, clocks, two runs at once",
    23: "the past and the replay",
    24: "collection errors that are passed over",
    25: "fixtures of our names",
    26: "claims that are not asserted, or not the gate's own",
}
"""Ways in which a pytest run that should block ends in exit 0."""


def functions() -> list[ast.FunctionDef]:
    """Every test function of this folder."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted(Path(__file__).parent.glob("test_*.py"))]
    found = [each for tree in trees for each in tree.body if isinstance(each, ast.FunctionDef)]
    return [each for each in found if each.name.startswith("test_")]


@pytest.mark.parametrize("row", ROWS)
def test_the_row_has_a_test_that_asserts(row):
    """By its name; an assert, or a helper whose name says that it is one."""
    named = [each for each in functions() if each.name.startswith(f"test_row_{row:02}_")]

    assert named, f"row {row}: {ROWS[row]}"
    for function in named:
        calls = {
            getattr(node.func, "id", getattr(node.func, "attr", ""))
            for node in ast.walk(function)
            if isinstance(node, ast.Call)
        }
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(function))
        assert asserts or calls & {"blocked", "holds", "proceeds", "interrupt"}, function.name


def test_no_test_names_a_row_that_is_not_in_the_table():
    """A row that is added here is added to the table, or the other way round."""
    numbers = {int(each.name[9:11]) for each in functions() if each.name.startswith("test_row_")}

    assert numbers == set(ROWS) == set(range(1, 27))


def test_no_trap_is_left_out():
    """A test that skips, or is expected to fail, holds no promise: what these rows say of gates is true of them."""
    words = [
        f"{function.name}: {ast.unparse(node)}"
        for function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail", "importorskip"}
    ]

    assert words == []
