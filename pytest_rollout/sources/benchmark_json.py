"""Benchmark JSON: numbers out of what pytest-benchmark wrote, alone or against a baseline.

`test_recall#mean` is one figure of one benchmark. `change(test_recall#mean)`
and `difference(...)` compare it with the same benchmark in the file
`against`, and `worst_regression(mean)` is the largest change for the worse
over all benchmarks of that file. A baseline that is not older than the
result is refused: swapped files would show every regression as a gain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pytest_rollout.errors import QuantityError, SourceError, did_you_mean, listed
from pytest_rollout.quantities import convert
from pytest_rollout.sources.disk import in_time, path_option, read_whole
from pytest_rollout.sources.document import first_line, instant_of, number_of, parse_json, shown, text_option
from pytest_rollout.sources.protocol import Answer, Option, OptionValue, Question, Sample, SourceKind, unable

_MAX_BYTES = 64 * 2**20
_TIMES = frozenset({"min", "max", "mean", "stddev", "median", "iqr", "q1", "q3", "total"})
_PLAIN = frozenset({"rounds", "iterations", "ops"})
_QUANTILE = re.compile(r"p(\d{2})(\d{0,3})")
_QUERY = re.compile(
    r"(?:(?P<function>change|difference|worst_regression)\()?(?:(?P<name>.+)#)?(?P<stat>\w+)(?(function)\))"
)
_QUERIES = (
    "write 'test_name#figure', 'change(test_name#figure)', 'difference(test_name#figure)' "
    "or 'worst_regression(figure)'\n"
    f"figures: {listed(_TIMES | _PLAIN)}, p50 … p999"
)


@dataclass(frozen=True)
class Report:
    """One file: its benchmarks by full name, when it was taken, and on which machine."""

    where: str
    taken: datetime
    machine: str
    stats: Mapping[str, Mapping[str, object]]
    short: Mapping[str, tuple[str, ...]]

    def named(self, name: str) -> str:
        """The full name of a benchmark, which may be asked by its short one where there is only one such.

        Raises:
            SourceError: There is none, or there are several.
        """
        found = (name,) if name in self.stats else self.short.get(name, ())
        if len(found) != 1:
            known = sorted(self.stats) if found else sorted(self.short)
            what = (
                f"'{first_line(name, 60)}' is {len(found)} benchmarks"
                if found
                else f"no benchmark '{first_line(name, 60)}'"
            )
            lines = [
                f"{self.where}: {what}",
                f"benchmarks: {first_line(listed(known), 300)}",
                *did_you_mean(name, known),
            ]
            raise SourceError("\n".join(lines))
        return found[0]

    def figure(self, name: str, stat: str) -> float:
        """One figure, in seconds where it is a time.

        Raises:
            SourceError: There is none, or too few rounds for it.
        """
        stats, where = self.stats[name], f"{self.where}, {name}"
        if match := _QUANTILE.fullmatch(stat):
            return _quantile(stats, float(f"0.{match[1]}{match[2]}"), f"{where}#{stat}")
        if stat not in stats:
            raise SourceError(f"{where}: holds no '{stat}'")
        return number_of(stats[stat], f"{where}#{stat}")

    def rounds(self, name: str) -> tuple[float, ...]:
        """Every round of one benchmark, in seconds, in the order in which they were taken.

        Raises:
            SourceError: They were not kept, or one of them is no time.
        """
        full = self.named(name)
        return _rounds(self.stats[full], f"{self.where}, {full}")


@dataclass(frozen=True)
class BenchmarkSource:
    """A result, and the baseline that it is compared with; times are given in `unit`."""

    path: Path
    against: Path | None = None
    unit: str = "s"

    def ask(self, question: Question) -> Answer:
        """One figure, or how it changed.

        Raises:
            SourceError: No such figure, or a file that is no sound or no fitting result.
        """
        unable(question, self.path.name, "benchmark_json")
        return in_time(question.timeout_seconds, self.path.name, lambda: self._answer(question.query.strip()))

    def _answer(self, query: str) -> Answer:
        match = _QUERY.fullmatch(query)
        function, name, stat = match.group("function", "name", "stat") if match else ("", "", "")
        known = stat in _TIMES | _PLAIN or _QUANTILE.fullmatch(stat)
        if not known or (function == "worst_regression") == bool(name):
            raise SourceError(f"{self.path.name}: '{first_line(query, 80)}' is no query\n{_QUERIES}")
        report = read_report(self.path)
        warnings: tuple[str, ...] = ()
        if not function:
            value, body = self._in_unit(report.figure(report.named(name), stat), stat), query
        else:
            baseline = self._baseline(report)
            if name:
                value, body = self._changed(report, baseline, name, stat, function)
            else:
                value, body = _worst(report, baseline, stat)
            if report.machine != baseline.machine:
                warnings = (f"measured on {report.machine}, and the baseline on {baseline.machine}",)
        return Answer(samples=(Sample(value=value, at=report.taken),), body=f"{body} = {value!r}", warnings=warnings)

    def _baseline(self, report: Report) -> Report:
        if self.against is None:
            raise SourceError(f"{self.path.name}: a change is from a baseline\nname its file: option 'against'")
        baseline = read_report(self.against)
        if baseline.taken >= report.taken:
            raise SourceError(
                f"{baseline.where}: the baseline was taken {baseline.taken.isoformat(timespec='seconds')}, "
                f"not before the result of {report.taken.isoformat(timespec='seconds')}\n"
                "'path' is the new file, 'against' the old one"
            )
        return baseline

    def _changed(self, report: Report, baseline: Report, name: str, stat: str, function: str) -> tuple[float, str]:
        full = report.named(name)
        new, old = (
            report.figure(full, stat),
            baseline.figure(baseline.named(full if full in baseline.stats else name), stat),
        )
        body = f"{full}#{stat}: {new!r}, baseline {old!r}"
        if function == "difference":
            return self._in_unit(new, stat) - self._in_unit(old, stat), body
        return _percent(new - old, old, baseline.where), body

    def _in_unit(self, value: float, stat: str) -> float:
        return value if stat in _PLAIN else convert(value, "s", self.unit)


def _worst(report: Report, baseline: Report, stat: str) -> tuple[float, str]:
    """The largest change for the worse in per cent, and which it is; less than zero when everything became better.

    A benchmark that is new has nothing to be worse than, and is no reason for doubt: the evidence names it.
    """
    if missing := sorted(set(baseline.stats) - set(report.stats)):
        raise SourceError(
            f"{report.where}: of the baseline {len(missing)} are missing: {first_line(', '.join(missing), 120)}\n"
            "a benchmark that was not run may be the slow one: run all, or take a new baseline"
        )
    changes: dict[str, float] = {}
    for name in baseline.stats:
        new, old = report.figure(name, stat), baseline.figure(name, stat)
        changes[name] = _percent(old - new if stat == "ops" else new - old, old, baseline.where)
        if math.isnan(changes[name]):  # a maximum would go by it
            raise SourceError(f"{report.where}, {name}: {stat} is NaN")
    worst = max(changes, key=lambda name: changes[name])
    fresh = sorted(set(report.stats) - set(baseline.stats))
    left_out = f" (not in the baseline, so not compared: {first_line(', '.join(fresh), 120)})" if fresh else ""
    return changes[worst], f"worst of {len(changes)}{left_out} is {worst}#{stat}"


def _percent(change: float, old: float, where: str) -> float:
    if not old > 0:
        raise SourceError(f"{where}: the baseline is {old:g}, and nothing is a share of that")
    return 100.0 * change / old


def _quantile(stats: Mapping[str, object], share: float, where: str) -> float:
    """The nearest-rank quantile of the rounds: a time that one of them really took.

    With fewer than 1 / (1 - share) rounds it would be their maximum by another name.
    """
    rounds = sorted(_rounds(stats, where))
    needed = math.ceil(round(1.0 / (1.0 - share), 6))
    if len(rounds) < needed:
        raise SourceError(f"{where}: {len(rounds)} rounds, and it takes {needed} to see it")
    return rounds[math.ceil(round(share * len(rounds), 6)) - 1]


def _rounds(stats: Mapping[str, object], where: str) -> tuple[float, ...]:
    data = stats.get("data")
    if not isinstance(data, list):
        raise SourceError(
            f"{where}: the rounds were not kept\nrun pytest with --benchmark-json, or --benchmark-save-data"
        )
    rounds = tuple(number_of(each, where) for each in data)
    if any(math.isnan(each) for each in rounds):
        raise SourceError(f"{where}: NaN among the rounds")
    return rounds


def read_report(path: Path) -> Report:
    """One file of pytest-benchmark.

    Raises:
        SourceError: It cannot be read, or is not what pytest-benchmark writes.
    """
    where = path.name
    document = parse_json(read_whole(path, _MAX_BYTES), where)
    rows = document.get("benchmarks") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(rows, list) or "datetime" not in document:
        raise SourceError(f"{where}: {shown(document)} is not what pytest-benchmark writes")
    stats: dict[str, Mapping[str, object]] = {}
    short: dict[str, tuple[str, ...]] = {}
    for row in rows:
        name, full, figures = (
            _text(row, "name"),
            _text(row, "fullname"),
            row.get("stats") if isinstance(row, Mapping) else None,
        )
        if not name or not full or full in stats or not isinstance(figures, Mapping):
            raise SourceError(
                f"{where}: benchmark '{first_line(full or name, 60)}' has no name or no figures, or is there twice"
            )
        stats[full], short[name] = figures, (*short.get(name, ()), full)
    if not stats:
        raise SourceError(f"{where}: no benchmark ran")
    machine = document.get("machine_info")
    return Report(where, instant_of(document["datetime"], where), _machine(machine), stats, short)


def _text(row: object, key: str) -> str:
    value = row.get(key) if isinstance(row, Mapping) else None
    return value if isinstance(value, str) else ""


def _machine(info: object) -> str:
    cpu = info.get("cpu") if isinstance(info, Mapping) else None
    parts = (_text(info, "node"), _text(cpu, "brand_raw"), f"Python {_text(info, 'python_version')}")
    return first_line(", ".join(filter(None, parts)), 100)


def _open(options: Mapping[str, OptionValue], folder: Path) -> BenchmarkSource:
    unit = text_option(options, "unit").strip() or "s"
    try:
        convert(1.0, "s", unit)
    except QuantityError:
        raise SourceError(
            f"option 'unit' is '{first_line(unit, 20)}', no unit of time\nwrite s, ms, us or ns"
        ) from None
    against = folder / path_option(options, "against") if "against" in options else None
    return BenchmarkSource(folder / path_option(options, "path"), against, unit)


KIND = SourceKind(
    "benchmark_json",
    "figures of pytest-benchmark, alone or against a baseline",
    (
        Option("path", "the file that --benchmark-json wrote, from the plan's folder", required=True),
        Option("against", "an older such file, the baseline of changes"),
        Option("unit", "the unit of times, as the metric's unit: s, ms, us or ns; s where it is not said"),
    ),
    _open,
)
