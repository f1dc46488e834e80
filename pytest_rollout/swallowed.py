"""Swallowed: asserts whose failure goes by unseen, found in the text of a function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import CodeType

from pytest_rollout.asserts import tree_of

_LEAVES = (ast.Return, ast.Break, ast.Continue)
_ASIDE = frozenset({"print", "log", "logger", "logging", "warnings"})
"""What only a reader of a log hears: no gate fails of it."""


def swallowed_asserts(code: CodeType) -> tuple[int, ...]:
    """Lines of a function that assert where a failure goes by unseen: under `except: pass` or `suppress`."""
    last = max((line or 0 for _, _, line in code.co_lines()), default=0)
    return tuple(line for line in _swallowed_in(code.co_filename) if code.co_firstlineno <= line <= last)


@lru_cache(maxsize=1024)
def _swallowed_in(filename: str) -> tuple[int, ...]:
    tree = tree_of(filename)
    blocks = [block for node in ast.walk(tree) for block in _swallowing(node)] if tree else []
    return tuple(sorted({each.lineno for block in blocks for each in ast.walk(block) if isinstance(each, ast.Assert)}))


def _swallowing(node: ast.AST) -> Sequence[ast.AST]:
    """The statements below a node whose failed asserts it keeps to itself."""
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        return node.body if any(_name_of(call.func) == "suppress" and _catches(call.args) for call in calls) else []
    if not isinstance(node, ast.Try | ast.TryStar):
        return []
    if any(isinstance(each, _LEAVES) for each in node.finalbody):
        return [*node.body, *node.handlers, *node.orelse]
    first = next((each for each in node.handlers if each.type is None or _catches([each.type])), None)
    return node.body if first and all(map(_says_nothing, first.body)) else []


def _catches(types: Iterable[ast.expr]) -> bool:
    each = [one for kind in types for one in (kind.elts if isinstance(kind, ast.Tuple) else [kind])]
    return any(_name_of(kind) in {"AssertionError", "Exception", "BaseException"} for kind in each)


def _name_of(node: ast.expr) -> str:
    return getattr(node, "id", "") or getattr(node, "attr", "")


def _says_nothing(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    empty = value is None or isinstance(value, ast.Constant) or (isinstance(node, ast.Expr) and _is_aside(value))
    return isinstance(node, (*_LEAVES, ast.Pass, ast.Expr)) and empty


def _is_aside(value: ast.expr) -> bool:
    """Whether an expression prints or logs, and nothing else."""
    inner: ast.expr = value
    while isinstance(inner, ast.Attribute | ast.Call):
        inner = inner.value if isinstance(inner, ast.Attribute) else inner.func
    return isinstance(value, ast.Call) and _name_of(inner) in _ASIDE
