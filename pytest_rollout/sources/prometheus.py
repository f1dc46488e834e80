"""Prometheus: a number, a series or a histogram, as of one instant.

The query is PromQL and must come down to one series, or is `firing alerts of
NAME`. Everything that speaks Prometheus' HTTP API is asked alike:
VictoriaMetrics, Thanos, Mimir.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.alert_rules import firing, rule_of
from pytest_rollout.sources.columns import Columns, microseconds
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.fetch import SERVICE_OPTIONS, Service
from pytest_rollout.sources.freshness import dated, taken
from pytest_rollout.sources.histogram import classic, native
from pytest_rollout.sources.prometheus_api import Conversation, Series, named
from pytest_rollout.sources.protocol import Answer, Bucket, OptionValue, Question, Sample, SourceKind

MAX_POINTS = 11_000
_IDENTITY_SECONDS = 1.0
_TO_A_NUMBER = "ask for a number: histogram_quantile(0.99, …), histogram_count(…) or histogram_fraction(…)"


@dataclass(frozen=True)
class PrometheusSource:
    """A service that speaks Prometheus' HTTP API; `now` is the clock."""

    service: Service
    now: Callable[[], datetime] = field(default=utc_now, repr=False)
    _identity: list[str] = field(default_factory=list, repr=False, compare=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def ask(self, question: Question) -> Answer:
        """Evaluate the query as of the question's instant, and ask how old its data is.

        Raises:
            SourceError: See `Conversation.data`; or the result is not what was asked for.
        """
        talk = Conversation(self.service, question.timeout_seconds)
        samples: Sequence[Sample]
        buckets: tuple[Bucket, ...] = ()
        if rule_of(question.query):
            samples = [firing(talk, question, self.now())]
        elif question.start is not None:
            samples = _window(talk, question)
        elif question.buckets:
            samples, buckets = _histogram(talk, question)
        else:
            samples = _number(talk, question)
        return Answer(
            samples=samples if isinstance(samples, Columns) else tuple(samples),
            body="\n".join(talk.bodies),
            buckets=buckets,
            warnings=tuple(talk.warnings),
            skew=talk.skew,
            identity=self._name(talk.seconds_left),
            status="200",
        )

    def _name(self, seconds: float) -> str:
        """What answers, asked once; nothing where it does not say, because no verdict hangs on it."""
        with self._guard:
            if not self._identity and seconds > 0:
                self._identity.append(_identity(self.service, min(seconds, _IDENTITY_SECONDS)))
            return self._identity[0] if self._identity else ""


def _identity(service: Service, seconds: float) -> str:
    with suppress(SourceError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        data = json.loads(service.get("/api/v1/status/buildinfo", seconds).content)["data"]
        # Only Prometheus says a revision without a name of its own; others answer with the version they imitate.
        name = data.get("application") or ("Prometheus" if data.get("revision") else "Prometheus API")
        return service.redacted(first_line(f"{name} {data['version']}", 60))
    return ""


def _number(talk: Conversation, question: Question) -> list[Sample]:
    where = talk.service.shown("/api/v1/query")
    kind, found = talk.evaluated(question.query, question.at)
    if kind == "string":
        raise SourceError(f"{where}: the query is a text, not a number")
    if kind == "matrix":
        raise SourceError(
            f"{where}: the query is a range of samples, not a number\nreduce it: rate(…), max_over_time(…), …"
        )
    if not found:
        return []
    one = _the_one(found, where)
    return [Sample(value=one.values[0], at=taken(talk, question.query, question.at))]


def _window(talk: Conversation, question: Question) -> Sequence[Sample]:
    where = talk.service.shown("/api/v1/query_range")
    if question.start is None or question.buckets:
        raise SourceError(
            f"{where}: a histogram over time is asked for in the query: sum by (le) (increase(…_bucket[24h]))"
        )
    span, step = question.at - question.start, question.step
    if min(span, step).total_seconds() <= 0:
        raise SourceError(f"{where}: the window of {span} in steps of {step} holds nothing")
    count = math.ceil(span / step)
    if count > MAX_POINTS:
        enough = math.ceil(span.total_seconds() / MAX_POINTS)
        raise SourceError(
            f"{where}: {count} points are asked for, and Prometheus gives {MAX_POINTS} at most\n"
            f"ask for a step of {enough} s or more, or a shorter window"
        )
    grid = (question.at - step * (count - 1), question.at, step)
    found = talk.evaluated_range(question.query, *grid)
    if not found:
        return []
    points = _the_one(found, where)
    samples = dated(talk, question.query, points, grid)
    start = microseconds(question.start) or 0
    first = next((place for place, at in enumerate(samples.times) if at is not None and at > start), len(samples))
    return samples[first:]  # times rise


def _the_one(found: Sequence[Series], where: str) -> Series:
    if len(found) > 1:
        few = ", ".join(named(each.labels) for each in found[:3]) + (", …" if len(found) > 3 else "")
        raise SourceError(f"{where}: {len(found)} series where one was meant: {few}\n{_reduce(found)}")
    if found[0].histogram is not None:
        raise SourceError(f"{where}: the query is a histogram, not a number\n{_TO_A_NUMBER}")
    return found[0]


def _reduce(found: Sequence[Series]) -> str:
    if any("le" in each.labels for each in found):
        return "these look like the buckets of a histogram: histogram_quantile(0.99, sum by (le) (…))"
    return "reduce them in the query: sum(…), max(…), or more labels in { }"


def _histogram(talk: Conversation, question: Question) -> tuple[list[Sample], tuple[Bucket, ...]]:
    where = talk.service.shown("/api/v1/query")
    kind, found = talk.evaluated(question.query, question.at)
    if kind == "vector" and not found:
        return [], ()
    if kind != "vector" or not all("le" in each.labels or each.histogram is not None for each in found):
        raise SourceError(
            f"{where}: the query is a number, not a histogram\n"
            "ask for the buckets: sum by (le) (increase(…_bucket[24h])), or a native histogram"
        )
    groups = {tuple(sorted((k, v) for k, v in each.labels.items() if k != "le")): each for each in found}
    natives = [each.histogram for each in found if each.histogram is not None]
    if len(groups) > 1 or (natives and len(found) > 1):
        few = ", ".join(named(each.labels) for each in list(groups.values())[:3])
        raise SourceError(
            f"{where}: {len(groups)} histograms where one was meant: {few}\n"
            "sum them in the query: sum by (le) (increase(…_bucket[24h])), or sum(…) of native ones"
        )
    if natives:
        buckets, total = native(natives[0], where)
    else:
        buckets, total = classic({each.labels["le"]: each.values[0] for each in found}, where)
    return [Sample(value=total, at=taken(talk, question.query, question.at))], buckets


def _open(options: Mapping[str, OptionValue], folder: Path) -> PrometheusSource:
    return PrometheusSource(Service.of(options, folder))


KIND = SourceKind("prometheus", "PromQL: Prometheus, VictoriaMetrics, Thanos or Mimir", SERVICE_OPTIONS, _open)
