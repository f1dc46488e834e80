"""Units that stay, suites that are asked again, and what power foretells: `python tests/benchmarks/recurring.py`.

Minutes of one core. Nothing here is a test; the unit tests run short versions.
"""

from __future__ import annotations

import platform

import numpy as np
import scipy

from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design
from pytest_rollout.stats import paired
from pytest_rollout.stats.curve import Curve, wanted

SEED = 5
UNITS, STAGES = 60, 8
RECURRING = [(2, 0.8, "mean"), (2, 0.8, "p50"), (2, 0.8, "rate"), (2, 0.1, "mean"), (10, 0.5, "mean"), (1, 0.8, "mean")]
FORETOLD = [(0.99, 1500), (0.99, 3000), (0.99, 10_000), (0.99, 50_000), (0.95, 3000), (0.5, 3000)]


def stay(chance: np.random.Generator, rows: int, icc: float, what: str) -> ArraySamples:
    """Two arms that are alike, whose units have rows in every stage."""
    values, units = {}, {}
    for arm in ("control", "treatment"):
        own = chance.standard_normal(UNITS) * np.sqrt(icc)
        for stage in range(STAGES):
            of = np.repeat(np.arange(UNITS), rows)
            found = own[of] + chance.standard_normal(len(of)) * np.sqrt(1 - icc)
            values[arm, str(stage)] = (found > 1.28).astype(float) if what == "rate" else found
            units[arm, str(stage)] = of.astype(np.intp)
    return ArraySamples(values, units, {})


def recurring(repetitions: int = 500) -> None:
    """How often the bounds of such a difference are wrong."""
    chance = np.random.default_rng(SEED)
    print("| rows a unit and stage | alike by | what | wrong |\n|---|---|---|---|")
    for rows, icc, what in RECURRING:
        wrong = np.zeros(2)
        for _ in range(repetitions):
            delta = getattr(Comparison(stay(chance, rows, icc, what), Design(looks="once")), what).delta
            wrong += delta.low > 0, delta.high < 0
        low, high = 100 * wrong / repetitions
        print(f"| {rows} | {icc} | {what} | {low:.1f} / {high:.1f} |", flush=True)


def asked_again(looks: str, repetitions: int = 400) -> float:
    """How often a suite that grows by five questions an hour is wrong on one side within a week."""
    chance = np.random.default_rng(4)
    wrong = 0
    for _ in range(repetitions):
        found = chance.standard_normal(840)
        for n in range(30, 841, 10):
            mean = float(found[:n].mean())
            squares = float(np.square(found[:n] - mean).sum())
            if paired.mean_of_sums(n, mean, squares, looks=looks).low > 0:  # type: ignore[arg-type]  # one of two
                wrong += 1
                break
    return wrong / repetitions


def latencies(chance: np.random.Generator, n: int) -> np.ndarray:
    """Lognormal, with P50 5 ms and P99 45 ms."""
    return 5 * np.exp(0.944 * chance.standard_normal(n))


def foretold(repetitions: int = 150) -> None:
    """How often a limit is proven of which a chance of 80 % is foretold, at 90 to 10."""
    chance = np.random.default_rng(11)
    pool = np.sort(latencies(chance, 400_000))
    print("| what | rows of the smaller arm | proven |\n|---|---|---|")
    for q, n in FORETOLD:
        places = wanted(len(pool), q)
        values = [float(pool[place - 1]) for place in places]
        curve = Curve(q, len(pool), places, values, ratio=9, deff=1.0, confidence=0.95, looks="continuous")
        margin = curve.detectable(n, 0.8, above=True)
        proven = 0
        for _ in range(repetitions):
            arms = {("control", ""): latencies(chance, 9 * n), ("treatment", ""): latencies(chance, n)}
            proven += Comparison(ArraySamples(arms, None, {}), Design()).quantile(q).delta.high < margin
        print(f"| P{100 * q:g} | {n} | {proven / repetitions:.0%} |", flush=True)


def main() -> None:
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, seed {SEED}")
    recurring()
    print(f"a suite that grows: once {asked_again('once'):.1%}, at every look {asked_again('continuous'):.1%}")
    foretold()


if __name__ == "__main__":
    main()
