"""Workloads: vectors, a graph and both together, small and real, in NumPy.

Data come from the seed by SHAKE-256, as operations do by SHA-256. An
operation's time is that of the work alone; what is done to which row is the
sequence's to say, and is digested as it is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

NEAREST, DEGREE, HOPS, SEEDS = 10, 8, 3, 3


def bytes_of(seed: int, what: str, count: int) -> np.ndarray:
    """So many bytes that depend on the seed and on nothing else."""
    return np.frombuffer(hashlib.shake_256(f"{seed}:{what}".encode("ascii")).digest(count), dtype=np.uint8)


class Vectors:
    """Rows that can be searched, replaced and taken out."""

    def __init__(self, seed: int, rows: int, dimensions: int) -> None:
        raw = bytes_of(seed, "vectors", rows * dimensions).reshape(rows, dimensions)
        self.rows = raw.astype(np.float32) - 127.5
        self.rows /= np.linalg.norm(self.rows, axis=1, keepdims=True)
        self.there = np.ones(rows, dtype=bool)

    def search(self, number: int) -> np.ndarray:
        """The nearest ten of those that are there."""
        query = self.rows[number % len(self.rows)]
        likeness = np.where(self.there, self.rows @ query, -2.0)
        return np.argpartition(likeness, -NEAREST)[-NEAREST:]

    def insert(self, number: int) -> None:
        """A row anew: another's, in the opposite direction of its dimensions."""
        at = number % len(self.rows)
        self.rows[at] = self.rows[(number // 7) % len(self.rows)][::-1]
        self.there[at] = True

    def delete(self, number: int) -> None:
        """A row less."""
        self.there[number % len(self.rows)] = False


class Graph:
    """Nodes with eight neighbours each."""

    def __init__(self, seed: int, rows: int) -> None:
        raw = bytes_of(seed, "edges", rows * DEGREE * 4).view("<u4")
        self.edges = (raw % rows).astype(np.int64).reshape(rows, DEGREE)

    def neighbours(self, number: int) -> np.ndarray:
        """Those of one node."""
        return np.unique(self.edges[number % len(self.edges)])

    def walk(self, number: int) -> int:
        """How many nodes are at most three steps away."""
        return self.reached(np.array([number % len(self.edges)]))

    def reached(self, start: np.ndarray) -> int:
        """The same from several nodes."""
        seen = np.zeros(len(self.edges), dtype=bool)
        edge = start
        for _ in range(HOPS):
            seen[edge] = True
            edge = np.unique(self.edges[edge])
            edge = edge[~seen[edge]]
        return int(seen.sum() + len(edge))


def work(workload: str, seed: int, rows: int, dimensions: int) -> dict[str, Callable[[int], object]]:
    """What each operation of a workload does."""
    if workload == "graph":
        graph = Graph(seed, rows)
        return {"walk": graph.walk, "neighbours": graph.neighbours}
    vectors = Vectors(seed, rows, dimensions)
    if workload == "vector":
        return {"search": vectors.search, "insert": vectors.insert, "delete": vectors.delete}
    graph = Graph(seed, rows)
    return {
        "search": vectors.search,
        "walk": graph.walk,
        "hybrid": lambda number: graph.reached(vectors.search(number)[:SEEDS]),
    }
