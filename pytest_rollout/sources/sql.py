"""SQL: a number out of a database, as of one instant.

One read-only query. Its result has a column `value`, or only one column that
is not `at`; a column `at` says when the value was true (a time without zone
is UTC). In the query `:at` is the run's instant, bound as a parameter and
never pasted into the text. Only DuckDB in this version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.deadline import DeadlineError, within
from pytest_rollout.sources.document import first_line, number_of, text_option
from pytest_rollout.sources.protocol import Answer, Option, OptionValue, Question, Sample, SourceKind

if TYPE_CHECKING:
    import duckdb

MAX_ROWS = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKENS = re.compile(
    r"""
      (?P<keep> [eE]'(?:\\.|''|[^'\\])*' | '(?:''|[^'])*' | "(?:""|[^"])*"
              | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/ | :: )
    | (?P<at> :at\b )
    | (?P<end> ; )
    """,
    re.VERBOSE | re.DOTALL,
)
_BARE_AT = re.compile(r"\bat\b", re.IGNORECASE)
_NUMBERS = re.compile(r'(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\)|"?NULL"?)')
_TIMES = re.compile(r'(?:TIMESTAMP(?: WITH TIME ZONE|_S|_MS|_NS)?|DATE|"?NULL"?)')


@dataclass(frozen=True)
class DuckDbSource:
    """A DuckDB file, opened read-only for each question and without access to anything else."""

    path: Path

    def ask(self, question: Question) -> Answer:
        """Run the query and read its rows.

        Raises:
            SourceError: No database, not one SELECT, no number, too many rows, or too slow.
        """
        try:
            import duckdb
        except ImportError:
            raise SourceError("DuckDB is not installed\npip install 'pytest-rollout[duckdb]'") from None
        where = self.path.name
        if not self.path.is_file():
            raise SourceError(f"{where}: there is no such database: {self.path}")
        opened: list[duckdb.DuckDBPyConnection] = []

        def interrupt() -> None:
            for connection in opened:
                with suppress(duckdb.Error):  # already closed: there is nothing left to interrupt
                    connection.interrupt()

        try:
            return within(question.timeout_seconds, lambda: self._read(opened, question, where), stop=interrupt)
        except DeadlineError:
            raise SourceError(f"{where}: no answer within {question.timeout_seconds:g} s") from None
        except duckdb.Error as error:
            # Since DuckDB 2.0 a plain `at` is a word of the language, and its message does not say so.
            bare = isinstance(error, duckdb.ParserException) and _BARE_AT.search(_TOKENS.sub(" ", question.query))
            hint = '\nif `at` is a column here, write it with quotes: "at"' if bare else ""
            raise SourceError(f"{where}: {first_line(str(error))}{hint}") from None

    def _read(self, opened: list[duckdb.DuckDBPyConnection], question: Question, where: str) -> Answer:
        with _connected(self.path, where) as connection:
            opened.append(connection)
            query, parameters = _one_select(connection, question, where)
            described = connection.execute(f"SELECT * FROM (\n{query}\n) LIMIT 0", parameters).description  # noqa: S608 - see _rows_of
            value, at = _chosen([(str(column[0]), str(column[1])) for column in described], where)
            rows = connection.execute(_rows_of(query, len(described), value, at), parameters).fetchall()
        if len(rows) > MAX_ROWS:
            raise SourceError(f"{where}: more than 1 000 rows where one was meant")
        place = f"{where}, column '{described[value][0]}'"
        samples = [Sample(value=number_of(row[0], place), at=_instant(row[1])) for row in rows if row[0] is not None]
        return Answer(samples=tuple(samples), body=_body(samples, len(rows)))


@contextmanager
def _connected(path: Path, where: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that can read this one file, in UTC, and do nothing else.

    Connections of one process to one file share their settings, so another
    thread may have locked them already: what counts is what they are.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
    }
    with duckdb.connect(str(path), read_only=True, config=config) as connection:
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
    """The query with `:at` as a parameter and no semicolon at its end, and the parameter where it is used."""
    query = bound(question.query)
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise SourceError(f"{where}: the query holds {len(statements)} statements where one SELECT was meant")
    if statements[0].type.name != "SELECT":
        raise SourceError(f"{where}: the query is {statements[0].type.name}, and only SELECT is asked")
    parameters = {"at": question.at} if "at" in statements[0].named_parameters else {}
    return _TOKENS.sub(lambda token: " " if token["end"] else token[0], query), parameters


def bound(query: str) -> str:
    """The query with `:at` as the parameter `$at`; texts, quoted names, comments and casts (`::`) stay as they are."""
    return _TOKENS.sub(lambda token: "CAST($at AS TIMESTAMPTZ)" if token["at"] else token[0], query)


def _chosen(columns: Sequence[tuple[str, str]], where: str) -> tuple[int, int | None]:
    """Which column is the number and which its time."""
    named = {name: _named(columns, name) for name in ("value", "at")}
    values = named["value"] or [i for i in range(len(columns)) if i not in named["at"]]
    if len(values) != 1 or len(named["at"]) > 1:
        names = ", ".join(name for name, _ in columns)
        raise SourceError(f"{where}: which of the columns {first_line(names, 80)} is the number?\nname it 'value'")
    value, at = values[0], named["at"][0] if named["at"] else None
    for index, allowed, meant in ((value, _NUMBERS, "a number"), (at, _TIMES, "a time")):
        if index is not None and not allowed.fullmatch(columns[index][1]):
            name, kind = columns[index]
            raise SourceError(f"{where}: column '{name}' is {first_line(kind, 40)}, not {meant}")
    return value, at


def _named(columns: Sequence[tuple[str, str]], name: str) -> list[int]:
    """Where a name stands; of a name that is there twice, DuckDB calls the second `value_1`."""
    exact = [i for i, (each, _) in enumerate(columns) if each.lower() == name]
    again = re.compile(rf"{name}_\d+")
    return exact and exact + [i for i, (each, _) in enumerate(columns) if again.fullmatch(each.lower())]


def _rows_of(query: str, width: int, value: int, at: int | None) -> str:
    """The two columns that count, the time as microseconds: DuckDB's own times need pytz to be fetched."""
    names = ", ".join(f"c{i}" for i in range(width))
    zoned = f"CAST(c{at} AS TIMESTAMPTZ)"
    taken = "NULL" if at is None else f"CASE WHEN isfinite({zoned}) THEN epoch_us({zoned}) END"
    return f"SELECT c{value}, {taken} FROM (\n{query}\n) AS answer({names}) LIMIT {MAX_ROWS + 1}"  # noqa: S608 - names of our own around the plan's query, checked to be one SELECT


