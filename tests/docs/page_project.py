"""Project: one page's folder, in which its blocks run as a reader would run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from blocks import ROOT, Block, Command, blocks_of, commands_of, matches, whole_project
from support.others import WITHOUT

from pytest_rollout.errors import PlanError
from pytest_rollout.plan.load import load_plan
from pytest_rollout.sources import FLAG_KINDS, KINDS

_WITHOUT = " ".join([*WITHOUT, "-p no:timeout -p no:rerunfailures"])
_TOP_LEVEL = re.compile(r"^(?P<key>[a-z_]+):", re.MULTILINE)
_LEAST_OF_A_PLAN = {
    "rollout": "rollout: shop\n",
    "phases": "phases: {canary: {title: Canary}, everyone: {title: Everyone}}\n",
    "environments": (
        "environments: {test: {sources: {telemetry: {kind: memory, answers: {}},"
        " warehouse: {kind: memory, answers: {}}, service: {kind: memory, answers: {}}}}}\n"
    ),
    "metrics": (
        "metrics:\n"
        "  latency_p99: {unit: ms, better: lower, source: telemetry, query: q}\n"
        "  errors: {unit: 1/h, better: lower, source: telemetry, query: q}\n"
        "  orders: {unit: 1/h, better: higher, source: telemetry, query: q}\n"
        "  results: {source: telemetry, query: q}\n"
    ),
}


@dataclass
class Project:
    """A page's folder; `run` runs its blocks and counts them."""

    page: Path
    folder: Path
    header: str = ""
    plan: Path | None = None
    decisions: dict[str, dict[str, str]] = field(default_factory=dict)
    printed: str = ""
    last: str = ""

    def run(self) -> int:
        """Run every block from top to bottom; the number that ran.

        Raises:
            AssertionError: A block did not do what the page says, with page and line.
        """
        if whole_project(self.page):
            shutil.copytree(ROOT / "gates", self.folder / "gates", ignore=shutil.ignore_patterns("__pycache__"))
            (self.folder / "pytest.ini").write_text("[pytest]\nstrict_markers = true\n", encoding="utf-8")
        steps = {
            "file": self._file,
            "console": self._console,
            "plan part": self._plan_part,
            "refused": self._refused,
            "header": self._keep_header,
            "from": self._from,
            "gates": self._gates,
            "text": self._said,
        }
        ran = 0
        for block in blocks_of(self.page):
            if block.kind != "not run":
                assert block.kind in steps, f"{block.where}: nothing tries this block: see tests/docs/blocks.py"
                self.last = self.last if block.kind == "text" else ""
                steps[block.kind](block)
                ran += 1
        return ran

    def _file(self, block: Block) -> None:
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{block.content}\n", encoding="utf-8")
        if path.suffix == ".py":
            compile(block.content, block.where, "exec")
        if path.name == "rollout.yaml":
            self.plan = path
            if not (path.parent / "conftest.py").exists():  # which may add kinds that only pytest finds
                load_plan(path, kinds=KINDS, flag_kinds=FLAG_KINDS, shown=block.file)

    def _console(self, block: Block) -> None:
        for command in commands_of(block):
            self._command(block, command)

    def _command(self, block: Block, command: Command) -> None:
        where = f"{block.page.relative_to(ROOT)}:{command.line}: $ {command.command}"
        code, printed = self._process(["bash", "-c", command.command])
        stated = re.findall(r"\bexit (\d+)\b", command.expected)
        assert code == 0 or str(code) in stated[-1:], f"{where}\nended with {code} and printed:\n{printed}"
        assert matches(command.expected, printed), f"{where}\nthe page says:\n{command.expected}\nprinted:\n{printed}"

    def _process(self, words: list[str]) -> tuple[int, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROLLOUT_"))}
        for name in ("CI", "PYTHONDONTWRITEBYTECODE"):  # the latter would compile the package anew each time
            clean.pop(name, None)
        tools = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"}
        screen = {"COLUMNS": "100", "NO_COLOR": "1", "PYTEST_ADDOPTS": _WITHOUT}
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**clean, **tools, **screen},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    def _plan_part(self, block: Block) -> None:
        try:
            self._load(block)
        except PlanError as error:
            raise AssertionError(f"{block.where}: the plan is refused:\n{error}") from error

    def _refused(self, block: Block) -> None:
        try:
            self._load(block)
        except PlanError as error:
            self.last = str(error)
        else:
            raise AssertionError(f"{block.where}: the page says that this plan is refused, and it is not")

    def _load(self, block: Block) -> None:
        """Load a part of a plan; what it lacks comes below it, so that its line numbers are those of the page."""
        keys = {match["key"] for match in _TOP_LEVEL.finditer(block.content)}
        needed = {"rollout", "phases", "environments"} | ({"metrics"} if keys & {"budgets", "phases"} else set())
        text = block.content + "\n" + "".join(_LEAST_OF_A_PLAN[key] for key in sorted(needed - keys))
        path = self.folder / "part.yaml"
        path.write_text(text, encoding="utf-8")
        load_plan(path, kinds=KINDS, flag_kinds=FLAG_KINDS, shown="gates/shop/rollout.yaml")

    def _from(self, block: Block) -> None:
        assert block.content in (ROOT / block.rest).read_text("utf-8"), f"{block.where}: {block.rest} does not say this"

    def _keep_header(self, block: Block) -> None:
        self.header = block.content

    def _gates(self, block: Block) -> None:
        if not self.decisions:
            self._judge_all()
        ended = self.decisions[self._module(block)]
        assert ended, f"{block.where}: there is no gate in this block"
        for gate, decision in ended.items():
            assert decision == block.rest, f"{block.where}: {gate} ended as {decision}\n{self.printed}"
        self.last = self.printed

    def _judge_all(self) -> None:
        """Run all gates of the page at once: one process instead of one a block."""
        assert self.header, f"{self.page}: gates before the header of their modules"
        assert self.plan, f"{self.page}: gates before their plan"
        gates = [block for block in blocks_of(self.page) if block.kind == "gates"]
        for block in gates:
            text = f"{self.header}\n\n{block.content}\n"
            (self.plan.parent / self._module(block)).write_text(text, encoding="utf-8")
        phase = re.search(r"pytest\.mark\.(\w+)", self.header)
        assert phase, f"{self.page}: the header names no phase"
        locked, said = self._process(["rollout", "lock", str(self.plan.parent)])
        assert locked == 0, said
        words = ["pytest", str(self.plan.parent), "-m", phase[1], "--rollout-env", "test", "-q"]
        _, self.printed = self._process(words)
        receipt = json.loads((self.folder / ".rollout" / "verdict.json").read_text(encoding="utf-8"))
        for block in gates:
            self.decisions[self._module(block)] = {}
            (self.plan.parent / self._module(block)).unlink()
        for gate in receipt["verdicts"][0]["gates"]:
            module, _, name = gate["id"].partition("::")
            if module in self.decisions:
                reason = f"[{gate['reason']}]" if gate["reason"] else ""
                self.decisions[module][name] = f"{gate['decision']}{reason}"

    def _module(self, block: Block) -> str:
        return f"test_line_{block.line}.py"

    def _said(self, block: Block) -> None:
        assert self.last, f"{block.where}: a text block stands below the block that prints it, or says `not run`"
        assert matches(block.content, self.last, somewhere=True), (
            f"{block.where}\nthe page says:\n{block.content}\nprinted:\n{self.last}"
        )
