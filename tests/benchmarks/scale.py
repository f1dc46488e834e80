"""What a table of an experiment costs: mean, P50, P99 and error rate with units, over Parquet, in 2 GB.

Beside it, in the same run: a bare `sum`, and a bare GROUP BY of the units.

    python tests/benchmarks/scale.py 1e7 1e8

Each size runs in a process of its own, so that the largest memory it held can
be told. The files lie in a temporary folder (2 GB for 1e8 rows) and are gone
afterwards. Targets stand beside, and nothing fails: a slow machine is no bug.
Seconds of the processors, of all threads together, say more than the clock on
a machine that has other things to do.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 1, tzinfo=UTC)
HOURS = 504
FILES = 8
SPACES = 50_000
MEMORY = "2GB"
TARGET_SECONDS, TARGET_GB = 5.0, 1.5

# Spaces by weight 1 / (rank + 500), one in a hundred treated, lognormal latency, one error in 20 000.
ROWS = """
SELECT make_timestamptz({start}::BIGINT * 1000000 + (random() * {hours} * 3600000000)::BIGINT) AS "at",
       space AS space_id, CASE WHEN space % 100 = 7 THEN 'blended' ELSE 'pure_episodic' END AS mode,
       round(5 * exp(0.944 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())), 3) AS latency_ms,
       random() < 5e-5 AS error
FROM (SELECT (500 * pow(101, random()) - 500)::INTEGER % {spaces} AS space FROM range({rows}))
"""


def main() -> None:
    """Every size that is asked for, each in a process of its own."""
    sizes = [int(float(size)) for size in sys.argv[1:]] or [10_000_000]
    with tempfile.TemporaryDirectory(prefix="rollout-scale-") as folder:
        for size in sizes:
            child = [sys.executable, __file__, "--measure", str(size), folder]
            made = subprocess.run([sys.executable, __file__, "--make", str(size), folder], check=True)
            assert made.returncode == 0
            found = json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout)
            _show(size, found)
            for path in Path(folder).glob("*.parquet"):
                path.unlink()


def _show(size: int, found: dict[str, float]) -> None:
    title = f"{size:,} rows, units space_id, DuckDB".replace(",", " ")
    print(f"\n{title:46} by the clock    of the processors")
    for name, seconds in found.items():
        if name not in {"all", "gigabytes"} and not name.startswith("cpu "):
            print(f"  {name:44} {seconds:7.2f} s     {found[f'cpu {name}']:7.2f} s")
    share = found["cpu all"] / found["cpu bare GROUP BY unit"]
    print(f"  {'all of it':44} {found['all']:7.2f} s     {found['cpu all']:7.2f} s")
    print(f"  {share:.1f} times the GROUP BY, by the processors; target ≤ {TARGET_SECONDS} s by the clock at 1e8")
    print(f"  {'largest memory':44} {found['gigabytes']:7.2f} GB  target ≤ {TARGET_GB} GB")


def make(size: int, folder: str) -> None:
    """Write the rows as Parquet files."""
    import duckdb

    with duckdb.connect(":memory:", config={"memory_limit": MEMORY}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SELECT setseed(0.5)")
        for number in range(FILES):
            text = ROWS.format(start=int(START.timestamp()), hours=HOURS, spaces=SPACES, rows=size // FILES)
            connection.execute(f"COPY ({text}) TO '{folder}/recalls-{number}.parquet'")


def measure(folder: str) -> None:
    """Ask the files, and print how long each answer took, as JSON."""
    import duckdb

    from pytest_rollout.experiment.samples import Above, Values
    from pytest_rollout.experiment.table import Span, Table
    from pytest_rollout.experiment.table_samples import TableSamples
    from pytest_rollout.sources.file import FileSource

    found: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        started, spent = time.perf_counter(), time.process_time()
        answer = work()
        found[name], found[f"cpu {name}"] = time.perf_counter() - started, time.process_time() - spent
        return answer

    files = f"read_parquet('{folder}/recalls-*.parquet')"
    with duckdb.connect(":memory:", config={"memory_limit": MEMORY}) as connection:
        bare = f"SELECT sum(latency_ms) FROM {files}"
        units = f"SELECT space_id, count(*) AS n, sum(latency_ms) AS s FROM {files} GROUP BY space_id"
        connection.execute(bare).fetchall()  # the files are in the system's cache from here on
        timed("bare sum", lambda: connection.execute(bare).fetchall())
        # Sums that nobody looks at would be left out, and the column of the values with them.
        timed("bare GROUP BY unit", lambda: connection.execute(f"SELECT sum(n), sum(s) FROM ({units})").fetchall())
    arms = {"control": "pure_episodic", "treatment": "blended"}
    table = Table("file", "space_id", "mode", "at", "latency_ms", arms=arms)
    errors = Table("file", "space_id", "mode", "at", "error", arms=arms)
    span = Span(START, START + timedelta(hours=HOURS))
    source = FileSource(Path(folder) / "recalls-*.parquet")
    started, spent = time.perf_counter(), time.process_time()
    latency, failed = (TableSamples(source, each, span, seconds=600) for each in (table, errors))
    timed("look at the columns", lambda: latency.look)
    ranks = {cell: _ranks(seen.values) for cell, seen in latency.look.cells.items()}
    values = timed("P50 and P99, three ranks each", lambda: latency.ranked(ranks))
    assert isinstance(values, dict)
    edges = [Above({cell: each[place] for cell, each in values.items()}) for place in (1, 4)]
    timed("mean, and the design effects of all three", lambda: latency.moments_of([Values(), *edges]))
    timed("error rate", lambda: failed.moments(Values()))
    found["all"], found["cpu all"] = time.perf_counter() - started, time.process_time() - spent
    found["gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(found))


def _ranks(rows: int) -> list[int]:
    """About where the bounds of P50 and P99 lie, and the two themselves."""
    found = []
    for share in (0.5, 0.99):
        wide = 4 * (rows * share * (1 - share)) ** 0.5
        found += [int(rows * share - wide), int(rows * share), int(rows * share + wide)]
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(int(sys.argv[2]), sys.argv[3])
    elif sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[3])
    else:
        main()
