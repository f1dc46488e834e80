"""Event rows: the rows that a description of events makes, from a seed, by their time since the phase began."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.world.events import Effect, Events

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_P92 = 1.4050715603096329
"""The quantile of the normal distribution at 0.92."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Which stretch of a phase is shown.

    Args:
        start: When it began, UTC.
        end: The run's instant.
        traffic: Every percentage since then, with how many seconds after the start it was reached.
    """

    start: datetime
    end: datetime
    traffic: Sequence[tuple[float, float]]

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return (self.end - self.start) / timedelta(seconds=1)


@dataclass(frozen=True)
class Drawn:
    """What chance has made of all rows of a stretch, before anything is done to an arm.

    Shape `(rows,)` each, in the order of their times: seconds since the start,
    the unit as a number from 0, latency in ms, whether it is above P92,
    confidence, a number from 0 to 1 that decides what fails, and the results.
    """

    seconds: NDArray[np.float64]
    unit: NDArray[np.int32]
    latency: NDArray[np.float32]
    slow: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    chance: NDArray[np.float32]
    results: NDArray[np.int8]


def drawn(events: Events, shown: Shown, seed: int) -> Drawn:
    """The rows that a seed makes; effects and assignment play no part in it."""
    import numpy as np

    rng = np.random.default_rng([seed, 7])
    count = max(1, int(shown.seconds * events.per_hour / 3600))
    seconds: NDArray[np.float64] = np.asarray((np.arange(count) + 0.5) * (3600 / events.per_hour), dtype=np.float64)
    # Weights of 1 / (rank + flatness) by their integral, which can be inverted: a sum of 50 000 would be searched.
    low, high = events.flatness + 0.5, events.flatness + events.count + 0.5
    place = low * np.exp(rng.random(count) * math.log(high / low)) - low
    unit = np.minimum(place.astype(np.int32), np.int32(events.count - 1))
    own = rng.standard_normal((2, events.count))
    latency = rng.standard_normal(count, dtype=np.float32)
    latency *= np.float32(events.row_spread)
    latency += (events.unit_spread * own[0]).astype(np.float32)[unit]
    slow = latency > _P92 * math.hypot(events.unit_spread, events.row_spread)
    np.exp(latency, out=latency)
    latency *= np.float32(events.median_ms)
    confidence = rng.standard_normal(count, dtype=np.float32)
    confidence *= np.float32(events.confidence_spread * math.sqrt(1 - events.confidence_icc))
    between = events.confidence_spread * math.sqrt(events.confidence_icc)
    confidence += (events.confidence + between * own[1]).astype(np.float32)[unit]
    chance = rng.random(count, dtype=np.float32)
    results = np.clip(np.rint(rng.standard_normal(count, dtype=np.float32) * 3 + events.results), 0, 100)
    return Drawn(seconds, unit, latency, slow, confidence, chance, results.astype(np.int8))


def columns_of(events: Events, shown: Shown, seed: int, made: Drawn) -> dict[str, NDArray[np.generic]]:
    """The rows that are written, as columns: each in its arm, with what is otherwise there."""
    import numpy as np

    arm = _arms(events, shown, seed, made.unit, made.seconds)
    latency, confidence = made.latency.copy(), made.confidence.copy()
    failing = np.full(len(events.labels), events.failing)
    timed_out = np.zeros(len(arm), dtype=bool)
    for number, name in enumerate(events.labels):
        effect = events.effects.get(name)
        if effect is None:
            continue
        hit = _hit(arm == number, effect, made.seconds, shown.seconds)
        latency[hit & made.slow] += np.float32(effect.slower_ms)
        confidence[hit] += np.float32(effect.confidence)
        failing[number] += effect.failing
        timed_out |= hit & (made.chance > 1 - effect.timing_out)
    np.clip(confidence, 0, 1, out=confidence)
    columns: dict[str, NDArray[np.generic]] = {
        "seconds": made.seconds,
        "query_id": np.arange(1, len(arm) + 1, dtype=np.int32),
        "space": made.unit + np.int32(events.first),
        "arm": np.maximum(arm, 0),
        "latency_ms": latency,
        "timed_out": timed_out,
        "confidence": confidence,
        "error": made.chance < failing[np.maximum(arm, 0)],
        "result_count": made.results,
    }
    kept = arm >= 0
    return columns if kept.all() else {name: column[kept] for name, column in columns.items()}


def _hit(mine: NDArray[np.bool_], effect: Effect, seconds: NDArray[np.float64], whole: float) -> NDArray[np.bool_]:
    """The rows of one arm that an effect changes."""
    return mine if effect.last_hours is None else mine & (seconds >= whole - 3600 * effect.last_hours)


def _arms(
    events: Events, shown: Shown, seed: int, unit: NDArray[np.int32], seconds: NDArray[np.float64]
) -> NDArray[np.int8]:
    """The number of each row's arm among the labels; -1 for a row of none, which is not written."""
    import numpy as np

    found = np.empty(len(unit), dtype=np.int8)
    ends = [*(since for _, since in shown.traffic[1:]), math.inf]
    for (percent, since), end in zip(shown.traffic, ends, strict=True):
        first, last = np.searchsorted(seconds, [since, end])
        who = _assigning(events, percent)
        if events.by_row:
            places = [who.arm(str(number)) for number in range(int(first) + 1, int(last) + 1)]
            found[first:last] = _numbers(events, places)
        else:
            names = [str(each) for each in (events.named or range(events.first, events.first + events.count))]
            found[first:last] = _numbers(events, [who.arm(name) for name in names])[unit[first:last]]
    return _spoilt(events, found, unit, seed)


