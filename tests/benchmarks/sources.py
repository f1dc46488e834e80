"""How long asking takes: 200 gates over 200 queries of 50 ms each, and 50 windows of 10 000 points.

Ratios of one run, printed; `python tests/benchmarks/sources.py`. Targets stand
beside them, and nothing fails: a slow machine is no bug.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

GATES = 200
ANSWER_SECONDS = 0.05
AT_ONCE = 16
WINDOWS = 50
POINTS = 10_000

PLAN = """
rollout: many
every: 1h
metrics:
{metrics}
phases: {{phase1: {{}}}}
environments:
  test:
    sources:
      telemetry: {{kind: {kind}, url: "{url}"}}
"""


def answered(kind: str, series: dict[str, object]) -> bytes:
    """The envelope of Prometheus' API around one series."""
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": [series]}}).encode()


@lru_cache
def points_of(first: float, count: int, step: float, *, clock: bool) -> bytes:
    """The answer to a range query, made once: what the server takes to make it is not what is measured."""
    points = [[first + i * step, str(first + i * step) if clock else "1.5"] for i in range(count)]
    return answered("matrix", {"metric": {"selector": "0"} if clock else {}, "values": points})


class Slow(BaseHTTPRequestHandler):
    """Answers after a while: `/q7` with a number, `/window` with a series."""

    protocol_version = "HTTP/1.1"
    seconds = ANSWER_SECONDS
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """One answer."""
        parts = urlsplit(self.path)
        self.asked[parts.path] += 1
        time.sleep(self.seconds)
        now = datetime.now(UTC)
        found: object = {"value": 1, "at": now.isoformat()}
        if parts.path.startswith("/api/v1/"):
            found = self.prometheus(parts.path, parse_qs(parts.query))
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def prometheus(self, path: str, asked: dict[str, list[str]]) -> bytes:
        """What Prometheus would say of one series that has a sample a second."""
        clock = "timestamp" in asked.get("query", [""])[0]
        if path != "/api/v1/query_range":
            now = float(asked.get("time", ["0"])[0])
            return answered("vector", {"metric": {"selector": "0"} if clock else {}, "value": [now, str(now)]})
        first, last, step = (float(asked[each][0]) for each in ("start", "end", "step"))
        return points_of(first, round((last - first) / step) + 1, step, clock=clock)

    def do_POST(self) -> None:
        """A query in the body of a form, as one in the address."""
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.path = f"{self.path}?{form}"
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """A thread for each connection, and a queue that many at once fit in."""

    request_queue_size = 512
    daemon_threads = True


def project(folder: Path, url: str, metrics: str, gates: str, kind: str = "http_json") -> None:
    """A rollout of one phase, locked."""
    gate_folder = folder / "gates"
    gate_folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (gate_folder / "rollout.yaml").write_text(PLAN.format(metrics=metrics, url=url, kind=kind))
    (gate_folder / "test_many.py").write_text(f"import pytest\n\npytestmark = pytest.mark.phase1\n\n\n{gates}")
    subprocess.run(
        [sys.executable, "-m", "pytest_rollout.cli", "lock", "gates"], cwd=folder, check=True, capture_output=True
    )


def environ() -> dict[str, str]:
    """As on a person's machine: no other plugin, and modules that are compiled once, not in every run."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROLLOUT_"))}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        found.pop(name, None)
    return {**found, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run(folder: Path, *words: str, code: int = 0) -> tuple[float, float]:
    """Wall time of one run that ends with a code, and the processor time of all its processes."""
    command = [sys.executable, "-m", "pytest", "-p", "pytest_rollout.plugin", "gates", "-q", *words]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environ(), check=False, capture_output=True, text=True)
    taken = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != code:
        sys.exit(f"the run ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def many(folder: Path, url: str) -> None:
    """200 gates, each with a query of its own."""
    metrics = "\n".join(f'  m{i}: {{better: lower, source: telemetry, query: "/q{i}#@"}}' for i in range(GATES))
    gates = "\n\n".join(f"def test_{i}(metrics):\n    assert metrics('m{i}') == 1\n" for i in range(GATES))
    project(folder, url, metrics, gates)
    judge = ("-m", "phase1", "--rollout-env", "test")
    run(folder, *judge, "--collect-only", code=1)  # compiles what is not compiled yet
    ideal = GATES / AT_ONCE * ANSWER_SECONDS
    for name, more in (("one process", ()), ("-n 2", ("-p", "xdist", "-n", "2"))):
        Slow.asked.clear()
        taken, busy = run(folder, *judge, *more)
        once = set(Slow.asked.values()) == {1} and len(Slow.asked) == GATES
        print(
            f"{GATES} gates, {GATES} queries of 50 ms, {name}: {taken:.2f} s ({busy:.2f} s of processor), "
            f"{taken / ideal:.1f} x the ideal {ideal:.3f} s (target 3), each asked once: {once}"
        )
    Slow.seconds = 0.0
    costs(folder, judge)
    Slow.seconds = ANSWER_SECONDS


def costs(folder: Path, judge: tuple[str, ...]) -> None:
    """What a gate costs that names no metric of its own, and what a query of its own adds; processor time, medians."""
    bare = folder.with_name("bare")
    metrics = '  m0: {better: lower, source: telemetry, query: "/q0#@"}'
    unused = "\n".join(f'  m{i}: {{better: lower, source: telemetry, query: "/q{i}#@"}}' for i in range(1, GATES))
    gates = "\n\n".join(f"def test_{i}(metrics):\n    assert metrics('m0') == 1\n" for i in range(GATES))
    url = str((folder / "gates" / "rollout.yaml").read_text()).partition('url: "')[2].partition('"')[0]
    project(bare, url, f"{metrics}\n{unused}", gates)
    runs = [
        (run(folder, *judge, "--collect-only", code=1)[1], run(bare, *judge)[1], run(folder, *judge)[1])
        for _ in range(5)
    ]
    collecting, one, all_of_them = (statistics.median(each) for each in zip(*runs, strict=True))
    print(
        f"processor time, server at once: {(one - collecting) / GATES * 1000:.2f} ms a gate beside collecting, "
        f"{(all_of_them - one) / (GATES - 1) * 1000:.2f} ms for a query of its own (target 1); "
        f"collecting takes {collecting:.2f} s"
    )


def windows(folder: Path, url: str) -> None:
    """50 metrics over 10 000 points each."""
    metrics = "\n".join(
        f"  m{i}: {{better: lower, source: telemetry, query: 'm{i}', step: 1s}}" for i in range(WINDOWS)
    )
    gates = "\n\n".join(
        f"def test_{i}(metrics):\n    assert metrics('m{i}').over('{POINTS - 100}s').max < 8\n" for i in range(WINDOWS)
    )
    project(folder, url, metrics, gates, "prometheus")
    Slow.seconds = 0.0
    taken, busy = run(folder, "-m", "phase1", "--rollout-env", "test")
    print(
        f"{WINDOWS} windows of {POINTS} points: {taken:.2f} s in all ({busy:.2f} s of processor), "
        "server at once (target 2 s)"
    )


def main() -> None:
    """Print everything."""
    with Server(("127.0.0.1", 0), Slow) as server, tempfile.TemporaryDirectory() as folder:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        many(Path(folder) / "many", url)
        windows(Path(folder) / "windows", url)
        server.shutdown()


if __name__ == "__main__":
    main()
