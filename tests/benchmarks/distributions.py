"""How often bounds of shares and of drift hold: `python tests/benchmarks/distributions.py`, minutes of one core.

Samples grow to their full size and are looked at forty times on the way. A
bound is wrong in a series when it misses the truth at any look. `SERIES` makes
it shorter. Nothing here is a test; the unit tests run a short version.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy
import scipy.stats

from pytest_rollout.stats.between import between
from pytest_rollout.stats.bounds import Bounds
from pytest_rollout.stats.drift import drift

SEED = 20261126
SERIES = int(os.environ.get("SERIES", "300"))
LOOKS, ROWS, FIRST = 40, 8000, 200
Buckets = list[tuple[float, float, float]]
EDGES = np.linspace(0, 1, 21)


def counted(values: np.ndarray) -> Buckets:
    """Twenty buckets, as a histogram has them."""
    counts = np.histogram(values, EDGES)[0]
    return [(float(low), float(high), float(n)) for low, high, n in zip(EDGES, EDGES[1:], counts, strict=False)]


def rows(values: np.ndarray) -> Buckets:
    """Each value to three digits, as a query rounds them."""
    found, counts = np.unique(np.round(values, 3), return_counts=True)
    return [(math.nextafter(v, -math.inf), float(v), float(n)) for v, n in zip(found, counts, strict=True)]


def ever_wrong(look: Callable[[int], Bounds], truth: float) -> tuple[bool, bool, Bounds]:
    """Whether the lower, and the upper, bound missed the truth at any look; and the last one."""
    sizes = np.unique(np.geomspace(FIRST, ROWS, LOOKS).astype(int))
    found = [look(int(size)) for size in sizes]
    return any(each.low > truth for each in found), any(each.high < truth for each in found), found[-1]


def shares(generator: np.random.Generator, shape: tuple[float, float]) -> tuple[Callable[[int], Bounds], float]:
    """The share from 0.7 to 0.9 of a beta distribution."""
    values = generator.beta(*shape, ROWS)
    truth = scipy.stats.beta.cdf(0.9, *shape) - scipy.stats.beta.cdf(0.7, *shape)
    return (lambda size: between(counted(values[:size]), float(EDGES[14]), float(EDGES[18]))), float(truth)


def cut(generator: np.random.Generator, shape: tuple[float, float]) -> tuple[Callable[[int], Bounds], float]:
    """The same from 0.72 to 0.88, which lie inside of buckets."""
    values = generator.beta(*shape, ROWS)
    truth = scipy.stats.beta.cdf(0.88, *shape) - scipy.stats.beta.cdf(0.72, *shape)
    return (lambda size: between(counted(values[:size]), 0.72, 0.88)), float(truth)


def drifts(
    generator: np.random.Generator, shape: tuple[float, float], moved: float, told: Callable[[np.ndarray], Buckets]
) -> tuple[Callable[[int], Bounds], float]:
    """Two beta distributions, one of which has another first parameter."""
    other = (shape[0] + moved, shape[1])
    one, two = generator.beta(*shape, ROWS), generator.beta(*other, ROWS)
    at = EDGES if told is counted else np.linspace(0, 1, 20_001)
    truth = np.max(np.abs(scipy.stats.beta.cdf(at, *shape) - scipy.stats.beta.cdf(at, *other)))
    return (lambda size: drift(told(one[:size]), told(two[:size]))), float(truth)


CASES: list[tuple[str, Callable[[np.random.Generator], tuple[Callable[[int], Bounds], float]]]] = [
    ("share at edges, about 1/2", lambda rng: shares(rng, (8, 3))),
    ("share at edges, about 1/100", lambda rng: shares(rng, (2, 5))),
    ("share that cuts buckets", lambda rng: cut(rng, (8, 3))),
    ("drift of nothing, 20 buckets", lambda rng: drifts(rng, (8, 3), 0, counted)),
    ("drift of nothing, rows", lambda rng: drifts(rng, (8, 3), 0, rows)),
    ("drift, 20 buckets", lambda rng: drifts(rng, (8, 3), 0.8, counted)),
    ("drift, rows", lambda rng: drifts(rng, (8, 3), 0.8, rows)),
]


def main() -> None:
    """Print the table."""
    began = time.perf_counter()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, seed {SEED}")
    print(f"{SERIES} series, {LOOKS} looks from {FIRST} to {ROWS} values of each\n")
    print("| what | truth | lower ever wrong | upper ever wrong | width at the end |\n|---|---|---|---|---|")
    for name, case in CASES:
        generator, low, high, widths, truth = np.random.default_rng(SEED), 0, 0, [], 0.0
        for _ in range(SERIES):
            look, truth = case(generator)
            too_high, too_low, last = ever_wrong(look, truth)
            low, high = low + too_high, high + too_low
            widths.append(last.high - last.low)
        print(
            f"| {name} | {truth:.3f} | {low / SERIES:.1%} | {high / SERIES:.1%} | {np.mean(widths):.3f} |", flush=True
        )
    print(f"\n{time.perf_counter() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
