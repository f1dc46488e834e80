"""What reports cost a run of 200 gates, in processor time: `python tests/benchmarks/reports.py [REPETITIONS]`.

The same run without reports and with all that are text (Markdown, HTML, a
step summary, annotations, JUnit properties, a hook), in turns, each in a
process of its own; medians are compared. Nothing here is a test.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pytest_rollout.versions import versions

GATES = 200
PLAN = """
rollout: bench
metrics:
  errors: {{source: telemetry, query: errors}}
phases:
  phase1: {{title: Benchmark}}
environments:
  test: {{sources: {{telemetry: {{kind: memory, answers: {{errors: 0}}}}}}}}
{reports}
"""
GATE = '''

def test_gate_{number}(metrics):
    """Gate {number} sees no errors."""
    assert metrics("errors") == 0
'''
HOOK = "def pytest_rollout_report(record):\n    assert len(record.gates) == 200\n"


def project(folder: Path, *, reports: bool) -> Path:
    """A rollout of 200 gates."""
    gates = folder / "gates"
    gates.mkdir(parents=True)
    text = "import pytest\npytestmark = pytest.mark.phase1\n" + "".join(GATE.format(number=n) for n in range(GATES))
    (gates / "test_gates.py").write_text(text, "utf-8")
    (gates / "rollout.yaml").write_text(
        PLAN.format(reports="reports: {files: [markdown, html]}" if reports else ""), "utf-8"
    )
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", "utf-8")
    if reports:
        (gates / "conftest.py").write_text(HOOK, "utf-8")
    subprocess.run([sys.executable, "-m", "pytest_rollout.cli", "lock", "gates"], cwd=folder, check=True, stdout=-3)
    return folder


def seconds(folder: Path, *, reports: bool) -> float:
    """Processor time of one run."""
    words = ["gates", "-m", "phase1", "--rollout-env", "test", "-q", "-p", "no:cacheprovider", "--junitxml", "j.xml"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "PYTEST_", "ROLLOUT_"))}
    if reports:
        env |= {"GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GITHUB_ACTIONS": "true"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=folder, env=env, stdout=-3, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert (folder / ".rollout" / "verdict.html").exists() is reports
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as name:
        kinds = {kind: project(Path(name, str(kind)), reports=kind) for kind in (False, True)}
        found: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(repetitions):
            for kind, folder in kinds.items():
                found[kind].append(seconds(folder, reports=kind))
    without, with_all = (statistics.median(found[kind]) for kind in (False, True))
    print(f"{GATES} gates, {repetitions} repetitions in turns, {platform.platform()}, {os.cpu_count()} cores")
    print(", ".join(f"{package} {version}" for package, version in versions().items()))
    print(f"without reports {without:.2f} s, with all text reports {with_all:.2f} s: {with_all / without - 1:+.0%}")


if __name__ == "__main__":
    main()
