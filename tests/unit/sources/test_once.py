"""Each question is asked once per run: by threads, by workers, and by those who die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rollout.decisions import Reason
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.memory import MemorySource
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.sources.protocol import Answer, Question, Sample

AT = datetime(2026, 11, 7, 9, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


class Says:
    """A source that says or raises one thing, and counts."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    def ask(self, question):
        self.asked += 1
        time.sleep(0.01)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
def folder(request, tmp_path):
    """No folder, or one that is not there yet."""
    return tmp_path / "deep" / "answers" if request.param else None


def question(query="q"):
    return Question(query=query, at=AT)


def test_a_question_is_asked_once(folder):
    """By many threads and by a second process's book; another query, source or instant is another question."""
    source, book = Says(Answer(samples=(Sample(value=3, at=AT),), body="b")), AnswerBook(folder)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: book.ask("telemetry", source, question()), range(20)))
    if folder:
        answers.append(AnswerBook(folder).ask("telemetry", source, question()))

    assert source.asked == 1
    assert all(answer == source.answer for answer in answers)
    book.ask("telemetry", source, question("p"))
    book.ask("recalls", source, question())
    book.ask("telemetry", source, Question(query="q", at=AT.replace(hour=8)))
    assert source.asked == 4


@pytest.mark.parametrize("reason", [Reason.NO_DATA, Reason.STALE])
def test_an_error_is_remembered(folder, reason):
    """The same words and the same reason, and nobody asks again until it is green."""
    source, book = Says(SourceError("no answer\n  try b", reason=reason)), AnswerBook(folder)

    for each in (book, book, AnswerBook(folder) if folder else book):
        with pytest.raises(SourceError, match=r"^no answer\n  try b$") as caught:
            each.ask("telemetry", source, question())
        assert caught.value.reason is reason

    assert source.asked == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ZeroDivisionError("by\nzero"), "telemetry broke: ZeroDivisionError: by"),
        (None, "telemetry broke: AttributeError"),
        (Answer(samples=(Sample(value=True),)), "True is no number"),
        (Answer(samples=(Sample(value="3"),)), "'3' is no number"),
        (Answer(samples=(Sample(value=None),)), "TypeError"),
        (Answer(samples=(Sample(value=1, at=datetime(2026, 11, 7, 9)),)), "has no offset"),  # noqa: DTZ001 - the point
    ],
)
def test_a_source_that_breaks_is_no_data(folder, answer, says):
    """Foreign code that raises, or answers with something else than numbers."""
    with pytest.raises(SourceError, match=says):
        AnswerBook(folder).ask("telemetry", Says(answer), question())


def test_an_interrupt_is_not_an_answer(folder):
    """Ctrl-C goes through, and the question can be asked again."""
    book = AnswerBook(folder)

    with pytest.raises(KeyboardInterrupt):
        book.ask("telemetry", Says(KeyboardInterrupt()), question())

    assert book.ask("telemetry", Says(Answer(samples=())), question()) == Answer(samples=())


instants = st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda instant: instant.replace(fold=0))
answers = st.builds(
    Answer,
    samples=st.lists(st.builds(Sample, value=st.floats(), at=instants), max_size=4).map(tuple),
    body=st.text(),
)


@pytest.mark.parametrize("shared", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(answer=answers, query=st.text(), name=st.text())
def test_an_answer_comes_back_as_it_was(tmp_path_factory, shared, answer, query, name):
    """NaN, infinities, instants and any text survive the files."""
    folder = tmp_path_factory.mktemp("answers") if shared else None

    first = AnswerBook(folder).ask(name, Says(answer), question(query))

    assert repr(first) == repr(answer)
    if folder:
        other = Says(Answer(samples=(), body="never asked"))
        assert repr(AnswerBook(folder).ask(name, other, question(query))) == repr(answer)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-5],
        lambda text: "null",
        lambda text: "[]",
        lambda text: "[" * 100_000,
        lambda text: text.replace("3.0", '"3.0"'),
        lambda text: text.replace("3.0", "true"),
        lambda text: text.replace("3.0", "null"),
        lambda text: text.replace('"times": [', '"times": ["yesterday", '),
        lambda text: text.replace('"times"', '"time"'),
        lambda text: text.replace('"telemetry"', '"recalls"'),
        lambda text: text.replace('"value": {', '"values": {'),
        lambda text: "\udcff",
    ],
)
def test_a_damaged_file_is_no_data(tmp_path, damage):
    """Not a crash, and not a number."""
    AnswerBook(tmp_path).ask("telemetry", Says(Answer(samples=(Sample(value=3.0, at=AT),))), question())
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(damage(path.read_text()).encode("utf-8", "surrogateescape"))

    with pytest.raises(SourceError, match=r"damaged|another question|cannot be shared"):
        AnswerBook(tmp_path).ask("telemetry", Says(Answer(samples=())), question())


