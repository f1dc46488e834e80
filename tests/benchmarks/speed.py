"""What a comparison costs: `python tests/benchmarks/speed.py`, ratios within one run.

Each line is the best of several runs, in processor time of this process, so
that other work on the machine counts little. `ROWS` an arm; 50 000 units.
Nothing here is a test.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable

import numpy as np
import scipy
from scipy import stats

from pytest_rollout import compare

SEED = 20261125
ROWS = int(os.environ.get("ROWS", "1000000"))
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
UNITS = 50_000
RESAMPLES = 1000
BOOTSTRAPPED = 20
"""Resamples that are really drawn; a thousand take so many times as long, as each costs the same."""


def best(run: Callable[[], object], repeats: int = 7) -> float:
    """The shortest of some runs, in milliseconds of this process."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return 1000 * min(found)


def arms(rows: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Latencies of both arms, and the unit of each row."""
    rng = np.random.default_rng(SEED)
    values = [np.exp(np.log(5) + 0.944 * rng.standard_normal(rows)) for _ in range(2)]
    units = rng.integers(0, UNITS, rows), rng.integers(UNITS, 2 * UNITS, rows)
    return (values[0], values[1]), units


def bootstrapped(control: np.ndarray, treatment: np.ndarray) -> float:
    """Milliseconds that `scipy.stats.bootstrap` takes for a P99 difference with 1000 resamples."""

    def difference(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        return np.percentile(other, 99, axis=axis) - np.percentile(one, 99, axis=axis)

    def run() -> object:
        return stats.bootstrap(
            (control, treatment),
            difference,
            n_resamples=BOOTSTRAPPED,
            batch=1,
            method="percentile",
            vectorized=True,
            rng=np.random.default_rng(SEED),
        )

    return best(run, repeats=1) * RESAMPLES / BOOTSTRAPPED


def tea_tasting(control: np.ndarray, treatment: np.ndarray) -> dict[str, float]:
    """What the nearest library takes for a mean and for a P99 difference, rows independent; empty without it."""
    try:
        import pandas as pd
        import tea_tasting as tt
    except ImportError:
        return {}
    frame = pd.DataFrame(
        {
            "variant": np.repeat([0, 1], [len(control), len(treatment)]),
            "latency": np.concatenate([control, treatment]),
        }
    )
    mean = tt.Experiment(latency=tt.Mean("latency"))
    p99 = tt.Experiment(latency=tt.Quantile("latency", 0.99, n_resamples=BOOTSTRAPPED, batch=1, rng=SEED))
    return {
        "tea-tasting, mean": best(lambda: mean.analyze(frame), repeats=3),
        "tea-tasting, P99 by 1000 resamples": best(lambda: p99.analyze(frame), repeats=1) * RESAMPLES / BOOTSTRAPPED,
    }


def main() -> None:
    """One table of costs."""
    (control, treatment), units = arms(ROWS)
    place = int(0.99 * ROWS)
    bare = best(lambda: (np.partition(control, place), np.partition(treatment, place)))
    lines = {
        "numpy.partition of both arms": bare,
        "P99 delta, independent": best(lambda: compare(control, treatment, iid=True).p99.delta),
        "P99 delta, units": best(lambda: compare(control, treatment, units=units).p99.delta),
        "P99 delta, units, every look": best(
            lambda: compare(control, treatment, units=units, looks="continuous").p99.delta
        ),
        "P50, P95 and P99 deltas, units": best(
            lambda: [getattr(found, each) for found in [compare(control, treatment, units=units)] for each in THREE]
        ),
        "mean delta, independent": best(lambda: compare(control, treatment, iid=True).mean.delta),
        "mean delta, units": best(lambda: compare(control, treatment, units=units).mean.delta),
        "rate delta, units": best(lambda: compare(control > 40, treatment > 40, units=units).rate.delta),
        "level of a refuted limit of P99": best(level_of(control, treatment, units)),
        "scipy.stats.ttest_ind": best(lambda: stats.ttest_ind(control, treatment, equal_var=False)),
        "scipy.stats.mannwhitneyu": best(
            lambda: stats.mannwhitneyu(control, treatment, method="asymptotic"), repeats=2
        ),
        "scipy.stats.bootstrap, P99, 1000 resamples": bootstrapped(control, treatment),
        **tea_tasting(control, treatment),
    }
    print(f"{platform.system()}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    print(f"seed {SEED}, {ROWS} rows an arm, {UNITS} units an arm\n")
    print("| what | ms | of numpy.partition |\n|---|---|---|")
    for name, milliseconds in lines.items():
        print(f"| {name} | {milliseconds:.1f} | {milliseconds / bare:.2f} |")
    ratio = lines["scipy.stats.bootstrap, P99, 1000 resamples"] / lines["P99 delta, units"]
    print(f"\nThe bootstrap takes {ratio:.0f} times as long as a P99 delta with units.")
    print_sizes()


def print_sizes() -> None:
    """How the cost grows with the rows."""
    print("\n| rows an arm | numpy.partition, ms | P99 delta, units, ms | mean delta, units, ms |\n|---|---|---|---|")
    for rows in SIZES:
        print(f"| {rows} | {' | '.join(f'{cost:.1f}' for cost in costs_of(rows))} |", flush=True)


def costs_of(rows: int) -> tuple[float, float, float]:
    """Of so many rows an arm: the bare selection, a P99 delta and a mean delta with units."""
    (control, treatment), units = arms(rows)
    place = int(0.99 * rows)
    return (
        best(lambda: (np.partition(control, place), np.partition(treatment, place))),
        best(lambda: compare(control, treatment, units=units).p99.delta),
        best(lambda: compare(control, treatment, units=units).mean.delta),
    )


THREE = ("p50", "p95", "p99")


def level_of(control: np.ndarray, treatment: np.ndarray, units: tuple[np.ndarray, np.ndarray]) -> Callable[[], object]:
    """Bounds, and then the smallest level at which a limit below them is refuted."""

    def run() -> object:
        delta = compare(control, treatment + 100, units=units).p99.delta
        return delta.refuting_level(50.0, True)

    return run


if __name__ == "__main__":
    sys.exit(main())
