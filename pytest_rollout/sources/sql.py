"""SQL: a number, a series or a histogram out of a database, as of one instant.

One read-only query. Its result has a column `value`, or only one column that
is not `at`; a column `at` says when the value was true (a time without zone
is UTC). In the query `:at` (also `:end`) is the run's instant and `:start`
where an asked window begins, bound as parameters and never pasted into the
text. The URL is written as SQLAlchemy writes it and says which database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import text_option
from pytest_rollout.sources.protocol import Option, OptionValue, Source, SourceKind
from pytest_rollout.sources.sql_duckdb import DuckDbSource
from pytest_rollout.sources.sql_sqlalchemy import SqlAlchemySource

_SCHEME = re.compile(r"[a-z][a-z0-9]*(?:\+[a-z0-9_]+)?")


def database_path(url: str, folder: Path) -> Path:
    """The file that `duckdb:///relative.db` or `duckdb:////absolute.db` names, as SQLAlchemy writes it.

    Raises:
        SourceError: No file.
    """
    rest = url.strip().removeprefix("duckdb://")
    path = rest.removeprefix("/")
    if path == rest or path in {"", ":memory:"} or "?" in path or "\0" in path:
        raise SourceError("option 'url' is duckdb:///file.db (from the plan's folder) or duckdb:////folder/file.db")
    return folder / path


def _open(options: Mapping[str, OptionValue], folder: Path) -> Source:
    url = text_option(options, "url").strip()
    scheme, colon, rest = url.partition("://")
    # The text itself is never repeated: it may hold a password.
    if not colon or not _SCHEME.fullmatch(scheme):
        raise SourceError(
            "option 'url' is not the address of a database\n"
            "write duckdb:///file.db, postgresql://user:${PASSWORD}@host/database, or as SQLAlchemy writes it"
        )
    before, _, behind = rest.partition("?")
    if before.count("@") > 1 or "@" in behind:
        raise SourceError("option 'url' has an '@' too many\nin a user or password, write @ as %40 and ? as %3F")
    return DuckDbSource(database_path(url, folder)) if scheme == "duckdb" else SqlAlchemySource(url, folder)


KIND = SourceKind(
    "sql",
    "a number out of a database: DuckDB, PostgreSQL, or any other that SQLAlchemy knows",
    (
        Option(
            "url",
            "duckdb:///file.db from the plan's folder, duckdb:////folder/file.db, "
            "postgresql://user:${PASSWORD}@host/database, or another of SQLAlchemy's URLs",
            required=True,
        ),
        Option("table", "the table that holds an experiment's rows; one of the source's name if not said"),
    ),
    _open,
)
