"""Stages: what the campaign does before each phase is judged, as rows that gates read.

Every program of a stage is a process of its own. A stage writes one file of
JSON lines, whole or not at all, beside the results.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_scenarios import HERE, Scenario, read, read_all

from pytest_rollout.campaign.program import Watched, watched
from pytest_rollout.campaign.results import Rounds, as_benchmarks, unfinished, written_whole
from pytest_rollout.campaign.suite import Outcome, Task, run_suite
from pytest_rollout.errors import PlanError, RolloutError
from pytest_rollout.sources.benchmark_json import read_report
from pytest_rollout.sources.document import parse_json

BENCH = str(HERE / "bench.py")
MALFORMED = 'name = "qdrant_ann_1m_768d"\nworkload = "vectors"\nseed = -1\n[mix]\nsearch = 90\n'
MUCH = 10**6
COOL_DOWN_SECONDS = {"full": 1.0, "reduced": 0.05}
LATE = 3
"""So many times its seconds, and ten seconds to start, are a run's limit."""
WRONG_SCENARIO = "hybrid_production_100k"
"""Where something goes wrong in one scenario alone, it is this one."""
EVERYWHERE = {"seed", "leak", "mix"}
ONE_ALONE = {"slow", "killed", "killed_once", "orphan"}
REPORT_SECONDS = 60.0


def run_stage(options) -> None:
    """One stage by its name, and its rows in `<out>/<name>.jsonl`."""
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    stage = {
        "preflight": preflight,
        "determinism": determinism,
        "trials": trials,
        "suite": suite,
        "report": report,
    }[options.name]
    rows = list(stage(options))
    rows.append({"what": "stage", "name": options.name, "seconds": time.monotonic() - began})
    keys = dict.fromkeys(key for row in rows for key in row)
    at = options.at.isoformat()
    text = "".join(json.dumps({**dict.fromkeys(keys), **row, "at": at}) + "\n" for row in rows)
    written_whole(options.out / f"{options.name}.jsonl", text)


def preflight(options) -> Iterator[dict[str, object]]:
    """Are the scenarios sound, and is one that is not refused with its line?"""
    try:
        for each in read_all(options.scenarios):
            needed = each.size(options.size).memory_mb * (MUCH if options.inject == "huge" else 1)
            yield {"what": "scenario", "name": each.name, "problems": 0, "memory_mb": needed}
    except PlanError as error:
        for problem in error.problems:
            row = {"what": "scenario", "name": problem.file, "problems": 1, "memory_mb": None}
            yield {**row, "why": str(problem)}
    broken = options.out / "broken.toml"
    broken.write_text(MALFORMED, encoding="utf-8")
    try:
        read(broken)
        yield {"what": "malformed", "name": broken.name, "problems": 0}
    except PlanError as error:
        lines = [problem.line for problem in error.problems]
        yield {"what": "malformed", "name": broken.name, "problems": len(lines), "lines": len(set(lines))}
    if options.inject == "slow":
        time.sleep(11)


def determinism(options) -> Iterator[dict[str, object]]:
    """Three runs of each scenario."""
    yield from _runs(options, rounds=3)


def suite(options) -> Iterator[dict[str, object]]:
    """Every scenario; a round again, which must do the same; all rounds in one file; a suite that is interrupted."""
    rounds = 1 if options.size == "reduced" else None
    cool_down = COOL_DOWN_SECONDS[options.size]
    rows = list(_runs(options, rounds=rounds, cool_down_seconds=cool_down))
    yield from rows
    yield from _again(options)
    _merged(options, rows)
    for number in (signal.SIGINT, signal.SIGTERM):
        yield from _interrupted_suite(options, number)
    if options.inject == "corrupt":
        path = options.out / "results" / f"{WRONG_SCENARIO}-1.json"
        path.write_text(path.read_text("utf-8")[:200], encoding="utf-8")
    for path in sorted((options.out / "results").glob("*.json")):
        yield {"what": "result", "name": path.name, "problems": int(bool(_why_unreadable(path)))}


def _again(options) -> Iterator[dict[str, object]]:
    """One round once more in its own place: another whole result, of the same operations."""
    scenario = read_all(options.scenarios)[-1]
    results = options.out / "results"
    before = _digest_in(results / f"{scenario.name}-1.json")
    (outcome,) = run_suite(
        [_task(_Round(scenario, 1), options, results)], folder=results, environment=_environment(), check=read_report
    )
    same = outcome.done and _digest_in(outcome.result) == before
    left = len(unfinished(results))
    yield {"what": "again", "name": scenario.name, "problems": int(not same), "half_written": left}


