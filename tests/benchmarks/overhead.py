"""What pytest-rollout costs, as ratios measured in one run: `python tests/benchmarks/overhead.py`.

Each pair is run in turns, so that whatever else the machine does falls on
both; medians are compared. Nothing here is a test: a timed test fails on a
busy machine and passes on a fast one.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pytest_rollout.versions import versions

REPOSITORY = Path(__file__).parents[2]
GATES = 1000
OURS = ("-p", "pytest_rollout.plugin")

PLAN = """
rollout: bench
metrics:
  errors: {source: telemetry, query: errors}
phases:
  phase1: {title: Benchmark}
environments:
  test: {sources: {telemetry: {kind: memory, answers: {errors: 0}}}}
"""

GATE = """

def test_gate_{number}(metrics):
    assert metrics("errors") == 0
"""

PLAIN = """

@pytest.fixture
def errors():
    return 0


def test_plain_{number}(errors):
    assert errors == 0
"""


def seconds(command: Sequence[str], folder: Path, *, expected: int) -> float:
    """How long one command takes; it must end with the expected code."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROLLOUT_"))}
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        environ.pop(name, None)  # as on a person's machine: compiled once, not in every run
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode != expected:
        raise SystemExit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        )
    return taken


def medians(
    one: Sequence[str], other: Sequence[str], folder: Path, *, times: int, expected: int = 0
) -> tuple[float, float]:
    """Median seconds of two commands, run in turns."""
    for command in (one, other):
        seconds(command, folder, expected=expected)
    pairs = [(seconds(one, folder, expected=expected), seconds(other, folder, expected=expected)) for _ in range(times)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def pytest_command(*words: str) -> list[str]:
    """pytest in this Python, without the plugins that happen to be installed beside ours."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]


def report(name: str, measured: float, base: float, target: float, times: int) -> None:
    """One line: the ratio against its target."""
    ratio = measured / base
    verdict = "meets" if ratio <= target else "MISSES"
    spent = f"{measured:.3f} s against {base:.3f} s, {times} runs each"
    print(f"{name}: {ratio:.3f} times (target ≤ {target}, {verdict} it)   {spent}")


def unused(folder: Path) -> None:
    """The plugin in a project that has no rollout."""
    empty = folder / "empty"
    empty.mkdir()
    (empty / "test_nothing.py").write_text("")
    collect, times = pytest_command("--collect-only"), 30
    base, measured = medians(collect, [*collect, *OURS], empty, times=times, expected=5)
    report("loaded but unused, pytest --co of an empty suite", measured, base, 1.05, times)


def thousand_gates(folder: Path) -> None:
    """1000 gates with one claim each, against 1000 plain tests with one fixture each."""
    gates, plain = folder / "gates", folder / "plain"
    gates.mkdir()
    plain.mkdir()
    (gates / "rollout.yaml").write_text(PLAN)
    head = "import pytest\n\npytestmark = pytest.mark.phase1\n"
    (gates / "test_gates.py").write_text(head + "".join(GATE.format(number=number) for number in range(GATES)))
    fixture, _, test = PLAIN.partition("\n\ndef test_plain")
    tests = "".join(f"\n\ndef test_plain{test.format(number=number)}" for number in range(GATES))
    (plain / "test_plain.py").write_text("import pytest\n" + fixture + tests)
    subprocess.run(
        [sys.executable, "-m", "pytest_rollout.cli", "lock", "gates"], cwd=folder, check=True, capture_output=True
    )
    times = 7
    judged = pytest_command(*OURS, "gates", "-m", "phase1", "--rollout-env", "test")
    base, measured = medians(pytest_command("plain"), judged, folder, times=times)
    report("1000 gates with one claim each, against 1000 plain tests", measured, base, 1.5, times)


def dual_memory(folder: Path) -> None:
    """Phase 1 of the demo on a warm world, in seconds."""
    words = ("gates/dual_memory", "-m", "phase1", "--rollout-env", "demo", "--rollout-out", str(folder))
    command = pytest_command(*OURS, *words, "-o", "required_plugins=")
    runs = [seconds(command, REPOSITORY, expected=0) for _ in range(6)][1:]
    middle = statistics.median(runs)
    print(
        f"dual_memory phase 1 on a warm world: {middle:.2f} s (target ≤ 5 s, {'meets' if middle <= 5 else 'MISSES'} it)"
    )


def main() -> None:
    """Measure everything once."""
    tools = ", ".join(f"{name} {version}" for name, version in versions().items())
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, {tools}")
    with tempfile.TemporaryDirectory() as name:
        unused(Path(name))
        thousand_gates(Path(name))
        dual_memory(Path(name) / "out")


if __name__ == "__main__":
    main()
