"""DuckDB: asks one DuckDB file, read-only and without access to anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.deadline import DeadlineError, within
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Answer, Question
from pytest_rollout.sources.sql_rows import Columns, answer_of, columns_of, most_rows
from pytest_rollout.sources.sql_text import has_bare_at, rewritten, values_of, without_end

if TYPE_CHECKING:
    import duckdb

Connect = Callable[[], "AbstractContextManager[duckdb.DuckDBPyConnection]"]

NO_OTHER_ACCESS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = re.compile(r'(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\)|"?NULL"?)')
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
    try:
        import duckdb
    except ImportError:
        raise SourceError("DuckDB is not installed\npip install 'pytest-rollout[duckdb]'") from None
    opened: list[duckdb.DuckDBPyConnection] = []

    def interrupt() -> None:
        for connection in opened:
            with suppress(duckdb.Error):  # already closed: there is nothing left to interrupt
                connection.interrupt()

    def read() -> Answer:
        with connect() as connection:
            opened.append(connection)
            return _read(connection, question, where)

    try:
        return replace(within(question.timeout_seconds, read, stop=interrupt), identity=f"DuckDB {duckdb.__version__}")
    except DeadlineError:
        raise SourceError(f"{where}: no answer within {question.timeout_seconds:g} s") from None
    except duckdb.Error as error:
        # Since DuckDB 2.0 a plain `at` is a word of the language, and its message does not say so.
        bare = isinstance(error, duckdb.ParserException) and has_bare_at(question.query)
        hint = '\nif `at` is a column here, write it with quotes: "at"' if bare else ""
        raise SourceError(f"{where}: {words(str(error))}{hint}") from None


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
