"""Strays: functions that look like gates and that pytest did not collect.

A file called `phase3_test.txt.py`, a function called `tset_p99`, a class with
an `__init__`: pytest passes over them in silence. Whoever asks for our
fixtures or wears our markers meant to be a gate, so the sources of the
rollout's folder are read, and what was passed over is named.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_rollout.asserts import tree_of
from pytest_rollout.decisions import Reason

GATE_FIXTURES = frozenset(
    (
        "metrics",
        "budget",
        "target",
        "flags",
        "baseline",
        "history",
        "approvals",
        "stage",
        "ab",
        "load",
        "machine",
        "drill",
    )
)
GATE_MARKERS = frozenset({"rollback", "shadow", "gate", "stage"})
"""What only a gate asks for, and what only a gate wears."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, order=True)
class Stray:
    """A function that was passed over: where it stands, its phases (none said: any), the code and what is wrong."""

    file: str
    line: int
    name: str
    phases: frozenset[str]
    reason: Reason
    sentence: str


@dataclass(frozen=True)
class _Defined:
    node: ast.FunctionDef | ast.AsyncFunctionDef
    name: str
    markers: frozenset[str]
    branch: bool


def find_strays(
    folder: Path,
    *,
    collected: Collection[tuple[str, str]],
    fixtures: Collection[str],
    markers: Collection[str],
    phases: Collection[str],
    ignore: Collection[Path],
) -> list[Stray]:
    """Functions below `folder` that look like gates and are not among `collected`.

    Args:
        folder: The rollout's folder.
        collected: (absolute file, qualified name) of every collected function.
        fixtures: Names of fixtures that only gates ask for.
        markers: Names of markers that only gates wear, without the phases.
        phases: The plan's phases.
        ignore: Files and folders that hold no gates (the world, other rollouts).
    """
    trees = dict(_parsed(folder, ignore))
    suspects: list[tuple[Path, _Defined]] = []
    strays: list[Stray] = []
    for path, tree in sorted(trees.items()):
        defined = list(_defined(tree.body, "", _marks_of_module(tree)))
        strays += _twice(folder, path, defined, phases)
        for each in defined:
            collects = (str(path), each.name) in collected
            if not collects and _looks_like_a_gate(each, fixtures, set(markers) | set(phases)):
                suspects.append((path, each))
    mentioned = {name for tree in trees.values() for name in _mentioned(tree)} if suspects else set()
    for path, each in suspects:
        if each.node.name.startswith("test") or each.node.name not in mentioned:
            sentence = (
                f"line {each.node.lineno}: looks like a gate and was not collected; call it test_… in a test_….py"
            )
            strays.append(_stray(folder, path, each, phases, Reason.MISSING, sentence))
    return sorted(strays)


def collection_error(text: str, file: str) -> list[str]:
    """What pytest says of a file that it could not collect, without the frames of its import, which nobody wrote.

    Args:
        text: What its report says.
        file: The file, as the report names it.
    """
    lines = text.splitlines()
    said = [line[1:].strip() for line in lines if line.startswith("E ")] or [line.strip() for line in lines]
    own = re.compile(rf"^{re.escape(file)}:(?:(\d+):)? ")
    return [own.sub(lambda at: f"line {at[1]}: " if at[1] else "", line) for line in said if line.strip("^~ ")]


def _stray(folder: Path, path: Path, each: _Defined, phases: Collection[str], reason: Reason, sentence: str) -> Stray:
    own = frozenset(each.markers & set(phases))
    return Stray(path.relative_to(folder).as_posix(), each.node.lineno, each.name, own, reason, sentence)


def _parsed(folder: Path, ignore: Collection[Path]) -> Iterator[tuple[Path, ast.Module]]:
    for path in folder.rglob("*.py"):
        if path in ignore or any(parent in ignore for parent in path.parents):
            continue
        tree = tree_of(str(path))
        if tree is not None:  # pytest itself reports a file that it cannot import
            yield path, tree


def _defined(
    body: Iterable[ast.stmt], prefix: str, markers: frozenset[str], *, branch: bool = False
) -> Iterator[_Defined]:
    for node in body:
        if isinstance(node, _FUNCTIONS):
            yield _Defined(node, prefix + node.name, markers | _marks(node.decorator_list), branch)
        elif isinstance(node, ast.ClassDef):
            worn = markers | _marks(node.decorator_list)
            yield from _defined(node.body, f"{prefix}{node.name}.", worn, branch=branch)
        else:
            yield from _defined(_inside(node), prefix, markers, branch=True)


def _inside(node: ast.AST) -> Iterator[ast.stmt]:
    """Statements in the branches of another (`if`, `try`, `with`, a loop)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def _looks_like_a_gate(each: _Defined, fixtures: Collection[str], markers: Collection[str]) -> bool:
    if any("fixture" in ast.unparse(decorator) for decorator in each.node.decorator_list):
        return False
    if not _may_be_collected(each):
        return bool(_marks(each.node.decorator_list) & set(markers))
    wanted = {argument.arg for argument in (*each.node.args.args, *each.node.args.kwonlyargs)}
    named = each.node.name.startswith("test")  # a test wears its class's and its module's markers too
    worn = each.markers if named else _marks(each.node.decorator_list)
    return bool(wanted & set(fixtures)) or bool(worn & set(markers))


def _may_be_collected(each: _Defined) -> bool:
    """A test by its name, a function of the module, or of a class for tests; other classes have their own methods."""
    classes = each.name.split(".")[:-1]
    return each.node.name.startswith("test") or all("test" in name.lower() for name in classes)


def _twice(folder: Path, path: Path, defined: list[_Defined], phases: Collection[str]) -> Iterator[Stray]:
    seen: dict[str, _Defined] = {}
    for each in defined:
        first = seen.get(each.name)
        either_way = first and first.branch and each.branch  # of two branches, one is taken
        if first and not either_way and each.node.name.startswith("test"):
            never = f"the function of that name in line {first.node.lineno}, which never runs"
            sentence = f"line {each.node.lineno}: replaces {never}"
            lost = _stray(folder, path, first, phases, Reason.DUPLICATE, sentence)  # its phases miss a gate
            own = _stray(folder, path, each, phases, Reason.DUPLICATE, sentence)
            either = lost.phases | own.phases if lost.phases and own.phases else frozenset()
            yield replace(own, phases=either)
        seen[each.name] = each


def _mentioned(tree: ast.Module) -> Iterator[str]:
    """Names that the module's code uses: a function that others call is a helper."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _marks_of_module(tree: ast.Module) -> frozenset[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(each) == "pytestmark" for each in node.targets):
            return _marks([node.value])
    return frozenset()


def _marks(nodes: Iterable[ast.expr]) -> frozenset[str]:
    """Marker names in expressions such as `pytest.mark.phase3` or a list of them."""
    return frozenset(
        part.attr
        for node in nodes
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and ast.unparse(part.value).endswith("mark")
    )
