"""PrometheusApi: one conversation with Prometheus' HTTP API, within one time limit.

Told apart here: a query that is not understood, one that cannot be
evaluated, one that was given up, and a service that is no Prometheus.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import cast
from urllib.parse import urlencode

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line, parse_json, shown
from pytest_rollout.sources.fetch import Service
from pytest_rollout.sources.refusals import StatusError

_LONGEST_ADDRESS = 2000
_POSITION = re.compile(r"\b(\d+):(\d+): ")
_MAX_WARNINGS = 10
# Clusters (Thanos, VictoriaMetrics) would else leave out what a part of them cannot say. VictoriaMetrics' cache
# moves the asked instant to a round one.
_WHOLE = {"partial_response": "false", "deny_partial_response": "1", "nocache": "1"}


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of an answer: seconds since 1970 and as many values, or a `histogram` in place of them."""

    labels: Mapping[str, str]
    times: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    histogram: Mapping[str, object] | None = None


@dataclass
class Conversation:
    """What is asked for the sake of one question, and what came back.

    Args:
        service: Where.
        timeout_seconds: For everything together.
    """

    service: Service
    timeout_seconds: float
    warnings: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    skew: timedelta | None = None
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        """The time limit begins with the conversation."""
        self.deadline = time.monotonic() + self.timeout_seconds

    @property
    def seconds_left(self) -> float:
        """Until the time is over; negative behind it."""
        return self.deadline - time.monotonic()

    def evaluated(self, query: str, at: datetime) -> tuple[str, list[Series]]:
        """The type and the series of an instant query's result.

        Raises:
            SourceError: See `data`; or the result is none that is known here.
        """
        data = self.data("/api/v1/query", {"query": query, "time": stamp(at)})
        return _series_of(data, self.service.shown("/api/v1/query"))

    def evaluated_range(self, query: str, first: datetime, last: datetime, step: timedelta) -> list[Series]:
        """The series of a range query.

        Raises:
            SourceError: As for `evaluated`.
        """
        grid = {"start": stamp(first), "end": stamp(last), "step": f"{step.total_seconds():.3f}"}
        data = self.data("/api/v1/query_range", {"query": query, **grid})
        return _series_of(data, self.service.shown("/api/v1/query_range"))[1]

    def data(self, path: str, parameters: Mapping[str, str]) -> Mapping[str, object]:
        """What the API says under `data`; keeps its warnings.

        Raises:
            SourceError: In words that tell the API's errors apart.
        """
        where, left = self.service.shown(path), self.seconds_left
        if left <= 0:
            raise SourceError(f"{where}: no answer within {self.timeout_seconds:g} s")
        limit = {"timeout": f"{max(left, 0.001) * 1000:.0f}ms"} if "query" in parameters else {}
        form = {**parameters, **(_WHOLE | limit if limit else {})}
        address = f"{path}?{urlencode(form)}" if form else path
        try:
            short = len(address) <= _LONGEST_ADDRESS
            place, posted = (address, None) if short else (path, form)
            body = self.service.ask(place, posted, self.timeout_seconds, deadline=self.deadline)
        except StatusError as error:
            raise SourceError(self._refused(error, where, parameters.get("query", ""))) from None
        document = parse_json(body.content, where)
        if not isinstance(document, Mapping) or document.get("status") != "success" or "data" not in document:
            raise SourceError(f"{where}: answered {shown(document)}, not as Prometheus does\n{_CHECK_URL}")
        if document.get("isPartial"):
            raise SourceError(f"{where}: the answer is partial: some of the storage did not answer")
        self._warn(document)
        self.skew = self.skew if self.skew is not None else body.skew
        self.bodies.append(self.service.redacted(body.content.decode("utf-8")))
        if not isinstance(document["data"], Mapping):
            raise SourceError(f"{where}: answered {shown(document['data'])} as data\n{_CHECK_URL}")
        return document["data"]

    def note(self, text: str) -> None:
        """Keep a remark of ours with the evidence."""
        self.bodies.append(json.dumps({"note": self.service.redacted(first_line(text))}, ensure_ascii=False))

    def _warn(self, document: Mapping[str, object]) -> None:
        """Keep what the API says against its answer; `infos` are advice on style, and stay in the body."""
        found = document.get("warnings")
        for each in found if isinstance(found, list) else []:
            line = self.service.redacted(first_line(str(each)))
            if line not in self.warnings and len(self.warnings) < _MAX_WARNINGS:
                self.warnings.append(line)

    def _refused(self, error: StatusError, where: str, query: str) -> str:
        found: object = None
        with suppress(ValueError, RecursionError):
            found = json.loads(error.content)
        if not isinstance(found, Mapping) or not isinstance(found.get("error"), str):
            return f"{first_line(str(error), 300)}\n{_CHECK_URL}" if error.status == 404 else str(error)
        text, kind = self.service.redacted(first_line(found["error"], 300)), found.get("errorType")
        if kind == "bad_data":
            return f"{where}: the query is refused: {text}{_excerpt(text, query)}"
        if kind in {"timeout", "canceled"}:
            less = "ask for less: fewer series, a shorter range, or a recording rule"
            return f"{where}: the query was given up ({kind}): {text}\n{less}"
        if error.status == 422:
            return f"{where}: the query cannot be evaluated: {text}"
        if error.status == 404:
            return f"{where}: status 404: {text}\n{_CHECK_URL}"
        return str(error) if "\n" in str(error) else f"{where}: status {error.status}: {text}"


