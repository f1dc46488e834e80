"""Recalls: one set of rows of an experiment, as arrays and in databases of several kinds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from pytest_rollout.experiment.table import Span, Table

START = datetime(2026, 10, 24, 9, 0, tzinfo=UTC)
END = START + timedelta(hours=200)
ARMS = {"control": "pure_episodic", "treatment": "blended"}
TABLE = Table("recalls", "space_id", "mode", "taken", "latency_ms", arms=ARMS)
SPAN = Span(START, END)
COLUMNS = ("query_id", "taken", "space_id", "mode", "latency_ms", "timeout", "failed", "percentage")


@dataclass(frozen=True)
class Rows:
    """Recalls as arrays: what a database is filled with, and what its answers are compared with."""

    seconds: np.ndarray
    space: np.ndarray
    treated: np.ndarray
    latency: np.ndarray
    timeout: np.ndarray
    failed: np.ndarray
    percentage: np.ndarray

    def tuples(self):
        """Rows of `COLUMNS`; NaN stands for NULL."""
        for n in range(len(self.seconds)):
            value = float(self.latency[n])
            yield (
                n,
                START + timedelta(seconds=int(self.seconds[n])),
                f"space-{self.space[n]}",
                ARMS["treatment" if self.treated[n] else "control"],
                None if np.isnan(value) else value,
                bool(self.timeout[n]),
                bool(self.failed[n]),
                float(self.percentage[n]),
            )

    def values(self):
        """What a row counts as: `+inf` where it timed out."""
        return np.where(self.timeout, np.inf, self.latency)


def made(seed=1, rows=3000, spaces=60):
    """Unequal spaces, some of them treated; a few rows without a value, timed out, failed, or out of the window."""
    chance = np.random.default_rng(seed)
    weights = 1 / (np.arange(spaces) + 5)
    space = chance.choice(spaces, rows, p=weights / weights.sum())
    treated = (space * 7 + 3) % 5 == 0
    latency = np.round(5 * np.exp(0.9 * chance.standard_normal(rows)), 3)
    latency[chance.random(rows) < 0.01] = np.nan
    seconds = chance.integers(-3600, 200 * 3600 + 3600, rows)
    timeout = chance.random(rows) < 0.004
    failed = chance.random(rows) < 0.02
    return Rows(seconds, space, treated, latency, timeout, failed, np.where(seconds < 360_000, 5.0, 25.0))


def duckdb_file(folder, rows, name="recalls.duckdb"):
    """The rows as a DuckDB file."""
    import duckdb

    path = folder / name
    with duckdb.connect(str(path)) as connection:
        kinds = ["BIGINT", "TIMESTAMPTZ", "VARCHAR", "VARCHAR", "DOUBLE", "BOOLEAN", "BOOLEAN", "DOUBLE"]
        columns = ", ".join(f"{column} {kind}" for column, kind in zip(COLUMNS, kinds, strict=True))
        connection.execute(f"CREATE TABLE recalls ({columns})")
        lists = [list(column) for column in zip(*rows.tuples(), strict=True)]
        connection.execute(f"INSERT INTO recalls SELECT {', '.join(['unnest(?)'] * 8)}", lists)
    return path


def sqlite_file(folder, rows):
    """The rows as a SQLite file, whose times are texts."""
    path = folder / "recalls.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        kinds = ["INTEGER", "TEXT", "TEXT", "TEXT", "REAL", "BOOLEAN", "BOOLEAN", "REAL"]
        columns = ", ".join(f"{column} {kind}" for column, kind in zip(COLUMNS, kinds, strict=True))
        connection.execute(f"CREATE TABLE recalls ({columns})")
        texts = [(row[0], row[1].isoformat(), *row[2:]) for row in rows.tuples()]
        connection.executemany(f"INSERT INTO recalls VALUES ({', '.join('?' * 8)})", texts)
    return path
