"""Would the tests notice? Changes the deciding modules, one small mistake at a time: `mutation.py [--fast]`.

mutmut's operators make the mistakes; this file only runs the tests on them,
because mutmut itself leaves out every decorated function, and properties are
where the exit code is decided. No file is changed: a mutant is served to the
one process that imports it. A mistake that no test notices must stand in
`docs/mutations.md` with the reason why it may; anything else ends non-zero.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib.abc
import importlib.metadata
import importlib.util
import os
import platform
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Imported once, before any process is forked: they take longer than most of the tests.
import _pytest.pytester  # noqa: F401
import httpx  # noqa: F401
import hypothesis.strategies  # noqa: F401
import jsonschema  # noqa: F401
import libcst as cst
import numpy as np  # noqa: F401
import pytest
import yaml  # noqa: F401
from hypothesis import Phase, settings
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "mutations.md"
CPU_SECONDS = 60  # a mutant that loops for ever; of processor time, so that a busy machine changes nothing

# Each module's own tests come first, because they notice most; then those of its neighbours.
TESTS = {
    "intervals": ("intervals", "estimates", "limits"),
    "judgement": ("judgement", "verdict"),
    "triggers": ("verdict",),
    "verdict": ("verdict", "receipt", "verification"),
    "claim_facts": ("claim_facts", "gate_claims", "facts", "limits", "estimates", "judgement"),
    "claims": ("claims", "gate_claims", "facts", "limits", "estimates", "judgement"),
    "book": ("book", "judgement", "verdict"),
    "lock": ("lock", "verdict"),
}

# What turns numbers into a decision: all of these, without the words they say.
DECIDING = {
    "intervals": {"truth_within", "refuted_at"},
    "judgement": {"judge", "_first_round", "_worst_part", "judge_part", "_passed", "_worst_level"},
    "triggers": {"corrected", "_could_fire_by_chance", "_alpha", "_fired"},
    "verdict": {
        "RunVerdict.decision",
        "RunVerdict.exit_code",
        "Verdict.waiting",
        "only_waits",
        "Verdict.with_reasons",
        "judge_phase",
        "_judged",
        "_missing",
        "_lock_reasons",
    },
    "claims": {"Claim.__bool__", "GateClaims.ask", "GateClaims.faults", "GateClaims._add", "check"},
}
FAST_EVERY = 4
"""The fast run takes a quarter of the mutants of the deciding functions, chosen by their digest."""


@dataclass(frozen=True)
class Mutant:
    """One mistake: where, in which line, what was changed into what, and which of several alike."""

    module: str
    function: str
    line: str
    change: str
    number: int
    node: cst.CSTNode
    replacement: cst.CSTNode

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it in the table; line numbers would change with every edit."""
        more = f" ({self.number})" if self.number > 1 else ""
        return f"{self.module}.py {self.function}", self.line, self.change + more

    @property
    def digest(self) -> int:
        """A number that is the same on every machine."""
        return int(hashlib.sha256("\n".join(self.key).encode()).hexdigest(), 16)

    @property
    def deciding(self) -> bool:
        """Whether it is a mistake in a rule, not in a word."""
        return self.function in DECIDING.get(self.module, ()) and not isinstance(self.node, cst.SimpleString)


def _forced(node: cst.If | cst.CompIf) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """A condition that always, or never, holds; mutmut does this to `a if b else c` only."""
    inside = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    for operator, word in ((cst.And(), "False"), (cst.Or(), "True")):
        yield node.test, cst.BooleanOperation(left=inside, operator=operator, right=cst.Name(word))


def _left_out(node: cst.Expr) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """A call for its effect that is not made."""
    if isinstance(node.value, cst.Call):
        yield node, cst.Pass()


