"""Test results: counted, not believed; a suite that ran nothing, was cut off or is hostile is no evidence."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import junit
from pytest_rollout.sources.protocol import Question

STAMP = "2026-11-07T08:30:00+00:00"
PASSED = '<testcase name="a" time="0.5"/>'
FAILED = '<testcase name="b" time="1.5"><failure>no</failure></testcase>'
BROKEN = '<testcase name="c"><error/></testcase>'
SKIPPED = '<testcase name="d"><skipped/></testcase>'


def suite(*cases, stamp=STAMP, **claims):
    said = "".join(f' {key}="{value}"' for key, value in claims.items())
    timestamp = f' timestamp="{stamp}"' if stamp else ""
    return f"<testsuite{timestamp}{said}>{''.join(cases)}</testsuite>"


@pytest.fixture
def results(tmp_path):
    """Result files, as a source."""

    def results(*contents, **options):
        for index, content in enumerate(contents):
            (tmp_path / f"results{index}.xml").write_bytes(content if isinstance(content, bytes) else content.encode())
        return junit.KIND.open({"path": "results*.xml", **options}, tmp_path)

    return results


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("tests", 5),
        ("passed", 2),
        ("failures", 1),
        ("errors", 1),
        ("unsuccessful", 2),
        ("skipped", 1),
        ("pass_rate", 0.4),
        ("time", 2.5),
    ],
)
def test_what_can_be_asked(ask, results, query, value):
    """Every count, over all files."""
    source = results(suite(PASSED, FAILED, BROKEN), f"<testsuites>{suite(SKIPPED, PASSED)}</testsuites>")

    sample = ask(source, query).samples[0]

    assert (sample.value, sample.at) == (value, datetime(2026, 11, 7, 8, 30, tzinfo=UTC))


SUITES_OF_PYTEST = {
    "plain": ("def test_a(): pass\ndef test_b(): assert 0\n", {"tests": 2, "passed": 1, "failures": 1}),
    "teardown": (
        (
            "import pytest\n@pytest.fixture\ndef bad():\n    yield\n    raise ValueError\n"
            "def test_a(bad): assert 0\ndef test_b(bad): pass\n"
        ),
        {"errors": 2, "failures": 1, "unsuccessful": 3, "passed": 0},
    ),
    "subtests": (
        (
            "def test_a(subtests):\n    for i in range(3):\n        with subtests.test(i=i): assert i != 1\n"
            "def test_b(subtests):\n    with subtests.test('x'): pass\n"
        ),
        {"tests": 2, "unsuccessful": 1, "passed": 1},
    ),
    "xfail": ("import pytest\n@pytest.mark.xfail\ndef test_a(): assert 0\ndef test_b(): pass\n", {"skipped": 1}),
    "collection": ("import nothing_of_this_name\n", {"errors": 1, "passed": 0}),
}


@pytest.mark.parametrize(("code", "counts"), SUITES_OF_PYTEST.values(), ids=SUITES_OF_PYTEST)
def test_files_that_pytest_writes(tmp_path, code, counts):
    """The real thing is read, and is as old as its run."""
    (tmp_path / "test_it.py").write_text(code)
    before = datetime.now(UTC)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--junitxml=results.xml",
            "-p",
            "no:rollout",
            "--rootdir=.",
            "test_it.py",
        ],
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )
    source = junit.KIND.open({"path": "results.xml"}, tmp_path)

    for query, count in counts.items():
        sample = source.ask(Question(query=query, at=before)).samples[0]
        assert (query, sample.value) == (query, count)
        assert abs(sample.at - before) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (suite(), "no test ran (0 tests, 0 skipped)"),
        ("<testsuites/>", "no test ran"),
        (suite(SKIPPED), "no test ran (1 tests, 1 skipped)"),
        (suite('<testcase name="DISABLED_a" status="notrun"/>', tests=1), "no test ran"),
        (suite(PASSED, tests=2), "claims tests=2 and holds 1"),
        (suite(PASSED, FAILED, failures=0), "claims failures=0 and holds 1"),
        (suite(PASSED, failures=1), "claims failures=1 and holds 0"),
        (suite(PASSED, errors=3), "claims errors=3 and holds 0"),
        (suite(PASSED, tests="many"), "claims tests=many"),
        (f'<testsuites tests="3">{suite(PASSED)}</testsuites>', "claims tests=3 and holds 1"),
        (f'<testsuites name="pytest tests">{suite(tests=3)}</testsuites>', "claims tests=3 and holds 0"),
        (suite(PASSED)[:-5], "no sound XML"),
        ("", "no sound XML"),
        (b"<testsuite>\xff</testsuite>", "no sound XML"),
        ("<html><body/></html>", "begins with <html>"),
        ('{"tests": 3}', "no sound XML"),
        (f"<testsuite><x>{PASSED}</x></testsuite>", "a <testcase> inside <x>"),
        (f"<testsuite><testcase>{PASSED}</testcase></testsuite>", "a <testcase> inside <testcase>"),
        ("<testsuite>" * 5000, "nested too deeply"),
        (suite('<testcase time="nan"/>'), "time 'nan' is no number of seconds"),
        (suite('<testcase time="-1"/>'), "time '-1' is no number of seconds"),
        (suite(PASSED, stamp="yesterday"), "timestamp 'yesterday' is not a time"),
    ],
)
def test_what_is_no_result(ask, results, content, says):
    """It is refused, and not zero failures."""
    with pytest.raises(SourceError) as caught:
        ask(results(content), "failures")

    assert says in str(caught.value)
    assert "results" in str(caught.value)


@pytest.mark.parametrize(
    "declared",
    [
        "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10)),
        '<!ENTITY l9 SYSTEM "file:///etc/passwd">',
        '<!ENTITY % l9 SYSTEM "http://127.0.0.1:1/x"> %l9;',
        "",
    ],
    ids=["billion-laughs", "external", "parameter", "empty"],
)
def test_hostile_declarations(ask, results, declared):
    """Nothing swells and nothing is fetched: a file with a DOCTYPE is refused where it begins."""
    content = f'<!DOCTYPE x [{declared}]><testsuite><testcase name="{"&l9;" if "&l" in declared else ""}"/></testsuite>'

    with pytest.raises(SourceError, match="has a DOCTYPE"):
        ask(results(content), "failures")


@pytest.mark.parametrize(
    ("content", "options", "taken"),
    [
        (suite(PASSED, stamp=""), {}, None),
        (suite(PASSED, stamp="2026-11-07T08:30:00"), {}, None),
        (suite(PASSED, stamp="2026-11-07T08:30:00"), {"zone": "UTC"}, datetime(2026, 11, 7, 8, 30, tzinfo=UTC)),
        (
            suite(PASSED, stamp="2026-11-07T08:30:00"),
            {"zone": "Europe/Berlin"},
            datetime(2026, 11, 7, 7, 30, tzinfo=UTC),
        ),
        (
            f'<testsuites timestamp="{STAMP}">{suite(PASSED, stamp="")}</testsuites>',
            {},
            datetime(2026, 11, 7, 8, 30, tzinfo=UTC),
        ),
    ],
    ids=["none", "no-offset", "utc", "berlin", "inherited"],
)
def test_how_old_a_result_is(ask, results, content, options, taken):
    """As its suite says; the file's own time is that of the checkout and is not looked at."""
    assert ask(results(content, **options), "failures").samples[0].at == taken


