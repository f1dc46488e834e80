"""Sources: where numbers and flags come from, one file a kind.

A new kind is one new file and one line in a table below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar, cast

from pytest_rollout.sources.protocol import FlagKind, SourceKind

K = TypeVar("K")


class Shelf(Mapping[str, K]):
    """Kinds by name, each imported when it is first looked at: a run asks one or two of them."""

    def __init__(self, homes: Mapping[str, str], package: str = "pytest_rollout.sources") -> None:
        self._homes, self._package = homes, package

    def __getitem__(self, name: str) -> K:
        module, _, attribute = self._homes[name].partition(".")
        return cast(K, getattr(import_module(f"{self._package}.{module}"), attribute))

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)


KINDS: Mapping[str, SourceKind] = Shelf(
    {
        "benchmark_json": "benchmark_json.KIND",
        "command": "command.KIND",
        "file": "file.KIND",
        "http_json": "http_json.KIND",
        "junit": "junit.KIND",
        "logs": "logs.KIND",
        "memory": "memory.KIND",
        "prometheus": "prometheus.KIND",
        "scrape": "scrape.KIND",
        "sql": "sql.KIND",
    }
)
"""What `kind:` may be under `sources:`."""

FLAG_KINDS: Mapping[str, FlagKind] = Shelf(
    {
        "env_file": "env_file.KIND",
        "file": "flags.FILE",
        "flagd": "flagd.KIND",
        "http": "flags.HTTP",
        "memory": "flags.MEMORY",
    }
)
"""What `kind:` may be under `flags:`."""


@dataclass(frozen=True)
class Kinds:
    """Every kind that plans of a run may name: the built-in ones, and those of other plugins."""

    sources: Mapping[str, SourceKind]
    flags: Mapping[str, FlagKind]


BUILT_IN = Kinds(KINDS, FLAG_KINDS)
"""The kinds that are always there."""
