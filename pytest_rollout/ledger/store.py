"""Store: what a ledger needs of a database: statements in one transaction, one writer at a time.

The statements are the same for all databases; `:name` stands for a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

Value: TypeAlias = "int | str"
Stored: TypeAlias = "tuple[Any, ...]"
"""A row as the driver gives it; every text of it is checked against a digest where it is believed."""


class Session(Protocol):
    """One transaction."""

    def rows(self, statement: str, values: Mapping[str, Value] | None = None) -> Iterator[Stored]:
        """Run a statement and read its rows, one after the other."""

    def run(self, statement: str, values: Mapping[str, Value] | None = None) -> None:
        """Run a statement that gives no rows."""


class Store(Protocol):
    """A database that holds one ledger."""

    @property
    def where(self) -> str:
        """As messages name it, without user, password and parameters."""

    @property
    def guards(self) -> Sequence[str]:
        """Statements that make this database refuse to change or remove an entry."""

    def writing(self) -> AbstractContextManager[Session]:
        """A transaction that excludes all other writers; durable when left, undone by an exception.

        Raises:
            LedgerError: The database cannot be written to.
        """

    def reading(self) -> AbstractContextManager[Session]:
        """A transaction that sees one state and changes nothing.

        Raises:
            LedgerError: The database cannot be read.
        """

    def has(self, table: str) -> bool:
        """Whether a table is there."""

    def unsound(self) -> tuple[str, ...]:
        """What the database itself finds wrong with its files."""

    def close(self) -> None:
        """End the connection; a closed store is not used again."""