def test_the_oldest_of_several_files_counts(ask, results):
    """A file that an earlier run left behind makes the whole result old; one without a time leaves its age unknown."""
    old = suite(PASSED, stamp="2026-10-01T00:00:00Z")

    assert ask(results(suite(PASSED), old), "failures").samples[0].at == datetime(2026, 10, 1, tzinfo=UTC)
    assert ask(results(suite(PASSED), old, suite(PASSED, stamp="")), "failures").samples[0].at is None


def test_a_file_that_is_not_there(ask, tmp_path):
    """Missing is not empty; a folder or a pipe is no file."""
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "folder.xml").mkdir()

    for path, says in (("none.xml", "there is no such file"), ("pipe.xml", "is no file"), ("*.xml", "is no file")):
        with pytest.raises(SourceError, match=says):
            ask(junit.KIND.open({"path": path}, tmp_path), "failures")


def test_a_query_that_is_none(ask, results):
    """It guesses the meant one."""
    with pytest.raises(SourceError, match=r"did you mean 'failures'\?"):
        ask(results(suite(PASSED)), "failure")


def test_neither_a_series_nor_a_histogram(results, at):
    """Results are of one moment."""
    for more in ({"start": at - timedelta(hours=1)}, {"buckets": True}):
        with pytest.raises(SourceError, match="kind 'junit' has no"):
            results(suite(PASSED)).ask(Question(query="failures", at=at, **more))


@pytest.mark.parametrize("options", [{}, {"path": ""}, {"path": {}}, {"path": "x", "zone": "Mars/Olympus"}])
def test_options_that_cannot_be_meant(options):
    """Opening refuses them."""
    with pytest.raises(SourceError, match="option '"):
        junit.KIND.open(options, Path())


@given(st.lists(st.lists(st.sampled_from([PASSED, FAILED, BROKEN, SKIPPED]), max_size=5), min_size=1, max_size=4))
def test_nested_suites_are_counted_once(tmp_path_factory, suites):
    """However the cases are spread over suites inside suites, each counts once, and the counts add up."""
    folder = tmp_path_factory.mktemp("nested")
    cases = [PASSED, *(case for each in suites for case in each)]
    inner = ""
    for each in suites:
        inner = suite(*each, inner)
    (folder / "results.xml").write_text(f'<testsuites tests="{len(cases)}">{suite(PASSED)}{inner}</testsuites>')
    source = junit.KIND.open({"path": "results.xml"}, folder)
    asked = {
        query: source.ask(Question(query=query, at=datetime.now(UTC))).samples[0].value
        for query in ("tests", "passed", "unsuccessful", "skipped")
    }

    assert asked["tests"] == len(cases) == asked["passed"] + asked["unsuccessful"] + asked["skipped"]
    assert asked["passed"] == cases.count(PASSED)
