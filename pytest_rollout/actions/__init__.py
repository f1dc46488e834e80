"""Actions: what is done to a system once its verdict is final, one file a kind.

A new kind is one new file and one line in the table below. An action is told
where it may act and does one thing there; whether it may act at all, and
whether it worked, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_rollout.actions.protocol import ActionKind
from pytest_rollout.sources import Shelf

ACTION_KINDS: Mapping[str, ActionKind] = Shelf(
    {
        "command": "command.KIND",
        "env_file": "env_file.KIND",
        "flag_file": "flag_file.KIND",
        "http": "http.KIND",
    },
    package="pytest_rollout.actions",
)
"""What `kind:` may be below `on_rollback: actions:` and `on_proceed: actions:`."""
