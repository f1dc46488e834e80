"""Command: a number out of what a program prints, for whatever has a tool and no interface.

The program is a list of texts and no shell ever reads it. It prints JSON, a
lone number among others, and the query is the JMESPath expression that
selects from it (`@` is the whole). It gets no environment but `PATH`, `HOME`,
`LANG` and what the plan names, and nothing to read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import answers_now, first_line, parse_json, shown
from pytest_rollout.sources.process import Finished, run
from pytest_rollout.sources.protocol import Answer, Option, OptionValue, Question, Sample, SourceKind, unable
from pytest_rollout.sources.selected import samples_of, select

_INHERITED = ("PATH", "HOME", "LANG")
_AT, _START = "{at}", "{start}"
_SECRET_LENGTH = 4


@dataclass(frozen=True)
class CommandSource:
    """A program that is run in `folder` for each question.

    Args:
        argv: The program and its arguments; one that is `{at}` or `{start}` is the question's time.
        folder: Where it runs, and where a relative program is looked for.
        variables: Its environment, besides the few that are inherited; their values are in no message.
        now: The clock.
    """

    argv: tuple[str, ...]
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    now: Callable[[], datetime] = field(default=utc_now, repr=False)

    def ask(self, question: Question) -> Answer:
        """Run it, and select from what it prints.

        Raises:
            SourceError: It failed, took too long, or printed no number.
        """
        where = f"command '{first_line(self.argv[0], 80)}'"
        if question.buckets or _START not in self.argv:
            unable(question, where, "command")
        if _AT not in self.argv:
            answers_now(question.at, self.now(), where)
        finished = run(
            [self._argument(each, question) for each in self.argv],
            where=where,
            folder=self.folder,
            environment=self._environment(),
            timeout_seconds=question.timeout_seconds,
        )
        if finished.status != 0:
            raise SourceError(f"{where}: {self._failure(finished)}")
        found = select(parse_json(finished.output, where), question.query.strip(), where)
        samples = samples_of(found, lambda: question.at, where)
        body = self._redacted(finished.output.decode("utf-8"))
        return Answer(samples=_of_window(samples, question, where), body=body, status="0")

    def _argument(self, argument: str, question: Question) -> str:
        if argument == _AT:
            return _written(question.at)
        if argument == _START:
            # Without a window the program is asked for the moment itself.
            return _written(question.start or question.at)
        return argument

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {**inherited, **self.variables}

    def _failure(self, finished: Finished) -> str:
        ended = f"exit code {finished.status}" if finished.status > 0 else f"ended by signal {-finished.status}"
        said = finished.errors.decode("utf-8", "replace").strip() or finished.output.decode("utf-8", "replace")
        line = first_line(self._redacted(said))
        return f"{ended}: {line}" if line else f"{ended}, and it does not say why"

    def _redacted(self, text: str) -> str:
        """A text of the program without the values that it was given, one of which may be a secret."""
        for value in sorted(self.variables.values(), key=len, reverse=True):
            if len(value) >= _SECRET_LENGTH:
                text = text.replace(value, "***")
        return text


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _of_window(samples: Sequence[Sample], question: Question, where: str) -> tuple[Sample, ...]:
    """The samples of the question's window in time order; all of them where it asked for none."""
    if question.start is None:
        return tuple(samples)
    rows: dict[datetime, Sample] = {}
    for sample in samples:
        if sample.at is None or sample.at in rows:
            raise SourceError(f"{where}: a series needs the time of each number, each once\nprint {{value: …, at: …}}")
        rows[sample.at] = sample
    return tuple(rows[at] for at in sorted(rows) if question.start < at <= question.at)


def _open(options: Mapping[str, OptionValue], folder: Path) -> CommandSource:
    argv = options.get("run")
    if isinstance(argv, str) or not isinstance(argv, Sequence) or not argv:
        raise SourceError(
            "option 'run' is a list of texts, the program first: [./figures.py, --json]\nno shell reads it"
        )
    if odd := [each for each in argv if not isinstance(each, str) or "\0" in each]:
        raise SourceError(f"option 'run' is a list of texts, and one is {shown(odd[0])}\nwrite it in quotes")
    if not str(argv[0]).strip():
        raise SourceError("option 'run' names no program")
    return CommandSource(tuple(map(str, argv)), folder, _variables(options.get("env", {})))


def _variables(stated: OptionValue) -> dict[str, str]:
    if not isinstance(stated, Mapping):
        raise SourceError("option 'env' is a mapping of variables and their values: {TOKEN: \"${TOKEN}\"}")
    for name, value in stated.items():
        if not isinstance(value, str) or not name or "=" in name or "\0" in name + value:
            # Not the value itself: it may be a secret.
            raise SourceError(f"option 'env': '{first_line(name, 40)}' is no variable with a text")
    return {name: str(value) for name, value in stated.items()}


KIND = SourceKind(
    "command",
    "a number out of what a program prints",
    (
        Option(
            "run",
            "the program and its arguments, as a list; {at} and {start} stand for times",
            required=True,
            mapping=True,
        ),
        Option("env", "variables that the program gets besides PATH, HOME and LANG", mapping=True),
    ),
    _open,
)
