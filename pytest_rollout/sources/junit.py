"""JUnit: how a test suite ended, from the XML that every test runner writes.

Test cases are counted; what the attributes of a suite claim must agree with
them, because a file that was cut off, or edited, is no evidence. A file that
was checked out has the time of the checkout, so only the suites' own
`timestamp` says how old a result is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from xml.parsers import expat

from pytest_rollout.errors import SourceError, did_you_mean, listed
from pytest_rollout.sources.disk import in_time, matching, path_option, read_whole
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Answer, Option, OptionValue, Question, Sample, SourceKind, unable
from pytest_rollout.sources.zones import ZONE, placed, zone_option

_MAX_BYTES = 64 * 2**20
_MAX_DEPTH = 100
_SUITES = frozenset({"testsuites", "testsuite"})
_OUTCOMES = {"failure": "failures", "error": "errors", "skipped": "skipped"}
_IDLE = frozenset({"notrun", "disabled", "skipped", "suppressed"})  # GoogleTest lists what it did not run, too
_QUERIES = ("tests", "passed", "failures", "errors", "unsuccessful", "skipped", "pass_rate", "time")


@dataclass
class _Results:
    """What has been read: counts by query, and the oldest suite; `timeless` when one did not say its time."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    oldest: datetime | None = None
    timeless: bool = False

    def enter(self, taken: datetime | None) -> None:
        self.timeless = self.timeless or taken is None
        if taken is not None:
            self.oldest = min(taken, self.oldest or taken)

    def values(self) -> dict[str, float]:
        """Every query's answer; a test that was skipped is one, and did not pass."""
        rates = {"pass_rate": self.counts["passed"] / self.counts["tests"], "time": self.seconds}
        return {name: rates.get(name, float(self.counts[name])) for name in _QUERIES}


@dataclass(frozen=True)
class JunitSource:
    """Result files below `folder`; `zone` is where times without an offset were written."""

    folder: Path
    pattern: str
    zone: tzinfo | None = None

    def ask(self, question: Question) -> Answer:
        """One of the counts, over all files that the pattern names.

        Raises:
            SourceError: No such count or file, no test ran, or a file that is no sound result.
        """
        unable(question, self.pattern, "junit")
        query = question.query.strip()
        if query not in _QUERIES:
            lines = [f"{self.pattern}: there is no '{first_line(query, 40)}' in test results"]
            raise SourceError("\n".join([*lines, f"queries: {listed(_QUERIES)}", *did_you_mean(query, _QUERIES)]))
        results = in_time(question.timeout_seconds, self.pattern, self._read)
        tests, skipped = results.counts["tests"], results.counts["skipped"]
        if tests == skipped:
            raise SourceError(
                f"{self.pattern}: no test ran ({tests} tests, {skipped} skipped)\n"
                "a suite without tests has proven nothing: see why none was collected"
            )
        values, at = results.values(), None if results.timeless else results.oldest
        said = ", ".join(f"{name} {value:g}" for name, value in values.items())
        return Answer(samples=(Sample(value=values[query], at=at),), body=said)

    def _read(self) -> _Results:
        results = _Results()
        for path in matching(self.folder, self.pattern):
            _Reader(path.name, self.zone, results).read(read_whole(path, _MAX_BYTES))
        return results


@dataclass
class _Suite:
    """A suite while it is read: what it claims, and what it holds itself and with all suites below."""

    claims: dict[str, str]
    own: Counter[str] = field(default_factory=Counter)
    deep: Counter[str] = field(default_factory=Counter)

    def holds(self, key: str, claimed: str) -> bool:
        """Whether a count can be found: some count suites below, or each failure of one test."""
        counted = {counter[name] for counter in (self.own, self.deep) for name in (key, f"{key} elements")}
        return claimed in {str(each) for each in (counted if key != "tests" else {self.own[key], self.deep[key]})}


