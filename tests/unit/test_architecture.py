"""The house: imports go down only, pytest is met at the top, and nothing heavy is loaded early."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pytest_rollout

PACKAGE = Path(pytest_rollout.__file__).parent

# What may import what: a module imports its own layer (without cycles) and those below it.
LAYERS = (
    {
        "decisions",
        "errors",
        "quantities",
        "asserts",
        "swallowed",
        "unheard",
        "threads",
        "literals",
        "provenance",
        "clock",
    },
    {"claim_facts", "claims", "identity", "held", "intervals", "comparing", "estimates", "facts", "limits"},
    {
        "stats",
        "experiment",
        "timeseries",
        "windows",
        "distributions",
        "sources",
        "actions",
        "discovery",
        "versions",
        "campaign",
        "determinism",
    },
    {
        "plan",
        "ledger",
        "signoff",
        "evidence",
        "book",
        "lock",
        "judgement",
        "triggers",
        "verdict",
        "receipt",
        "verification",
        "receipt_schema",
        "record",
        "strays",
        "depths",
        "recorded",
        "remembered",
        "schedule",
        "checkpoint",
        "stages",
        "presence",
        "waiting",
    },
    {
        "readings",
        "measuring",
        "opened",
        "asking",
        "ahead",
        "surroundings",
        "environment",
        "scope",
        "gate_words",
        "target",
        "drill",
        "load",
        "load_result",
        "loading",
        "machine",
        "rollout",
        "judging",
        "world",
        "memory",
        "phase_past",
        "awaiting",
        "signatures",
        "baselines",
        "recording",
        "remembering",
        "world_past",
        "world_shown",
        "world_signers",
        "acting",
        "occasion",
        "arms",
        "exposure",
        "planned_split",
        "live_comparison",
        "distrust",
        "soundness",
        "winner",
        "planning",
        "foresight",
        "gathering",
    },
    {
        "bookkeeping",
        "collected",
        "gate",
        "gate_markers",
        "fixtures",
        "hookspecs",
        "kinds",
        "preflight",
        "items",
        "hooks",
        "witness",
        "plugin",
        "lastword",
        "setup",
        "selection",
        "locking",
        "powering",
        "signoff_commands",
        "subject",
        "arguments",
        "records",
        "checkpoints",
        "chronicle",
        "cli",
        "reports",
        "telling",
        "stored",
        "report_commands",
    },
)
PUBLIC = [
    "Claim",
    "Comparison",
    "Decision",
    "Estimate",
    "Fact",
    "Inconclusive",
    "Limit",
    "Reading",
    "RolloutError",
    "Truth",
    "Verdict",
    "check",
    "compare",
    "deterministic",
    "hookimpl",
]
TOP = len(LAYERS) - 1


@cache
def modules():
    """Every module of the package by its name inside it; the package itself is empty."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def tree_of(path):
    return ast.parse(path.read_bytes())


@cache
def imports(path):
    """Every module that a module imports anywhere: in functions and for type checkers, too."""
    return [*_imports(path)]


