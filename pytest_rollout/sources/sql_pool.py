"""SQL pool: at most eight connections to one database, however many threads ask.

A connection that was stopped in the middle is not handed on, and a question
that ended is never stopped: that would hit the next one on its connection.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.sql_dialect import Dialect

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MAX_CONNECTIONS = 8


class Turn:
    """One question's time on a connection: the answer ends it, or the deadline does."""

    def __init__(self, dialect: Dialect, seconds: float) -> None:
        self._dialect = dialect
        self._deadline = time.monotonic() + seconds
        self._guard = threading.Lock()
        self._connection: Any = None
        self._stops = 0

    def left(self) -> float:
        """The seconds that are left.

        Raises:
            TimeoutError: None are.
        """
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def begin(self, connection: Any) -> None:
        """From now on the driver's connection can be stopped."""
        with self._guard:
            self._connection = connection

    def stop(self) -> None:
        """The time is over."""
        with self._guard:
            if self._connection is not None:
                times, self._stops = self._stops, self._stops + 1
                with suppress(Exception):  # it cannot be stopped any better, and nobody waits for it any more
                    self._dialect.cancel(self._connection, times)

    def end(self) -> bool:
        """From now on it cannot be stopped; says whether it was."""
        with self._guard:
            self._connection = None
            return self._stops > 0


class Pool:
    """The connections of one source; the first question makes the first one."""

    def __init__(self, url: str, folder: Path, dialect: Dialect) -> None:
        self._url = url
        self._folder = folder
        self._dialect = dialect
        self._guard = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._made: Engine | None = None

    @contextmanager
    def connected(self, turn: Turn, seconds: float) -> Iterator[Connection]:
        """A connection for one turn; what happened on it is rolled back.

        Raises:
            SourceError: The URL cannot be meant.
            TimeoutError: The others kept theirs for too long.
        """
        if not self._places.acquire(timeout=turn.left()):
            raise TimeoutError
        try:
            with self._engine(seconds).connect() as connection:
                turn.begin(connection.connection.dbapi_connection)
                try:
                    turn.left()
                    yield connection
                finally:
                    if turn.end():
                        connection.invalidate()
        finally:
            self._places.release()

    def _engine(self, seconds: float) -> Engine:
        with self._guard:
            if self._made is None:
                self._made = self._engine_of(seconds)
                # Closes the connections without a word when the run ends.
                weakref.finalize(self, self._made.dispose)
            return self._made

    def _engine_of(self, seconds: float) -> Engine:
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

        try:
            url = self._dialect.url(make_url(self._url), self._folder)
            sizes = {"pool_size": MAX_CONNECTIONS, "max_overflow": 0}
            engine = create_engine(url, hide_parameters=True, **sizes, **self._dialect.arguments(seconds))
        except NoSuchModuleError:
            raise SourceError(
                "option 'url' names a database that SQLAlchemy does not know\ninstall its dialect"
            ) from None
        except (ArgumentError, ValueError, TypeError):
            # Their words quote the piece that could not be read, which may be half of a password.
            raise SourceError(
                "option 'url' cannot be read as the address of a database\n"
                "write user, password and names in it percent-encoded: / is %2F, : is %3A"
            ) from None
        if engine.dialect.is_async:
            raise SourceError(f"option 'url' names '{engine.driver}', which is asynchronous\nname a driver that is not")
        return engine
