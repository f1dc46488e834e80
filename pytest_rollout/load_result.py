"""Load result: the figures of one load test, with bounds.

Quantiles come from the order statistics of what was measured, the share of
errors from its counts. A request that failed is never left out.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError, SourceError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.intervals import RefutingLevel
from pytest_rollout.loading import Order
from pytest_rollout.provenance import Provenance
from pytest_rollout.stats import proportion, quantile

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
    _how: How = field(repr=False)

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
        return self._how.estimate(
            at(quantile.middle(self.n, q)),
            at(below) if below else 0.0,
            at(above) if bounded else math.inf,
            unit="ms",
            n=self.n,
            method="order statistics",
            why="" if bounded else few if not above else failed,
            name=name,
            level=level,
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

        return self._how.estimate(
            100 * found.value,
            100 * found.low,
            100 * found.high,
            unit="%",
            n=self.n,
            method=f"{found.method},",
            why=self._kinds(),
            name=name,
            level=level,
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
class How:
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
        """Whether users wait for answers (closed) or requests come at a rate (open), and how many at once."""
        order = self.order
        closed = f"closed model, {order.at_once} at once"
        return closed if order.rate is None else f"open model, {order.rate:g}/s, {order.at_once} at once"

    def said(self, why: str) -> str:
        """A reason, and that the sender was slow itself where it was."""
        return "; ".join(part for part in (why, self.slow_sender) if part)

    def estimate(
        self,
        value: float,
        low: float,
        high: float,
        *,
        unit: str,
        n: int,
        method: str,
        why: str,
        name: str,
        level: RefutingLevel,
    ) -> Estimate:
        """A figure of the test, with what all of them share."""
        return Estimate(
            value,
            low,
            high,
            self.confidence,
            unit,
            n=n,
            method=f"{method} of one load test, {self.model}",
            why=self.said(why),
            name=name,
            provenance=self.provenance,
            refuting_level=level,
            sources=self.sources,
            counted="requests",
        )

    def nobody_knows(self, name: str, unit: str) -> Reading:
        """A figure of a test that was not made, or whose record is damaged."""
        found = Reading.unknown(self.unknown, reason=self.reason, name=name, unit=unit, provenance=self.provenance)
        return replace(found, sources=self.sources, confidence=self.confidence)


def result_of(name: str, how: How, found: object) -> LoadResult:
    """A record as a result; one that is damaged, or in which requests are missing, is no answer.

    Raises:
        SourceError: It is such a one.
    """
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
