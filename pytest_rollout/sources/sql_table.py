"""SQL table: what a table of any database has, and a statement as SQLAlchemy runs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.tables import BOOLEAN, LOCAL_TIME, NUMBER, OTHER, TEXT, TIME, Column, Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection, TextClause


def columns_at(connection: Connection, table: str, where: str) -> Mapping[str, Column]:
    """The columns of a table or view, by the database's own catalogue.

    Raises:
        SourceError: There is no such table.
    """
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoSuchTableError

    schema, _, name = table.rpartition(".")
    try:
        found = inspect(connection).get_columns(name, schema=schema or None)
    except NoSuchTableError:
        found = []
    if not found:
        raise SourceError(f"{where}: there is no table '{table}' that can be read")
    return {str(each["name"]): Column(_holds(each["type"]), first_line(repr(each["type"]), 40)) for each in found}


def _holds(kind: object) -> str:
    from sqlalchemy import types

    if isinstance(kind, types.Boolean):
        return BOOLEAN
    if isinstance(kind, types.Numeric | types.Float | types.Integer):
        return NUMBER
    if isinstance(kind, types.DateTime):
        return TIME if kind.timezone else LOCAL_TIME
    return TEXT if isinstance(kind, types.String) else OTHER


def bound(statement: Statement) -> TextClause:
    """The statement with the types of its instants, which drivers cannot tell from their values alone."""
    from sqlalchemy import DateTime, bindparam, text

    times = {name: each for name, each in statement.values.items() if isinstance(each, datetime)}
    typed = (bindparam(name, type_=DateTime(timezone=each.tzinfo is not None)) for name, each in times.items())
    return text(statement.text).bindparams(*typed)
