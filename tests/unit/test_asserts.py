"""Which lines are asserts, and who is asking."""

from __future__ import annotations

import linecache
import sys
import textwrap

import pytest

from pytest_rollout.asserts import always_true, assert_at, asserting_frame, asserts_by_hand, asserts_of, made_within


@pytest.fixture
def module(tmp_path):
    """Write a module; its file name and its names."""

    def module(text: str, name: str = "module.py", **names):
        file = tmp_path / name
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        linecache.checkcache(str(file))
        namespace = {"__name__": "gates", **names}
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
        return str(file), namespace

    return module


SAMPLE = """
x = 1
assert x
assert x, "message"
assert (
    x
    == 1
), (
    "message"
)
def f():
    assert x; y = 2
    if x: assert x == 1
    return y
"""


def test_every_line_of_an_asserts_test_is_found(module):
    """From the word `assert` to the end of its test; the message is no part of it."""
    file, _ = module(SAMPLE)

    assert [each.line for each in asserts_of(file)] == [2, 3, 4, 11, 12]
    assert {line: bool(assert_at(file, line)) for line in range(1, 14)} == {
        **dict.fromkeys([1, 7, 8, 9, 10, 13], False),
        **dict.fromkeys([2, 3, 4, 5, 6, 11, 12], True),
    }


@pytest.mark.parametrize("line", [0, -1, 10_000])
def test_lines_that_are_not_there_are_no_asserts(module, line):
    file, _ = module(SAMPLE)

    assert assert_at(file, line) is None


@pytest.mark.parametrize("text", ["def broken(:\n    assert x", "\0", ""])
def test_source_that_cannot_be_read_has_no_asserts(tmp_path, text):
    """That errs towards HOLD."""
    file = tmp_path / "broken.py"
    file.write_text(text, encoding="utf-8")

    assert asserts_of(str(file)) == ()
    assert asserts_of(str(tmp_path / "absent.py")) == ()
    assert asserts_of("<string>") == ()


ASKING = """
def ask():
    return who()

def by_return():
    return ask()

def by_assert():
    assert ask() is None or True

def through_helper():
    assert [ask() for _ in range(1)]

def in_message():
    assert not (seen := [1]), ask()

def deep():
    return all(ask() or True for _ in range(2))

def deep_assert():
    assert deep()
"""


@pytest.mark.parametrize(
    ("function", "line"), [("by_return", None), ("by_assert", 8), ("through_helper", 11), ("deep_assert", 20)]
)
def test_the_assert_that_asks_is_found_through_helpers(module, function, line):
    seen = []

    def who():
        seen.append(asserting_frame(sys._getframe(1)))

    file, names = module(ASKING, who=who)
    names[function]()

    assert seen
    assert set(seen) == {(file, line) if line else None}


def test_the_walk_ends_where_the_framework_begins(module):
    """An assert of pytest's own, or of a plugin, is not the gate's."""
    seen = []

    def who():
        seen.append(asserting_frame(sys._getframe(1)))

    _, inner = module("def gate():\n    return who()\n", name="inner.py", who=who)
    _, outer = module("def run(gate):\n    assert not gate()\n", name="outer.py", __name__="_pytest.python")
    outer["run"](inner["gate"])
    _, outer = module("def run(gate):\n    assert not gate()\n", name="other.py", __name__="helpers")
    outer["run"](inner["gate"])

    assert seen[0] is None
    assert seen[1] is not None


def test_no_frame_asks_nothing():
    assert asserting_frame(None) is None


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ("x.value < 5", True),
        ("5 > x.value", True),
        ("x.low > 1", True),
        ("x.high < 9", True),
        ("0 < x.value < 5", True),
        ("metrics('x').value == 5", True),
        ("f(y).value == 5", False),
        ("state.value == 'on'", False),
        ("a and x.value < 5", True),
        ("x < 5", False),
        ("check(x.value < 5, 'by hand all the same')", True),
        ("x.values < 5", False),
        ("lower(x) < 5", False),
    ],
)
def test_bare_values_are_noticed(module, test, found):
    _, names = module(f"def gate(metrics):\n    x = metrics('x')\n    assert {test}\n")

    assert asserts_by_hand(names["gate"].__code__) == ((3,) if found else ())


def test_only_the_functions_own_asserts_are_looked_at(module):
    _, names = module(
        "def other(metrics):\n    assert metrics('x').value < 5\n\ndef gate(x):\n    assert x < 5\n\nassert True\n"
    )

    assert asserts_by_hand(names["gate"].__code__) == ()


@pytest.mark.parametrize("text", ["", "def", "x ==", "a b", "\0"])
def test_a_text_that_cannot_be_read_shows_nothing(text):
    """That errs towards HOLD."""
    assert always_true(text)


@pytest.mark.parametrize(
    ("module", "counts"), [("test_phase1", True), ("helpers", True), ("pytest_rollout.sources.told", False)]
)
def test_an_assert_of_this_package_is_no_fact_of_a_gate(module, counts):
    """pytest rewrites a plugin's asserts as it does those of tests, and reports them alike."""
    names = {"__name__": module, "framed": lambda: sys._getframe(1)}
    exec("def asserting(): return framed()", names)

    def gate():
        return names["asserting"]()

    assert made_within(gate_frame(gate), gate.__code__) is counts


def gate_frame(gate):
    """The frame of what a gate calls; it and its callers live on in the frame."""
    return gate()
