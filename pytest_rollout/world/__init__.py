"""The embedded world: a small real service with faults to inject, for trying gates.

`world.py` beside a plan assigns a `World` to the name `world`; these are the
names it is written with. The service runs in a process of its own.
"""

from pytest_rollout.world.alerts import Alert
from pytest_rollout.world.before import Before
from pytest_rollout.world.events import Effect, Events
from pytest_rollout.world.exposition import Counter, Gauge, Histogram
from pytest_rollout.world.files import Benchmark, Benchmarks, Junit, Log, Rows
from pytest_rollout.world.model import Call, Fault, Phase, Reply, World
from pytest_rollout.world.series import Series
from pytest_rollout.world.tables import Table, Tables

__all__ = [
    "Alert",
    "Before",
    "Benchmark",
    "Benchmarks",
    "Call",
    "Counter",
    "Effect",
    "Events",
    "Fault",
    "Gauge",
    "Histogram",
    "Junit",
    "Log",
    "Phase",
    "Reply",
    "Rows",
    "Series",
    "Table",
    "Tables",
    "World",
]
