"""File: CSV, Parquet and JSON lines, read with SQL.

In the query the files are one table called `file`, and nothing else can be
read. DuckDB reads them; a row that does not fit its neighbours, another file
with other columns, or a file that changes meanwhile is an error, because
each of them can make a wrong number out of right ones.
"""

from __future__ import annotations

import csv
import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line, text_option
from pytest_rollout.sources.protocol import Answer, Option, OptionValue, Question, SourceKind
from pytest_rollout.sources.sql_duckdb import NO_OTHER_ACCESS, Reading, asked
from pytest_rollout.sources.tables import Column, Row, Statement

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "1GB"
MAX_FILES = 1000
# Nothing of a file's grammar is guessed: a guess may skip lines that it takes for notes or comments.
_CSV = (
    "header = true, quote = '\"', escape = '\"', skip = 0, comment = '', "
    "strict_mode = true, null_padding = false, ignore_errors = false, delim = "
)
_READERS = {
    ".csv": ("read_csv", f", {_CSV}','"),
    ".tsv": ("read_csv", f", {_CSV}'\t'"),
    ".jsonl": ("read_json", ", format = 'newline_delimited'"),
    ".ndjson": ("read_json", ", format = 'newline_delimited'"),
    ".parquet": ("read_parquet", ""),
}
_WILDCARDS = re.compile(r"[*?\[]")
_WORTH_SAYING = re.compile(r"^\s*(?:Expected Number of Columns|Error when converting|Value with unterminated|file = )")


@dataclass(frozen=True)
class FileSource:
    """Files of one kind; `path` may have the wildcards `*`, `?` and `[…]`."""

    path: Path

    def ask(self, question: Question) -> Answer:
        """Read the files with the query.

        Raises:
            SourceError: No file, a broken one, one that changed meanwhile, or all that can be wrong with a query.
        """
        with self._unchanged() as paths:
            return asked(lambda: _connected(paths), question, self.path.name, _words)

    @property
    def speech(self) -> str:
        """DuckDB reads the files."""
        return "duckdb"

    def columns(self, table: str, seconds: float) -> Mapping[str, Column]:
        """What the one table `file` has.

        Raises:
            SourceError: No file, or another table's name.
        """
        if table != "file":
            raise SourceError(f"{self.path.name}: there is no table '{table}'\nfiles are one table, called 'file'")
        with self._unchanged() as paths:
            return Reading(lambda: _connected(paths), self.path.name, seconds, _words).columns(table)

    def rows(self, statement: Statement) -> list[Row]:
        """The rows of a statement about the table `file`.

        Raises:
            SourceError: As for a question.
        """
        with self._unchanged() as paths:
            return Reading(lambda: _connected(paths), self.path.name, statement.seconds, _words).rows(statement)

    @contextmanager
    def _unchanged(self) -> Iterator[Sequence[Path]]:
        """The files, which nobody may change meanwhile."""
        where = self.path.name
        paths = self._paths(where)
        before = _stamps(paths, where)
        if paths[0].suffix.lower() in {".csv", ".tsv"}:
            _check_csv(paths, where)
        yield paths
        if _stamps(paths, where) != before:
            raise SourceError(f"{where}: changed while it was read\nwrite it under another name, then rename it")

    def _paths(self, where: str) -> Sequence[Path]:
        """The files as they are now, in the order of their names."""
        pattern = str(self.path)
        paths = sorted(map(Path, glob.glob(pattern))) if _WILDCARDS.search(pattern) else [self.path]  # noqa: PTH207 - the pattern is one text, absolute
        paths = [path for path in paths if path.is_file()]
        if not paths:
            raise SourceError(f"{where}: there is no such file: {self.path}")
        if len(paths) > MAX_FILES:
            raise SourceError(f"{where}: {len(paths)} files, and at most {MAX_FILES} are read at once")
        kinds = {path.suffix.lower() for path in paths}
        if len(kinds) > 1 or not kinds <= set(_READERS):
            seen = ", ".join(sorted(each or "(no ending)" for each in kinds))
            raise SourceError(
                f"{where}: {first_line(seen, 60)} cannot be read\nname files of one kind: {', '.join(_READERS)}"
            )
        if odd := next((path.name for path in paths if _WILDCARDS.search(str(path))), None):
            raise SourceError(f"{where}: {first_line(odd, 60)} has a wildcard in its name\nrename it")
        return paths


