"""Log files: what is counted, and all that must not look like a log without errors."""

from __future__ import annotations

import gzip
import logging.handlers
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import logs, logs_scan
from pytest_rollout.sources.logs_figures import SECOND, Lines, figure, samples
from pytest_rollout.sources.protocol import Question

PATTERN = r"^(?P<at>\S+) (?P<level>[A-Z]+) (?P<job>\w+)(?: took=(?P<took>\S+))?"
LINES = """\
2026-11-07T07:59:00Z ERROR nightly took=99
2026-11-07T08:10:00Z INFO nightly took=4.5
2026-11-07T08:20:00Z ERROR events no time
2026-11-07T10:30:00+02:00 INFO events took=2
2026-11-07T08:45:00Z ERROR nightly took=6
2026-11-07T08:50:00Z INFO events
2026-11-07T09:00:01Z ERROR events took=1000
"""


@pytest.fixture
def logged(tmp_path):
    """Files by name, as a source."""

    def logged(files=LINES, **options):
        for name, content in (files if isinstance(files, dict) else {"app.log": files}).items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return logs.KIND.open({"path": "app.log*", "pattern": PATTERN, "window": "1h", **options}, tmp_path)

    return logged


def ten(hour, minute, second=0):
    return datetime(2026, 11, 7, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "value", "newest"),
    [
        ("count()", 5, ten(8, 50)),
        ('count({level="ERROR"})', 2, ten(8, 50)),
        ('count({level="ERROR"}[2h])', 3, ten(8, 50)),
        ('count({level="FATAL"})', 0, ten(8, 50)),
        ('count({level!="ERROR",job=~"ev.*"})', 2, ten(8, 50)),
        ('count({took=""})', 2, ten(8, 50)),
        ('count({took!~""})', 3, ten(8, 50)),
        ('per_hour({level="ERROR"}[2h])', 1.5, ten(8, 50)),
        ("per_second([1h])", 5 / 3600, ten(8, 50)),
        ("per_day([12h])", 12, ten(8, 50)),
        ('share({level="ERROR"})', 0.4, ten(8, 50)),
        ("max(took)", 6, ten(8, 50)),
        ("min(took)", 2, ten(8, 50)),
        ('mean(took{job="nightly"})', 5.25, ten(8, 50)),
        ("sum(took)", 12.5, ten(8, 50)),
        ("p50(took)", 4.5, ten(8, 50)),
        ("last(took)", 6, ten(8, 45)),
        ('last(took{level="INFO"})', 2, ten(8, 30)),
    ],
)
def test_what_can_be_asked(ask, logged, query, value, newest):
    """The lines of the window; as old as the newest line of the log, which shows that it is alive."""
    answer = ask(logged(), query)

    assert [(sample.value, sample.at) for sample in answer.samples] == [(pytest.approx(value), newest)]


@pytest.mark.parametrize(
    ("files", "query"),
    [
        ("", "count()"),
        ("\n\n", "count()"),
        (LINES, "count([1s])"),
        (LINES, 'max(took{level="FATAL"})'),
        ("2026-11-07T08:50:00Z INFO events", "count()"),
    ],
    ids=["empty", "blank", "silent", "no-value", "half-a-line"],
)
def test_silence_is_no_zero(ask, logged, files, query):
    """Without any line in the window the answer is empty, and a line without its end is not written yet."""
    assert ask(logged(files), query).samples == ()


def test_a_log_that_is_not_there(ask, tmp_path, logged):
    """Missing, a folder, unreadable, or not what it says: an error each."""
    (tmp_path / "app.log").mkdir()
    with pytest.raises(SourceError, match="is no file"):
        ask(logged({}), "count()")
    (tmp_path / "app.log").rmdir()
    with pytest.raises(SourceError, match="there is no such file"):
        ask(logged({}), "count()")
    for name, content in (("app.log.1.gz", b"no gzip"), ("app.log.1.gz", gzip.compress(b"x\n" * 999)[:-9])):
        with pytest.raises(SourceError, match=r"app\.log\*: a file: |app\.log\*: .*(gzip|end-of-stream)"):
            ask(logged({name: content}), "count()")


CHANGED = '{"time": "2026-11-07T08:50:00Z", "level": "error"}\n'


