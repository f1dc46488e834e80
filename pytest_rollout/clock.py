"""Clock: this moment, read in one place, so that whatever asks for it can be given another one."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This moment in UTC; a run asks once, when it starts, and sources take it as an argument."""
    return datetime.now(UTC)