def changes(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """Every mistake that can be made at one node."""
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            made = operator(node)
            # Strings also come in lower and upper case: three mistakes that the same test notices.
            yield from ((node, each) for each in ([*made][:1] if operator is operator_string else made))
    if isinstance(node, cst.If | cst.CompIf):
        yield from _forced(node)
    if isinstance(node, cst.Expr):
        yield from _left_out(node)


class Collector(cst.CSTVisitor):
    """Walks a module and notes every mistake that it could hold."""

    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, module: str, tree: cst.Module, lines: Sequence[str]) -> None:
        super().__init__()
        self._module, self._tree, self._lines = module, tree, lines
        self._names: list[str] = []
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self.found: list[Mutant] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note this node's mistakes; types and imports hold none that a run could show."""
        if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom):
            return False
        if isinstance(node, cst.ClassDef | cst.FunctionDef):
            self._names.append(node.name.value)
        for old, new in changes(node):
            self._note(old, new)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """Leave a class or function."""
        if isinstance(original_node, cst.ClassDef | cst.FunctionDef):
            self._names.pop()

    def _note(self, old: cst.CSTNode, new: cst.CSTNode) -> None:
        function = ".".join(self._names) or "(module)"
        line = " ".join(self._lines[self.get_metadata(PositionProvider, old).start.line - 1].split())
        change = _difference(self._code(old), self._code(new))
        self._seen[function, line, change] += 1
        number = self._seen[function, line, change]
        self.found.append(Mutant(self._module, function, line, change, number, old, new))

    def _code(self, node: cst.CSTNode) -> str:
        return " ".join(self._tree.code_for_node(node).split())


def _difference(old: str, new: str) -> str:
    """`old → new`, without most of what long ones have in common."""
    before = _alike(old, new)
    after = min(_alike(old[::-1], new[::-1]), len(old) - before, len(new) - before)
    left, right = max(0, before - 16), max(0, after - 16)

    def shown(text: str) -> str:
        return f"{'…' if left else ''}{text[left : len(text) - right]}{'…' if right else ''}"

    return f"{shown(old)} → {shown(new)}" if len(old) > 40 else f"{old} → {new}"


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def mutants_of(module: str) -> tuple[cst.Module, list[Mutant]]:
    """A module's tree, and every mistake in it, in the order of its lines."""
    text = (REPOSITORY / "pytest_rollout" / f"{module}.py").read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    collector = Collector(module, wrapper.module, text.splitlines())
    wrapper.visit(collector)
    return wrapper.module, collector.found


