"""Memory: the source with which people test their own gates.

It answers from a mapping of queries to answers, in the plan or in a file of
its own, which is read anew at each question. Everything that a real source
can do to a gate can be written down:

    requests_total: 120                 a number, as of now
    latency_p99: {value: 75, age: 2h}   taken two hours ago; `age: unknown` says no time
    error_rate: NaN
    timeouts: []                        an empty result; so is null
    by_region: [3, 4]                   several samples
    rss: {error: connection refused}    the source breaks
    slow: {hang: 30s}                   no answer in time
    heap: {values: [3, 4, 5], every: 60s}              a series, the newest now; `age: 5m` for one that ended
    waiting: {buckets: {10: 940, 20: 55, .inf: 5}}     a histogram: upper edges, and how many lie below each
    sizes: {rows: [0.7, 0.8, 0.8]}      many values, each of which is known

Asked for a series, a plain number was the same all along.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_rollout.errors import QuantityError, SourceError, did_you_mean, listed
from pytest_rollout.quantities import parse_duration
from pytest_rollout.sources.document import first_line, number_of, parse_json, shown, text_option
from pytest_rollout.sources.histogram import points
from pytest_rollout.sources.protocol import Answer, Bucket, Option, OptionValue, Question, Sample, SourceKind

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class MemorySource:
    """Answers from memory.

    Args:
        answers: Query to answer, as in the module's text; or the path of a
            YAML or JSON file that holds such a mapping.
        log: A file that gets one line per question, from every process; for
            tests that count.
    """

    answers: Mapping[str, object] | Path
    log: Path | None = None

    def ask(self, question: Question) -> Answer:
        """The answer that was written down for the question's query.

        Raises:
            SourceError: There is none, it is no answer, or it says `error` or `hang`.
        """
        if self.log is not None:
            _append(self.log, " ".join(question.query.split()))
        answers = read_mapping(self.answers) if isinstance(self.answers, Path) else self.answers
        if question.query not in answers:
            known = [str(query) for query in answers]
            lines = [f"memory holds no answer to '{question.query}'", f"answers: {listed(known)}"]
            raise SourceError("\n".join([*lines, *did_you_mean(question.query, known)]))
        stated = answers[question.query]
        if isinstance(stated, Mapping) and stated.keys() & {"values", "buckets", "rows"}:
            return _many(stated, question)
        if question.start is not None and not isinstance(stated, (Mapping, list, tuple)) and stated is not None:
            return _series([stated] * (_steps(question) or 1), question.step, timedelta(0), question)
        rows = stated if isinstance(stated, (list, tuple)) else [stated]
        samples = [_sample(row, question) for row in rows if not _absent(row)]
        return Answer(samples=tuple(samples), body=json.dumps(stated, default=str))


def _many(stated: Mapping[str, object], question: Question) -> Answer:
    """A series, or its newest sample where one number is asked; or a histogram, or rows."""
    where = f"memory, '{question.query}'"
    buckets = stated.get("buckets")
    if set(stated) == {"buckets"} and isinstance(buckets, Mapping) and question.buckets:
        return _histogram(buckets, question, where)
    rows = stated.get("rows")
    if set(stated) == {"rows"} and isinstance(rows, (list, tuple)) and question.buckets:
        found = points(((number_of(each, where), 1.0) for each in rows), where)
        total = (Sample(value=len(rows), at=question.at),) if rows else ()
        return Answer(samples=total, buckets=found, body=json.dumps(stated, default=str))
    values = stated.get("values")
    if not {"values", "every"} <= set(stated) <= {"values", "every", "age"} or not isinstance(values, (list, tuple)):
        raise SourceError(f"{where}: {shown(stated)} is no answer to this question")
    every, age = _duration(stated["every"], where), _duration(stated.get("age", 0), where)
    return _series(list(values) if question.start is not None else list(values[-1:]), every, age, question)


def _series(values: list[object], every: timedelta, age: timedelta, question: Question) -> Answer:
    where = f"memory, '{question.query}'"
    newest, start = question.at - age, question.start or datetime.min.replace(tzinfo=UTC)
    samples = [
        Sample(value=number_of(value, where), at=at)
        for back, value in zip(range(len(values) - 1, -1, -1), values, strict=True)
        if start < (at := newest - back * every) <= question.at
    ]
    return Answer(samples=tuple(samples), body=json.dumps(values, default=str))


def _histogram(stated: Mapping[str, object], question: Question, where: str) -> Answer:
    try:
        counts = sorted((float(edge), number_of(count, where)) for edge, count in stated.items())
    except ValueError:
        raise SourceError(f"{where}: the edges of buckets are numbers, and .inf for the last") from None
    edges = [-math.inf, *(edge for edge, _ in counts)]
    buckets = tuple(
        Bucket(above=above, upto=upto, count=count) for above, (upto, count) in zip(edges, counts, strict=False)
    )
    total = Sample(value=sum(count for _, count in counts), at=question.at)
    return Answer(samples=(total,), buckets=buckets, body=json.dumps(stated, default=str))


def _steps(question: Question) -> int:
    return 0 if question.start is None else int((question.at - question.start) / question.step)


def _absent(row: object) -> bool:
    return row is None or (isinstance(row, Mapping) and "value" in row and row["value"] is None)


def _sample(row: object, question: Question) -> Sample:
    where = f"memory, '{question.query}'"
    if not isinstance(row, Mapping):
        return Sample(value=number_of(row, where), at=question.at)
    if set(row) == {"error"}:
        raise SourceError(str(row["error"]))
    if set(row) == {"hang"}:
        time.sleep(min(_duration(row["hang"], where).total_seconds(), question.timeout_seconds))
        raise SourceError(f"{where}: no answer within {question.timeout_seconds:g} s")
    if not {"value"} <= set(row) <= {"value", "age"}:
        raise SourceError(
            f"{where}: {shown(row)} is no answer\nwrite {{value: …, age: …}}, {{error: …}} or {{hang: …}}"
        )
    return Sample(value=number_of(row["value"], where), at=_taken(row.get("age", 0), question.at, where))


def _taken(age: object, at: datetime, where: str) -> datetime | None:
    return None if age == "unknown" else at - _duration(age, where)


def _duration(value: object, where: str) -> timedelta:
    try:
        return parse_duration(value) if isinstance(value, str) else timedelta(seconds=number_of(value, where))
    except (QuantityError, OverflowError, ValueError) as error:
        raise SourceError(f"{where}: {first_line(str(error))}") from None


def read_mapping(path: Path) -> Mapping[str, object]:
    """A YAML or JSON file that holds one mapping.

    Raises:
        SourceError: No such file, or something else in it.
    """
    import yaml

    try:
        content = path.read_bytes()
        found = parse_json(content, str(path)) if path.suffix == ".json" else yaml.safe_load(content)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: {first_line(str(error)) or 'not YAML'}") from None
    if not isinstance(found, Mapping):
        raise SourceError(f"{path}: holds {shown(found)}, not a mapping of queries to answers")
    return found


def plain(value: object) -> object:
    """A value as YAML means it, when a plan hands on its texts as written (`3`, `null`, `NaN`, `true`)."""
    if isinstance(value, Mapping):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(below) for below in value]
    if not isinstance(value, str):
        return value
    words: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}
    if value.strip().lower() in words:
        return words[value.strip().lower()]
    if _INTEGER.fullmatch(value.strip()):
        return int(value)
    return float(value) if _NUMBER.fullmatch(value.strip()) else value


def _append(path: Path, line: str) -> None:
    # One write to a file opened for appending: lines of several processes do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def _open(options: Mapping[str, OptionValue], folder: Path) -> MemorySource:
    stated, log = options.get("answers", {}), text_option(options, "log")
    if not isinstance(stated, (str, Mapping)):
        raise SourceError("option 'answers' is a mapping of queries and their answers, or the file that holds them")
    answers = folder / stated if isinstance(stated, str) else {key: plain(each) for key, each in stated.items()}
    return MemorySource(answers, folder / log if log else None)


KIND = SourceKind(
    "memory",
    "answers that are written down, for testing gates",
    (
        Option("answers", "queries and their answers, or the file that holds them", required=True, mapping=True),
        Option("log", "a file that gets one line per question"),
    ),
    _open,
)