def _digest_in(path: Path) -> str | None:
    """Of the operations of one result; None where there is none."""
    if not path.exists():
        return None
    document = parse_json(path.read_bytes(), path.name)
    return next(row["extra_info"]["digest"] for row in document["benchmarks"] if row["name"].endswith("[p99]"))


def _merged(options, rows: Sequence[Mapping[str, object]]) -> None:
    """The rounds of all results as one file of benchmarks, which the report calls this quarter's."""
    found = []
    for scenario in read_all(options.scenarios):
        paths = sorted((options.out / "results").glob(f"{scenario.name}-*.json"))
        reports = [read_report(path) for path in paths]
        for figure in ("p99", "operation") if reports else ():
            name = f"{scenario.name}[{figure}]"
            seconds = [each for one in reports for each in one.rounds(name)]
            noted = {"seconds": sum(row["seconds"] for row in rows if row["name"] == scenario.name)}
            found.append(Rounds(name=name, seconds=seconds, group=figure, extra=noted))
    if found:
        machine = {"node": platform.node(), "python_version": platform.python_version()}
        written_whole(options.out / "now.json", as_benchmarks(found, taken=options.at, machine=machine))


def trials(options) -> Iterator[dict[str, object]]:
    """Each way to fail, tried on a real run: its exit status, and that nothing is half written."""
    yield from _runs(options, rounds=1)
    folder = options.out / "trials"
    folder.mkdir(exist_ok=True)
    broken = folder / "broken.toml"
    broken.write_text(MALFORMED, encoding="utf-8")
    scenario = str(next(iter(read_all(options.scenarios))).file)
    writing = "in_place" if options.inject == "in_place" else "half"
    for name, words, number, expected in (
        ("malformed", [str(broken), "reduced"], None, 4),
        ("out_of_memory", [scenario, "reduced", "--inject", "out_of_memory"], None, 3),
        ("interrupted", [scenario, "reduced", "--inject", "wait"], signal.SIGINT, 130),
        ("terminated", [scenario, "reduced", "--inject", "wait"], signal.SIGTERM, 143),
        ("killed_while_writing", [scenario, "reduced", "--inject", writing], signal.SIGKILL, -9),
    ):
        result = folder / f"{name}.json"
        ready = folder / f"{name}.ready"
        argv = [sys.executable, BENCH, "run", *words, "--out", str(result), "--ready", str(ready)]
        ended = watched(
            argv,
            folder=folder,
            environment=_environment(),
            timeout_seconds=30.0,
            interrupt=(ready, number) if number else None,
        )
        for leftover in unfinished(folder):
            leftover.unlink()
        yield {
            "what": "trial",
            "name": name,
            "status": ended.status,
            "problems": int(ended.status != expected or ended.late),
            "orphans": ended.orphans,
            "half_written": int(result.exists() and bool(_why_unreadable(result))),
        }


def report(options) -> Iterator[dict[str, object]]:
    """The report as a program of its own, what it took, and what it found."""
    out = options.out / "report"
    argv = [sys.executable, BENCH, "report", "--results", str(options.results), "--out", str(out)]
    argv += ["--scenarios", str(options.scenarios)]
    ended = watched(argv, folder=options.out, environment=_environment(), timeout_seconds=REPORT_SECONDS)
    yield {"what": "cost", "name": "report", "status": ended.status, "seconds": ended.seconds, **_memory(ended)}
    if ended.status == 0:
        yield from map(json.loads, (out / "findings.jsonl").read_text("utf-8").splitlines())


@dataclass(frozen=True)
class _Round:
    """One process of a scenario."""

    scenario: Scenario
    number: int

    @property
    def name(self) -> str:
        return f"{self.scenario.name}-{self.number}"


def _runs(options, *, rounds: int | None, cool_down_seconds: float = 0.0) -> Iterator[dict[str, object]]:
    """Every scenario so many times, one process after another, and a row for each."""
    results = options.out / "results"
    results.mkdir(exist_ok=True)
    planned = [
        _Round(scenario, number)
        for scenario in read_all(options.scenarios)
        for number in range(1, (rounds or scenario.size(options.size).rounds) + 1)
    ]
    outcomes = run_suite(
        [_task(each, options, results) for each in planned],
        folder=results,
        environment=_environment(),
        check=read_report,
        cool_down_seconds=cool_down_seconds,
    )
    for each, outcome in zip(planned, outcomes, strict=True):
        yield _row(each, outcome, options.size)


