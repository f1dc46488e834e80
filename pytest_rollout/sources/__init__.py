"""Sources: where numbers and flags come from, one file a kind.

A new kind is one new file and one line in a table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_rollout.sources import (
    benchmark_json,
    command,
    env_file,
    file,
    flagd,
    flags,
    http_json,
    junit,
    logs,
    memory,
    prometheus,
    scrape,
    sql,
)
from pytest_rollout.sources.protocol import FlagKind, SourceKind

KINDS: Mapping[str, SourceKind] = MappingProxyType(
    {
        "benchmark_json": benchmark_json.KIND,
        "command": command.KIND,
        "file": file.KIND,
        "http_json": http_json.KIND,
        "junit": junit.KIND,
        "logs": logs.KIND,
        "memory": memory.KIND,
        "prometheus": prometheus.KIND,
        "scrape": scrape.KIND,
        "sql": sql.KIND,
    }
)
"""What `kind:` may be under `sources:`."""

FLAG_KINDS: Mapping[str, FlagKind] = MappingProxyType(
    {
        "env_file": env_file.KIND,
        "file": flags.FILE,
        "flagd": flagd.KIND,
        "http": flags.HTTP,
        "memory": flags.MEMORY,
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
