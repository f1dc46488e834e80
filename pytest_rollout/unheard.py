"""Unheard: asserts of a function that nobody runs, or of whose failure nobody is told, found in its text.

A coroutine that is not awaited and a generator that is not read run nothing.
What a pool, a loop or `gather` ran for a statement that throws their answer
away has failed in silence. Claims tell the gate themselves; a plain assert
does not, and would be missed beside a claim that is proven.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

from pytest_rollout.asserts import tree_of

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.Lambda, ast.ClassDef)
_LAZY = frozenset({"map", "filter"})
_LATER = frozenset({"submit", "apply_async", "map_async", "run_in_executor", "run_coroutine_threadsafe"})
"""What runs something and gives back where its outcome is found."""
_POOLS = frozenset({"ThreadPoolExecutor", "ProcessPoolExecutor"})
"""Whose `map` fails for those who read it, and for nobody else."""
_TASKS = frozenset({"create_task", "ensure_future"})
_LOOPS = frozenset({"asyncio", "loop"})
"""Whose tasks fail in silence; those of a group end the group."""


def unheard_asserts(code: CodeType) -> tuple[int, ...]:
    """Lines of a function that throw away a call whose asserts do not run, or fail unseen."""
    last = max((line or 0 for _, _, line in code.co_lines()), default=0)
    return tuple(line for line in _unheard_in(code.co_filename) if code.co_firstlineno <= line <= last)


@dataclass(frozen=True)
class _Names:
    """What names of a file are: functions with an assert, functions that run nothing when called, pools."""

    asserting: frozenset[str]
    idle: frozenset[str]
    pools: frozenset[str]


@lru_cache(maxsize=1024)
def _unheard_in(filename: str) -> tuple[int, ...]:
    tree = tree_of(filename)
    if tree is None:
        return ()
    nodes = list(ast.walk(tree))
    defined = [node for node in nodes if isinstance(node, _FUNCTIONS)]
    names = _Names(
        asserting=frozenset(
            node.name for node in defined if any(isinstance(each, ast.Assert) for each in ast.walk(node))
        ),
        idle=frozenset(node.name for node in defined if isinstance(node, ast.AsyncFunctionDef) or _yields(node)),
        pools=frozenset(_name_of(to) for node in nodes for made, to in _bound(node) if _name_of(made) in _POOLS),
    )
    return tuple(sorted({node.lineno for node in nodes if isinstance(node, ast.stmt) and _is_unheard(node, names)}))


def _is_unheard(node: ast.stmt, names: _Names) -> bool:
    """Whether a statement hears nothing of the asserts that it calls."""
    if isinstance(node, ast.Assert):
        return _called(node.test) in names.idle  # it asserts that there is a coroutine
    if not isinstance(node, ast.Expr):
        return False
    call = node.value.value if isinstance(node.value, ast.Await) else node.value
    awaited = call is not node.value
    if not isinstance(call, ast.Call):
        return False
    if not awaited and _called(call) in names.asserting & names.idle:
        return True
    given = {_own(each) or _called(each) for each in call.args}
    return bool(given & names.asserting) and _is_silent(call, names, awaited=awaited)


def _is_silent(call: ast.Call, names: _Names, *, awaited: bool) -> bool:
    """Whether a call whose answer is thrown away keeps to itself what fails in the functions that it is given."""
    name, of = _name_of(call.func), _name_of(getattr(call.func, "value", call.func))
    if name == "gather":
        return any(each.arg == "return_exceptions" for each in call.keywords)
    if isinstance(call.func, ast.Name):
        return name in _LAZY
    silent = name in _LATER or (name in _TASKS and of in _LOOPS) or (name == "map" and of in names.pools)
    return silent and not awaited


def _bound(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement calls and gives a name to: the function, and the name."""
    found: list[tuple[ast.expr, ast.expr]] = []
    if isinstance(node, ast.With):
        found = [(item.context_expr, item.optional_vars) for item in node.items if item.optional_vars]
    if isinstance(node, ast.Assign):
        found = [(node.value, target) for target in node.targets]
    yield from ((value.func, to) for value, to in found if isinstance(value, ast.Call))


def _called(node: ast.expr) -> str:
    """The function of the file that an expression calls; empty where it calls none."""
    return _own(node.func) if isinstance(node, ast.Call) else ""


def _own(node: ast.expr) -> str:
    """The name of a function, or of a method of the class itself; empty for one of another object."""
    mine = isinstance(node, ast.Name) or _name_of(getattr(node, "value", node)) in {"self", "cls"}
    return _name_of(node) if mine else ""


def _name_of(node: ast.expr) -> str:
    return getattr(node, "id", "") or getattr(node, "attr", "")


def _yields(function: ast.AST) -> bool:
    """Whether a function is a generator: itself, and not one that is defined in it."""
    inside = list(ast.iter_child_nodes(function))
    while inside:
        node = inside.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        inside += [] if isinstance(node, _SCOPES) else ast.iter_child_nodes(node)
    return False