def _assigning(events: Events, percent: float) -> Assignment:
    salt = f"{events.salt} at {percent:g}" if events.reassigned else events.salt
    if events.shares:
        whole = math.isclose(sum(events.shares.values()), 100)
        shares = {arm: share for arm, share in events.shares.items() if arm != "control" or not whole}
        return Assignment(salt=salt, shares=shares, rest="control" if whole else None)
    return Assignment(salt=salt, shares={"treatment": min(percent, 100 - events.holdback)})


def _numbers(events: Events, arms: Sequence[str | None]) -> NDArray[np.int8]:
    import numpy as np

    places = {arm: number for number, arm in enumerate(events.labels)}
    return np.array([-1 if arm is None else places[arm] for arm in arms], dtype=np.int8)


def _spoilt(events: Events, arm: NDArray[np.int8], unit: NDArray[np.int32], seed: int) -> NDArray[np.int8]:
    """What goes wrong with the assignment: units whose rows are lost, and units in both arms."""
    import numpy as np

    rng = np.random.default_rng([seed, 11])
    lost = rng.random(events.count) < events.unlogged
    both = rng.random(events.count) < events.in_both
    if lost.any():
        arm[lost[unit] & (arm > 0)] = -1
    if both.any():
        mixed = both[unit]
        arm[mixed] = np.arange(int(mixed.sum())) % 2
    return arm


def replays_of(events: Events, seed: int) -> dict[str, NDArray[np.generic]]:
    """Each question twice, once in each arm: how much of the known answers was found."""
    import numpy as np

    rng = np.random.default_rng([seed, 13])
    hard = rng.normal(0.82, 0.1, events.replays)
    found: dict[str, list[NDArray[np.generic]]] = {"query_id": [], "arm": [], "recall_at_10": [], "precision_at_10": []}
    for arm in range(2):
        worse = events.replays_worse if arm else 0.0
        found["query_id"].append(np.arange(1, events.replays + 1))
        found["arm"].append(np.full(events.replays, arm, dtype=np.int8))
        for name, level in (("recall_at_10", hard), ("precision_at_10", hard - 0.1)):
            answered = rng.normal(level - worse, 0.05, events.replays)
            found[name].append(np.clip(np.rint(answered * 20) / 20, 0, 1))
    return {name: np.concatenate(parts) for name, parts in found.items()}
