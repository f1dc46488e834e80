"""dual_memory, played over virtual days on a ledger in PostgreSQL: all verdicts as on a file, see `support.play`."""

from __future__ import annotations

import pytest
from support import play, postgres
from support.warm import WarmPython


@pytest.fixture
def warm():
    """Runs modules in forks of one Python."""
    python = WarmPython(play.clean())
    yield python
    python.close()


def test_from_the_first_run_to_the_end_of_shadow_mode(tmp_path, warm):
    """The same play, with the same verdicts, and the same ledger in the end."""
    with postgres.running() as server:
        server.execute("CREATE DATABASE play OWNER gate")

        play.walk(play.Play(tmp_path, warm.run, server.url(database="play")))
