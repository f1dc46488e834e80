"""Results: rounds of benchmarks as pytest-benchmark writes them, in files that are whole or not there.

A file is written beside its place and renamed into it, so that whoever reads,
and whatever ends the writer, there is the old one or the new one. What is read
goes through the source kind `benchmark_json`, which gates read as well.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pytest_rollout.errors import RolloutError


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """One benchmark: its name, the time of each round in seconds, and whatever else was noted of it."""

    name: str
    seconds: Sequence[float]
    group: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seconds or not all(math.isfinite(each) and each > 0 for each in self.seconds):
            raise RolloutError(f"benchmark '{self.name}': a round takes a time above 0, and there is at least one")


def written_whole(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or as it was before; writing the same again changes nothing.

    Raises:
        RolloutError: It cannot be written; nothing is left beside it.
    """
    part = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(part).replace(path)
    except BaseException as error:
        with suppress(OSError):
            Path(part).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RolloutError(f"{path.name}: cannot be written: {error.strerror}") from None
        raise


def unfinished(folder: Path) -> list[Path]:
    """What a writer that was killed left below a folder: no reader takes it for a result."""
    return sorted(folder.rglob(".*.part"))


def as_benchmarks(results: Sequence[Rounds], *, taken: datetime, machine: Mapping[str, object]) -> str:
    """The JSON of pytest-benchmark.

    Args:
        results: Each benchmark.
        taken: When, with an offset from UTC.
        machine: What it ran on: `node`, `python_version`, `cpu` with `brand_raw`.
    """
    document = {
        "machine_info": dict(machine),
        "benchmarks": [_row(each) for each in results],
        "datetime": taken.isoformat(),
        "version": "5.1.0",
    }
    return json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _row(rounds: Rounds) -> dict[str, object]:
    data = [float(each) for each in rounds.seconds]
    mean = statistics.fmean(data)
    lowest, _, highest = statistics.quantiles(data, n=4) if len(data) > 1 else (mean, mean, mean)
    stats = {
        "min": min(data),
        "max": max(data),
        "mean": mean,
        "median": statistics.median(data),
        "stddev": statistics.stdev(data) if len(data) > 1 else 0.0,
        "q1": lowest,
        "q3": highest,
        "iqr": highest - lowest,
        "rounds": len(data),
        "iterations": 1,
        "ops": 1 / mean,
        "total": math.fsum(data),
        "data": data,
    }
    return {
        "group": rounds.group or None,
        "name": rounds.name,
        "fullname": f"campaign::{rounds.name}",
        "params": None,
        "extra_info": dict(rounds.extra),
        "stats": stats,
    }
