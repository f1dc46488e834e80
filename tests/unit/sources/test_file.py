"""A number out of files: whatever is in them, a number or a sentence, and nothing else is read."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.protocol import Bucket, Question

duckdb = pytest.importorskip("duckdb")
MEAN = 'SELECT avg(latency) AS value, max("at") AS "at" FROM file'
CSV = "at,latency\n2026-11-07T08:00:00Z,12\n2026-11-07T09:00:00Z,13.5\n"
ROW = "2026-11-07T08:00:00Z,13.5\n"
LINES = '{"at": "2026-11-07T08:00:00Z", "latency": 12}\n{"at": "2026-11-07T09:00:00Z", "latency": 13.5}\n'


@pytest.fixture
def opened(tmp_path):
    """Write files into the plan's folder, and open a path there as a source."""

    def opened(path, **files):
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name.replace("_", ".")).write_bytes(data)
        return KINDS["file"].open({"path": path}, tmp_path)

    return opened


def parquet(folder, name="a.parquet"):
    """The same rows as Parquet."""
    (folder / "rows.csv").write_text(CSV)
    duckdb.sql(f"COPY (FROM read_csv('{folder}/rows.csv')) TO '{folder}/{name}'")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.csv", CSV),
        ("a.csv", CSV.replace("\n", "\r\n")),
        ("a.csv", "\ufeff" + CSV),
        ("a.csv", CSV.replace("Z", "")),
        ("a.csv", 'at,"latency",note\n2026-11-07 09:00:00,12.75,"one, two ""three""\nfour"\n'),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.jsonl", LINES),
        ("a.ndjson", LINES.strip()),
        ("a.CSV", CSV),
    ],
)
def test_a_file_is_a_table(ask, opened, at, path, content):
    """A time without a zone is UTC."""
    answer = ask(opened(path, **{path.replace(".", "_"): content}), MEAN)

    assert [(each.value, each.at) for each in answer.samples] == [(12.75, at)]
    assert answer.identity.startswith("DuckDB ")


def test_parquet(ask, opened, tmp_path, at):
    """The same."""
    parquet(tmp_path)

    assert [(each.value, each.at) for each in ask(opened("a.parquet"), MEAN).samples] == [(12.75, at)]


def test_several_files_are_one_table(ask, opened):
    """Wildcards are looked up anew at each question."""
    source = opened("part-*.csv", **{"part-1_csv": "latency\n1\n", "part-2_csv": "latency\n2\n", "other_csv": "x\n9\n"})

    assert ask(source, "SELECT sum(latency) FROM file").samples[0].value == 3
    opened("x", **{"part-3_csv": "latency\n4\n"})
    assert ask(source, "SELECT sum(latency) FROM file").samples[0].value == 7