_CHECK_URL = "is 'url' the base address of Prometheus, without /api/v1?"


def stamp(at: datetime) -> str:
    """An instant as the API takes it, cut to its milliseconds: rounding up would ask for the future."""
    return f"{math.floor(at.timestamp() * 1000) / 1000:.3f}"


def named(labels: Mapping[str, str]) -> str:
    """A label set as people write it, cut at 100 characters."""
    pairs = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    return first_line(f"{labels.get('__name__', '')}{{{pairs}}}", 100)


def _excerpt(error: str, query: str) -> str:
    """The place in the query that Prometheus names as line:column."""
    place, lines = _POSITION.search(error), query.splitlines()
    if place is None or not 1 <= int(place[1]) <= len(lines):
        return ""
    line, column = lines[int(place[1]) - 1], int(place[2]) - 1
    near = line[max(column - 20, 0) : column + 20].strip()
    return f"\nnear: {first_line(near)}" if near else ""


def _series_of(data: Mapping[str, object], where: str) -> tuple[str, list[Series]]:
    kind, result = data.get("resultType"), data.get("result")
    if kind in {"scalar", "string"} and isinstance(result, Sequence) and len(result) == 2:
        return str(kind), [_series({}, [result], where)] if kind == "scalar" else []
    if kind not in {"vector", "matrix"} or not isinstance(result, list):
        raise SourceError(f"{where}: answered a result of type {shown(kind)}\n{_CHECK_URL}")
    found = [_one_series(each, where) for each in result]
    if kind == "vector" and any(len(each.values) != 1 and each.histogram is None for each in found):
        raise SourceError(f"{where}: a series of the vector has not one value\n{_CHECK_URL}")
    return str(kind), found


def _one_series(found: object, where: str) -> Series:
    labels = found.get("metric") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(labels, Mapping):
        raise SourceError(f"{where}: {shown(found)} is no series")
    names = {str(key): str(value) for key, value in labels.items()}
    if "histograms" in found:
        return Series(labels=names, histogram={})
    if "histogram" in found:
        pair = found["histogram"]
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], Mapping):
            return Series(labels=names, histogram=pair[1])
        raise SourceError(f"{where}: {shown(pair)} is no native histogram")
    points = [found["value"]] if "value" in found else found.get("values")
    if not isinstance(points, list):
        raise SourceError(f"{where}: the series {named(names)} has no values")
    return _series(names, points, where)


def _series(labels: Mapping[str, str], pairs: Sequence[object], where: str) -> Series:
    """The points of a series as columns; tens of thousands are read, so each rule is asked of all of them at once."""
    columns = _columns(pairs)
    if columns is None:
        wrong = next((each for each in pairs if _columns([each]) is None), pairs)
        raise SourceError(f"{where}: {shown(wrong)} is no time and value")
    return Series(labels=labels, times=columns[0], values=columns[1])


def _columns(pairs: Sequence[object]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Times and values of pairs such as `[1435781451.781, "1"]`; None where one of them is no such pair."""
    if not pairs:
        return (), ()
    lists = cast("Sequence[list[object]]", pairs)
    if set(map(type, lists)) != {list} or set(map(len, lists)) != {2}:
        return None
    flat = list(chain.from_iterable(lists))
    times, values = cast("list[float]", flat[::2]), cast("list[str]", flat[1::2])
    if not set(map(type, times)) <= {int, float} or set(map(type, values)) != {str} or "_" in "".join(values):
        return None
    try:  # "NaN" and "+Inf" are values; what they mean is decided elsewhere
        return tuple(map(float, times)), tuple(map(float, values))
    except (ValueError, OverflowError):
        return None
