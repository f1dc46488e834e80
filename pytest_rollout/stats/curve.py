"""Curve: where rows lie around a quantile, to say how far its bounds will reach before there are any.

Order statistics reach as far as the rows do: further into a tail than the
density at the quantile says, and nowhere at all below some hundreds of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import logit, ndtr, ndtri

from pytest_rollout.stats.bounds import alpha_of
from pytest_rollout.stats.quantile import ranks

NEAR = 0.005
"""So far on either side of a quantile its density is looked at, as a share of the rows; less in the tails."""
STEPS = 24


def wanted(n: int, q: float) -> list[int]:
    """The ranks of n rows, counted from 1, that tell the curve around a quantile: dense near it, to both ends."""
    apart = [np.geomspace(_near(q) / 8, end * (1 - 1e-9), STEPS) for end in (q, 1 - q)]
    shares = [*(q - apart[0]), q - _near(q), q, q + _near(q), *(q + apart[1])]
    return sorted({min(n, max(1, math.ceil(n * each))) for each in shares})


@dataclass(frozen=True)
class Curve:
    """The values of some ranks of an arm's rows, and what follows for two arms like it.

    Args:
        q: The quantile as a fraction.
        n: Rows.
        places: Ranks, ascending; see `wanted`.
        values: Theirs, finite.
        ratio: Rows of the larger arm for each row of the smaller.
        deff: Design effect of "at or below the quantile".
        confidence: Of each bound on its own.
        looks: Whether bounds hold at every look.
    """

    q: float
    n: int
    places: Sequence[int]
    values: Sequence[float]
    ratio: float
    deff: float
    confidence: float
    looks: Literal["continuous", "once"]

    def at(self, share: float) -> float:
        """The value that this share of the rows does not exceed."""
        known = logit((np.asarray(self.places) - 0.5) / self.n)
        return float(np.interp(logit(share), known, np.asarray(self.values)))

    @property
    def error(self) -> float:
        """The standard error that a difference of two such quantiles would have with one row in the smaller arm."""
        width = self.at(self.q + _near(self.q)) - self.at(self.q - _near(self.q))
        density = 2 * _near(self.q) / width if width > 0 else math.inf
        return math.sqrt(self.deff * self.q * (1 - self.q) * (1 + 1 / self.ratio)) / density

    def chance(self, distance: float, rows: float, *, above: bool) -> float:
        """The chance that a look at so many rows shows the difference to be on this side of a limit.

        Args:
            distance: From the true difference to the limit.
            rows: Of the smaller arm.
            above: Whether the limit lies above the difference.
        """
        reach = self._reach(rows, above=above)
        return float(ndtr((distance - reach) * math.sqrt(rows) / self.error)) if reach < math.inf else 0.0

    def detectable(self, rows: float, power: float, *, above: bool) -> float:
        """The smallest distance that so many rows tell with a chance of `power`."""
        return self._reach(rows, above=above) + float(ndtri(power)) * self.error / math.sqrt(rows)

    def _reach(self, rows: float, *, above: bool) -> float:
        """How far a bound lies from the difference: of the smaller arm on this side, of the larger on the other."""
        mine = self._end(rows, above=above)
        others = self._end(rows * self.ratio, above=not above)
        return math.hypot(mine, others) if mine < math.inf and others < math.inf else math.inf

    def _end(self, rows: float, *, above: bool) -> float:
        n = math.floor(rows / self.deff)
        low, high = ranks(n, self.q, alpha_of(self.confidence), looks=self.looks) if n else (0, 0)
        rank = high if above else low
        return abs(self.at((rank - 0.5) / n) - self.at(self.q)) if rank else math.inf


def _near(q: float) -> float:
    return min(NEAR, (1 - q) / 2, q / 2)
