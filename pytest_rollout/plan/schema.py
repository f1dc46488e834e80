"""The plan's JSON Schema, for editors: made from the grammar that the reader uses.

It says what a schema can say. That a metric exists, that units fit and that
thresholds stand in order is for the reader alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_rollout.plan.grammar import plan_shape
from pytest_rollout.sources.protocol import FlagKind, SourceKind

SCHEMA_ID = "urn:pytest-rollout:schema:plan:1"
"""The name under which the schema is published; the number changes with the format."""


def plan_schema(*, kinds: Mapping[str, SourceKind], flag_kinds: Mapping[str, FlagKind]) -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of `rollout.yaml`, given the kinds of sources and flags that there are."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "rollout.yaml",
        **plan_shape(kinds, flag_kinds).schema(),
    }
