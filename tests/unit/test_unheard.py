"""Which calls hide the asserts that they were to run."""

from __future__ import annotations

import linecache
import textwrap

import pytest

from pytest_rollout.unheard import unheard_asserts

HELPERS = """
def small(x=1):
    assert x < 2
async def later(x=1):
    assert x < 2
def each(xs=()):
    for x in xs:
        assert x < 2
        yield x
def plain(x=1):
    return x < 2
async def idle():
    return 1
"""


@pytest.fixture
def lines(tmp_path):
    """Of a function's lines, counted from 1, those that hear nothing of their asserts."""

    def lines(body: str, head: str = "async def gate(xs, pool, loop, asyncio, group):"):
        file = tmp_path / f"gates_{len(list(tmp_path.iterdir()))}.py"  # a file is read once
        text = HELPERS.lstrip("\n") + f"{head}\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"
        file.write_text(text, "utf-8")
        linecache.checkcache(str(file))
        names: dict = {}
        exec(compile(text, str(file), "exec"), names)
        code = names["gate"].__code__
        return [line - code.co_firstlineno for line in unheard_asserts(code)]

    return lines


@pytest.mark.parametrize(
    "line",
    [
        "later()",
        "each(xs)",
        "assert later()",
        "assert idle()",
        "map(small, xs)",
        "filter(small, xs)",
        "pool.submit(small, 3)",
        "loop.run_in_executor(None, small)",
        "asyncio.create_task(later())",
        "asyncio.ensure_future(later())",
        "await asyncio.gather(later(), return_exceptions=True)",
    ],
)
def test_what_is_not_run_or_fails_in_silence(lines, line):
    """Beside a claim that is proven it would have been taken for a gate that has shown all of it."""
    assert lines(f"x = 1\n{line}\nx = 2") == [2]


@pytest.mark.parametrize(
    "line",
    [
        "small()",
        "await later()",
        "list(each(xs))",
        "list(map(small, xs))",
        "assert all(each(xs))",
        "done = pool.submit(small, 3)",
        "await loop.run_in_executor(None, small)",
        "await asyncio.gather(later())",
        "task = asyncio.create_task(later())",
        "group.create_task(later())",
        "pool.submit(plain, 3)",
        "map(plain, xs)",
        "await idle()",
    ],
)
def test_what_is_heard_or_asserts_nothing(lines, line):
    """A group of tasks ends with the first that fails, and what has a name may be looked at."""
    assert lines(f"x = 1\n{line}\nx = 2") == []


def test_a_pool_by_its_name(lines):
    """`map` of an executor fails for those who read it; that of another object is not known to."""
    body = """
    with ThreadPoolExecutor() as workers:
        workers.map(small, xs)
        pool.map(small, xs)
    """

    assert lines(body) == [2]


def test_lines_of_other_functions_are_theirs(lines):
    """A module may hold many gates; one that hears everything is not blamed for another."""
    assert lines("small()\ndef inner():\n    later()\ninner()", "def gate():") == [3]
    assert lines("small()", "def other():\n    later()\ndef gate():") == []
