"""Files: what lies beside the telemetry of a real system: test results, benchmarks, logs, lists.

Each is a description; a world writes it at its start and offers it as a
source of the same name. All times are given in hours before the run, so that
nothing grows old in a repository.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Protocol
from xml.sax.saxutils import quoteattr

from pytest_rollout.errors import WorldError

_HOUR = timedelta(hours=1)


class WorldFile(Protocol):
    """A file that a world writes and offers as a source."""

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """Write it as of `at`; how a plan would state the source of it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Junit:
    """Results of a test suite as JUnit XML, a source of kind `junit`.

    Args:
        tests: How many ran.
        failed: The names of those that failed, as further tests.
        hours_ago: When they ran.
        file: The name of the file.
    """

    tests: int
    failed: Sequence[str] = ()
    hours_ago: float = 2.0
    file: str = "junit.xml"

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """One suite."""
        names = [f"test_{number:03}" for number in range(1, self.tests + 1)]
        cases = [f'  <testcase classname="suite" name="{name}" time="0.020"/>' for name in names]
        broken = '<failure message="assert False">assert False</failure>'
        cases += [
            f'  <testcase classname="suite" name={quoteattr(name)} time="0.020">{broken}</testcase>'
            for name in self.failed
        ]
        taken = (at - self.hours_ago * _HOUR).isoformat()
        counts = f'tests="{len(cases)}" failures="{len(self.failed)}" errors="0" skipped="0"'
        suite = f'<testsuite name="suite" {counts} time="{len(cases) * 0.02:.3f}" timestamp="{taken}">'
        lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>", suite, *cases, "</testsuite>"]
        return {"kind": "junit", "path": _written(folder, self.file, "\n".join([*lines, "</testsuites>", ""]))}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One benchmark: its mean, now and before, and how far its rounds stray from it, as a share."""

    name: str
    mean_ms: float
    before_ms: float
    spread: float = 0.1
    rounds: int = 200

    def __post_init__(self) -> None:
        if self.rounds < 2 or not 0 <= self.spread < 1 or min(self.mean_ms, self.before_ms) <= 0:
            raise WorldError(f"benchmark '{self.name}': at least 2 rounds, a spread from 0 to 1, and times above 0")


@dataclass(frozen=True, kw_only=True)
class Benchmarks:
    """Results of pytest-benchmark with their baseline, a source of kind `benchmark_json` in ms.

    Args:
        results: Each benchmark.
        hours_ago: When they ran.
        before_hours_ago: When the baseline was taken.
        file: The name of the file; the baseline's begins with `baseline-`.
    """

    results: Sequence[Benchmark]
    hours_ago: float = 3.0
    before_hours_ago: float = 240.0
    file: str = "benchmarks.json"

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """Two files."""
        now = self._report([(each, each.mean_ms) for each in self.results], at - self.hours_ago * _HOUR)
        then = self._report([(each, each.before_ms) for each in self.results], at - self.before_hours_ago * _HOUR)
        path = _written(folder, self.file, json.dumps(now, indent=1))
        against = _written(folder, f"baseline-{self.file}", json.dumps(then, indent=1))
        return {"kind": "benchmark_json", "path": path, "against": against, "unit": "ms"}

    def _report(self, results: Sequence[tuple[Benchmark, float]], taken: datetime) -> dict[str, object]:
        machine = {"node": "bench-01", "python_version": "3.11", "cpu": {"brand_raw": "embedded world"}}
        rows = [_benchmark_row(benchmark, mean_ms) for benchmark, mean_ms in results]
        return {"machine_info": machine, "benchmarks": rows, "datetime": taken.isoformat(), "version": "5.1.0"}


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log in three files, the oldest packed, a source of kind `logs`.

    Args:
        pattern: The regular expression of the source, with a group `at`.
        entries: Lines without their time, each with how many minutes lie
            between two of them; `{n}` counts a line's own.
        hours: How far it reaches back.
        file: The name of the newest file; the others end in `.1` and `.2.gz`.
    """

    pattern: str
    entries: Mapping[str, float]
    hours: float = 72.0
    file: str = "service.log"

    def __post_init__(self) -> None:
        for text, minutes in self.entries.items():
            if not minutes > 0:
                raise WorldError(f"log '{self.file}': '{text}' comes every {minutes} minutes; say more than 0")

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """Three files, each with a third of the lines."""
        lines = []
        for text, minutes in self.entries.items():
            step = timedelta(minutes=minutes)
            count = int(self.hours * 60 / minutes)
            first = at - step / 2 - (count - 1) * step
            lines += [(first + n * step, text.format(n=n + 1)) for n in range(count)]
        written = [f"{when.isoformat(timespec='milliseconds')} {text}\n" for when, text in sorted(lines)]
        third = len(written) // 3
        path = _written(folder, self.file, "".join(written[2 * third :]))
        _written(folder, f"{self.file}.1", "".join(written[third : 2 * third]))
        (folder / f"{self.file}.2.gz").write_bytes(gzip.compress("".join(written[:third]).encode(), mtime=0))
        return {"kind": "logs", "path": f"{path}*", "pattern": self.pattern}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A list, as CSV or as JSON lines, a source of kind `file`.

    Each row gets a column `at`, `hours_ago` before the run. The end of the file's name says what it is.
    """

    rows: Sequence[Mapping[str, object]]
    hours_ago: float = 1.0
    file: str = "rows.csv"

    def write(self, folder: Path, at: datetime) -> Mapping[str, str]:
        """One file."""
        taken = (at - self.hours_ago * _HOUR).isoformat()
        rows = [{**row, "at": taken} for row in self.rows]
        if self.file.endswith(".jsonl"):
            text = "".join(json.dumps(row) + "\n" for row in rows)
        elif self.file.endswith(".csv") and rows:
            out = io.StringIO()
            table = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
            text = out.getvalue()
        else:
            raise WorldError(f"file '{self.file}': a list with rows ends in .csv or .jsonl")
        return {"kind": "file", "path": _written(folder, self.file, text)}


def _written(folder: Path, name: str, text: str) -> str:
    """Write one file, and say where it is."""
    path = folder / name
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error
    return str(path)


def _benchmark_row(benchmark: Benchmark, mean_ms: float) -> dict[str, object]:
    """A benchmark as pytest-benchmark writes it; its rounds lie evenly around the mean, in an order of chance."""
    count, mean = benchmark.rounds, mean_ms / 1000
    rounds = [mean * (1 + benchmark.spread * (2 * n / (count - 1) - 1)) for n in range(count)]
    Random(benchmark.name).shuffle(rounds)
    ordered, middle = sorted(rounds), mean
    stats = {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "median": middle,
        "stddev": (sum((each - mean) ** 2 for each in rounds) / (count - 1)) ** 0.5,
        "rounds": count,
        "iterations": 1,
        "ops": 1 / mean,
        "total": sum(rounds),
        "data": rounds,
    }
    full = f"benchmarks/test_speed.py::{benchmark.name}"
    return {"group": None, "name": benchmark.name, "fullname": full, "params": None, "stats": stats}