@pytest.mark.parametrize(
    ("files", "limit", "says"),
    [
        (CHANGED, "10 %", "1 of 1 lines"),
        (LINES + CHANGED, "10 %", None),
        (LINES + CHANGED * 9 + "2026-11-07T09:00:05Z INFO x\n", "10 %", None),
        ({"app.log": CHANGED * 9, "app.log.1": LINES}, "10 %", "9 of 14 lines"),
        ({"app.log": CHANGED * 9, "app.log.1": LINES}, "65 %", None),
        (LINES.replace("ERROR events no time", "oops"), "10 %", "1 of 5 lines"),
        (LINES.replace("ERROR events no time", "oops"), "0.2 share", None),
        ("2026-11-07T07:00:00Z INFO old\n" + CHANGED, "10 %", "1 of 1 lines"),
        (CHANGED + LINES, "10 %", None),
        (LINES.replace("08:20:00Z", "08:20:61Z"), "10 %", "1 of 5 lines"),
        (LINES.replace("ERROR events no time", "x" * 300_000), "10 %", "1 of 5 lines"),
    ],
    ids=[
        *(
            "all",
            "behind-the-window",
            "far-behind",
            "after-rotation",
            "allowed",
            "one",
            "share-allowed",
            "at-the-end",
            "before",
        ),
        *("no-time", "very-long"),
    ],
)
def test_a_changed_format_is_not_a_log_without_errors(ask, logged, files, limit, says):
    """Lines that do not match count against the window; too many, and nothing is said."""
    source = logged(files, unmatched=limit)
    if says is None:
        assert ask(source, "count()").samples
        return

    with pytest.raises(SourceError, match=says) as caught:
        ask(source, "count()")

    assert "the format of the log may have changed" in str(caught.value)


def test_a_stack_trace_goes_on_with_its_line(ask, logged):
    """Indented lines are not counted as unmatched."""
    trace = LINES.replace("ERROR events no time\n", "ERROR events no time\n" + "  File x\n    y\n\tz\n" * 50)

    assert ask(logged(trace), 'count({level="ERROR"})').samples[0].value == 2


def test_a_file_that_nobody_wrote_to_since(ask, logged, tmp_path, at):
    """An old file in another format, rotated away before the window, has no part in it."""
    source = logged({"app.log": LINES, "app.log.9": CHANGED * 9})
    old = (at - timedelta(days=3)).timestamp()
    os.utime(tmp_path / "app.log.9", (old, old))

    assert ask(source, "count()").samples[0].value == 5


def test_rotated_and_packed_files(ask, logged, tmp_path):
    """All of them are one log; a file under two names, or one that is just being packed, is read once."""
    part = LINES.splitlines(keepends=True)
    source = logged(
        {
            "app.log": "".join(part[4:]),
            "app.log.1": "".join(part[2:4]),
            "app.log.2.gz": gzip.compress("".join(part[:2]).encode()),
        }
    )
    assert ask(source, "count([2h])").samples[0].value == 6

    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(part[2].encode())[:-5])
    (tmp_path / "app.log.current").hardlink_to(tmp_path / "app.log")

    assert ask(source, "count([2h])").samples[0].value == 6


def test_files_that_python_logging_writes(ask, tmp_path, at):
    """The real thing: rotated by its own handler, with its comma before the milliseconds and without an offset."""
    handler = logging.handlers.RotatingFileHandler(tmp_path / "app.log", maxBytes=2000, backupCount=50)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    for index in range(200):
        level = logging.ERROR if index % 10 == 0 else logging.INFO
        record = logging.LogRecord("app", level, "x", 1, "took %d ms", (index,), None)
        record.created = at.timestamp() - index
        record.msecs = 250
        handler.emit(record)
    handler.close()
    pattern = r"^(?P<at>\S+ \S+) (?P<level>\w+) took (?P<took>\d+) ms$"
    source = logs.KIND.open({"path": "app.log*", "pattern": pattern, "zone": "UTC", "window": "1h"}, tmp_path)

    assert len(list(tmp_path.iterdir())) > 3
    assert ask(source, 'count({level="ERROR"})').samples[0].value == 19  # the newest is 250 ms ahead of the instant
    assert ask(source, "p99(took)").samples[0].value == 198
    assert ask(source, "count([100s])").samples[0].value == 100


@pytest.mark.parametrize(
    ("written", "options", "taken"),
    [
        ("2026-11-07T08:50:00", {"zone": "UTC"}, ten(8, 50)),
        ("2026-11-07T09:50:00", {"zone": "Europe/Berlin"}, ten(8, 50)),
        ("2026-11-07T08:50:00-00:00", {"zone": "Europe/Berlin"}, ten(8, 50)),
        ("07/Nov/2026:09:50:00+0100", {"time_format": "%d/%b/%Y:%H:%M:%S%z"}, ten(8, 50)),
        ("1794041400.5", {"time_format": "epoch"}, ten(8, 50) + timedelta(seconds=0.5)),
        ("1794041400500", {"time_format": "epoch_ms"}, ten(8, 50) + timedelta(seconds=0.5)),
    ],
)
def test_times(ask, logged, written, options, taken):
    """With an offset, in a zone of the plan, or in a format of the log's own."""
    assert ask(logged(f"{written} INFO x\n", **options), "count()").samples[0].at == taken


