"""Provenance: where a number came from.

Asked what, of whom, as of when. Every claim carries it into the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict


class Origin(TypedDict):
    """A provenance as the plain values that a claim keeps."""

    source: str
    query: str
    window: str
    at: str
    age: float | None


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The source and query of a value, the window it covers, when it was taken and how old it was then."""

    source: str = ""
    query: str = ""
    window: str = ""
    at: datetime | None = None
    age: timedelta | None = None

    def facts(self) -> Origin:
        """As plain values: ISO 8601 for the instant, seconds for the age."""
        return {
            "source": self.source,
            "query": self.query,
            "window": self.window,
            "at": self.at.astimezone(UTC).isoformat(timespec="seconds") if self.at else "",
            "age": None if self.age is None else self.age.total_seconds(),
        }
