"""How often the bounds of `stats.series` hold: `python tests/benchmarks/series_coverage.py`.

Every row is one kind of noise, seeded. A cell is the share of series in which
one bound holds, both sides together, and the width against that of someone
who knows the noise (1.645 standard deviations of the estimate). A refused
series counts as covered and as infinitely wide. With `again`, one series is
looked at again and again. Nothing here is a test.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from pytest_rollout.stats import series
from pytest_rollout.stats.bounds import Bounds

SEED = 20261121
SERIES = int(os.environ.get("SERIES", "300"))
BURN_IN = 3000
DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Case:
    """One row: a noise, a window, a daily cycle in standard deviations of the noise."""

    name: str
    noise: Callable[[np.random.Generator, int], np.ndarray]
    points: int
    step_seconds: float = 60.0
    cycle: float = 0.0
    asked: tuple[str, ...] = ("mean", "slope")


def autoregression(persistence: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    def noise(rng: np.random.Generator, points: int) -> np.ndarray:
        shocks = rng.standard_normal(points + BURN_IN) * np.sqrt(1 - persistence**2)
        kept, level = np.empty(points + BURN_IN), rng.standard_normal()
        for at, shock in enumerate(shocks):
            level = persistence * level + shock
            kept[at] = level
        return kept[BURN_IN:]

    return noise


def measured(persistence: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Half the variance wanders, half is white: an ARMA(1, 1)."""
    inner = autoregression(persistence)
    return lambda rng, points: (inner(rng, points) + rng.standard_normal(points)) / np.sqrt(2)


def skewed(rng: np.random.Generator, points: int) -> np.ndarray:
    """Lognormal, sigma 1 (skewness 6.2), with persistence 0.8 of the logarithm."""
    return np.exp(autoregression(0.8)(rng, points)) - np.exp(0.5)


def random_walk(rng: np.random.Generator, points: int) -> np.ndarray:
    return np.cumsum(rng.standard_normal(points))


def long_memory(rng: np.random.Generator, points: int) -> np.ndarray:
    """Fractional noise, d = 0.3."""
    lags = np.arange(1, BURN_IN)
    kernel = np.cumprod(np.r_[1, (lags - 1 + 0.3) / lags])
    return np.convolve(rng.standard_normal(points + BURN_IN), kernel)[BURN_IN : BURN_IN + points]


def cases() -> list[Case]:
    rows = [
        Case(f"AR(1) {each:.2f}", autoregression(each), points)
        for points in (240, 720, 1440)
        for each in (0.0, 0.5, 0.8, 0.9, 0.95)
    ]
    for days, step, points in ((1, 60.0, 1440), (2, 300.0, 576), (3, 300.0, 864)):
        rows += [
            Case(f"AR(1) {each:.2f}, {days} d cycle", autoregression(each), points, step, cycle=3.0)
            for each in (0.0, 0.9)
        ]
    rows += [Case("AR(1) 0.90, 12 h of a cycle", autoregression(0.9), 720, cycle=3.0)]
    rows += [Case(f"AR(1) {each}", autoregression(each), 240) for each in (0.98, 0.99)]
    rows += [Case("AR(1) 0.98 + white", measured(0.98), points) for points in (240, 1440)]
    rows += [Case("random walk", random_walk, 240, asked=("slope",))]
    rows += [Case("skewed", skewed, points) for points in (240, 1440)]
    rows += [Case("long memory 0.3", long_memory, points) for points in (240, 1440)]
    return rows


def asked_of(case: Case, seed: int) -> dict[str, str]:
    rng = np.random.default_rng([SEED, seed])
    times = np.arange(case.points) * case.step_seconds
    kept: dict[str, list[tuple[Bounds, float]]] = {each: [] for each in case.asked}
    for _ in range(SERIES):
        angle = 2 * np.pi * times / DAY_SECONDS + rng.uniform(0, 2 * np.pi)
        cycle = case.cycle * (np.sin(angle) + 0.3 * np.sin(2 * angle))
        values = cycle + case.noise(rng, case.points)
        for each in case.asked:
            truth = float(cycle.mean()) if each == "mean" else 0.0
            kept[each].append((getattr(series, each)(times, values), truth))
    return {each: summary(pairs) for each, pairs in kept.items()}


def summary(pairs: list[tuple[Bounds, float]]) -> str:
    holds = np.mean([(found.low <= truth, truth <= found.high) for found, truth in pairs])
    refused = np.mean([np.isinf(found.high) for found, _ in pairs])
    ideal = 1.645 * np.std([found.value - truth for found, truth in pairs])
    width = np.median([found.high - found.value for found, _ in pairs]) / ideal
    return f"{holds:.1%}, {width:.2f} x, refused {refused:.0%}"


def again(count: int = 30, days: int = 14) -> None:
    """A window of 24 hours that slides on by two for two weeks: how often bounds of its mean are wrong at all."""
    rng, ever, looks = np.random.default_rng(20261126), np.zeros(2), []
    for _ in range(count):
        noise = lfilter([1], [1, -0.9], rng.standard_normal(1440 * days + 500))[500:]
        wrong = []
        for end in range(1440, 1440 * days + 1, 120):
            found = series.mean(np.arange(288) * 300.0, noise[end - 1440 : end].reshape(-1, 5).mean(1))
            wrong.append((found.low > 0, found.high < 0))
        ever += np.any(wrong, axis=0)
        looks += wrong
    low, high = ever / count
    print(
        f"AR(1) 0.90, 24 h: wrong at a look in {np.mean(looks):.1%}, at any of {len(wrong)} in {low:.0%} and {high:.0%}"
    )


def main() -> None:
    began = time.perf_counter()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores, {platform.system()}")
    print(
        f"seed {SEED}, {SERIES} series a row ({2 * SERIES} bounds, standard error {0.5 / np.sqrt(SERIES) * 0.308:.1%})"
    )
    print("| noise | points | mean | slope |\n|---|---|---|---|")
    for seed, case in enumerate(cases()):
        found = asked_of(case, seed)
        print(f"| {case.name} | {case.points} | {found.get('mean', '')} | {found.get('slope', '')} |", flush=True)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(again() if "again" in sys.argv else main())