def _stamps(paths: Sequence[Path], where: str) -> Sequence[tuple[int, int, int]]:
    """What changes when somebody writes a file or puts another in its place."""
    try:
        found = [path.stat() for path in paths]
    except OSError as error:
        raise SourceError(f"{where}: {error.strerror or error}") from None
    for path, stat in zip(paths, found, strict=True):
        if stat.st_size == 0:
            raise SourceError(f"{where}: {path.name} is empty; it has not even the names of its columns")
    return [(stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found]


def _check_csv(paths: Sequence[Path], where: str) -> None:
    """Refuse a last line without its end, which may be half a number, and files whose columns differ."""
    headers = set()
    for path in paths:
        try:
            with path.open("rb") as file:
                headers.add(file.readline(2**20).strip())
                file.seek(-1, os.SEEK_END)
                ended = file.read(1) in {b"\n", b"\r"}
        except OSError as error:
            raise SourceError(f"{where}: {path.name}: {error.strerror or error}") from None
        if not ended:
            raise SourceError(f"{where}: the last line of {path.name} has no end\nis it still being written?")
    if len(headers) > 1:
        raise SourceError(f"{where}: the files' first lines, the names of their columns, differ")


@contextmanager
def _connected(paths: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds the table `file`, and can read those files and nothing else."""
    import duckdb

    names = "[" + ", ".join(_quoted(str(path)) for path in paths) + "]"
    reader, options = _READERS[paths[0].suffix.lower()]
    with duckdb.connect(":memory:", config={"autoload_known_extensions": "false", "temp_directory": ""}) as connection:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"SET allowed_paths = {names}")
        for setting, value in NO_OTHER_ACCESS.items():
            connection.execute(f"SET {setting} = {value}")
        connection.execute("SET lock_configuration = true")
        try:
            connection.execute(f"CREATE VIEW file AS SELECT * FROM {reader}({names}{options})")  # noqa: S608 - quoted paths; views take no parameters
        except duckdb.InvalidInputException:
            if reader == "read_csv":
                _find_broken_line(connection, paths, options)
            raise
        yield connection


def _find_broken_line(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], options: str) -> None:
    """Raise DuckDB's error about one line: told the columns, it no longer wonders about the whole file."""
    for path in paths:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            names = next(csv.reader(file, delimiter="\t" if "\t" in options else ","), [])
        columns = ", ".join(f"{_quoted(f'{i} {name}')}: 'VARCHAR'" for i, name in enumerate(names))
        described = f"{_quoted(str(path))}{options}, auto_detect = false, columns = {{{columns}}}"
        connection.execute(f"SELECT count(COLUMNS(*)) FROM read_csv({described})")  # noqa: S608 - quoted as above


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _words(message: str) -> str:
    """The lines of DuckDB's message that say which line of which file is broken, and how."""
    lines = [line.strip() for line in message.splitlines()]
    said = [first_line(message), *(first_line(line) for line in lines if _WORTH_SAYING.match(line))]
    # DuckDB counts the lines of JSON from 2.
    found = "; ".join(dict.fromkeys(said)).replace(" in line ", " near line ")
    if "(VARCHAR)" not in message:
        return found
    return f"{found}\na column is text where one value in it is, or where there are no rows"


def _open(options: Mapping[str, OptionValue], folder: Path) -> FileSource:
    path = text_option(options, "path")
    if not path.strip() or "\0" in path:
        raise SourceError("option 'path' is the path of a file, from the plan's folder; * ? and [] are wildcards")
    return FileSource(Path(os.path.abspath(folder / path)))  # noqa: PTH100 - keeps symbolic links, and has no '..'


KIND = SourceKind(
    "file",
    "a number out of CSV, Parquet or JSON lines, with SQL over the table `file`",
    (
        Option(
            "path",
            "files .csv, .tsv, .parquet, .jsonl or .ndjson, from the plan's folder; may have wildcards",
            required=True,
        ),
    ),
    _open,
)
