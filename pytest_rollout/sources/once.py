"""Once: a question is asked once per run, whoever asks it.

All gates of a run speak of the same instant, so they must also be told the
same. An `AnswerBook` asks each distinct question once and remembers the
answer or the error: in memory for the threads of a process and, given a
folder, in files for the workers of a run. Everything passes through the same
JSON text, so a run with workers and one without cannot differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Answer, FlagValue, Question, Source
from pytest_rollout.sources.wire import answer_as_json, answer_from_json

_PATIENCE_SECONDS = 30.0


class AnswerBook:
    """What was asked in this run and what was said.

    Args:
        folder: Shared by the processes of one run and by nothing else; None
            when there is one process. It is made when it is not there.
        replay: Nothing is asked; what is not in the folder was never captured.
        secrets: Texts that no record may hold.

    A question is the same when its source's name, its query, its instant and
    its window are; so two sources of one run must not share a name.
    """

    def __init__(self, folder: Path | None = None, *, replay: bool = False, secrets: Collection[str] = ()) -> None:
        self._folder = folder
        self._replay = replay
        self._secrets = _as_written(secrets)
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._records: dict[str, str] = {}

    def ask(self, source_name: str, source: Source, question: Question) -> Answer:
        """The answer of `source`, from the book when the question was asked before.

        Raises:
            SourceError: The source's own, the same each time; or the source
                broke in another way, or its answer was lost.
        """
        key = question_key(source_name, question)
        work = partial(_asked, source, question)
        return answer_from_json(self.share(key, work, question.timeout_seconds))

    def fetch(self, source_name: str, source: Source, question: Question) -> None:
        """The same, for those who only want it to be in the book; raises nothing, because `ask` will.

        Whoever fetches has seen to it that no other process does so at the
        same time (see `ahead.py`), so no lock is taken for each question. If
        two did, one of the answers would be everybody's.
        """
        key = question_key(source_name, question)
        self._record_of(key, partial(_asked, source, question), None)

    def read_flags(
        self,
        source_name: str,
        read: Callable[[], Mapping[str, FlagValue]],
        *,
        at: datetime,
        timeout_seconds: float = 10.0,
    ) -> dict[str, FlagValue]:
        """All flags that `read` gives, read once per run.

        Raises:
            SourceError: As for `ask`.
        """
        found = self.share(("flags", source_name, at.isoformat()), lambda: dict(read()), timeout_seconds)
        if not isinstance(found, dict) or not all(isinstance(each, (bool, int, float, str)) for each in found.values()):
            raise SourceError("the shared flags are damaged")
        return found

    def share(self, key: tuple[str, ...], work: Callable[[], object], timeout_seconds: float) -> object:
        """The JSON value that `work` gives, computed once per run and `key`.

        Raises:
            SourceError: What `work` raised, the same each time.
        """
        return _result(self._record_of(key, work, timeout_seconds), key)

    def _record_of(self, key: tuple[str, ...], work: Callable[[], object], timeout_seconds: float | None) -> str:
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._records:
                self._records[name] = self._fetched(name, key, work, timeout_seconds)
            return self._records[name]

    def _fetched(
        self, name: str, key: tuple[str, ...], work: Callable[[], object], timeout_seconds: float | None
    ) -> str:
        if self._folder is None:
            return self._record(key, work)
        path = self._folder / f"{name}.json"
        try:
            if (known := _read(path)) is not None:
                return known
            if self._replay:
                return _failed(key, f"this was never asked in the recorded run: {key[1]}", Reason.REPLAY_MISMATCH)
            if timeout_seconds is None:
                return _published(path, self._record(key, work))
            return self._shared(path, key, work, timeout_seconds)
        except (OSError, UnicodeDecodeError) as error:
            return _failed(key, f"the answers of this run cannot be shared in {self._folder}: {first_line(str(error))}")

    def _shared(self, path: Path, key: tuple[str, ...], work: Callable[[], object], timeout_seconds: float) -> str:
        import filelock

        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # The system frees the lock of a worker that died; the next one asks in its place.
            with filelock.FileLock(path.with_suffix(".lock"), timeout=timeout_seconds + _PATIENCE_SECONDS):
                if (known := _read(path)) is not None:
                    return known
                return _published(path, self._record(key, work))
        except filelock.Timeout:
            return _failed(key, f"another worker is asking this since {timeout_seconds + _PATIENCE_SECONDS:g} s")

    def _record(self, key: tuple[str, ...], work: Callable[[], object]) -> str:
        """What `work` gave or raised, as JSON text. An error of any kind is an answer too: it is no number."""
        asked_at, started = datetime.now(UTC), time.monotonic()
        try:
            value = work()
            seconds = round(time.monotonic() - started, 4)
            record = json.dumps(
                {"key": key, "value": value, "asked_at": asked_at.isoformat(), "seconds": seconds}, allow_nan=False
            )
        except SourceError as error:
            record = _failed(key, str(error), error.reason)
        except Exception as error:  # noqa: BLE001 - a source is foreign code; whatever breaks in it is no data
            record = _failed(key, f"{key[1]} broke: {type(error).__name__}: {first_line(str(error)) or 'no message'}")
        for secret in self._secrets:
            record = record.replace(secret, "***")
        return record


def _asked(source: Source, question: Question) -> object:
    return answer_as_json(source.ask(question))


def question_key(source_name: str, question: Question) -> tuple[str, ...]:
    """What makes two questions the same."""
    key: tuple[str, ...] = ("answer", source_name, question.query, question.at.isoformat())
    if question.start is not None:
        key += (question.start.isoformat(), f"{question.step.total_seconds():g}")
    return (*key, "buckets") if question.buckets else key


def _read(path: Path) -> str | None:
    """A record; None where there is none."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None


def _published(path: Path, record: str) -> str:
    """Write a record whole or not at all, unless there is one: then that is the record, for everybody.

    Another worker never reads half an answer, and no answer is ever replaced by a later one.
    """
    temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        _write(temporary, record)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(temporary, record)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return path.read_text("utf-8")
    finally:
        temporary.unlink()
    return record


def _write(path: Path, text: str) -> None:
    """For the eyes of this user only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _as_written(secrets: Collection[str]) -> tuple[str, ...]:
    """Secrets as they stand inside JSON; the longest first, because one may hold another.

    A text of three characters is no secret, and would be found everywhere.
    """
    written = {form for secret in secrets if len(secret) > 3 for form in (secret, json.dumps(secret)[1:-1])}
    return tuple(sorted(written, key=len, reverse=True))


def _failed(key: tuple[str, ...], message: str, reason: Reason = Reason.NO_DATA) -> str:
    return json.dumps({"key": key, "error": message, "reason": reason})


def _result(record: str, key: tuple[str, ...]) -> object:
    try:
        found = json.loads(record)
        same = tuple(found["key"]) == key
        error = None if "value" in found else SourceError(str(found["error"]), reason=Reason(found["reason"]))
    except (ValueError, KeyError, TypeError, RecursionError) as damage:
        raise SourceError(f"the shared answer of {key[1]} is damaged: {first_line(str(damage))}") from None
    if not same:
        raise SourceError(f"the shared answer of {key[1]} belongs to another question")
    if error is not None:
        raise error
    value: object = found["value"]
    return value