def _imports(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                name = inner.removeprefix("pytest_rollout.")
                yield inner if inner.startswith("pytest_rollout.") and name in modules() else node.module


def own_imports(path):
    for name in imports(path):
        if name == "pytest_rollout" or name.startswith("pytest_rollout."):
            yield name.removeprefix("pytest_rollout").removeprefix(".")


def layer_of(module):
    """A module's layer; the package itself only names what gate authors use, and is imported by everything."""
    return next((layer for layer, names in enumerate(LAYERS) if module.partition(".")[0] in names), None)


INSIDE = [pytest.param(name, path, id=name) for name, path in modules().items() if name]


def test_every_module_has_a_layer():
    """A new module is placed before it is written; a module that is gone is taken out."""
    tops = {name.partition(".")[0] for name in modules() if name}

    assert tops == set.union(*LAYERS)
    assert sum(map(len, LAYERS)) == len(tops)


@pytest.mark.parametrize(("module", "path"), INSIDE)
def test_imports_go_down_only(module, path):
    above = [name for name in own_imports(path) if name and layer_of(name) > layer_of(module)]

    assert above == []


def test_no_import_cycle():
    """Lazy imports and those for type checkers included."""
    graph = {
        name: {each for each in own_imports(path) if each and each != name} for name, path in modules().items() if name
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' → '.join(error.args[1])}")


@pytest.mark.parametrize(("module", "path"), INSIDE)
def test_pytest_is_met_at_the_top_only(module, path):
    met = [name for name in imports(path) if name.partition(".")[0] in {"pytest", "_pytest", "pluggy", "xdist"}]

    assert not met or layer_of(module) == TOP


@pytest.mark.parametrize(
    ("package", "never"),
    [
        ("stats", {"sources", "plan", "world"}),
        ("reports", {"stats", "windows", "sources", "readings", "world"}),
        ("world", {"plan", "sources"}),
        ("sources", {"plan", "stats"}),
        ("ledger", {"plan", "sources", "stats", "world"}),
    ],
)
def test_packages_that_never_meet(package, never):
    found = {
        (name, each)
        for name, path in modules().items()
        for each in own_imports(path)
        if name.partition(".")[0] == package and each.partition(".")[0] in never
    }

    assert found == set()


HEAVY = {"numpy", "scipy", "httpx", "yaml", "duckdb", "jmespath", "filelock", "matplotlib", "jinja2", "allure_commons"}
HEAVY |= {"prometheus_client", "sqlalchemy", "psycopg"}


@pytest.mark.parametrize(("module", "path"), INSIDE)
def test_statistics_and_judgement_do_no_io(module, path):
    """What decides a release can be read without a network, a database or a clock."""
    pure = {"checking", "drafts", "entries", "evaluations", "periods", "streaks", "timeline"}
    if module in {f"ledger.{name}" for name in pure} or module.partition(".")[0] in {
        "stats",
        "judgement",
        "triggers",
        "verdict",
        "claim_facts",
        "intervals",
        "comparing",
        "estimates",
        "limits",
    }:
        met = {name.partition(".")[0] for name in imports(path)} & {
            "httpx",
            "duckdb",
            "sqlite3",
            "sqlalchemy",
            "socket",
            "subprocess",
            "time",
            "os",
        }
        assert met == set()


def loaded_by(code):
    """Modules that a fresh interpreter has loaded after some code, beyond those it starts with."""
    script = (
        f"import sys, json; before = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout))


def top_levels(names):
    return {name.partition(".")[0] for name in names}


def test_the_plugin_loads_pytest_and_the_standard_library_only():
    """It is loaded in every project that has it installed, whether there are rollouts or not."""
    of_pytest = top_levels(loaded_by("import pytest"))
    loaded = loaded_by("import pytest_rollout.plugin")
    foreign = top_levels(loaded) - of_pytest - set(sys.stdlib_module_names) - {"pytest_rollout"}

    assert foreign == set()
    own = {
        name.removeprefix("pytest_rollout").removeprefix(".") for name in loaded if name.startswith("pytest_rollout")
    }
    assert own <= {"", "plugin", "hookspecs", "discovery", "lastword", "decisions", "errors"}


@pytest.mark.parametrize(
    "module", ["hooks", "rollout", "cli", "verdict", "estimates", "sources", "plan.model", "world", "ledger.ledger"]
)
def test_heavy_libraries_come_with_the_first_gate_that_needs_them(module):
    assert not HEAVY & top_levels(loaded_by(f"import pytest_rollout.{module}"))


@pytest.mark.parametrize(
    ("code", "never"),
    [
        (
            "import pytest_rollout.cli; pytest_rollout.cli.main(['verify', 'none'])",
            {"rollout", "ledger", "sources.once"},
        ),
        ("import pytest_rollout.hooks, pytest_rollout.fixtures, pytest_rollout.setup", {"world", "campaign"}),
    ],
    ids=["verify", "gates"],
)
def test_nobody_waits_for_modules_that_are_not_asked(code, never):
    """A pipeline verifies after every run, and most plans have no embedded world: either costs a part of a second."""
    loaded = loaded_by(f"import contextlib, io\nwith contextlib.redirect_stderr(io.StringIO()): {code}")

    assert not loaded & {f"pytest_rollout.{name}" for name in never}
    assert "pytest_rollout.decisions" in loaded


def test_public_names():
    """What gate authors import; everything else is internal."""
    assert PUBLIC == pytest_rollout.__all__ == sorted(pytest_rollout.__all__)
    assert set(PUBLIC) <= set(dir(pytest_rollout))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_documented(name):
    public = getattr(pytest_rollout, name)

    assert inspect.getdoc(public)
    assert public.__module__.startswith("pytest_rollout.") or public is pytest.hookimpl
    inside = getattr(public, "__dict__", {})  # pytest's own hookimpl has none
    members = [member for key, member in inside.items() if not key.startswith("_") and inspect.isfunction(member)]
    assert all(inspect.getdoc(member) for member in members)


def test_a_name_that_is_not_public_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'Claims'"):
        pytest_rollout.Claims  # noqa: B018 - the access itself is refused


def test_type_checkers_see_the_names_that_are_there():
    """The imports for type checkers and the lazy ones are one list."""
    checked = {
        alias.name: node.module
        for node in ast.walk(tree_of(PACKAGE / "__init__.py"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pytest_rollout.")
        for alias in node.names
    }

    assert sorted(checked) == PUBLIC
    assert {name: f"pytest_rollout.{home}" for name, home in pytest_rollout._HOMES.items()} == checked


def assigned(path):
    """Names that a module assigns at its top level, each with the expression."""
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))


def makes_state(name, value):
    """Whether an assignment makes something that is meant to change."""
    if isinstance(value, ast.Call):
        called = value.func.value if isinstance(value.func, ast.Subscript) else value.func
        return ast.unparse(called).rpartition(".")[2] in MAKERS
    return isinstance(value, DISPLAYS) and name.strip("_") != name.strip("_").upper()


DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MAKERS = {
    "list",
    "dict",
    "set",
    "defaultdict",
    "deque",
    "Counter",
    "OrderedDict",
    "ContextVar",
    "local",
    "Lock",
    "RLock",
}
WRITES = {"append", "add", "update", "setdefault", "pop", "clear", "extend", "insert", "remove", "discard", "popitem"}


@pytest.mark.parametrize(("module", "path"), INSIDE)
def test_no_state_at_module_level(module, path):
    """Constants are upper-case and stay as they are; the running gate is the only thing that changes."""
    found = [name for name, value in assigned(path) if makes_state(name, value) and name != "__all__"]

    assert found == (["_RUNNING"] if module == "claims" else [])


@pytest.mark.parametrize(("module", "path"), INSIDE)
def test_no_globals_are_changed(module, path):
    changed = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Global)]

    assert changed == []


@pytest.mark.parametrize(("module", "path"), INSIDE)
def test_module_level_tables_are_never_written_to(module, path):
    """An upper-case dict is a constant as long as no function puts anything in; `_LIVE` is the gates being judged."""
    names = dict(assigned(path))
    if module == "claims":
        del names["_LIVE"]
    written = [
        ast.unparse(node)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Subscript | ast.Attribute) and ast.unparse(node.value) in names
        if isinstance(node.ctx, ast.Store | ast.Del) or (isinstance(node, ast.Attribute) and node.attr in WRITES)
    ]

    assert written == []


@pytest.mark.parametrize(("module", "path"), INSIDE)
def test_every_module_says_what_it_is(module, path):
    doc = ast.get_docstring(tree_of(path)) or ""

    assert len(doc.split()) > 4
