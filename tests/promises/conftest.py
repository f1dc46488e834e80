"""A small rollout in a folder of its own, judged by pytest in a process of its own, as a user would run it.

Most of these processes are forks of a Python that has read its modules before
(`tests/support/warm.py`), at a quarter of the cost. New interpreters, as a shell starts
them, are those of the modules in ANEW, whose promises are about how a process
ends, those with options or variables for the interpreter or that are sent
signals (`start`), and of all others one test in SAMPLE, chosen by its name and
the version of pytest. `make promises` starts all of them anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from _pytest.pytester import LineMatcher
from support.judged import Judged
from support.oracle import REPOSITORY
from support.others import WITHOUT
from support.past import Past
from support.receipts import validate
from support.warm import WarmPython

PLAN = """
rollout: shop
title: A new checkout
owner: checkout-team
runbook: docs/runbook.md
metrics:
  latency_ms: {title: P99 latency, unit: ms, better: lower, source: telemetry, query: latency}
  errors: {title: Errors, unit: 1/h, better: lower, source: telemetry, query: errors}
  orders: {title: Orders, unit: 1/h, better: higher, source: telemetry, query: orders}
budgets:
  latency_ms: {phases: [phase1], warning: 40 ms, critical: {limit: 60 ms, action: turn the flag off}}
phases:
  phase1: {title: Canary}
  phase2: {title: Everyone}
environments:
  test:
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""

GATES = '''
"""May the checkout stay on for one per cent?"""
import pytest

pytestmark = pytest.mark.phase1


def test_no_errors(metrics):
    """The checkout makes no errors."""
    assert metrics("errors") == 0


@pytest.mark.rollback
def test_orders_keep_coming(metrics):
    """Orders do not collapse."""
    assert metrics("orders") > 100
'''

ANSWERS = {"latency": 25, "errors": 0, "orders": 500}

_LOCKS: dict[str, str] = {}

ANEW = {
    "test_exit_code",
    "test_row_12_ends_early",
    "test_row_14_status_set_elsewhere",
    "test_rows_01_13_17_processes",
}
"""Modules whose runs are all new interpreters."""
LEFT = {"verdict.json", "evidence.zip", "record.json", "verdict.md", "verdict.html"}
"""Every file that a run leaves in its folder."""
SAMPLE = 10
"""Of the other modules, one test in so many."""
EVERYTHING = os.environ.get("PROMISES") == "anew"
"""Whether nothing may be forked, not even what writes a lock."""


def starts_anew(node: pytest.Item | pytest.Collector) -> bool:
    """Whether the runs of this test, or of this module's shared fixtures, are new interpreters."""
    if EVERYTHING or node.path.stem in ANEW:
        return True
    named = f"{node.nodeid} {pytest.__version__}".encode()
    return int(hashlib.sha256(named).hexdigest(), 16) % SAMPLE == 0


@dataclass
class Result:
    """How a run ended: its exit code, what it printed, and the receipt it left."""

    ret: int
    stdout: LineMatcher
    stderr: LineMatcher
    verdict: dict | None

    @property
    def codes(self) -> set[str]:
        """Every reason code of the receipt."""
        assert self.verdict is not None
        reasons = [
            *self.verdict["reasons"],
            *(each for verdict in self.verdict["verdicts"] for each in verdict["reasons"]),
        ]
        return {reason["code"] for reason in reasons}

    @property
    def text(self) -> str:
        """All that was printed."""
        return "\n".join([*self.stdout.lines, *self.stderr.lines])

    def is_refused(self) -> None:
        """A usage error: said in words, and no receipt of any kind."""
        assert self.ret == 4, self.text
        assert self.verdict is None
        self.is_calm()

    def holds(self, *codes: str, exit_code: int = 1) -> None:
        """A verdict against the release for these reasons, of which exit code and receipt say the same."""
        assert self.ret == exit_code, self.text
        assert self.verdict is not None
        assert self.verdict["exit_code"] == exit_code
        assert self.verdict["decision"] == ("ROLLBACK" if exit_code == 20 else "HOLD")
        assert self.codes == set(codes)
        self.is_calm()

    def proceeds(self) -> None:
        """Exit code 0, and a receipt that says PROCEED."""
        assert self.ret == 0, self.text
        assert self.verdict is not None
        assert self.verdict["decision"] == "PROCEED"
        self.is_calm()

    def is_calm(self) -> None:
        """Nothing broke on the way."""
        for word in ("Traceback", "INTERNALERROR"):
            assert word not in self.text, self.text