def test_a_window_and_a_histogram(opened, at):
    """As of a database."""
    source = opened("a.csv", a_csv=CSV)
    window = 'SELECT latency, "at" FROM file WHERE "at" BETWEEN :start AND :end ORDER BY 1 DESC'
    buckets = 'SELECT latency AS upto, count(*) AS count, max(max("at")) OVER () AS "at" FROM file GROUP BY latency'

    series = source.ask(Question(query=window, at=at, start=at - timedelta(hours=2)))
    histogram = source.ask(Question(query=buckets, at=at, buckets=True))

    assert [each.value for each in series.samples] == [12, 13.5]
    assert histogram.buckets == (Bucket(above=-math.inf, upto=12, count=1), Bucket(above=12, upto=13.5, count=1))
    assert [(each.value, each.at) for each in histogram.samples] == [(2, at)]


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("a.csv", CSV + "2026-11-07T09:00:00Z\n", "CSV Error on Line: 4; Expected Number of Columns: 2 Found: 1"),
        ("a.csv", "at,latency\n2026-11-07T08:00:00Z,1,7\n", "on Line: 2; Expected Number of Columns: 2 Found: 3"),
        ("a.csv", CSV + ROW * 30_000 + "2026-11-07T08:00:00Z\n", "on Line: 30004; Expected Number of Columns: 2"),
        ("a.csv", CSV + ROW * 30_000 + "2026-11-07T08:00:00Z,x\n", "on Line: 30004; Error when converting column"),
        ("a.csv", CSV + "2026-11-07T08:00:00Z,x\n", "a column is text where one value in it is"),
        ("a.csv", 'at,latency\n2026-11-07T08:00:00Z,"12\n', "CSV Error on Line: 2; Value with unterminated quote"),
        ("a.csv", "note\n" + CSV, "CSV Error on Line: 2"),
        ("a.csv", "# a comment\n" + CSV, "CSV Error on Line: 2"),
        ("a.csv", b"at,latency\n\xff\xfe,12\n", "CSV Error on Line: 2"),
        ("a.csv", "at,latency\n2026-11-07T08:00:00Z,1", "the last line of a.csv has no end"),
        ("a.csv", "at;latency\n2026-11-07T08:00:00Z;1\n", "latency"),
        ("a.csv", "at,latency\n", "avg(VARCHAR)"),
        ("a.csv", "", "is empty"),
        ("a.jsonl", "", "is empty"),
        ("a.jsonl", LINES + '{"at": "2026-11-07T09:0', "near line 4"),
        ("a.jsonl", LINES + "oops\n", "near line 4"),
        ("a.jsonl", "[1, 2]\n", "latency"),
        ("a.parquet", CSV, "a.parquet"),
        ("a.txt", CSV, ".txt cannot be read\nname files of one kind: .csv"),
        ("a", CSV, "(no ending) cannot be read"),
    ],
)  # fmt: skip
def test_what_is_in_no_file_that_can_be_read(ask, opened, tmp_path, path, content, says):
    """The file and the line, and what is wrong there; no row is skipped."""
    with pytest.raises(SourceError) as caught:
        ask(opened(path, **{path.replace(".", "_"): content}), MEAN)

    assert says in str(caught.value)
    assert str(caught.value).startswith(path)
    assert ("Line" not in says) or f"file = {tmp_path / path}" in str(caught.value)


def test_a_parquet_file_that_was_cut_off(ask, opened, tmp_path):
    """Half of it is nothing."""
    parquet(tmp_path)
    whole = (tmp_path / "a.parquet").read_bytes()

    with pytest.raises(SourceError, match=r"a.parquet"):
        ask(opened("a.parquet", a_parquet=whole[: len(whole) // 2]), MEAN)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("none.csv", "there is no such file"),
        ("none-*.csv", "there is no such file"),
        (".", "there is no such file"),
        ("http://example.org/a.csv", "there is no such file"),
        ("*", "name files of one kind"),
        ("odd*.csv", "has a wildcard in its name"),
        ("[ab].csv", "the names of their columns, differ"),
    ],
)
def test_paths_that_name_no_files_to_read(ask, opened, path, says):
    """Missing, a folder, the network, several kinds."""
    files = {"a_csv": CSV, "b_csv": "latency,at\n1,2026-11-07\n", "c_jsonl": LINES, "odd[1]_csv": CSV}

    with pytest.raises(SourceError, match=says):
        ask(opened(path, **files), MEAN)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT count(*) FROM read_csv('{folder}/b.csv')", "Permission Error"),
        ("SELECT count(*) FROM '{folder}/b.csv'", "Permission Error"),
        ("SELECT count(*) FROM read_text('/etc/passwd')", "Permission Error"),
        ("SELECT count(*) FROM glob('/etc/*')", "Permission Error"),
        ("SELECT getenv('HOME') AS value", "getenv"),
        ("COPY file TO '{folder}/a.csv'", "is COPY, and only SELECT"),
        ("COPY file TO '{folder}/new.csv'", "is COPY, and only SELECT"),
        ("ATTACH '{folder}/x.db'", "is ATTACH"),
        ("SET enable_external_access = true", "is SET"),
        ("CREATE TABLE t AS FROM file", "is CREATE"),
        ("SELECT 1 AS value; SELECT 2 AS value", "2 statements"),
        ("SELECT latency FROM b", "b does not exist"),
        ("SELECT latency FROM file, range(1000)", "more than 1 000 rows"),
        ("SELECT at FROM file", 'write it with quotes: "at"'),
        ("SELECT 'x' AS value FROM file", "VARCHAR, not a number"),
    ],
)
def test_nothing_else_can_be_read_or_done(ask, opened, tmp_path, query, says):
    """Only the plan's file, and only with a SELECT."""
    source = opened("a.csv", a_csv=CSV, b_csv=CSV)

    with pytest.raises(SourceError) as caught:
        ask(source, query.format(folder=tmp_path))

    assert says in str(caught.value)
    assert (tmp_path / "a.csv").read_text() == CSV
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_a_query_that_does_not_end(ask, opened):
    """It is interrupted, and leaves no thread behind."""
    started = time.monotonic()

    with pytest.raises(SourceError, match=r"no answer within 0.3 s"):
        ask(
            opened("a.csv", a_csv=CSV),
            "SELECT count(*) FROM file, range(100000000000) a, range(1000) b",
            timeout_seconds=0.3,
        )

    assert time.monotonic() - started < 40
    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-rollout-answer"]


