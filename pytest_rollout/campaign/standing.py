"""Standing: where a measured figure is beside a published one, and beside its own past.

Each comparison is a change in per cent with bounds and a p-value. A published
figure is a number without rounds, perhaps a range: what is proven of it is
proven of the whole range. Where there is nothing to compare with, the change
is unknown and says why; it is never zero.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pytest_rollout.errors import RolloutError
from pytest_rollout.experiment.compare import compare
from pytest_rollout.stats import paired
from pytest_rollout.stats.bounds import Bounds
from pytest_rollout.stats.multiplicity import holm

FAR = 3.5
"""So many median deviations from the median make a round an outlier."""
NOBODY = "nobody"
"""What a benchmark is beside where no figure is published."""
_NORMAL = 1.4826
"""What a median deviation is multiplied by, to be a standard deviation where rounds are normal."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure that somebody has published, in the rounds' unit, from lowest to highest."""

    who: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high < math.inf:
            raise RolloutError(f"published by {self.who}: {self.low:g} to {self.high:g} is no range of times above 0")


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """Rounds of the same benchmark at an earlier time, such as a quarter ago."""

    when: str
    taken: datetime
    rounds: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Change:
    """How far a benchmark is from one reference, in per cent of it; above 0 it takes longer.

    Args:
        name: The benchmark.
        against: The reference.
        kind: `published` or `earlier`.
        percent: With bounds at 95 % each; unknown, with the reason in `why`, where there is nothing to compare.
        p: Of no difference, two-sided and before any correction; None where it is unknown.
        significant: Whether the difference stands after Holm's correction over all comparisons of the report.
    """

    name: str
    against: str
    kind: str
    percent: Bounds
    p: float | None
    significant: bool = False

    @property
    def known(self) -> bool:
        """Whether there was anything to compare with."""
        return not math.isnan(self.percent.value)

    @property
    def proven(self) -> bool:
        """Whether a difference may be claimed: significant, and both bounds on one side of zero."""
        return self.significant and (self.percent.low > 0 or self.percent.high < 0)


def against_published(name: str, rounds: Sequence[float], published: Published | None) -> Change:
    """A benchmark beside a published figure.

    Args:
        name: The benchmark.
        rounds: Shape `(n,)`, one figure of each round, in one unit with the published figure; at least 10.
        published: None where nobody has published one.

    Returns:
        A change whose bounds hold against every figure of the published
        range. The honest edge: what was published was measured elsewhere, on
        other hardware, and nobody's interval for it is known.
    """
    method = "mean of rounds, Student's t, against a published figure"
    if published is None:
        return Change(
            name=name,
            against=NOBODY,
            kind="published",
            percent=Bounds.unbounded("no figure is published", method=method, n=len(rounds)),
            p=None,
        )
    found = paired.mean([0.0] * len(rounds), rounds)
    if found.level is None:
        unbounded = Bounds.unbounded(found.why, method=method, n=found.n)
        return Change(name=name, against=published.who, kind="published", percent=unbounded, p=None)
    middle = (published.low + published.high) / 2
    percent = Bounds(
        _percent(found.value, middle),
        _percent(found.low, published.high),
        _percent(found.high, published.low),
        found.n,
        method,
    )
    p = min(1.0, 2 * min(found.level(published.high, True), found.level(published.low, False)))
    return Change(name=name, against=published.who, kind="published", percent=percent, p=p)


def against_earlier(name: str, rounds: Sequence[float], earlier: Earlier) -> Change:
    """A benchmark beside its own past; rounds are processes of their own, so independent of one another.

    Returns:
        Unknown below 30 rounds on either side, with the reason.
    """
    if not earlier.rounds or not rounds:
        unbounded = Bounds.unbounded("there are no rounds of it", method="Welch's t", n=len(rounds))
        return Change(name=name, against=earlier.when, kind="earlier", percent=unbounded, p=None)
    lift = compare(earlier.rounds, rounds, iid=True, name=name).mean.lift
    if math.isnan(lift.value) or lift.refuting_level is None or not math.isfinite(lift.low):
        unbounded = Bounds.unbounded(lift.why or "it has no bounds", method=lift.method, n=len(rounds))
        return Change(name=name, against=earlier.when, kind="earlier", percent=unbounded, p=None)
    scale = 1.0 if lift.unit == "%" else 100.0
    percent = Bounds(scale * lift.value, scale * lift.low, scale * lift.high, len(rounds), lift.method)
    p = min(1.0, 2 * min(lift.refuting_level(0.0, True), lift.refuting_level(0.0, False)))
    return Change(name=name, against=earlier.when, kind="earlier", percent=percent, p=p)


def corrected(changes: Sequence[Change], *, level: float = 0.05) -> list[Change]:
    """The same with what stands when all of them are asked at once (Holm); those that are unknown count as asked."""
    known = [each for each in changes if each.p is not None]
    stands = holm([each.p for each in known if each.p is not None], family=max(len(changes), 1), level=level)
    verdicts = {id(each): stood for each, stood in zip(known, stands, strict=True)}
    return [replace(each, significant=verdicts.get(id(each), False)) for each in changes]


def outliers(rounds: Sequence[float]) -> list[int]:
    """Which rounds lie far from the others, by their place from 0; none where half of them are equal."""
    middle = statistics.median(rounds)
    deviation = _NORMAL * statistics.median(abs(each - middle) for each in rounds)
    return [at for at, each in enumerate(rounds) if deviation and abs(each - middle) > FAR * deviation]


def _percent(value: float, of: float) -> float:
    return 100.0 * (value / of - 1.0)
