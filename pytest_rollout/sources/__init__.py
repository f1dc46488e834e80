"""Sources: where numbers and flags come from, one file a kind.

A new kind is one new file and one line in a table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pytest_rollout.sources import flags, http_json, memory, sql
from pytest_rollout.sources.protocol import FlagKind, SourceKind

KINDS: Mapping[str, SourceKind] = MappingProxyType(
    {
        "http_json": http_json.KIND,
        "memory": memory.KIND,
        "sql": sql.KIND,
    }
)
"""What `kind:` may be under `sources:`."""

FLAG_KINDS: Mapping[str, FlagKind] = MappingProxyType(
    {
        "file": flags.FILE,
        "http": flags.HTTP,
        "memory": flags.MEMORY,
    }
)
"""What `kind:` may be under `flags:`."""
