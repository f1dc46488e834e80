"""Command: one program that changes something, run without a shell.

It gets no environment but `PATH`, `HOME`, `LANG` and what the plan names,
and nothing to read; an exit code other than 0 is a failure. It is never run
for an embedded world.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_rollout.actions.protocol import ActionKind, Done, Site, written
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.process import run
from pytest_rollout.sources.protocol import Option, OptionValue

_INHERITED = ("PATH", "HOME", "LANG")
_SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Command:
    """A program and its arguments; the values of `variables` are in no message."""

    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    repeatable = False

    @property
    def does(self) -> str:
        """The program and its arguments."""
        return f"runs {first_line(' '.join(self.argv), 160)}"

    def perform(self, site: Site) -> Done:
        """Run it.

        Raises:
            SourceError: An embedded world; it cannot be started, takes too long, or fails.
        """
        where = f"command '{first_line(self.argv[0], 80)}'"
        if site.embedded:
            raise SourceError(f"{where}: no program is run for an embedded world")
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        done = run(
            self.argv,
            where=where,
            folder=site.folder,
            environment={**inherited, **self.variables},
            timeout_seconds=site.seconds,
        )
        if done.status != 0:
            ended = f"exit code {done.status}" if done.status > 0 else f"ended by signal {-done.status}"
            said = first_line(self._redacted((done.errors.strip() or done.output).decode("utf-8", "replace")))
            raise SourceError(f"{where}: {ended}" + (f": {said}" if said else ""))
        return Done(changed=True, what=f"{where}: exit code 0")

    def _redacted(self, text: str) -> str:
        for value in sorted(self.variables.values(), key=len, reverse=True):
            if len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, "***")
        return text


def _open(options: Mapping[str, OptionValue], folder: Path) -> Command:  # noqa: ARG001 - the site says where
    argv = options.get("run")
    if isinstance(argv, (str, Mapping)) or not isinstance(argv, Sequence) or not argv:
        raise SourceError("option 'run' is a list of texts, the program first: [./set-traffic.sh, '{percentage}']")
    variables = options.get("env", {})
    if not isinstance(variables, Mapping) or not all(
        isinstance(each, (str, int, float)) for each in variables.values()
    ):
        raise SourceError("option 'env' is a mapping of names and values")
    if not all(isinstance(each, (str, int, float)) for each in argv) or not str(argv[0]).strip():
        raise SourceError("option 'run' is a list of texts, the program first")
    return Command(tuple(map(written, argv)), {str(name): written(value) for name, value in variables.items()})


KIND = ActionKind(
    "command",
    "runs one program without a shell; never for an embedded world",
    (
        Option("run", "the program and its arguments, such as [./traffic.sh, '{percentage}']", True, mapping=True),
        Option("env", "its variables, besides PATH, HOME and LANG", secret=True, mapping=True),
    ),
    _open,
)
