"""The tables of kinds, and what importing them costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_rollout.sources import FLAG_KINDS, KINDS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("table", [KINDS, FLAG_KINDS])
def test_every_kind_is_described_and_named_as_it_is_registered(table):
    """A reader of the docs, or of an error message, learns what each option is."""
    for name, kind in table.items():
        assert kind.name == name
        assert kind.about
        assert all(option.about for option in kind.options)
        assert {option.name for option in kind.options if option.secret} == (
            {"bearer", "password", "headers"} if "url" in {o.name for o in kind.options} and name != "sql" else set()
        )


def test_the_tables_cannot_be_changed():
    """They are constants, not state."""
    with pytest.raises(TypeError):
        KINDS["mine"] = KINDS["sql"]


def test_importing_and_opening_load_nothing_heavy():
    """A run pays for a library when it first asks a source of that kind."""
    code = (
        "import sys; from pathlib import Path; from pytest_rollout.sources import FLAG_KINDS, KINDS\n"
        "from pytest_rollout.sources import once, reading\n"
        "KINDS['http_json'].open({'url': 'https://example.org'}, Path())\n"
        "KINDS['sql'].open({'url': 'duckdb:///a.db'}, Path()); KINDS['memory'].open({'answers': 'a.yaml'}, Path())\n"
        "FLAG_KINDS['http'].open({'url': 'https://example.org'}, Path())\n"
        "heavy = {'httpx', 'duckdb', 'jmespath', 'yaml', 'filelock', 'numpy', 'pytest', 'ssl', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == "[]"
