"""dual_memory, played over virtual days on a ledger in PostgreSQL: all verdicts as on a file, see `tests/play.py`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _module(path):
    """A module of the tests, by its path: test folders are no packages."""
    spec = importlib.util.spec_from_file_location(f"of_the_play_{path.stem}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TESTS = Path(__file__).parents[1]
POSTGRES, PLAY, WARM = (_module(TESTS / name) for name in ("real/postgres.py", "play.py", "warm.py"))


@pytest.fixture
def warm():
    """Runs modules in forks of one Python."""
    python = WARM.WarmPython(PLAY.clean())
    yield python
    python.close()


def test_from_the_first_run_to_the_end_of_shadow_mode(tmp_path, warm):
    """The same play, with the same verdicts, and the same ledger in the end."""
    with POSTGRES.running() as server:
        server.execute("CREATE DATABASE play OWNER gate")

        PLAY.walk(PLAY.Play(tmp_path, warm.run, server.url(database="play")))
