"""Load: `load("GET /health", n=1000, at_once=100)`, a bounded load test whose figures have bounds.

It goes to hosts that the environment names and to no other. What was measured
is written down once; quantiles come from its order statistics, the share of
errors from its counts, and a replay is told the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import httpx

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError, RolloutError, SourceError, listed
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.loading import Order, measured
from pytest_rollout.provenance import Provenance
from pytest_rollout.stats import proportion, quantile

if TYPE_CHECKING:
    from pytest_rollout.claims import GateClaims
    from pytest_rollout.readings import Readings

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_PATIENCE_SECONDS = 60.0
LATE = 0.1
"""From this part of the median on, what the sender adds by itself is worth saying."""


@dataclass(frozen=True)
class LoadResult:
    """What came of one load test.

    Args:
        name: What was asked, as reports call it.
        n: How many requests were measured.
        latencies_ms: Of those that were answered with 2xx, in their order.
        errors_by_kind: How many others there were, and why.
        seconds: How long all of it took.
    """

    name: str
    n: int
    latencies_ms: tuple[float, ...] = field(repr=False)
    errors_by_kind: Mapping[str, int]
    seconds: float
    _how: _How = field(repr=False)

    @property
    def p50(self) -> Estimate:
        """The median of the latency."""
        return self.quantile(0.50)

    @property
    def p95(self) -> Estimate:
        """P95 of the latency."""
        return self.quantile(0.95)

    @property
    def p99(self) -> Estimate:
        """P99 of the latency; bounded from above from 598 requests on, at 95 % and `burst` 2."""
        return self.quantile(0.99)

    def quantile(self, q: float) -> Estimate:
        """A quantile of the latency, in ms, between order statistics.

        A request that failed took at least the whole time limit of one
        request: what fails fast does not make a service look fast.

        Args:
            q: Above 0 and below 1.

        Raises:
            QuestionError: Anything else.
        """
        given: object = q
        if not isinstance(given, int | float) or not 0 < given < 1:
            raise QuestionError(f"{self.name}: quantile({q!r}) is not above 0 and below 1: P99 is quantile(0.99)")
        name = f"{self.name} P{100 * q:.4g}"
        if self._how.unknown:
            return self._how.nobody_knows(name, "ms")
        rows, limit = self.latencies_ms, self._how.order.timeout * 1000
        alpha, deff = 1 - self._how.confidence, self._how.burst
        below, above = quantile.ranks(self.n, q, alpha, deff=deff)
        answered = len(rows)

        def at(rank: int) -> float:
            return rows[rank - 1] if rank <= answered else max(limit, rows[-1] if rows else 0.0)

        def level(edge: float, is_above: bool) -> float:
            count = bisect_left(rows, edge) if is_above else bisect_right(rows, edge)
            return quantile.level(count, self.n, q, above=is_above, deff=deff)

        few = f"{self.n} requests are too few: {quantile.fewest_rows(q, alpha, deff=deff)} bound P{100 * q:.4g}"
        failed = f"{self.n - answered} of {self.n} requests failed ({self._kinds()}), and have no latency"
        bounded = 0 < above <= answered
        return Estimate(
            at(quantile.middle(self.n, q)),
            at(below) if below else 0.0,
            at(above) if bounded else math.inf,
            self._how.confidence,
            "ms",
            n=self.n,
            method=f"order statistics of one load test, {self._how.model}",
            why=self._how.said("" if bounded else few if not above else failed),
            name=name,
            provenance=self._how.provenance,
            refuting_level=level,
            sources=self._how.sources,
            counted="requests",
        )

    @property
    def errors(self) -> Estimate:
        """The share of requests that were not answered with 2xx in time, in %."""
        name = f"{self.name} errors"
        if self._how.unknown:
            return self._how.nobody_knows(name, "%")
        failed = self.n - len(self.latencies_ms)
        found = proportion.once(failed, self.n, confidence=self._how.confidence, deff=self._how.burst)

        def level(limit: float, above: bool) -> float:
            return found.level(limit / 100, above) if found.level else 1.0

        return Estimate(
            100 * found.value,
            100 * found.low,
            100 * found.high,
            self._how.confidence,
            "%",
            n=self.n,
            method=f"{found.method}, of one load test, {self._how.model}",
            why=self._how.said(self._kinds()),
            name=name,
            provenance=self._how.provenance,
            refuting_level=level,
            sources=self._how.sources,
            counted="requests",
        )

    @property
    def throughput(self) -> Reading:
        """How many requests a second were answered with 2xx: exact of this test, and no estimate of what could be."""
        name = f"{self.name} answered"
        if self._how.unknown:
            return self._how.nobody_knows(name, "1/s")
        reading = Reading.exactly(
            len(self.latencies_ms) / self.seconds, "1/s", name=name, provenance=self._how.provenance
        )
        return replace(reading, n=self.n, why=self._how.said(""), sources=self._how.sources)

    def _kinds(self) -> str:
        return ", ".join(f"{kind}: {count}" for kind, count in self.errors_by_kind.items())


@dataclass(frozen=True, kw_only=True)
class _How:
    """How a load test was made, and what its figures rest on."""

    order: Order
    confidence: float
    burst: float
    provenance: Provenance
    sources: frozenset[int]
    slow_sender: str = ""
    unknown: str = ""
    reason: Reason = Reason.NO_DATA

    @property
    def model(self) -> str:
        order = self.order
        closed = f"closed model, {order.at_once} at once"
        return closed if order.rate is None else f"open model, {order.rate:g}/s, {order.at_once} at once"

    def said(self, why: str) -> str:
        """A reason, and that the sender was slow itself where it was."""
        return "; ".join(part for part in (why, self.slow_sender) if part)

    def nobody_knows(self, name: str, unit: str) -> Reading:
        found = Reading.unknown(self.unknown, reason=self.reason, name=name, unit=unit, provenance=self.provenance)
        return replace(found, sources=self.sources)


class Load:
    """The load tests of one gate.

    Args:
        readings: The environment, and the book of what was asked in this run.
        claims: What the gate has read and claimed.
        gate: Who asks; the same test of another gate is another test.
        at: The run's instant.
        confidence: Of each bound.
    """

    def __init__(self, readings: Readings, claims: GateClaims, *, gate: str, at: datetime, confidence: float) -> None:
        self._readings, self._claims, self._gate = readings, claims, gate
        self._at, self._confidence = at, confidence
        self._seen: Counter[tuple[str, ...]] = Counter()

    def __call__(
        self,
        what: str,
        *,
        n: int,
        at_once: int,
        rate: float | None = None,
        warm_up: int | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        seconds: float = 60.0,
        burst: float = 2.0,
    ) -> LoadResult:
        """Send requests, and say how they were answered.

        Args:
            what: `GET /path` of the environment's target, or a whole URL of a host that it names below `load`.
            n: How many requests are measured, at most 100 000.
            at_once: How many are under way together, at most 1000.
            rate: So many a second are due whatever was answered: latency counts from when a request was due.
                None: each user asks again when it was answered.
            warm_up: So many go before and are not measured; as many as `at_once` if not said.
            json: A body, as JSON.
            headers: Of each request; they are recorded nowhere.
            timeout: Seconds after which a request is an error.
            seconds: Seconds after which all that was not answered is an error, also what was not sent.
            burst: So many alike requests come together: n of them say as much as n / burst.

        Raises:
            QuestionError: A number that makes no load.
            RolloutError: A host that the environment does not name.
        """
        method, url = _split(what)
        content = b"" if json is None else _json(json)
        if not 1 <= burst < math.inf:
            raise QuestionError(f"load: burst is {burst:g}, and is 1 or more")
        order = Order(
            method=method,
            url=url,
            content=content,
            headers={**({"content-type": "application/json"} if content else {}), **(headers or {})},
            requests=n,
            at_once=at_once,
            rate=rate,
            warm_up=at_once if warm_up is None else warm_up,
            timeout=timeout,
            seconds=seconds,
        )
        told = f"{method} {httpx.URL(url).copy_with(userinfo=None, query=None)}"
        read = self._claims.read(told)
        provenance = Provenance(source="load", query=f"{told}, {order.told}", at=self._at)
        how = _How(
            order=order,
            confidence=self._confidence,
            burst=burst,
            provenance=provenance,
            sources=frozenset({read}),
        )
        try:
            return _result(told, how, self._recorded(order))
        except SourceError as error:
            how = replace(how, unknown=str(error), reason=error.reason)
            return LoadResult(told, n, (), {}, math.nan, how)

    def _recorded(self, order: Order) -> object:
        """What was measured, now or in the run that is replayed."""
        asked = (order.method, order.url, hashlib.sha256(order.content).hexdigest()[:16], order.told)
        self._seen[asked] += 1
        refused: list[RolloutError] = []

        def work() -> object:
            try:
                return measured(replace(order, url=self._whole(order.url)))
            except RolloutError as error:
                refused.append(error)
                raise

        key = ("load", self._gate, *asked, str(self._seen[asked]))
        try:
            return self._readings.answers.share(key, work, 2 * order.seconds + _PATIENCE_SECONDS)
        except SourceError:
            if refused:
                raise refused[0] from None
            raise

    def _whole(self, url: str) -> str:
        """The address with its host, which must be one that the environment names."""
        target, named = self._readings.target, self._readings.load_hosts
        if url.startswith("/"):
            if not target:
                raise RolloutError("the environment names no `target`: add `target: https://…` below environments")
            url = target.rstrip("/") + url
        if _origin(url) not in {_origin(each) for each in (target, *named) if each}:
            known = [f"{_shown(target)} (target)"] if target else []
            lines = [
                f"load: {_shown(url)} is no host that environment '{self._readings.environment}' names",
                f"hosts: {listed([*known, *map(_shown, named)])}",
                f"whoever answers for it may be loaded with: load: [{_shown(url)}] below environments",
            ]
            raise RolloutError("\n  ".join(lines))
        return url


def _split(what: str) -> tuple[str, str]:
    """`POST /path` as its two parts; GET where there is no method."""
    method, _, url = what.rpartition(" ")
    method = method or "GET"
    if method not in _METHODS or not url.startswith(("/", "http://", "https://")):
        raise QuestionError(f"load: {what!r} is not a method and a path, such as 'POST /api/query' or '/health'")
    return method, url


def _json(value: object) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, sort_keys=True).encode()
    except (TypeError, ValueError) as error:
        raise QuestionError(f"load: the body is no JSON: {error}") from None


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what two addresses share that are of one service."""
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host, parsed.port