def test_times_that_mean_nothing(logged, at):
    """Without a zone, or when the clocks were changed: an hour that was there twice is not guessed."""
    with pytest.raises(SourceError, match="has no offset from UTC"):
        logged("2026-11-07T08:50:00 INFO x\n").ask(Question(query="count()", at=at))
    twice = logged("2026-10-25T02:30:00 INFO x\n", zone="Europe/Berlin")
    for hour in (0, 1):
        with pytest.raises(SourceError, match="the time was there twice, or never"):
            twice.ask(Question(query="count()", at=datetime(2026, 10, 25, hour, 45, tzinfo=UTC)))
    assert twice.ask(Question(query="count()", at=at)).samples == ()
    with pytest.raises(SourceError, match="the time was there twice, or never"):
        twice.ask(Question(query="count()", at=at, start=at - timedelta(days=30), step=timedelta(days=1)))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("count", "is not answered here"),
        ("errors()", "is not answered here"),
        ("count(took)", "count counts lines"),
        ("max()", "max is of a group's values"),
        ("max(tok)", "did you mean 'took'?"),
        ('count({levle="ERROR"})', "did you mean 'level'?"),
        ("count({level=ERROR})", "is no matcher"),
        ('count({level=~"(a+)+"})', "could take very long"),
        ("count([soon])", "is no duration"),
        ("max(job)", "'job' is 'nightly' in a line, which is no number"),
        ("p99(took)", "3 lines, and it takes 100 to see p99"),
        ("p90(took[1h])", "3 lines, and it takes 10 to see p90"),
    ],
)
def test_what_is_no_query(ask, logged, query, says):
    """A name that no line has would be zero for ever; it is refused."""
    with pytest.raises(SourceError) as caught:
        ask(logged(), query)

    assert says in str(caught.value)
    assert str(caught.value).startswith("app.log*: ")


@pytest.mark.parametrize("text", ["NaN", "inf", "1,5", "5ms", ""])
def test_a_value_that_is_none(ask, logged, text):
    """It is not left out: the largest of the others is not the largest."""
    source = logged(f"2026-11-07T08:50:00Z INFO x took={text}|\n", pattern=r"(?P<at>\S+) .* took=(?P<took>[^|]*)")

    with pytest.raises(SourceError, match="which is no number"):
        ask(source, "max(took)")


def test_no_window(logged, at):
    """A count without a time is no figure."""
    with pytest.raises(SourceError, match="over how much time"):
        logged(window="").ask(Question(query="count()", at=at))


def test_a_pattern_that_never_ends(ask, logged):
    """It is ended at its deadline, wherever it hangs."""
    source = logged("2026-11-07T08:50:00Z " + "a" * 5000 + "!\n", pattern=r"(?P<at>\S+) (a+)+$")
    started = time.monotonic()

    with pytest.raises(SourceError, match=r"no answer within 1 s; it was ended\nthe pattern may take long") as caught:
        ask(source, "count()", timeout_seconds=1.0)

    assert time.monotonic() - started < 40
    assert str(caught.value).startswith("app.log*: ")


def test_what_was_logged_is_nobodys_business(ask, logged):
    """The evidence has counts and no lines."""
    answer = ask(logged("2026-11-07T08:50:00Z INFO ada_lovelace took=5\n"), "max(took)")

    assert "ada" not in answer.body
    assert '"lines": 1' in answer.body


def test_a_series(logged, at):
    """One figure at the end of each step, over the query's own window; none where the log was silent."""
    question = Question(
        query='count({level="ERROR"}[20m])', at=at, start=at - timedelta(hours=1), step=timedelta(minutes=10)
    )

    found = logged().ask(question).samples

    assert [(sample.at.minute, sample.value) for sample in found] == [
        *((10, 1), (20, 1), (30, 1), (40, 0), (50, 1), (0, 1)),
    ]
    assert [sample.at for sample in found] == sorted(sample.at for sample in found)
    few = logged().ask(
        Question(query="count([1m])", at=at, start=at - timedelta(minutes=20), step=timedelta(minutes=1))
    )
    assert [(sample.at, sample.value) for sample in few.samples] == [(ten(8, 45), 1), (ten(8, 50), 1)]


def test_questions_that_it_cannot_answer(logged, at):
    """A histogram, or more steps than anybody looks at."""
    for more, says in (
        ({"buckets": True}, "has no histogram"),
        ({"start": at - timedelta(days=3), "step": timedelta(seconds=1)}, "too many steps"),
        ({"start": at - timedelta(days=3), "step": timedelta(0)}, "too many steps"),
    ):
        with pytest.raises(SourceError, match=says):
            logged().ask(Question(query="count()", at=at, **more))


