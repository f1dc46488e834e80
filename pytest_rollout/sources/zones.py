"""Zones: a time that somebody wrote without saying where.

A local time read as UTC can make an old number look fresh, so a time without
an offset is only believed in a zone that the plan names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line, text_option
from pytest_rollout.sources.protocol import Option

ZONE = Option("zone", "where times without an offset were written: UTC, or a name such as Europe/Berlin")


def zone_option(options: Mapping[str, object]) -> tzinfo | None:
    """The zone that the option names, or None.

    Raises:
        SourceError: There is no such zone on this machine.
    """
    name = text_option(options, "zone").strip()
    if name.upper() in {"", "UTC", "Z"}:
        return UTC if name else None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        raise SourceError(
            f"option 'zone': this machine knows no zone '{first_line(name, 40)}'\n"
            "write UTC, or a name such as Europe/Berlin"
        ) from None


def placed(instant: datetime, zone: tzinfo | None, where: str) -> datetime:
    """A time as UTC, in `zone` where it has no offset of its own.

    Raises:
        SourceError: No zone is named, or the clocks were changed just then and the time was there twice, or never.
    """
    if instant.tzinfo is not None:
        return instant.astimezone(UTC)
    if zone is None:
        raise SourceError(f"{where}: the time {instant.isoformat()} has no offset from UTC\nname its zone: 'zone: UTC'")
    first, second = (instant.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first != second:
        raise SourceError(
            f"{where}: the clocks were changed at {instant.isoformat()} in {zone}: the time was there twice, or never\n"
            "write times with their offset, or in UTC"
        )
    return first
