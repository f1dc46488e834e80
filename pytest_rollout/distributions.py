"""Distributions: a metric of which many values are known, and what may be said of them.

Its one number is a quantile or a share, as the plan says. Here is the rest: the
share of any interval, and how far it is from another distribution. A histogram
tells no more than its buckets do, and rows tell everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuantityError, QuestionError
from pytest_rollout.estimates import Estimate, Reading
from pytest_rollout.quantities import Quantity, format_number

if TYPE_CHECKING:
    from pytest_rollout.stats.bounds import Bounds

Bucket = tuple[float, float, float]
"""(above, upto, count), in the metric's unit."""


@dataclass(frozen=True, eq=False)
class Distribution(Estimate):
    """A metric with a histogram or rows behind it; as an estimate, the quantile or share that the plan names.

    Args:
        buckets: How many values lie in each; none where nothing is known, and then `why` says so.
        of: The metric's name; an estimate that was calculated from this one has another.
        burst: How many values come together at least.
        bounded: The probability with which each bound of a share or a distance holds.
    """

    buckets: tuple[Bucket, ...] = field(default=(), repr=False)
    of: str = ""
    burst: float = 1.0
    bounded: float = 0.95

    __hash__ = object.__hash__

    @classmethod
    def around(
        cls, estimate: Estimate, buckets: tuple[Bucket, ...], *, burst: float, confidence: float
    ) -> Distribution:
        """An estimate with the values that it is of."""
        facts = {each.name: getattr(estimate, each.name) for each in fields(Estimate)}
        return cls(**facts, buckets=buckets, of=estimate.name, burst=burst, bounded=confidence)

    def share(self, above: float | str = -math.inf, upto: float | str = math.inf) -> Estimate:
        """The share of the values above one number and up to another, with bounds that hold at every look.

        Args:
            above: The lower end, in the metric's unit or with one ("10 ms"); a value that is exactly this is outside,
                as in a bucket. There is none if not said.
            upto: The upper end, which is inside; likewise.

        Returns:
            An estimate between 0 and 1 (unit `share`), unknown where the distribution is. Where an end lies inside
            a bucket, the bounds run from none of that bucket to all of it, and `why` names it.

        Raises:
            QuestionError: The ends are no interval, or this was calculated from a metric.

        Source:
            `stats.between`.
        """
        self._whole("share")
        ends = [self._end(each) for each in (above, upto)]
        if not ends[0] < ends[1]:
            raise QuestionError(f"{self.of}: from {above} to {upto} is no interval: write the lower end first")
        name = f"{self.of} share of {format_number(ends[0])} to {format_number(ends[1])}"
        if not self.buckets:
            return self._unknown(name, "share")
        from pytest_rollout.stats.between import between

        try:
            found = between(self.buckets, ends[0], ends[1], confidence=self.bounded, deff=self.burst)
        except ValueError as error:
            return self._doubtful(name, "share", str(error))
        return self._estimate(found, name, "share")

    def drift(self, other: Estimate) -> Estimate:
        """How far this distribution is from another, between 0 and 1, with bounds that hold at every look.

        Args:
            other: Another metric with a histogram or rows, in a unit of the same kind: `metrics("before")`.

        Returns:
            The largest difference between the shares at or below any one number; unknown where either is, and where
            either has fewer than 100 values that are independent (`burst`).

        Raises:
            QuestionError: The other has no distribution, or one of the two was calculated.

        Source:
            `stats.drift`: Howard & Ramdas (2022).
        """
        self._whole("drift")
        if not isinstance(other, Distribution):
            raise QuestionError(f"{other.name} is one number, and has no distribution: give it a 'quantile'")
        other._whole("drift")
        if other.unit != self.unit:
            raise QuestionError(f"{self.of} is in '{self.unit}' and {other.of} in '{other.unit}': use one unit")
        name, sources = f"{self.of} drift from {other.of}", self.sources | other.sources
        for side in (self, other):
            if not side.buckets:
                return replace(side._unknown(name, ""), sources=sources)
        from pytest_rollout.stats.drift import drift

        try:
            found = drift(self.buckets, other.buckets, confidence=self.bounded, deff=(self.burst, other.burst))
        except ValueError as error:
            return replace(self._doubtful(name, "", str(error)), sources=sources)
        return replace(self._estimate(found, name, ""), sources=sources)

    def _whole(self, asked: str) -> None:
        if self.name != self.of:
            raise QuestionError(f"{self.name} has no {asked}: ask the metric itself, as in metrics('x').{asked}(…)")

    def _end(self, end: float | str) -> float:
        try:
            number = Quantity.parse(end).to(self.unit) if isinstance(end, str) else float(end)
        except (QuantityError, TypeError, ValueError) as error:
            raise QuestionError(f"{self.of}: {end!r} is no end of an interval: {error}") from None
        if math.isnan(number):
            raise QuestionError(f"{self.of}: NaN is no end of an interval")
        return number

    def _estimate(self, found: Bounds, name: str, unit: str) -> Estimate:
        if math.isnan(found.value):
            needs = "ask about a longer time, or wait for more" if found.few else "see its buckets"
            return self._doubtful(name, unit, found.why, Reason.LOW_N if found.few else Reason.NO_DATA, needs)
        return Estimate(
            found.value,
            found.low,
            found.high,
            self.bounded,
            unit,
            n=found.n,
            method=found.method,
            why=found.why,
            name=name,
            provenance=self.provenance,
            refuting_level=found.level,
            sources=self.sources,
        )

    def _unknown(self, name: str, unit: str) -> Estimate:
        why = self.why or f"nothing is known of {self.of}"
        return self._doubtful(name, unit, why, Reason(self.reason), self.needs)

    def _doubtful(
        self, name: str, unit: str, why: str, reason: Reason = Reason.NO_DATA, needs: str = "see its buckets"
    ) -> Estimate:
        unknown = Reading.unknown(why, reason=reason, name=name, unit=unit, needs=needs, provenance=self.provenance)
        return replace(unknown, sources=self.sources, confidence=self.bounded)