def test_a_large_file_is_read_from_its_end_in_little_memory(tmp_path, at):
    """Sixty megabytes, of which the last hour counts: seconds and less than 200 MB."""
    first = at - timedelta(seconds=800_000)
    with (tmp_path / "app.log").open("w") as file:
        for second in range(1, 800_001):
            file.write(f"{(first + timedelta(seconds=second)).isoformat()} INFO x took={second % 7} {'.' * 30}\n")
    code = (
        "import resource, sys; from datetime import *; from pathlib import Path\n"
        "from pytest_rollout.sources.logs import KIND; from pytest_rollout.sources.protocol import Question\n"
        "source = KIND.open({'path': 'app.log', 'pattern': sys.argv[1]}, Path(sys.argv[2]))\n"
        "at = datetime.fromisoformat(sys.argv[3])\n"
        "for query in ('count([1h])', 'max(took[10h])'):\n"
        "    print(source.ask(Question(query=query, at=at, timeout_seconds=60)).samples[0].value)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    started = time.monotonic()

    result = subprocess.run(
        [sys.executable, "-c", code, PATTERN, str(tmp_path), at.isoformat()],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    count, largest, kilobytes = result.stdout.split()
    assert (float(count), float(largest)) == (3600, 6)
    assert int(kilobytes) < 200_000
    assert time.monotonic() - started < 40
    read = logs_scan.reader(
        {
            "pattern": PATTERN,
            "field": "",
            "matchers": [],
            "time_format": "",
            "zone": "",
            "at": 0,
            "step": 0,
            "window": 1,
        }
    )
    earliest = logs_scan.microseconds(at - timedelta(hours=1))
    place = logs_scan.beginning(tmp_path / "app.log", read, earliest)
    assert (tmp_path / "app.log").stat().st_size - place < 2**24
    assert place > 0


def test_a_log_with_too_many_lines():
    """It is refused before memory ends."""
    lines = Lines(limit=3)
    for moment in range(3):
        lines.enter(moment, 1.0)

    with pytest.raises(SourceError, match="more than 3 lines in the window"):
        lines.enter(3, 1.0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"path": ""}, "option 'path'"),
        ({"pattern": ""}, "has no group 'at'"),
        ({"pattern": "("}, "option 'pattern' is no regular expression"),
        ({"time_format": "%d %b %H:%M:%S"}, "has no year"),
        ({"zone": "Mars"}, "option 'zone'"),
        ({"window": "soon"}, "option 'window'"),
        ({"unmatched": "some"}, "option 'unmatched'"),
        ({"unmatched": "120 %"}, "option 'unmatched'"),
        ({"unmatched": "5 ms"}, "option 'unmatched'"),
        ({"path": {}}, "option 'path'"),
    ],
)
def test_options_that_cannot_be_meant(tmp_path, options, says):
    """Opening refuses them."""
    with pytest.raises(SourceError, match=re.escape(says)):
        logs.KIND.open({"path": "app.log", "pattern": PATTERN, **options}, tmp_path)


MOMENTS = st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=60)


@settings(deadline=None)
@given(MOMENTS, st.integers(1, 60), st.integers(0, 900))
def test_windows_as_long_as_the_step_share_no_line_and_lose_none(rows, step, start):
    """Counts of windows that touch add up to the count of them all, in whatever order lines come."""
    lines = Lines(limit=100)
    for second, chosen in rows:
        lines.enter(second * SECOND, 1.0 if chosen else None)
    steps = (1000 - start) // step
    begin = 1000 - steps * step
    times = {"at": 1000 * SECOND, "start": begin * SECOND, "step": step * SECOND, "window": step * SECOND}

    found = samples(lines, {"function": "count", **times})

    assert sum(value for value, _ in found) == sum(chosen for second, chosen in rows if begin < second <= 1000)
    assert {end for _, end in found} <= {(1000 - index * step) * SECOND for index in range(steps)}


@given(st.lists(st.floats(-1e6, 1e6), min_size=100, max_size=300))
def test_figures_keep_their_order(values):
    """The least is not above a quantile, nor a quantile above a higher one or the largest; the mean lies between."""
    found = [figure(name, values, len(values), 1.0) for name in ("min", "p50", "p90", "p95", "p99", "max")]

    assert found == sorted(found)
    assert found[0] - 1e-6 <= figure("mean", values, len(values), 1.0) <= found[-1] + 1e-6
    assert figure("per_hour", values, 1, 60.0) == 60 * figure("per_minute", values, 1, 60.0) >= 0