def _shown(url: str) -> str:
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii').rpartition('@')[2]}"


def _result(name: str, how: _How, found: object) -> LoadResult:
    """A record as a result; one that is damaged, or in which requests are missing, is no answer."""
    try:
        latencies = tuple(float(each) for each in found["latencies_ms"])  # type: ignore[index]  # checked by reading it
        errors = {str(kind): int(count) for kind, count in found["errors"].items()}  # type: ignore[index]  # as above
        seconds, lag = float(found["seconds"]), float(found["lag_ms"])  # type: ignore[index]  # as above
    except (LookupError, TypeError, ValueError, AttributeError) as damage:
        raise SourceError(f"the recorded load test is damaged: {damage}") from None
    whole = len(latencies) + sum(errors.values()) == how.order.requests and min(errors.values(), default=1) > 0
    if not whole or not seconds > 0 or list(latencies) != sorted(latencies) or not all(map(math.isfinite, latencies)):
        raise SourceError("the recorded load test is damaged: its figures do not add up")
    slow = f"the sender itself was {lag:.3g} ms late on average, which its latencies hold"
    is_slow = bool(latencies) and lag > LATE * latencies[len(latencies) // 2]
    how = replace(how, slow_sender=slow if is_slow else "")
    return LoadResult(name, how.order.requests, latencies, errors, seconds, how)