def test_a_folder_that_cannot_be_written(tmp_path):
    """No data; not each worker's own number."""
    (tmp_path / "file").write_text("")

    with pytest.raises(SourceError, match="cannot be shared"):
        AnswerBook(tmp_path / "file" / "answers").ask("telemetry", Says(Answer(samples=())), question())


WORKER = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from pytest_rollout.sources.memory import MemorySource
from pytest_rollout.sources.once import AnswerBook
from pytest_rollout.sources.protocol import Question

class Source(MemorySource):
    def ask(self, question):
        answer = super().ask(question)
        if sys.argv[2] == "dies":
            os._exit(9)
        time.sleep(0.2)
        return answer

source = Source({"q": 3}, Path(sys.argv[1]) / "asked.log")
book = AnswerBook(Path(sys.argv[1]) / "answers")
print(book.ask("telemetry", source, Question(query="q", at=datetime(2026, 11, 7, 9, tzinfo=UTC))).samples[0].value)
"""


def start(tmp_path, how):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path), how],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_workers_ask_once_between_them(tmp_path):
    """Four processes, one question, one answer."""
    workers = [start(tmp_path, "lives") for _ in range(4)]

    assert [worker.communicate(timeout=60)[0].strip() for worker in workers] == ["3.0"] * 4
    assert (tmp_path / "asked.log").read_text().splitlines() == ["q"]


def test_a_worker_that_dies_blocks_nobody(tmp_path):
    """The lock goes with it; the next one asks in its place."""
    dead = start(tmp_path, "dies")
    dead.communicate(timeout=60)
    alive = start(tmp_path, "lives")

    assert dead.returncode == 9
    assert alive.communicate(timeout=60)[0].strip() == "3.0"
    assert (tmp_path / "asked.log").read_text().splitlines() == ["q", "q"]


def test_a_lock_that_is_never_freed(tmp_path, monkeypatch):
    """Patience has an end, and then it is no data."""
    import filelock

    monkeypatch.setattr("pytest_rollout.sources.once._PATIENCE_SECONDS", 0.1)
    hanging = threading.Event()

    class Hangs:
        def ask(self, question):
            hanging.set()
            done.wait(60)
            return Answer(samples=())

    done = threading.Event()
    thread = threading.Thread(target=lambda: AnswerBook(tmp_path).ask("t", Hangs(), question()), daemon=True)
    thread.start()
    hanging.wait(10)

    with pytest.raises(SourceError, match="another worker is asking this since"):
        AnswerBook(tmp_path).ask("t", Says(Answer(samples=())), Question(query="q", at=AT, timeout_seconds=0.1))
    done.set()
    thread.join(10)
    assert filelock is not None


class Flags:
    def __init__(self, flags):
        self.flags, self.reads = flags, 0

    def read(self, at, timeout_seconds):
        self.reads += 1
        if isinstance(self.flags, Exception):
            raise self.flags
        return self.flags


def test_flags_are_read_once(folder):
    """All flags of a run are of the same reading."""
    reader, book = Flags({"a.b": True, "percent": 5, "mode": "blended"}), AnswerBook(folder)

    assert [book.read_flags("flags", lambda: reader.read(AT, 1), at=AT) for _ in range(3)] == [reader.flags] * 3
    assert reader.reads == 1


@pytest.mark.parametrize("flags", [{"a": None}, {"a": [1]}, {"a": float("nan")}, SourceError("down"), None])
def test_flags_that_are_none(folder, flags):
    """A reader's error, or values that no flag has."""
    with pytest.raises(SourceError):
        AnswerBook(folder).read_flags("flags", lambda: Flags(flags).read(AT, 1), at=AT)


def test_a_name_for_flags_is_not_a_name_for_answers(tmp_path):
    """A source called like the flags does not get their document."""
    book = AnswerBook(tmp_path)
    book.read_flags("x", lambda: {"samples": "nonsense"}, at=AT)

    assert book.ask("x", MemorySource({"q": 1}), question()).samples[0].value == 1
    assert {json.loads(path.read_text())["key"][0] for path in tmp_path.glob("*.json")} == {"answer", "flags"}


def test_what_was_written_first_is_the_answer_of_all(tmp_path):
    """Two processes that fetch one question at the same time, without a lock, are told the same."""
    books = [AnswerBook(tmp_path / "shared") for _ in range(2)]
    question = Question(query="q", at=AT)

    class Slower:
        """The other process is done while this one is still asking."""

        def ask(self, question):
            books[1].fetch("telemetry", Fixed(2.0), question)
            return Fixed(1.0).ask(question)

    class Fixed:
        def __init__(self, value):
            self.value = value

        def ask(self, question):
            return Answer(samples=(Sample(value=self.value, at=question.at),))

    books[0].fetch("telemetry", Slower(), question)

    found = [book.ask("telemetry", Fixed(3.0), question).samples[0].value for book in books]
    assert found == [2.0, 2.0]
    assert [path.suffix for path in (tmp_path / "shared").iterdir()] == [".json"]
