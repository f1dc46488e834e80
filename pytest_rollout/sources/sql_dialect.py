"""SQL dialect: what differs from one database to the next, behind SQLAlchemy.

The plain `Dialect` knows only what all have in common. A database that can
refuse to write, stop a query or tell the time says so in a class of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_rollout.errors import SourceError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection


@dataclass(frozen=True)
class Server:
    """Who answers, and how far its clock is ahead of ours."""

    identity: str = ""
    skew: timedelta | None = None


class Dialect:
    """A database of which nothing more is known: its transaction is rolled back, whatever happens in it."""

    extra = "sql"
    driver_too = " and the driver of the option 'url'"
    streams = True
    """Whether rows are fetched as they are read; a database that limits them itself need not."""

    def url(self, url: URL, folder: Path) -> URL:
        """The URL that is connected to, of the one in the plan.

        Raises:
            SourceError: It names no database that is there.
        """
        del folder
        return url

    def arguments(self, seconds: float) -> Mapping[str, Any]:
        """What `create_engine` gets, for answers within so many seconds."""
        del seconds
        return {}

    def begin(self, connection: Connection, seconds: float) -> Server:
        """Begin a transaction that can only read and ends by itself after `seconds`.

        Raises:
            SourceError: It cannot be made sure that nothing is written.
        """
        del seconds
        return Server(identity=connection.dialect.name)

    def limited(self, query: str, rows: int) -> str:
        """The query, giving no more than so many rows where the database can be told in one way for all queries."""
        del rows
        return query

    def time_of(self, value: object) -> datetime | None:
        """A time as UTC: a timestamp, in UTC where it has no zone, or a date's first moment.

        Raises:
            ValueError: It is none.
        """
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        # A datetime is a date, too, and was returned above.
        if hasattr(value, "toordinal"):
            return datetime.combine(value, datetime.min.time(), UTC)  # type: ignore[arg-type]  # a date is what has it
        raise ValueError

    def cancel(self, connection: Any, times: int) -> None:
        """Stop what runs on a driver's connection, from another thread; called again, `times` counts from 0."""
        del times
        if callable(interrupt := getattr(connection, "interrupt", None)):
            interrupt()

    def is_late(self, error: BaseException) -> bool:
        """Whether a driver's error says that the server itself stopped the query for its time."""
        del error
        return False

    def words(self, error: BaseException) -> str:
        """A driver's error in better words, its fix on a second line; empty where its own words do."""
        del error
        return ""


class Sqlite(Dialect):
    """A SQLite file, opened read-only; it keeps times as texts, as `2026-11-07 09:00:00` in UTC."""

    driver_too = ""

    def url(self, url: URL, folder: Path) -> URL:
        """The file below the plan's folder, as an address that cannot create or change it."""
        if not url.database or url.database == ":memory:" or url.query or "\0" in url.database:
            raise SourceError("option 'url' is sqlite:///file.db (from the plan's folder) or sqlite:////folder/file.db")
        path = (folder / url.database).absolute()
        if not path.is_file():
            raise SourceError(f"{path.name}: there is no such database: {path}")
        return url.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})

    def begin(self, connection: Connection, seconds: float) -> Server:
        """The file is open for reading only, and so is all else that a query may attach."""
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 500)}")
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
        return Server(identity=f"SQLite {version}")

    def time_of(self, value: object) -> datetime | None:
        """Also a text in ISO 8601."""
        return super().time_of(datetime.fromisoformat(value) if isinstance(value, str) else value)
