"""Samples: the values of a series, minute by minute, from its description and a seed.

Plain Python and its Mersenne Twister, whose numbers are the same in every
version and on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

from pytest_rollout.world.series import Series

MINUTES = 14 * 24 * 60
"""Two weeks."""


def samples_of(series: Series, seed: int) -> list[float]:
    """The value of each minute, the newest first, without the daily cycle, which depends on the time of day."""
    level = _level(series)
    strayed = _noise(series, seed)
    values = [level(minute) + stray for minute, stray in enumerate(strayed)]
    return _counted(values, series) if series.counter else values


def _level(series: Series) -> Callable[[int], float]:
    """The level at so many minutes ago."""
    late = series.base if series.late is None else series.late
    growth, drift = math.log1p(series.growth / 100) / 60, math.log1p(series.drift / 100) / 60
    trend = bool(growth or drift)

    def level(minute: int) -> float:
        if series.every and (minute - series.every // 2) % series.every >= series.for_minutes:
            return series.between
        base = late if series.late_until <= minute < series.late_minutes else series.base
        if not trend:
            return base
        return base * math.exp(drift * max(0.0, series.late_minutes - minute) - growth * minute)

    return level


def _noise(series: Series, seed: int) -> Sequence[float]:
    """An autoregressive process of first order, cut at `noise` on either side, which it rarely reaches."""
    if series.noise == 0:
        return [0.0] * MINUTES
    chance = Random(f"{seed} {series.metric}").random
    keep = math.exp(-1 / series.lasting)
    # The sum of two uniform numbers has a variance of 1/6; a third of `noise` is one standard deviation.
    push = math.sqrt((1 - keep * keep) * 6) / 3
    state, found = (chance() + chance() - 1) * math.sqrt(6) / 3, []
    for _ in range(MINUTES):
        found.append(series.noise * max(-1.0, min(1.0, state)))
        state = keep * state + push * (chance() + chance() - 1)
    return found


def _counted(values: Sequence[float], series: Series) -> list[float]:
    """What a counter shows: whole numbers that grow, and begin anew at each restart."""
    resets = {round(hours * 60) for hours in series.resets}
    share = 1.0 if series.every else 1 / 60
    total, found = 0.0, []
    for minute in range(MINUTES - 1, -1, -1):
        total = 0.0 if minute in resets else total + max(0.0, values[minute]) * share
        # A sum of thirds must not stay below the whole number that it is.
        found.append(float(math.floor(total + 1e-9)))
    return found[::-1]
