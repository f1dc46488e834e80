"""What a picture costs: the seconds of processor time of each kind, drawn again and again as SVG.

Run with `make benchmarks`, or alone; the first picture also loads matplotlib.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from statistics import median
from time import process_time

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.reports.pictures.difference import Difference, Mark
from pytest_rollout.reports.pictures.distributions import Arm, Distributions
from pytest_rollout.reports.pictures.series import Look, Looks, Series
from pytest_rollout.reports.plots import drawn

SEED, REPETITIONS = 7, 5


def main() -> None:
    """Print a row a picture."""
    chance, at = random.Random(SEED), datetime(2026, 11, 25, tzinfo=UTC)
    marks = (Mark(name="warning", high=10, decision=Decision.HOLD), Mark(name="critical", high=20))
    values = sorted(chance.lognormvariate(2, 0.6) for _ in range(3_000))
    arms = tuple(Arm(name=name, values=tuple(values), counts=(1,) * 3_000) for name in ("control", "treatment"))
    minutes = [at + timedelta(minutes=each) for each in range(1_440)]
    rss = [500 + 40 * math.sin(each / 200) + chance.gauss(0, 5) for each in range(1_440)]
    looks = [Look(at=each, truth=Truth.PROVEN, value=3.0, low=1.0, high=5.0) for each in minutes[:240]]
    kinds = {
        "a claim against its limit": Difference(
            title="P99 latency", truth=Truth.PROVEN, value=3.0, low=1.0, high=7.0, unit="ms", marks=marks
        ),
        "two arms of 3000 bins": Distributions(title="latency", arms=arms, unit="ms"),
        "a window of a day": Series(title="rss", times=minutes, values=rss, step=timedelta(minutes=1)),
        "240 looks": Looks(title="P99 latency", looks=looks, always_valid=True, marks=marks),
    }
    began = process_time()
    drawn(next(iter(kinds.values())))
    print(f"{1e3 * (process_time() - began):6.0f} ms  the first, with matplotlib's import")
    for name, facts in kinds.items():
        spent = []
        for _ in range(REPETITIONS):
            began = process_time()
            drawn(facts)
            spent.append(process_time() - began)
        print(f"{1e3 * median(spent):6.0f} ms  {name}")


if __name__ == "__main__":
    main()