class RolloutProject:
    """A folder with a plan, gates, answers and a lock, and ways to change and run them."""

    def __init__(self, folder: Path, warm: WarmPython, *, anew: bool = False) -> None:
        """`warm` runs what need not be a new interpreter: with `anew`, writing the lock alone."""
        self.folder = folder
        self._warm, self._anew = warm, anew
        self.gates = folder / "gates" / "shop"
        self.gates.mkdir(parents=True)
        self.write("gates/shop/rollout.yaml", PLAN)
        self.write("gates/shop/test_phase1.py", GATES)
        self.write("pytest.ini", "[pytest]\nstrict_markers = true\n")
        self.answers()

    def write(self, name: str, text: str) -> Path:
        """A file of the project, its text dedented."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def answers(self, **changed: object) -> None:
        """What the memory source answers; healthy but for what is changed."""
        self.write("gates/shop/answers.yaml", json.dumps({**ANSWERS, **changed}))

    def gate(self, body: str, *, head: str = "import pytest\nfrom pytest_rollout import check\n") -> Path:
        """Replace the gate module by one of the given text, phase1 unless it says otherwise."""
        text = textwrap.dedent(body).lstrip("\n")
        return self.write("gates/shop/test_phase1.py", f"{head}\npytestmark = pytest.mark.phase1\n\n\n{text}")

    def lock(self) -> None:
        """Write gates.lock from what is there now (remembered, since most projects of a test run are alike)."""
        key = "".join(f"{path.relative_to(self.folder)}\0{path.read_text('utf-8')}\0" for path in self._sources())
        if key not in _LOCKS:
            done = self._python("pytest_rollout.cli", ("lock", "gates"), None, anew=EVERYTHING)
            assert done.returncode == 0, done.stdout + done.stderr
            _LOCKS[key] = (self.gates / "gates.lock").read_text("utf-8")
        (self.gates / "gates.lock").write_text(_LOCKS[key], encoding="utf-8")

    def _sources(self) -> list[Path]:
        return sorted(
            [
                *self.gates.rglob("*.py"),
                *self.gates.rglob("rollout.yaml"),
                *self.folder.glob("*.ini"),
                *self.folder.glob("*.py"),
            ]
        )

    def rollout(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the `rollout` command."""
        return self._python("pytest_rollout.cli", words, env, anew=self._anew)

    def run(
        self,
        *words: str,
        phase: str = "phase1",
        env: dict[str, str] | None = None,
        python: tuple[str, ...] = (),
        lock: bool = True,
    ) -> Result:
        """Judge the project in a new process; `words` are further arguments of pytest, `phase` is what -m asks for.

        Locks first unless `lock` is False. `phase=""` gives no -m.
        """
        if lock:
            self.lock()
        asked = ["-m", phase] if phase else []
        words = ("gates", *asked, "--rollout-env", "test", *WITHOUT, *words)
        return self.result_of(self._python("pytest", words, env, anew=self._anew, options=python))

    def pytest(self, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Result:
        """Run pytest with these arguments and no others, in the project's folder or in `cwd`."""
        return self.result_of(self._python("pytest", (*WITHOUT, *words), env, anew=self._anew, cwd=cwd), cwd)

    def result_of(self, done: subprocess.CompletedProcess[str], cwd: Path | None = None) -> Result:
        """A finished process as a result, with the receipt that is there now: whole, sound, and alone in its folder."""
        receipt = (cwd or self.folder) / ".rollout" / "verdict.json"
        verdict = json.loads(receipt.read_text("utf-8")) if receipt.exists() else None
        if verdict is not None:
            validate(verdict)
            assert {path.name for path in receipt.parent.iterdir()} <= LEFT
        return Result(
            done.returncode, LineMatcher(done.stdout.splitlines()), LineMatcher(done.stderr.splitlines()), verdict
        )

    def start(self, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Judge the project in a new process that is not waited for; it leads a session of its own. Lock before."""
        asked = ["gates", "-m", "phase1", "--rollout-env", "test"]
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *asked, *WITHOUT, *words],
            cwd=self.folder,
            env={**_clean(), **(env or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # A shell that runs this suite in the background ignores Ctrl-C, and so would pytest.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a test has no threads
        )

    def _python(
        self,
        module: str,
        words: tuple[str, ...],
        env: dict[str, str] | None,
        *,
        anew: bool,
        cwd: Path | None = None,
        options: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        where, around = cwd or self.folder, {**_clean(), **(env or {})}
        if not anew and not options and self._warm.can_run(around):
            return self._warm.run(module, words, cwd=where, env=around, timeout=120)
        command = [sys.executable, *options, "-m", module, *words]
        return subprocess.run(command, cwd=where, env=around, capture_output=True, text=True, timeout=120, check=False)


def _clean() -> dict[str, str]:
    """This process's environment without what would change how an inner run judges."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROLLOUT_", "GITHUB_"))
    }
    for name in ("CI", "PYTHONDONTWRITEBYTECODE"):
        clean.pop(name, None)
    return clean


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmPython]:
    """Runs modules in forks of one Python."""
    python = WarmPython(_clean())
    yield python
    python.close()


