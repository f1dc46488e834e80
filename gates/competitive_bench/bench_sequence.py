"""Sequence: which operations a run makes, from its seed alone, the same on every Python and every machine.

Numbers are SHA-256 of seed and counter, so that no library has to keep its
streams as they are. Each block of a hundred operations holds exactly the
declared mix, in an order of its own. Only the standard library is imported:
any Python can be asked, with

    python bench_sequence.py scenarios/neo4j_traversal_100k.toml reduced
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

BLOCK = 100


def numbers(seed: int) -> Iterator[int]:
    """Numbers of 64 bits, four from each digest."""
    counter = 0
    while True:
        digest = hashlib.sha256(f"{seed}:{counter}".encode("ascii")).digest()
        for at in range(0, 32, 8):
            yield int.from_bytes(digest[at : at + 8], "big")
        counter += 1


def operations(seed: int, mix: Mapping[str, int], count: int) -> Iterator[tuple[str, int]]:
    """`count` operations: what is done, and a number that says to what (modulo whatever there is).

    Args:
        seed: Of the scenario.
        mix: How many of a hundred operations each kind is; in the order of their names.
        count: A multiple of a hundred, so that the mix is exact.
    """
    drawn = numbers(seed)
    block = [kind for kind in sorted(mix) for _ in range(mix[kind])]
    for _ in range(count // BLOCK):
        order = list(block)
        for last in range(BLOCK - 1, 0, -1):  # Fisher and Yates
            other = next(drawn) % (last + 1)
            order[last], order[other] = order[other], order[last]
        for kind in order:
            yield kind, next(drawn) >> 32


def line(operation: tuple[str, int]) -> str:
    """An operation as it stands in a digest."""
    return f"{operation[0]} {operation[1]}"


def main(words: list[str]) -> int:
    """Print the operations of one scenario, one a line."""
    import tomllib

    scenario = tomllib.loads(Path(words[0]).read_text("utf-8"))
    for operation in operations(scenario["seed"], scenario["mix"], scenario[words[1]]["operations"]):
        sys.stdout.write(line(operation) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
