"""Logs: figures out of log files, read line by line with one regular expression.

The pattern's named groups are what can be asked for; `at` is the time of a
line. A query is a function over the lines of a window:

    count({level="ERROR"}[1h])              lines
    per_hour({level="ERROR"}[24h])          lines an hour; per_second, per_minute, per_day
    share({level="ERROR"}[1h])              of all lines that match the pattern
    max(processing_time{job="nightly"}[25h])   min, mean, sum, last, p50, p90, p95, p99

No line at all is no answer, and lines that do not match are counted: a
service that is silent, or a log whose format has changed, has no zero errors.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import QuantityError, SourceError, did_you_mean, listed
from pytest_rollout.quantities import Quantity, parse_duration
from pytest_rollout.sources.disk import in_time, matching, path_option
from pytest_rollout.sources.document import first_line, parse_json, text_option
from pytest_rollout.sources.logs_figures import Request
from pytest_rollout.sources.process import Finished, run
from pytest_rollout.sources.protocol import Answer, Option, OptionValue, Question, Sample, SourceKind
from pytest_rollout.sources.selector import Expression, Matcher, parse_expression
from pytest_rollout.sources.zones import ZONE, zone_option

_COUNTS = ("count", "per_second", "per_minute", "per_hour", "per_day", "share")
_VALUES = ("min", "max", "mean", "sum", "last", "p50", "p90", "p95", "p99")
_FUNCTIONS = tuple((name,) for name in (*_COUNTS, *_VALUES))
_YEARS = ("%Y", "%y", "%c", "%x", "%D", "%F", "%G", "%s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_STEPS = 11_000
_SOURCES = Path(__file__).parent
# The package of sources without its many kinds, so that reading begins soon.
_BOOT = """\
import sys, types
sys.path.append(sys.argv[1])
sources = sys.modules["pytest_rollout.sources"] = types.ModuleType("pytest_rollout.sources")
sources.__path__ = [sys.argv[2]]
from pytest_rollout.sources.logs_scan import main
main()
"""


@dataclass(frozen=True, kw_only=True)
class LogsSource:
    """Log files below `folder` that `path` names, rotated and packed ones among them.

    Args:
        folder: The plan's.
        path: A file, or a pattern such as `logs/app.log*`.
        pattern: What a line looks like, with a group `at`.
        time_format: As `strptime` reads it, `epoch` or `epoch_ms`; ISO 8601 where it is empty.
        zone: Where times without an offset were written; "" where all have one.
        window: How far an instant looks back, where the query does not say.
        unmatched: Which share of lines may not match the pattern.
    """

    folder: Path
    path: str
    pattern: str
    time_format: str = ""
    zone: str = ""
    window: timedelta | None = None
    unmatched: float = 0.1

    def ask(self, question: Question) -> Answer:
        """A figure of the lines of a window, or one for each step.

        Raises:
            SourceError: No such query or file, too many lines that do not match, or no answer in time.
        """
        if question.buckets:
            raise SourceError(f"{self.path}: a source of kind 'logs' has no histogram\nask for p50, p90, p95 or p99")
        expression = parse_expression(question.query, _FUNCTIONS, self.path)
        self._check(expression)
        request, started = self._request(expression, question), time.monotonic()
        files = in_time(question.timeout_seconds, self.path, lambda: matching(self.folder, self.path))
        given = json.dumps({**request, "files": [str(each) for each in files]}).encode()
        try:
            finished = run(
                [sys.executable, "-I", "-S", "-c", _BOOT, str(_SOURCES.parents[1]), str(_SOURCES)],
                where=self.path,
                folder=self.folder,
                environment={"PATH": os.environ.get("PATH", "")},
                timeout_seconds=question.timeout_seconds,
                given=given,
                deadline=started + question.timeout_seconds,
            )
        except SourceError as error:
            raise SourceError(
                f"{error}\nthe pattern may take long on some line, or the window hold very many"
            ) from None
        return self._answer(finished, request)

    def _check(self, expression: Expression) -> None:
        groups, function = re.compile(self.pattern).groupindex, expression.functions[0]
        if bool(expression.name) != (function in _VALUES):
            fix = f"{function}({{…}})" if expression.name else f"{function}(group{{…}})"
            what = "counts lines" if expression.name else "is of a group's values"
            raise SourceError(f"{self.path}: {function} {what}\nwrite {fix}; groups: {listed(groups)}")
        for name in (expression.name, *(matcher.label for matcher in expression.matchers)):
            # A name that no line has would be fulfilled, or not, by every line.
            if name and name not in groups:
                lines = [f"{self.path}: the pattern has no group '{first_line(name, 40)}'", f"groups: {listed(groups)}"]
                raise SourceError("\n".join([*lines, *did_you_mean(name, groups)]))

    def _request(self, expression: Expression, question: Question) -> Request:
        window = expression.window or self.window
        if window is None:
            raise SourceError(
                f"{self.path}: over how much time? The query names no range\n"
                f"write {expression.functions[0]}(…[1h]), or the option 'window'"
            )
        start, step = question.start, question.step // _MICROSECOND if question.start is not None else 0
        if start is not None and (step <= 0 or (question.at - start) // question.step > _MAX_STEPS):
            many = f"from {start} to {question.at} are too many steps of {question.step}"
            raise SourceError(f"{self.path}: {many}\nask for a longer step, or a shorter window")
        return {
            "pattern": self.pattern,
            "time_format": self.time_format,
            "zone": self.zone,
            "function": expression.functions[0],
            "field": expression.name,
            "matchers": [_tested(each) for each in expression.matchers],
            "at": (question.at - _EPOCH) // _MICROSECOND,
            "start": ((start or question.at) - _EPOCH) // _MICROSECOND,
            "step": step,
            "window": window // _MICROSECOND,
            "unmatched": self.unmatched,
        }

    def _answer(self, finished: Finished, request: Request) -> Answer:
        if finished.status != 0:
            reason = first_line(finished.errors.decode("utf-8", "replace").strip().rpartition("\n")[2])
            raise SourceError(f"{self.path}: reading ended with {finished.status}: {reason or 'no reason given'}")
        found = parse_json(finished.output, self.path)
        if not isinstance(found, dict) or "error" in found:
            raise SourceError(f"{self.path}: {found['error'] if isinstance(found, dict) else 'no answer'}")
        samples = tuple(Sample(value=float(value), at=_EPOCH + at * _MICROSECOND) for value, at in found.pop("samples"))
        # Counts are the evidence; lines may hold what is nobody's business.
        return Answer(samples=samples, body=json.dumps({**found, "window_us": request["window"]}))


def _tested(matcher: Matcher) -> tuple[str, str, bool]:
    """A matcher as a label, a regular expression for its whole value, and whether that must fit."""
    text = matcher.text if matcher.operator in {"=~", "!~"} else re.escape(matcher.text)
    return matcher.label, text, matcher.operator in {"=", "=~"}


def _open(options: Mapping[str, OptionValue], folder: Path) -> LogsSource:
    window, time_format = text_option(options, "window").strip(), text_option(options, "time_format").strip()
    zone_option(options)
    if time_format and time_format not in {"epoch", "epoch_ms"} and not any(each in time_format for each in _YEARS):
        raise SourceError("option 'time_format' has no year, and a log may hold the lines of several\nlog the year: %Y")
    try:
        return LogsSource(
            folder=folder,
            path=path_option(options, "path"),
            pattern=_pattern(text_option(options, "pattern")),
            time_format=time_format,
            zone=text_option(options, "zone").strip(),
            window=parse_duration(window) if window else None,
            unmatched=_share(text_option(options, "unmatched").strip() or "10 %"),
        )
    except QuantityError as error:
        name = "window" if window and window in str(error) else "unmatched"
        raise SourceError(f"option '{name}': {first_line(str(error))}") from None


def _share(text: str) -> float:
    share = Quantity.parse(text).to("share")
    if not 0 <= share <= 1:
        raise QuantityError(f"'{text}' is no share of lines: write 0 % to 100 %")
    return share


def _pattern(text: str) -> str:
    try:
        groups = re.compile(text).groupindex
    except (re.error, RecursionError, OverflowError) as error:
        raise SourceError(f"option 'pattern' is no regular expression: {first_line(str(error))}") from None
    if "at" not in groups:
        raise SourceError(
            "option 'pattern' has no group 'at' for the time of a line\nwrite (?P<at>\\S+) where it stands"
        )
    return text


KIND = SourceKind(
    "logs",
    "figures out of log files",
    (
        Option("path", "the log, or a pattern such as logs/app.log*, from the plan's folder", required=True),
        Option("pattern", "a regular expression with named groups; 'at' is the time of a line", required=True),
        Option("time_format", "how 'at' is written, as strptime reads it, epoch or epoch_ms; ISO 8601 without it"),
        ZONE,
        Option("window", "over how much time, where the query names no range"),
        Option("unmatched", "which share of lines may not match the pattern; 10 % where it is not said"),
    ),
    _open,
)