@pytest.fixture
def anew(request: pytest.FixtureRequest) -> bool:
    """Whether the runs of this test are new interpreters."""
    return starts_anew(request.node)


@pytest.fixture
def here(warm: WarmPython, anew: bool) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a module in this repository, in a process of its own."""
    env = _clean()

    def run(module: str, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        if not anew and warm.can_run(env):
            return warm.run(module, words, cwd=REPOSITORY, env=env, timeout=timeout)
        command = [sys.executable, "-m", module, *words]
        return subprocess.run(
            command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


@pytest.fixture
def demo(here: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> Callable[..., Judged]:
    """Judge a phase of one of our own rollouts in its embedded world; files are left in `tmp_path`."""

    def judge(rollout: str, phase: str, *words: str, fault: str = "", environment: str = "demo") -> Judged:
        injected = ["--rollout-fault", fault] if fault else []
        asked = [f"gates/{rollout}", "-m", phase, "--rollout-env", environment, *injected, *words]
        done = here("pytest", *asked, "--rollout-out", str(tmp_path), "-p", "no:cacheprovider", *WITHOUT)
        return Judged.of(done, tmp_path)

    return judge


@pytest.fixture
def project(tmp_path: Path, warm: WarmPython, anew: bool) -> RolloutProject:
    """A healthy rollout that PROCEEDs until a test breaks it."""
    return RolloutProject(tmp_path, warm, anew=anew)


@pytest.fixture
def past(project: RolloutProject) -> Past:
    """Writes into the ledger beside the project's plan; see `tests/support/past.py`."""
    return Past(project.gates / "ledger.sqlite", datetime.now(UTC))


@pytest.fixture(scope="module")
def new_project(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, warm: WarmPython
) -> Callable[[], RolloutProject]:
    """Make healthy rollouts for several tests of one module to look at."""
    anew = starts_anew(request.node)
    return lambda: RolloutProject(tmp_path_factory.mktemp("project"), warm, anew=anew)
