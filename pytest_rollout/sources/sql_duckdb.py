"""DuckDB: asks one DuckDB file, read-only and without access to anything else.

It is asked for a number by a question, and for rows of sums by a statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.deadline import DeadlineError, within
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Answer, Question
from pytest_rollout.sources.sql_rows import Columns, answer_of, columns_of, most_rows
from pytest_rollout.sources.sql_text import has_bare_at, rewritten, values_of, without_end
from pytest_rollout.sources.tables import (
    BOOLEAN,
    LOCAL_TIME,
    NUMBER,
    OTHER,
    TEXT,
    TIME,
    Column,
    Row,
    Statement,
    plain_rows,
)

if TYPE_CHECKING:
    import duckdb

Result = TypeVar("Result")
Connect = Callable[[], "AbstractContextManager[duckdb.DuckDBPyConnection]"]

NO_OTHER_ACCESS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = re.compile(r'(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\)|"?NULL"?)')
_ZONED = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"})
_TIMES = re.compile(r'(?:TIMESTAMP(?: WITH TIME ZONE|_S|_MS|_NS)?|DATE|"?NULL"?)')


@dataclass(frozen=True)
class DuckDbSource:
    """A DuckDB file, opened read-only for each question."""

    path: Path

    def ask(self, question: Question) -> Answer:
        """Run the query and read its rows.

        Raises:
            SourceError: No database, not one SELECT, no number, too many rows, or too slow.
        """
        where = self.path.name
        if not self.path.is_file():
            raise SourceError(f"{where}: there is no such database: {self.path}")
        return asked(lambda: _connected(self.path, where), question, where)

    @property
    def speech(self) -> str:
        """DuckDB's own SQL."""
        return "duckdb"

    def columns(self, table: str, seconds: float) -> Mapping[str, Column]:
        """What a table has.

        Raises:
            SourceError: No database, or no such table in it.
        """
        return self._reading(seconds).columns(table)

    def rows(self, statement: Statement) -> list[Row]:
        """The rows of a statement.

        Raises:
            SourceError: No database, too slow, or more rows than there may be.
        """
        return self._reading(statement.seconds).rows(statement)

    def _reading(self, seconds: float) -> Reading:
        where = self.path.name
        if not self.path.is_file():
            raise SourceError(f"{where}: there is no such database: {self.path}")
        return Reading(lambda: _connected(self.path, where), where, seconds)


def asked(connect: Connect, question: Question, where: str, words: Callable[[str], str] = first_line) -> Answer:
    """Ask a connection one question, within its time.

    Args:
        connect: Opens the connection, in the thread that asks it.
        question: What is asked.
        where: What messages begin with.
        words: The line of DuckDB's message that a reader needs.

    Raises:
        SourceError: Any reason not to have an answer.
    """
    hint = '\nif `at` is a column here, write it with quotes: "at"' if has_bare_at(question.query) else ""
    reading = Reading(connect, where, question.timeout_seconds, words, hint)
    answer = reading.of(lambda connection: _read(connection, question, where))
    import duckdb

    return replace(answer, identity=f"DuckDB {duckdb.__version__}")


@dataclass(frozen=True)
class Reading:
    """One use of a connection, within its time and with DuckDB's errors in our words.

    Args:
        connect: Opens the connection, in the thread that uses it.
        where: What messages begin with.
        seconds: How long it may take.
        words: The line of DuckDB's message that a reader needs.
        hint: What would do when the text cannot even be parsed.
    """

    connect: Connect
    where: str
    seconds: float
    words: Callable[[str], str] = first_line
    hint: str = ""

    def of(self, read: Callable[[duckdb.DuckDBPyConnection], Result]) -> Result:
        """What `read` finds.

        Raises:
            SourceError: DuckDB is not installed, was too slow, or refused.
        """
        try:
            import duckdb
        except ImportError:
            raise SourceError("DuckDB is not installed\npip install 'pytest-rollout[duckdb]'") from None
        opened: list[duckdb.DuckDBPyConnection] = []

        def interrupt() -> None:
            for connection in opened:
                with suppress(duckdb.Error):  # already closed: there is nothing left to interrupt
                    connection.interrupt()

        def found() -> Result:
            with self.connect() as connection:
                opened.append(connection)
                return read(connection)

        try:
            return within(self.seconds, found, stop=interrupt)
        except DeadlineError:
            raise SourceError(f"{self.where}: no answer within {self.seconds:g} s") from None
        except duckdb.Error as error:
            # Since DuckDB 2.0 a plain `at` is a word of the language, and its message does not say so.
            hint = self.hint if isinstance(error, duckdb.ParserException) else ""
            raise SourceError(f"{self.where}: {self.words(str(error))}{hint}") from None

    def columns(self, table: str) -> Mapping[str, Column]:
        """What a table has."""
        query = f"SELECT * FROM {quoted(table)} LIMIT 0"  # noqa: S608 - a quoted name
        described = self.of(lambda connection: connection.execute(query).description)
        return {str(name): Column(_holds(str(kind)), first_line(str(kind), 40)) for name, kind, *_ in described}

    def rows(self, statement: Statement) -> list[Row]:
        """The rows of a statement."""
        return plain_rows(self.of(lambda connection: _fetched(connection, statement)), statement, self.where)


