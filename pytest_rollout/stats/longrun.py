"""The long run: how far a weighted sum of an autocorrelated series may be off.

The slowest waves of a series tell how strongly it wanders. Their variances
are those of a first-order autoregression of unknown persistence (an
Ornstein-Uhlenbeck process), each persistence is weighed by how well it
explains the waves, and the error is the mixture of Student t distributions
that follows. Whatever is faster than those waves does not matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Numbers = NDArray[np.float64]

WAVES = 20
"""How many slow waves are read: the degrees of freedom when nothing is lost."""
FEWEST_WAVES = 8
REVERSIONS = np.append(np.geomspace(0.5, 400.0, 20), np.inf)
"""How often a series may forget its past within the window; `inf` is white noise."""
BELIEFS = np.array([3.0, *np.ones(len(REVERSIONS) - 1)])
"""What each is believed beforehand; nearly a random walk three times as much, as no wider grid would hold it."""
WANDERING = 4.0
"""Below so many reversions in the window, a series cannot be told from a random walk."""


@dataclass(frozen=True)
class Error:
    """The distribution of an estimate's error: a mixture of t distributions around 0.

    Args:
        scales: Shape `(k,)`, in the estimate's unit, one for each persistence.
        weights: Shape `(k,)`, how much each is believed; sums to 1.
        waves: Degrees of freedom.
        wandering: The share of belief in a series that hardly comes back within the window.
    """

    scales: Numbers
    weights: Numbers
    waves: int
    wandering: float

    def tail(self, distance: float) -> float:
        """The probability that the error is at least `distance`, on one side."""
        if not self.scales.any():
            return 0.0 if distance > 0 else 1.0
        return min(1.0, float(self.weights @ stdtr(self.waves, -distance / self.scales)))

    def quantile(self, alpha: float) -> float:
        """The distance which the error exceeds on one side with probability `alpha`, to 12 digits and not below."""
        near, far = (float(end(self.scales)) * float(stdtrit(self.waves, 1 - alpha)) for end in (np.min, np.max))
        while far - near > 1e-12 * far:
            middle = (near + far) / 2
            if not near < middle < far:
                break
            near, far = (middle, far) if self.tail(middle) > alpha else (near, middle)
        return far


def error_of(
    combination: Numbers, values: Numbers, times: Numbers, design: Numbers, *, slowest: float = 0.0
) -> Error | None:
    """How far the sum `combination @ values` may be from what it estimates.

    Args:
        combination: Shape `(n,)`, the weight of each value in the estimate.
        values: Shape `(n,)`, in order of time.
        times: Shape `(n,)`, seconds.
        design: Shape `(n, p)`, what is no noise: a constant, a trend, a daily cycle.
        slowest: Leaves out series that come back less often than this within the window.

    Returns:
        The error's distribution; None when fewer than 8 waves remain beside the design.

    Source:
        Müller & Watson (2008), Testing models of low-frequency variability,
        Econometrica 76; the weighing of persistences follows their (2016)
        Measuring uncertainty about long-run predictions. Checked by simulation
        in `tests/benchmarks/series_coverage.py`.
    """
    waves = _slow_waves(design)
    count = waves.shape[1]
    if count < FEWEST_WAVES:
        return None
    heights = waves.T @ values
    spread = float(np.linalg.norm(heights))
    if spread <= 1e-12 * float(np.linalg.norm(values)):
        return Error(np.zeros(1), np.ones(1), count, 0.0)
    heights = heights / spread
    within = (times - times[0]) / (times[-1] - times[0])
    joined = np.column_stack([combination, waves])
    chosen = slowest <= REVERSIONS
    scales, logs = zip(*(_fit(joined, within, heights, each) for each in REVERSIONS[chosen]), strict=True)
    weights = BELIEFS[chosen] * np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    return Error(np.array(scales) * spread, weights, count, float(weights[REVERSIONS[chosen] < WANDERING].sum()))


def _fit(joined: Numbers, within: Numbers, heights: Numbers, reversions: float) -> tuple[float, float]:
    """The scale of the error under one persistence, and the log-likelihood of the waves, free of scale."""
    covariance = joined.T @ _noise_times(joined, within, reversions)
    of_waves, count = covariance[1:, 1:], len(heights)
    energy = float(heights @ np.linalg.solve(of_waves, heights))
    likelihood = -float(np.linalg.slogdet(of_waves)[1]) / 2 - count / 2 * math.log(energy)
    return math.sqrt(energy / count * float(covariance[0, 0])), likelihood


def _noise_times(columns: Numbers, within: Numbers, reversions: float) -> Numbers:
    """The covariance exp(-reversions * |s - t|) of the noise times some columns, without writing it down.

    For s <= t it is exp(-reversions * t) * exp(reversions * s), so running sums do.
    """
    if math.isinf(reversions):
        return columns
    up = np.exp(reversions * within)[:, None]
    before, after = np.cumsum(columns * up, axis=0), np.cumsum((columns / up)[::-1], axis=0)[::-1]
    return before / up + after * up - columns


def _slow_waves(design: Numbers) -> Numbers:
    """The slowest cosines that are orthogonal to the design and to each other, shape `(n, ≤ 20)`."""
    count = len(design)
    basis = np.linalg.qr(design)[0]
    kept: list[Numbers] = []
    for number in range(1, min(count // 2, WAVES + 2 * design.shape[1] + 3)):
        wave = np.cos(np.pi * number * (np.arange(count) + 0.5) / count) * math.sqrt(2 / count)
        wave -= basis @ (basis.T @ wave)
        length = float(np.linalg.norm(wave))
        if length < 0.3:
            continue
        wave = wave / length
        kept.append(wave)
        basis = np.column_stack([basis, wave])
        if len(kept) == WAVES:
            break
    return np.column_stack(kept) if kept else np.empty((count, 0))
