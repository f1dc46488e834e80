"""Recorded: results at full size that nobody measured here, made from a seed, and files of the world.

The machine that judges the demo has neither the memory for ten million
vectors nor the quiet for half a millisecond. So all figures of time in the
embedded world are these; what is run for real is said in the docs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bench_scenarios import FOLDER, HERE, read_all
from bench_sequence import numbers

import pytest_rollout
from pytest_rollout.campaign.results import Rounds, as_benchmarks, written_whole
from pytest_rollout.errors import WorldError

P99_MS = {
    "qdrant_ann_1m_768d": 18.4,
    "neo4j_traversal_100k": 13.9,
    "hybrid_production_100k": 8.7,
    "milvus_ann_10m_768d": 91.0,
}
"""What the world's P99 is, in ms."""
PER_SECOND = {
    "qdrant_ann_1m_768d": 900.0,
    "neo4j_traversal_100k": 1500.0,
    "hybrid_production_100k": 1100.0,
    "milvus_ann_10m_768d": 140.0,
}
QUARTERS = {"2026-q1": (270, 1.06), "2026-q2": (180, 1.03), "2026-q3": (90, 1.01)}
"""Days ago, and how much slower everything was."""
SPREAD = 0.01
MACHINE = {"node": "bench-01", "python_version": "3.11", "cpu": {"brand_raw": "embedded world"}}
STAGE_SECONDS = 50.0


def deviation(drawn) -> float:
    """A number from -1 to 1, most often near 0."""
    return sum(next(drawn) / 2**64 for _ in range(6)) / 3 - 1


@dataclass(frozen=True, kw_only=True)
class Results:
    """This quarter's results and those of earlier ones, a source of kind `benchmark_json` in ms.

    Args:
        factors: How many times the usual P99 a scenario has now.
        quarters: Which earlier quarters there are.
        outlier: A scenario one of whose rounds takes half as long again.
        cut: Whether this quarter's file ends in the middle.
        longer: How many times its planned seconds a round took, with its start and its cool-down.
    """

    factors: Mapping[str, float] = field(default_factory=dict)
    quarters: Sequence[str] = tuple(QUARTERS)
    outlier: str = ""
    cut: bool = False
    longer: float = 1.0

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """All files, in `results` of the folder."""
        results = folder / "results"
        for when in self.quarters:
            days, slower = QUARTERS[when]
            taken = at - timedelta(days=days)
            written_whole(results / f"{when}.json", self._file(taken, days, dict.fromkeys(P99_MS, slower)))
        text = self._file(at - timedelta(hours=2), 0, self.factors)
        written_whole(results / "now.json", text[: len(text) // 2] if self.cut else text)
        before = max(self.quarters, default="none")
        now, against = str(results / "now.json"), str(results / f"{before}.json")
        return {"kind": "benchmark_json", "path": now, "against": against, "unit": "ms"}

    def _file(self, taken: datetime, seed: int, factors: Mapping[str, float]) -> str:
        found = []
        for scenario in read_all():
            drawn, factor = numbers(scenario.seed + seed), factors.get(scenario.name, 1.0)
            mean = P99_MS[scenario.name] * factor / 1000
            p99 = [mean * (1 + SPREAD * deviation(drawn)) for _ in range(scenario.full.rounds)]
            if scenario.name == self.outlier and not seed:
                p99[-1] *= 1.5
            each = 1 / PER_SECOND[scenario.name]
            operation = [each * factor * (1 + SPREAD * deviation(drawn)) for _ in p99]
            noted = {"seconds": scenario.full.rounds * scenario.full.seconds * self.longer}
            found.append(Rounds(name=f"{scenario.name}[p99]", seconds=p99, group="p99", extra=noted))
            found.append(Rounds(name=f"{scenario.name}[operation]", seconds=operation, group="operation"))
        return as_benchmarks(found, taken=taken, machine=MACHINE)


@dataclass(frozen=True, kw_only=True)
class Timings:
    """P99 and throughput of three runs of each scenario at full size, a source of kind `file`.

    Args:
        spread: How far a run's P99 may be from the scenario's, as a share.
        throughput_spread: The same of its operations a second.
    """

    spread: float = 0.004
    throughput_spread: float = 0.008

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """One file of JSON lines."""
        rows = []
        for scenario in read_all():
            drawn = numbers(scenario.seed + 1)
            for number in (-1, 0, 1):
                p99 = P99_MS[scenario.name] * (1 + self.spread * (number + 0.1 * deviation(drawn)))
                speed = PER_SECOND[scenario.name] * (1 + self.throughput_spread * (number + 0.1 * deviation(drawn)))
                taken = (at - timedelta(hours=1)).isoformat()
                rows.append({"name": scenario.name, "p99_ms": p99, "per_second": speed, "at": taken})
        path = folder / "timings.jsonl"
        written_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
        return {"kind": "file", "path": str(path)}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of the campaign, run for real at reduced size, a source of kind `file`: what it did, as rows.

    Args:
        name: Of the stage.
        inject: What goes wrong in it.
        scenarios: Where its scenarios are; those of this folder if not said.
        broken: The name of a scenario file that somebody spoils.
    """

    name: str
    inject: str = ""
    broken: str = ""

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """Run it in a process of its own, which is small; see `campaign.program`."""
        out, scenarios = folder / self.name, self._scenarios(folder)
        argv = [sys.executable, str(HERE / "bench.py"), "stage", self.name, "--with-parent", "--out", str(out)]
        argv += ["--at", at.isoformat(), "--results", str(folder / "results"), "--scenarios", str(scenarios)]
        argv += ["--inject", self.inject] if self.inject else []
        package = str(Path(pytest_rollout.__file__).parent.parent)
        environment = {**os.environ, "PYTHONPATH": package}
        try:
            done = subprocess.run(
                argv, env=environment, capture_output=True, text=True, timeout=STAGE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise WorldError(f"stage {self.name} took longer than {STAGE_SECONDS:g} s") from None
        if done.returncode:
            raise WorldError(f"stage {self.name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return {"kind": "file", "path": str(out / f"{self.name}.jsonl")}

    def _scenarios(self, folder: Path) -> Path:
        if not self.broken:
            return FOLDER
        spoiled = folder / f"scenarios-of-{self.name}"
        spoiled.mkdir(exist_ok=True)
        for file in FOLDER.glob("*.toml"):
            text = file.read_text("utf-8")
            (spoiled / file.name).write_text(
                text.replace("seed", "sead") if file.stem == self.broken else text, "utf-8"
            )
        return spoiled