def _fetched(connection: duckdb.DuckDBPyConnection, statement: Statement) -> list[tuple[object, ...]]:
    return connection.execute(statement.text, dict(statement.values)).fetchmany(statement.most + 1)


def quoted(table: str) -> str:
    """A name, perhaps with its schema before a dot, that is nothing but a name."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))


def _holds(kind: str) -> str:
    """What a column of one of DuckDB's types holds."""
    if kind in _ZONED:
        return TIME
    if kind in {"VARCHAR", "BOOLEAN"} or kind.startswith("ENUM("):
        return BOOLEAN if kind == "BOOLEAN" else TEXT
    if _NUMBERS.fullmatch(kind):
        return NUMBER
    return LOCAL_TIME if _TIMES.fullmatch(kind) else OTHER


def _read(connection: duckdb.DuckDBPyConnection, question: Question, where: str) -> Answer:
    query, parameters = _one_select(connection, question, where)
    described = connection.execute(f"SELECT * FROM (\n{query}\n) LIMIT 0", parameters).description  # noqa: S608 - see _rows_of
    columns = columns_of([str(column[0]) for column in described], question, where)
    _check_kinds(columns, [str(column[1]) for column in described], where)
    limited = f"{_rows_of(query, columns)} LIMIT {most_rows(question) + 1}"
    rows = connection.execute(limited, parameters).fetchall()
    return answer_of([(_instant(row[0]), row[1:]) for row in rows], columns, question, where)


@contextmanager
def _connected(path: Path, where: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that can read this one file, in UTC, and do nothing else.

    Connections of one process to one file share their settings, so another
    thread may have locked them already: what counts is what they are.
    """
    import duckdb

    with duckdb.connect(str(path), read_only=True, config=NO_OTHER_ACCESS) as connection:
        for setting in ("SET GLOBAL TimeZone = 'UTC'", "SET lock_configuration = true"):
            with suppress(duckdb.InvalidInputException):
                connection.execute(setting)
        settings = connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('lock_configuration')"
        ).fetchone()
        if settings != ("UTC", True):
            raise SourceError(f"{where}: this process has the database open with other settings: {settings}")
        yield connection


def _one_select(
    connection: duckdb.DuckDBPyConnection, question: Question, where: str
) -> tuple[str, dict[str, datetime]]:
    """The query with its parameters as DuckDB's and no semicolon at its end, and the instants that it uses."""
    query = bound(question.query)
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise SourceError(f"{where}: the query holds {len(statements)} statements where one SELECT was meant")
    if statements[0].type.name != "SELECT":
        raise SourceError(f"{where}: the query is {statements[0].type.name}, and only SELECT is asked")
    return without_end(query), values_of(statements[0].named_parameters, question, where)


def bound(query: str) -> str:
    """The query with `:at` as the parameter `$at`, and `:start` and `:end` alike."""
    return rewritten(query, lambda name: f"CAST(${name} AS TIMESTAMPTZ)")


def _check_kinds(columns: Columns, kinds: list[str], where: str) -> None:
    """Refuse columns whose type is no number or no time, also where there is no row."""
    wanted = [(place, _NUMBERS, "a number") for place in columns.numbers]
    if columns.at is not None:
        wanted.append((columns.at, _TIMES, "a time"))
    for place, allowed, meant in wanted:
        if not allowed.fullmatch(kinds[place]):
            kind = first_line(kinds[place], 40)
            raise SourceError(f"{where}: column '{columns.names[place]}' is {kind}, not {meant}")


def _rows_of(query: str, columns: Columns) -> str:
    """The columns that count, the time first and as microseconds: DuckDB's own times need pytz to be fetched."""
    names = ", ".join(f"c{i}" for i in range(len(columns.names)))
    zoned = f"CAST(c{columns.at} AS TIMESTAMPTZ)"
    taken = "NULL" if columns.at is None else f"CASE WHEN isfinite({zoned}) THEN epoch_us({zoned}) END"
    numbers = ", ".join(f"c{place}" for place in columns.numbers)
    return f"SELECT {taken}, {numbers} FROM (\n{query}\n) AS answer({names})"  # noqa: S608 - names of our own around the plan's query, checked to be one SELECT


def _instant(microseconds: int | None) -> datetime | None:
    try:
        return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None  # a year that Python does not have: the age is unknown, and a limit on it holds