def _task(each: _Round, options, results: Path) -> Task:
    here = options.inject in EVERYWHERE or (options.inject in ONE_ALONE and each.scenario.name == WRONG_SCENARIO)
    injected = options.inject if here else ""
    words = ["--inject", injected] if injected else []
    seconds = each.scenario.size(options.size).seconds
    limit = 10.0 + LATE * seconds if injected != "slow" else float(seconds)
    argv = [sys.executable, BENCH, "run", str(each.scenario.file), options.size, "--out", "{out}", *words]
    return Task(name=each.name, argv=argv, result=results / f"{each.name}.json", timeout_seconds=limit)


def _row(each: _Round, outcome: Outcome, size_name: str) -> dict[str, object]:
    """What gates want to know of a run."""
    size, last = each.scenario.size(size_name), outcome.attempts[-1]
    left = [attempt.orphans for attempt in outcome.attempts]
    found: dict[str, object] = {
        "what": "run",
        "name": each.scenario.name,
        "round": each.number,
        "done": int(outcome.done),
        "attempts": len(outcome.attempts),
        "status": last.status,
        "seconds": sum(attempt.seconds for attempt in outcome.attempts),
        "orphans": None if None in left else sum(left),
        "why": outcome.why,
        **_memory(last),
        "memory_used": 100 * last.peak_bytes / (size.memory_mb * 1e6),
    }
    if outcome.done:
        document = parse_json(outcome.result.read_bytes(), outcome.result.name)
        row = next(row for row in document["benchmarks"] if row["name"].endswith("[p99]"))
        extra = row["extra_info"]
        made = extra["operations"]
        found["digest"] = extra["digest"]
        found["as_seeded"] = int(extra["digest"] == size.digest)
        found["samples"] = len(extra["samples"])
        found["p99_ms"] = 1000 * read_report(outcome.result).rounds(row["name"])[0]
        found["per_second"] = 1 / read_report(outcome.result).rounds(f"{each.scenario.name}[operation]")[0]
        found["mix_off"] = max(
            abs(100 * made.get(kind, 0) / size.operations - share) for kind, share in each.scenario.mix.items()
        )
    return found


def _interrupted_suite(options, number: signal.Signals) -> Iterator[dict[str, object]]:
    """A suite of two runs, ended while the second one runs: the first result stays, the second is not there."""
    folder = options.out / f"ended-by-{number.name}"
    folder.mkdir(exist_ok=True)
    first, second, ready = folder / "first.json", folder / "second.json", folder / "ready"
    ready.unlink(missing_ok=True)
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); from bench_stages import ended_suite; "
        "sys.exit(ended_suite(*sys.argv[2:]))"
    )
    scenario = str(read_all(options.scenarios)[0].file)
    argv = [sys.executable, "-c", code, str(HERE), scenario, str(folder), str(ready)]
    environment = _environment()
    ended = watched(argv, folder=folder, environment=environment, timeout_seconds=40.0, interrupt=(ready, number))
    kept = first.exists() and not _why_unreadable(first)
    right = ended.status == 128 + number and kept and not second.exists() and not ended.late
    yield {
        "what": "ended",
        "name": number.name,
        "status": ended.status,
        "problems": int(not right),
        "orphans": ended.orphans,
        "half_written": len(unfinished(folder)),
    }


def ended_suite(scenario: str, folder: str, ready: str) -> int:
    """That suite, as a program."""
    from pytest_rollout.campaign.suite import Interrupted, ends_on_signals

    where = Path(folder)
    argv = [sys.executable, BENCH, "run", scenario, "reduced", "--out", "{out}"]
    tasks = [
        Task(name="first", argv=argv, result=where / "first.json", timeout_seconds=30.0),
        Task(
            name="second",
            argv=[*argv, "--inject", "wait", "--ready", ready],
            result=where / "second.json",
            timeout_seconds=30.0,
        ),
    ]
    try:
        with ends_on_signals():
            run_suite(tasks, folder=where, environment=_environment(), check=read_report)
    except Interrupted as interrupted:
        return interrupted.status
    return 0


def _environment() -> Mapping[str, str]:
    """One thread for each run: what other threads do is no part of a figure."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **single}


def _memory(ended: Watched) -> dict[str, float]:
    return {"peak_mb": ended.peak_bytes / 1e6}


def _why_unreadable(path: Path) -> str:
    try:
        read_report(path)
    except RolloutError as error:
        return str(error)
    return ""


__all__: Sequence[str] = ["ended_suite", "run_stage"]
