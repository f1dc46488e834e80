"""A ledger in one file: what every ledger promises, and what only a file can do wrong."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_rollout.ledger.ledger import open_ledger


def _module(name):
    """A module of the tests, by its path: test folders are no packages."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONTRACT = _module("ledger_contract")
AT, SUBJECT, note = CONTRACT.AT, CONTRACT.SUBJECT, CONTRACT.note


@dataclass(frozen=True)
class File:
    """A place for one ledger."""

    path: Path

    @property
    def where(self):
        return str(self.path)

    def open(self, *, create=True):
        return open_ledger(self.where, Path(), create=create)

    def execute(self, *statements):
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def forge(self, *statements):
        with closing(sqlite3.connect(self.path)) as connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        self.execute(*(f"DROP TRIGGER {name}" for (name,) in triggers), *statements)


class TestSqlite(CONTRACT.LedgerContract):
    """The contract."""

    @pytest.fixture
    def place(self, tmp_path):
        return File(tmp_path / "ledger.sqlite")

    @pytest.fixture
    def another(self, tmp_path):
        return File(tmp_path / "another.sqlite")