def _instant(microseconds: int | None) -> datetime | None:
    try:
        return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None  # a year that Python does not have: the age is unknown, and a limit on it holds


def _body(samples: Sequence[Sample], rows: int) -> str:
    taken = [{"value": str(each.value), "at": each.at.isoformat() if each.at else None} for each in samples]
    return json.dumps({"rows": rows, "samples": taken})


def database_path(url: str, folder: Path) -> Path:
    """The file that `duckdb:///relative.db` or `duckdb:////absolute.db` names, as SQLAlchemy writes it.

    Raises:
        SourceError: Another scheme, or no file.
    """
    scheme, colon, rest = url.strip().partition("://")
    if colon and scheme != "duckdb":
        raise SourceError(
            f"option 'url' names '{first_line(scheme, 30)}', and this version asks DuckDB only\n"
            "write duckdb:///file.db; PostgreSQL and other databases come later"
        )
    path = rest.removeprefix("/")
    if not colon or path == rest or path in {"", ":memory:"} or "?" in path or "\0" in path:
        raise SourceError("option 'url' is duckdb:///file.db (from the plan's folder) or duckdb:////folder/file.db")
    return folder / path


def _open(options: Mapping[str, OptionValue], folder: Path) -> DuckDbSource:
    return DuckDbSource(database_path(text_option(options, "url"), folder))


KIND = SourceKind(
    "sql",
    "a number out of a database; DuckDB in this version",
    (Option("url", "duckdb:///file.db, from the plan's folder, or duckdb:////folder/file.db", required=True),),
    _open,
)
