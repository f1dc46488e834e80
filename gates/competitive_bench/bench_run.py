"""Run: one round of one scenario: operations from the seed, each timed, twelve looks at the host on the way.

Operations are digested as they are done. The result is JSON as
pytest-benchmark writes it: the round's P99, and the mean time of an operation,
whose inverse is the throughput.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psutil
from bench_sequence import line, operations
from bench_workloads import bytes_of, work

from pytest_rollout.campaign.results import Rounds, as_benchmarks, written_whole

LOOKS = 12
PAUSE_SECONDS = 0.05


def run(scenario, size_name: str, out: Path, *, ready: Path | None = None, inject: str = "") -> None:
    """One round, and its result in `out`.

    Args:
        scenario: What is run.
        size_name: `full` or `reduced`.
        out: Where the result belongs.
        ready: A file that is made once the first operation is done.
        inject: What goes wrong, so that gates can be tried; see `docs/rollouts/competitive_bench`.
    """
    size = scenario.size(size_name)
    seed = time.time_ns() if inject == "seed" else scenario.seed
    mix = {**scenario.mix, **_shifted(scenario.mix)} if inject == "mix" else scenario.mix
    if inject == "out_of_memory":
        _without_memory()
        bytes_of(seed, "more than there is", 2**30)
    if inject == "orphan":
        subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(30)"], start_new_session=True)
    done = work(scenario.workload, seed, size.rows, size.dimensions)
    digest, kinds, times, looks, kept = hashlib.sha256(), Counter(), [], [], []
    every = size.operations / LOOKS
    for number, operation in enumerate(operations(seed, mix, size.operations), start=1):
        began = time.perf_counter()
        done[operation[0]](operation[1])
        times.append(time.perf_counter() - began)
        digest.update(f"{line(operation)}\n".encode("ascii"))
        kinds[operation[0]] += 1
        if len(looks) < LOOKS and number >= every * (len(looks) + 1):
            looks.append(look())
        if inject == "leak":
            kept.append(b"x" * 2**20)
        if number == 1:
            _first_done(ready, out, inject)
        if inject in {"slow", "wait"}:
            time.sleep(PAUSE_SECONDS)
    written_whole(out, result(scenario, times, digest.hexdigest(), kinds, looks))


def look() -> dict[str, float]:
    """What the host is doing."""
    return {
        "cpu": psutil.cpu_percent(),
        "memory_free": psutil.virtual_memory().available,
        "load": os.getloadavg()[0],
        "resident": psutil.Process().memory_info().rss,
    }


def result(scenario, times: list[float], digest: str, kinds: Counter, looks: list[dict[str, float]]) -> str:
    """The round as pytest-benchmark would write it."""
    p99 = sorted(times)[math.ceil(0.99 * len(times)) - 1]
    extra = {"digest": digest, "operations": dict(kinds), "samples": looks}
    machine = {
        "node": platform.node(),
        "python_version": platform.python_version(),
        "cpu": {"brand_raw": platform.machine()},
    }
    rounds = [
        Rounds(name=f"{scenario.name}[p99]", seconds=[p99], group="p99", extra=extra),
        Rounds(name=f"{scenario.name}[operation]", seconds=[sum(times) / len(times)], group="operation"),
    ]
    return as_benchmarks(rounds, taken=datetime.now(UTC), machine=machine)


def _first_done(ready: Path | None, out: Path, inject: str) -> None:
    if inject == "killed":
        os.kill(os.getpid(), 9)
    if inject == "killed_once" and not out.with_suffix(".once").exists():
        out.with_suffix(".once").touch()
        os.kill(os.getpid(), 9)
    if inject == "in_place":
        out.write_text('{"benchmarks": [', encoding="utf-8")
    if inject == "half":
        out.with_name(f".{out.name}.half.part").write_text('{"benchmarks": [', encoding="utf-8")
    if ready:
        ready.touch()
    if inject in {"half", "in_place"}:
        time.sleep(30)


def _shifted(mix) -> dict[str, int]:
    """Five of a hundred operations less of the most frequent kind, and more of the rarest."""
    most, least = max(mix, key=mix.get), min(mix, key=mix.get)
    return {most: mix[most] - 5, least: mix[least] + 5}


def _without_memory() -> None:
    """From here on this process gets a few megabytes more, and no more."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + 8 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
