"""SQL through SQLAlchemy: PostgreSQL, SQLite, and whatever else has a driver.

Whatever a driver says goes through one place, which takes the password out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.deadline import DeadlineError, within
from pytest_rollout.sources.document import first_line, shown
from pytest_rollout.sources.protocol import Answer, Question
from pytest_rollout.sources.sql_dialect import Dialect, Server, Sqlite
from pytest_rollout.sources.sql_pool import Pool, Turn
from pytest_rollout.sources.sql_postgresql import PostgreSql
from pytest_rollout.sources.sql_rows import Columns, Row, answer_of, columns_of, most_rows
from pytest_rollout.sources.sql_table import bound, columns_at
from pytest_rollout.sources.sql_text import one_select, parameters, rewritten, values_of, without_end
from pytest_rollout.sources.tables import Column, Statement, plain_rows
from pytest_rollout.sources.tables import Row as TableRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

Result = TypeVar("Result")
_SECRET_WORDS = ("pass", "secret", "token")


class _Reach(NamedTuple):
    """A connection inside its transaction, and who is at its other end."""

    connection: Connection
    server: Server


class SqlAlchemySource:
    """A database by its URL, which is never printed: it may hold a password.

    Args:
        url: As SQLAlchemy writes it.
        folder: The plan's, where the path of a file starts.
    """

    def __init__(self, url: str, folder: Path) -> None:
        scheme, _, rest = url.partition("://")
        name = scheme.partition("+")[0]
        known: dict[str, type[Dialect]] = {"postgres": PostgreSql, "postgresql": PostgreSql, "sqlite": Sqlite}
        self._dialect = known.get(name, Dialect)()
        self._secrets = secrets_of(url)
        self._pool = Pool(url, folder, self._dialect)
        self._speech = "postgresql" if name == "postgres" else name
        self.where = f"{name}://{rest.partition('?')[0].rpartition('@')[2]}"
        """The database as messages name it, without user, password and parameters."""

    def __repr__(self) -> str:
        return f"SqlAlchemySource({self.where!r})"

    def ask(self, question: Question) -> Answer:
        """Run the query and read its rows.

        Raises:
            SourceError: No database, not one SELECT, no number, too many rows, or too slow.
        """
        one_select(question.query, self.where)
        values = values_of(parameters(question.query), question, self.where)
        return self._within(question.timeout_seconds, lambda reach: self._read(reach, question, values))

    @property
    def speech(self) -> str:
        """The database's name in its URL."""
        return self._speech

    def columns(self, table: str, seconds: float) -> Mapping[str, Column]:
        """What a table or view has.

        Raises:
            SourceError: No database, or no such table that the role can see.
        """
        return self._within(seconds, lambda reach: columns_at(reach.connection, table, self.where))

    def rows(self, statement: Statement) -> list[TableRow]:
        """The rows of a statement.

        Raises:
            SourceError: No database, too slow, or more rows than there may be.
        """

        def read(reach: _Reach) -> list[TableRow]:
            result = reach.connection.execute(bound(statement), dict(statement.values))
            return plain_rows(result.fetchmany(statement.most + 1), statement, self.where)

        return self._within(statement.seconds, read)

    def _within(self, seconds: float, read: Callable[[_Reach], Result]) -> Result:
        """What `read` finds on a connection that can only read, within so many seconds, in words without passwords."""
        turn = Turn(self._dialect, seconds)
        late = f"{self.where}: no answer within {seconds:g} s"

        def found() -> Result:
            with self._pool.connected(turn, seconds) as connection:
                return read(_Reach(connection, self._dialect.begin(connection, turn.left())))

        try:
            return within(seconds, found, stop=turn.stop)
        except (DeadlineError, TimeoutError):
            raise SourceError(late) from None
        except SourceError as error:
            raise SourceError(self._without_secrets(str(error)), reason=error.reason) from None
        except Exception as error:  # noqa: BLE001 - a driver may raise anything, and its words may hold the password
            cause = getattr(error, "orig", None) or error
            raise SourceError(late if self._dialect.is_late(cause) else f"{self.where}: {self._words(cause)}") from None

    def _read(self, reach: _Reach, question: Question, values: Mapping[str, datetime]) -> Answer:
        from sqlalchemy import DateTime, bindparam, text

        most, connection, server = most_rows(question), reach.connection, reach.server
        query = text(self._dialect.limited(escaped(without_end(question.query)), most + 1))
        bound = query.bindparams(*(bindparam(name, type_=DateTime(timezone=True)) for name in values))
        result = connection.execution_options(stream_results=self._dialect.streams).execute(bound, dict(values))
        if result.cursor is None:
            raise SourceError(f"{self.where}: the query gives no rows, and only SELECT is asked")
        columns = columns_of([str(column[0]) for column in result.cursor.description], question, self.where)
        rows = [self._row(tuple(row), columns) for row in result.fetchmany(most + 1)]
        if len(rows) > most:
            connection.invalidate()  # some drivers would read a million rows to their end before they close
        answer = answer_of(rows, columns, question, self.where)
        return replace(answer, identity=server.identity, skew=server.skew)

    def _row(self, row: tuple[object, ...], columns: Columns) -> Row:
        at = None if columns.at is None else row[columns.at]
        try:
            taken = self._dialect.time_of(at)
        except (ValueError, OverflowError):
            raise SourceError(f"{self.where}: column 'at' is {shown(at)}, not a time") from None
        return taken, tuple(row[place] for place in columns.numbers)

    def _words(self, error: BaseException) -> str:
        """What a driver or SQLAlchemy said, its first line, and what would do."""
        if isinstance(error, ImportError):
            extra = f"pip install 'pytest-rollout[{self._dialect.extra}]'"
            return f"{error.name or 'its driver'} is not installed\n{extra}{self._dialect.driver_too}"
        said, _, fix = self._dialect.words(error).partition("\n")
        said = first_line(self._without_secrets(said or str(error))) or type(error).__name__
        return f"{said}\n{fix}".strip()

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def escaped(query: str) -> str:
    """The query as SQLAlchemy's `text` reads it: its parameters apart, and no other colon taken for one."""
    return rewritten(query, lambda name: f"(:{name})", lambda text: text.replace(":", r"\:"))


def secrets_of(url: str) -> tuple[str, ...]:
    """Every text of a URL that must not be repeated, the longest first."""
    rest, _, query = url.partition("://")[2].partition("?")
    password = rest.rpartition("@")[0].partition(":")[2]
    named = [value for key, value in parse_qsl(query) if any(word in key.lower() for word in _SECRET_WORDS)]
    return tuple(sorted({each for each in (password, unquote(password), *named) if each}, key=len, reverse=True))
