"""dual_memory, played over virtual days on a ledger in a file: see `tests/support/play.py`."""

from __future__ import annotations

from support import play


def test_from_the_first_run_to_the_end_of_shadow_mode(tmp_path, warm):
    """Fifteen days, one fault, one recovery, two approvals, and every verdict as it must be."""
    play.walk(play.Play(tmp_path, warm.run, "play.sqlite"))