class Served(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives one module a source of our own when it is imported."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> object:
        """Our module's spec, and nobody else's."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_source(self, fullname: str) -> str:
        """The mutant."""
        return self._source


def run_tests(module: str, source: str) -> int:
    """In a forked process: pytest's status on a module with this source; never returns to the caller's code."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    sys.meta_path.insert(0, Served(f"pytest_rollout.{module}", source))  # type: ignore[arg-type]
    tests = [str(REPOSITORY / "tests" / "unit" / f"test_{name}.py") for name in TESTS[module]]
    with tempfile.TemporaryDirectory() as folder:
        words = ["-x", "-q", "-p", "no:cacheprovider", "-p", "pytest_rollout.plugin", "-o", "required_plugins="]
        words += ["-p", "no:unraisableexception"]  # collects garbage three times, a third of the time of most runs
        return int(pytest.main([*words, "--tb=no", "-W", "ignore", "--basetemp", f"{folder}/tmp", *tests]))


def noticed(child_status: int) -> bool:
    """Whether a forked run ended in anything but success; a signal (endless loop) is noticed too."""
    return child_status != 0


def fork(module: str, tree: cst.Module, mutant: Mutant | None) -> int:
    """Start a process that judges one mutant, or the module as it is."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        changed = tree.deep_replace(mutant.node, mutant.replacement) if mutant else tree
        assert isinstance(changed, cst.Module)
        status = run_tests(module, changed.code)
    finally:
        os._exit(status)


def survivors(chosen: Iterable[Mutant], trees: dict[str, cst.Module], jobs: int) -> Iterator[Mutant]:
    """Those that no test notices, as they are found."""
    running: dict[int, Mutant] = {}
    waiting = iter(chosen)
    while True:
        while len(running) < jobs and (mutant := next(waiting, None)):
            running[fork(mutant.module, trees[mutant.module], mutant)] = mutant
        if not running:
            return
        child, status = os.wait()
        mutant = running.pop(child)
        if not noticed(status):
            yield mutant


def explained() -> dict[tuple[str, str, str], str]:
    """The table of the page: what may survive, and why."""
    rows: dict[tuple[str, str, str], str] = {}
    inside = False
    for text in PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else ():
        cells = [_plain(cell) for cell in re.split(r"(?<!\\)\|", text)[1:-1]]
        inside = len(cells) == 4 and (inside or cells[0] == "where")
        if inside and cells[0] != "where" and set(cells[0]) != {"-"}:
            rows[cells[0], cells[1], cells[2]] = cells[3]
    return rows


def _plain(cell: str) -> str:
    text = cell.strip().replace("\\|", "|")
    return text.strip("`").strip() if text.startswith("`") and text.endswith("`") else text


def row(mutant: Mutant) -> str:
    """A mutant as a row of the table, to be completed with its reason."""
    where, line, change = (cell.replace("|", "\\|") for cell in mutant.key)
    fence = "``" if "`" in line + change else "`"
    blank = " " if fence == "``" else ""
    code = [f"{fence}{blank}{cell}{blank}{fence}" for cell in (line, change)]
    return f"| {where} | {code[0]} | {code[1]} |  |"


def healthy(modules: Iterable[str], trees: dict[str, cst.Module]) -> bool:
    """Whether the tests pass on what is not changed: otherwise everything would be noticed."""
    bad = [each for each in modules if os.waitpid(fork(each, trees[each], None), 0)[1] != 0]
    for each in bad:
        print(f"the tests of {each}.py fail on {each}.py as it is: nothing can be said of mistakes in it")
    return not bad


def _counted(chosen: Sequence[Mutant]) -> Iterator[Mutant]:
    """The same, saying now and then how far it is."""
    for number, mutant in enumerate(chosen):
        if number % 100 == 0:
            print(f"{number} of {len(chosen)}", file=sys.stderr, flush=True)
        yield mutant


def main() -> int:
    """Make the mistakes, and compare what survived with the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--fast", action="store_true", help="a fixed choice of the deciding functions' mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="a part of `module.py function`, to look at one place")
    parser.add_argument("--list", action="store_true", help="print the chosen mutants and run nothing")
    options = parser.parse_args()
    os.chdir(REPOSITORY)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    sys.path.insert(0, str(REPOSITORY))
    # The same examples in every run, none that an earlier mutant left behind, and no search for a nicer one.
    # Few of them: a mistake that only the hundredth example shows would better have a test of its own.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutation", derandomize=True, database=None, deadline=None, phases=phases, max_examples=20
    )
    settings.load_profile("mutation")

    begun = time.perf_counter()
    trees, every = {}, []
    for module in TESTS:
        trees[module], found = mutants_of(module)
        every += found
    listed = explained()
    scope = [each for each in every if options.only in each.key[0]]
    if options.fast:
        scope = [each for each in scope if each.deciding and each.digest % FAST_EVERY == 0]
    # What is explained is known to survive; only the full run asks again.
    chosen = [each for each in scope if not (options.fast and each.key in listed)]
    if options.list:
        print(*(row(each) for each in chosen), f"{len(chosen)} mutants", sep="\n")
        return 0
    gc.freeze()  # what is read so far is never garbage, and need not be copied into every process
    if not healthy(sorted({each.module for each in chosen}), trees):
        return 2
    unknown, known = [], set()
    for each in survivors(_counted(chosen), trees, options.jobs):
        if each.key in listed:
            known.add(each.key)
        else:
            unknown.append(each)
            print(row(each), flush=True)
    # The fast run asks no explained mutant again, but sees when there is none of that name any more.
    expected = {key for key in listed if options.only in key[0]}
    gone = expected - ({each.key for each in every} if options.fast else known)
    for key in sorted(gone):
        print(f"explained in {PAGE.name}, but noticed now or gone: {' | '.join(key)}")
    unexplained = sorted(key for key, why in listed.items() if not why)
    for key in unexplained:
        print(f"listed in {PAGE.name} without a reason: {' | '.join(key)}")

    tools = f"mutmut {importlib.metadata.version('mutmut')}, Python {platform.python_version()}"
    print(
        f"{len(every)} mutants, {len(chosen)} tried: {len(chosen) - len(known) - len(unknown)} noticed,"
        f" {len(known)} explained, {len(unknown)} survived unexplained, {len(gone)} explained in vain;"
        f" {time.perf_counter() - begun:.0f} s with {options.jobs} processes, {tools}"
    )
    return 1 if unknown or gone or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
