"""Opened: the sources and flags of one environment, each opened by its first question, so that a replay opens none."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

from pytest_rollout.ahead import DEADLINE_SECONDS
from pytest_rollout.asking import TIMEOUT_SECONDS
from pytest_rollout.errors import SourceError
from pytest_rollout.plan.environment import Environment, SourceConfig
from pytest_rollout.plan.metric import Metric, Query
from pytest_rollout.plan.nodes import shown_path
from pytest_rollout.sources import Kinds
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.sources.protocol import Answer, FlagValue, Question, Source, SourceKind
from pytest_rollout.sources.reading import Asked
from pytest_rollout.sources.tables import Column, Row, Statement, TableSource


class Opened:
    """What one environment can be asked.

    Args:
        environment: The environment, its variables filled in.
        folder: The plan's, from which paths go on.
        at: The run's instant, UTC.
        answers: What was asked in this run and what was said.
        kinds: How each kind of source and of flags is opened.
    """

    def __init__(self, environment: Environment, folder: Path, at: datetime, answers: AnswerBook, kinds: Kinds) -> None:
        self.answers = answers
        self.environment = environment
        self.at = at
        self._folder, self._kinds = folder, kinds
        self._sources: dict[str, _Unopened] = {}

    def answer(self, config: SourceConfig, question: Question) -> Answer:
        """What a source says to a question, once a run.

        Raises:
            SourceError: Any reason not to have an answer.
        """
        return self.answers.ask(config.name, self.source(config), question)

    def source(self, config: SourceConfig) -> _Unopened:
        """A source, which may have tables."""
        unopened = _Unopened(self._kinds.sources[config.kind], config, self._folder)
        return self._sources.setdefault(config.name, unopened)

    def flags(self) -> Mapping[str, FlagValue]:
        """All flags, once a run.

        Raises:
            SourceError: The environment names none, or they cannot be read.
        """
        config = self.environment.flags
        if config is None:
            raise SourceError(f"environment '{self.environment.name}' names no flags")

        def read() -> Mapping[str, FlagValue]:
            with _placed(config):
                reader = self._kinds.flags[config.kind].open(config.options, self._folder)
            return reader.read(self.at, TIMEOUT_SECONDS)

        return self.answers.read_flags(config.name, read, at=self.at, timeout_seconds=TIMEOUT_SECONDS)

    def asked(self, metric: Metric, query: Query) -> Asked:
        """What is asked, for the words of its answer."""
        config = self.environment.sources.get(metric.source)
        return Asked(
            name=metric.name,
            unit=metric.unit,
            at=self.at,
            max_age=metric.max_age,
            source=metric.source,
            query=query.to(config.kind if config else ""),
        )


@contextmanager
def _placed(config: SourceConfig) -> Iterator[None]:
    """Say where in the plan an option stands that a source does not take: what filled it in is in no message."""
    try:
        yield
    except SourceError as error:
        option = re.match("option '([^']*)'", str(error))
        place = config.places.get(option[1]) if option else None
        if place is None:
            raise
        where = f"{shown_path(place.file)}:{place.line}:{place.column}: {place.path}"
        raise SourceError(f"{where}: {error}", reason=error.reason) from None


class _Unopened:
    """A source that is opened by its first question, so that a replay opens none."""

    def __init__(self, kind: SourceKind, config: SourceConfig, folder: Path) -> None:
        self._kind, self._config, self._folder = kind, config, folder
        self._guard = threading.Lock()
        self._opened: Source | None = None

    def ask(self, question: Question) -> Answer:
        if question.timeout_seconds <= 0:
            raise SourceError(
                f"not asked: all questions of the run together took more than {DEADLINE_SECONDS:g} s\n"
                "see which source is slow, or ask less of it"
            )
        return self._open().ask(question)

    @property
    def speech(self) -> str:
        return self._tables().speech

    def columns(self, table: str, seconds: float) -> Mapping[str, Column]:
        return self._tables().columns(table, seconds)

    def rows(self, statement: Statement) -> Sequence[Row]:
        return self._tables().rows(statement)

    def _open(self) -> Source:
        with self._guard:
            if self._opened is None:
                with _placed(self._config):
                    self._opened = self._kind.open(self._config.options, self._folder)
        return self._opened

    def _tables(self) -> TableSource:
        source = self._open()
        if not all(hasattr(source, each) for each in ("speech", "columns", "rows")):
            raise SourceError(f"{self._config.name}: a source of kind '{self._config.kind}' has no tables")
        return cast("TableSource", source)
