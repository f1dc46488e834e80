"""PostgreSQL: a transaction that the server itself keeps read-only and short.

The settings are made within the transaction, in one statement, so that a
pooler between us and the server (PgBouncer) does not lose them.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.sql_dialect import Dialect, Server

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_BEGIN = """
SELECT set_config('statement_timeout', :milliseconds, true),
       set_config('lock_timeout', :lock_milliseconds, true),
       set_config('idle_in_transaction_session_timeout', :milliseconds, true),
       set_config('TimeZone', 'UTC', true),
       current_setting('transaction_read_only') AS read_only,
       current_setting('server_version') AS version,
       extract(epoch FROM clock_timestamp()) AS epoch_seconds
"""
_CUT_AFTER_TIMES = 5
_SOON_SECONDS = 0.5
_FIXES = {
    "25006": "only SELECT is asked, and of no function that changes data",
    "28000": "check the user, the password and the server's pg_hba.conf",
    "28P01": "check the user and the password in the option 'url'",
    "3D000": "check the database in the option 'url'",
    "42501": "GRANT SELECT ON the table TO the role of the option 'url', and USAGE ON its schema",
    "53300": "give the role of the option 'url' a few connections of its own",
    "55P03": "somebody holds a lock on what the query reads: see pg_locks, and ask again",
    "57P01": "the server was stopped while it answered: ask again",
}


class PostgreSql(Dialect):
    """PostgreSQL through psycopg 3."""

    extra = "postgres"
    driver_too = ""
    streams = False

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now

    def url(self, url: URL, folder: Path) -> URL:
        """The same, through the one driver that can stop a query from outside."""
        del folder
        if url.drivername not in {"postgres", "postgresql", "postgresql+psycopg"}:
            raise SourceError(f"option 'url' names the driver '{url.drivername}'\nwrite postgresql:// for psycopg 3")
        named = {} if "application_name" in url.query else {"application_name": "pytest-rollout"}
        return url.set(drivername="postgresql+psycopg").update_query_dict(named)

    def arguments(self, seconds: float) -> Mapping[str, Any]:
        """Sessions that stay usable behind a pooler, and that end with the first word about them."""
        # Prepared statements and hstore's type are looked up a session, and a pooler gives us another's.
        settings = {"connect_timeout": max(2, math.ceil(seconds)), "prepare_threshold": None}
        return {"connect_args": settings, "use_native_hstore": False, "pool_pre_ping": True}

    def begin(self, connection: Connection, seconds: float) -> Server:
        """`BEGIN READ ONLY`, time limits, UTC, and the server's clock, in two round trips."""
        from sqlalchemy import text

        milliseconds = max(1, int(seconds * 1000))
        values = {"milliseconds": str(milliseconds), "lock_milliseconds": str(max(1, milliseconds // 2))}
        read_only = connection.execution_options(postgresql_readonly=True)
        before = self._now()
        settings = read_only.execute(text(_BEGIN), values).mappings().one()
        middle = before + (self._now() - before) / 2
        if settings["read_only"] != "on":
            raise SourceError("the server did not begin a transaction that can only read")
        clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(settings["epoch_seconds"]))
        return Server(identity=f"PostgreSQL {settings['version'].split()[0]}", skew=clock - middle)

    def limited(self, query: str, rows: int) -> str:
        """Only a SELECT can stand inside another, and the limit saves a million rows being sent."""
        return f"SELECT * FROM (\n{query}\n) AS answer LIMIT {rows}"  # noqa: S608 - checked to be one SELECT, in a transaction that can only read

    def cancel(self, connection: Any, times: int) -> None:
        """Ask the server to stop the query; where it does not hear, end the connection.

        The socket is shut down and not closed, because its number must stay
        taken for as long as the thread that waits on it.
        """
        if times == 0:
            connection.cancel_safe(timeout=_SOON_SECONDS)
        elif times >= _CUT_AFTER_TIMES:
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as ours:
                ours.shutdown(socket.SHUT_RDWR)

    def is_late(self, error: BaseException) -> bool:
        """`statement_timeout` was faster than our own clock, or somebody else stopped the query."""
        return getattr(error, "sqlstate", None) == "57014" and "statement timeout" in str(error)

    def words(self, error: BaseException) -> str:
        """The server's sentence and, by its code, what would do."""
        first = str(error).strip().partition("\n")[0]
        fix = _FIXES.get(getattr(error, "sqlstate", None) or "", "")
        # While connecting there is no code yet, and the sentence says it in English only where the server does.
        if not fix and "password authentication failed" in first:
            fix = _FIXES["28P01"]
        return f"{first}\n{fix}".strip()