class _Reader:
    """One file, read element by element into `results`."""

    def __init__(self, where: str, zone: tzinfo | None, results: _Results) -> None:
        self.where, self.zone, self.results = where, zone, results
        self.open: list[str] = []
        self.suites: list[_Suite] = []
        self.case: Counter[str] = Counter()
        self.subtests = False

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        # Without a DOCTYPE there are no entities: none that swell, none that fetch a file.
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise SourceError(f"{self.where}: no sound XML: {first_line(str(error))}") from None

    def _doctype(self, *_: object) -> None:
        raise SourceError(f"{self.where}: has a DOCTYPE, which no test result needs and which can change what it says")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name, parent = name.rpartition(":")[2], self.open[-1] if self.open else ""
        if not parent and name not in _SUITES:
            raise SourceError(f"{self.where}: begins with <{first_line(name, 40)}>, and JUnit XML with <testsuites>")
        if len(self.open) >= _MAX_DEPTH:
            raise SourceError(f"{self.where}: nested too deeply for a test result")
        if name in _SUITES | {"testcase"} and parent not in {"", *_SUITES}:
            raise SourceError(f"{self.where}: a <{name}> inside <{first_line(parent, 40)}>, which is no suite")
        self.open.append(name)
        if name in _SUITES:
            # pytest counts passed subtests among a suite's tests, and lists them nowhere.
            self.subtests = self.subtests or attributes.get("name") == "pytest tests"
            self.suites.append(_Suite(attributes))
        elif name == "testcase":
            self.results.seconds += self._seconds(attributes)
            self.case = Counter()
            if attributes.get("status") in _IDLE or attributes.get("result") in _IDLE:
                self.case["idle"] = 1
        elif parent == "testcase" and name in _OUTCOMES:
            self.case[_OUTCOMES[name]] += 1

    def _end(self, name: str) -> None:
        self.open.pop()
        if (name := name.rpartition(":")[2]) == "testcase":
            self._close_case(self.suites[-1], self.case)
        elif name in _SUITES:
            self._close_suite(self.suites.pop())

    def _close_case(self, suite: _Suite, case: Counter[str]) -> None:
        found = {"tests": 1, **{key: 1 for key in _OUTCOMES.values() if case[key]}}
        found |= {f"{key} elements": case[key] for key in _OUTCOMES.values()}
        suite.own.update(found)
        suite.deep.update(found)
        idle = bool(case["idle"]) and len(case) == 1
        self.results.counts.update({key: found[key] for key in ("tests", *_OUTCOMES.values()) if key in found})
        self.results.counts["skipped"] += idle
        self.results.counts["passed"] += not case
        self.results.counts["unsuccessful"] += bool(case["failures"] or case["errors"])

    def _close_suite(self, suite: _Suite) -> None:
        for key in ("tests", *_OUTCOMES.values()):
            claimed = suite.claims.get(key, "").strip()
            if not claimed or suite.holds(key, claimed):
                continue
            more = claimed.isdecimal() and len(claimed) < 10 and int(claimed) > suite.deep[key]
            if not (key == "tests" and self.subtests and more and suite.deep[key]):
                raise SourceError(
                    f"{self.where}: suite '{first_line(suite.claims.get('name', ''), 40)}' claims {key}="
                    f"{first_line(claimed, 20)} and holds {suite.deep[key]}\n"
                    "the file was cut off or changed: write it anew"
                )
        if suite.own["tests"]:
            stamps = (each.claims.get("timestamp", "").strip() for each in (suite, *reversed(self.suites)))
            self.results.enter(self._taken(next(filter(None, stamps), "")))
        if self.suites:
            self.suites[-1].deep.update(suite.deep)

    def _taken(self, stamp: str) -> datetime | None:
        try:
            instant = datetime.fromisoformat(stamp) if stamp else None
        except ValueError:
            raise SourceError(f"{self.where}: timestamp '{first_line(stamp, 40)}' is not a time") from None
        if instant is None or (instant.tzinfo is None and self.zone is None):
            return None
        return placed(instant, self.zone, self.where)

    def _seconds(self, attributes: Mapping[str, str]) -> float:
        text = attributes.get("time", "").strip() or "0"
        try:
            seconds = float(text.replace(",", ""))  # some runners write 1,234.5
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds >= 0):
            raise SourceError(f"{self.where}: time '{first_line(text, 20)}' is no number of seconds")
        return seconds


def _open(options: Mapping[str, OptionValue], folder: Path) -> JunitSource:
    return JunitSource(folder, path_option(options, "path"), zone_option(options))


KIND = SourceKind(
    "junit",
    "how a test suite ended, from JUnit XML",
    (
        Option("path", "the result file, or a pattern such as results/*.xml, from the plan's folder", required=True),
        ZONE,
    ),
    _open,
)