def test_a_query_that_wants_too_much_memory(ask, opened, monkeypatch):
    """It ends, and not the machine; nothing is written to the disk either."""
    monkeypatch.setattr("pytest_rollout.sources.file.MEMORY_LIMIT", "50MB")
    query = "SELECT len(list(s)) AS value FROM (SELECT repeat('x', 100000) || range AS s FROM range(10000))"

    with pytest.raises(SourceError, match="Out of Memory"):
        ask(opened("a.csv", a_csv=CSV), query, timeout_seconds=60)


@pytest.mark.parametrize("how", ["grows", "is replaced"])
def test_a_file_that_changes_while_it_is_read(ask, opened, tmp_path, monkeypatch, how):
    """A number of which nobody knows of what it is."""
    from pytest_rollout.sources import file

    def asked(*arguments):
        answer = real(*arguments)
        if how == "grows":
            with (tmp_path / "a.csv").open("a") as growing:
                growing.write("2026-11-07T09:00:00Z,14\n")
        else:
            (tmp_path / "b.csv").write_text(CSV)
            (tmp_path / "b.csv").rename(tmp_path / "a.csv")
        return answer

    real = file.asked
    monkeypatch.setattr(file, "asked", asked)

    with pytest.raises(SourceError, match="changed while it was read"):
        ask(opened("a.csv", a_csv=CSV), MEAN)


def test_a_writer_that_never_rests(opened):
    """Whatever moment it is read at: a right number, or words."""
    source = opened("a.csv", a_csv="at,latency\n")
    code = (
        "import sys\nwith open(sys.argv[1], 'a', buffering=1) as file:\n"
        " while True:\n  file.write('2026-11-07T09:00:00Z,12'); file.flush(); file.write('345\\n')"
    )
    seen = []
    with subprocess.Popen([sys.executable, "-c", code, str(source.path)]) as writer:
        try:
            for _ in range(30):
                try:
                    question = Question(query="SELECT min(latency) AS value FROM file", at=datetime.now(UTC))
                    seen += [each.value for each in source.ask(question).samples]
                except SourceError as error:
                    seen.append(str(error).partition("\n")[0])
        finally:
            writer.kill()

    assert len(seen) == 30
    assert {each for each in seen if not isinstance(each, str)} <= {12345}
    assert all(each.startswith("a.csv: ") for each in seen if isinstance(each, str))


def test_without_duckdb(ask, opened, monkeypatch):
    """The message names the extra."""
    source = opened("a.csv", a_csv=CSV)
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(SourceError, match=r"pip install 'pytest-rollout\[duckdb\]'"):
        ask(source, MEAN)


@pytest.mark.parametrize("path", ["", "  ", {}, "a\0.csv"])
def test_options_that_cannot_be_meant(path):
    """Opening refuses them."""
    with pytest.raises(SourceError, match="option 'path'"):
        KINDS["file"].open({"path": path}, Path("/plan"))
