"""Preflight: what would hold a release later is said before anybody needs the answer."""

import sqlite3
from contextlib import closing

import pytest

PLAN = """
rollout: shop
metrics:
  rss: {unit: MB, better: lower, source: telemetry, query: rss}
  growth: {unit: "%/h", better: lower, source: telemetry, query: rss, over: 4h, as: growth}
  errors: {unit: "%", better: lower, source: telemetry, ratio: {of: failed, over: all}}
budgets:
  rss: {phases: [phase1], critical: {limit: 600 MB, for: 5m}}
phases:
  phase1: {}
environments:
  test:
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
HEALTHY = {
    "rss": {"values": [500 + index % 3 for index in range(240)], "every": "60s"},
    "failed": 3,
    "all": 100_000,
}


@pytest.fixture
def shop(project):
    project.write("gates/shop/rollout.yaml", PLAN)
    project.answers(**HEALTHY)
    return project


def ids(result):
    return [gate["id"].removeprefix("rollout.yaml::preflight::") for gate in result.verdict["verdicts"][0]["gates"]]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_all_is_well(shop, workers):
    """A check for each metric, each window that the plan looks at, and the disk; gates themselves are not run."""
    result = shop.run(*workers, phase="preflight")

    result.proceeds()
    assert ids(result) == ["disk", "errors", "flags", "growth", "growth_4_h", "rss", "rss_1_h_05_min", "target"]


def test_it_needs_no_lock(shop):
    shop.run(phase="preflight", lock=False).proceeds()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"failed": {"error": "role 'gates' may not read"}}, "*role 'gates' may not read*"),
        ({"all": None}, "*the result is empty*"),
        ({"all": [1, 2]}, "*2 rows where one was meant*"),
        ({"all": {"value": 9, "age": "2h"}}, "*2 h old*"),
        ({"rss": {"values": [500] * 60, "every": "60s"}}, "*24.6% of 4 h is covered*"),
        ({"rss": {"hang": "1s"}}, "*no answer within*"),
    ],
    ids=["role", "empty", "rows", "stale", "history", "slow"],
)
def test_every_finding_has_its_words(shop, changed, text):
    shop.answers(**{**HEALTHY, **changed})

    result = shop.run(phase="preflight")

    assert result.ret == 1, result.text
    result.stdout.fnmatch_lines([text])
    result.is_calm()


@pytest.mark.parametrize(
    ("key", "line", "text"),
    [
        ("flags", "flags: {kind: file, path: none.json}", "*none.json*"),
        ("target", "target: http://127.0.0.1:9", "*the service did not answer*"),
    ],
)
def test_flags_and_the_service_are_asked_too(shop, key, line, text):
    shop.write("gates/shop/rollout.yaml", PLAN.replace("    sources:", f"    {line}\n    sources:"))

    result = shop.run(phase="preflight")

    result.holds("no-data")
    [bad] = [gate["id"] for gate in result.verdict["verdicts"][0]["gates"] if gate["decision"] != "PROCEED"]
    assert bad == f"rollout.yaml::preflight::{key}"
    result.stdout.fnmatch_lines([text])


def test_the_command(shop):
    """`rollout preflight` is that run, with its exit code."""
    done = shop.rollout("preflight", "gates", "--rollout-env", "test")

    assert done.returncode == 0
    assert "VERDICT  PROCEED  shop preflight" in done.stdout


def test_the_environment_is_named(shop):
    assert shop.rollout("preflight", "gates").returncode == 4


def test_the_name_is_taken(shop):
    shop.write("gates/shop/rollout.yaml", PLAN.replace("phase1: {}", "phase1: {}\n  preflight: {}"))

    result = shop.run(lock=False)

    result.is_refused()
    assert "a phase 'preflight' is in every plan already" in result.text


GATES = """
import pytest

pytestmark = pytest.mark.phase1


def test_rss(metrics):
    assert metrics("rss").over("{length}").max < 600


def test_errors(metrics):
    assert metrics("nothing").over("1h").max < 1
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_windows_that_gates_name(shop, workers):
    """A history that is deep enough for the plan and not for a gate is said now, whoever runs the checks."""
    shop.write("gates/shop/test_memory.py", GATES.format(length="3h"))
    enough = shop.run(*workers, phase="preflight", lock=False)
    shop.write("gates/shop/test_memory.py", GATES.format(length="24h"))
    short = shop.run(*workers, phase="preflight", lock=False)

    enough.proceeds()
    assert "rss_3_h" in ids(enough)  # and nothing of a metric that is not in the plan: its gate says so
    short.stdout.fnmatch_lines(["*rss_24_h*", "*1?.?% of 24 h is covered*", "*keep a longer history*"])
    [bad] = [gate["id"] for gate in short.verdict["verdicts"][0]["gates"] if gate["decision"] != "PROCEED"]
    assert bad == "rollout.yaml::preflight::rss_24_h"


def test_a_ratio_has_no_past(shop):
    """A window over a metric that has no series is found before its gate needs it, with what would do."""
    gates = GATES.format(length="3h").replace('"nothing"', '"errors"')
    shop.write("gates/shop/test_memory.py", gates)

    result = shop.run(phase="preflight", lock=False)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*'errors' is a ratio and has no series*"])
    result.stdout.fnmatch_lines(["*give the window in its query*"])


ROWS = """
  precision: {better: higher, samples: replays.precision, pairs: query_id, range: [0, 1]}
"""


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ("query_id TEXT, arm TEXT, precision REAL", ""),
        ("query_id TEXT, arm TEXT, accuracy REAL", "replays has no column precision"),
        ("arm TEXT, precision REAL", "replays has no column query_id"),
    ],
)
def test_the_rows_of_an_experiment_are_looked_for(shop, columns, text):
    """A metric that is a column of a table is not asked for a number, and its columns must be there."""
    shop.write("gates/shop/rollout.yaml", PLAN.replace("\nbudgets:", f"{ROWS}budgets:").replace(*REPLAYS))
    with closing(sqlite3.connect(shop.gates / "replays.db")) as database:
        database.execute(f"CREATE TABLE replays ({columns})")

    result = shop.run(phase="preflight")

    if text:
        result.holds("no-data")
        assert text in " ".join(result.text.split())
    else:
        result.proceeds()


REPLAYS = (
    "{kind: memory, answers: answers.yaml}",
    '{kind: memory, answers: answers.yaml}\n      replays: {kind: sql, url: "sqlite:///replays.db"}',
)


@pytest.mark.parametrize("folders", [("empty",), ("nowhere", "empty")], ids=["empty", "nowhere"])
def test_a_folder_without_a_plan(shop, folders):
    """`rollout preflight` says so as `rollout lock` does, in place of pytest's `no tests ran`."""
    (shop.folder / "empty" / "rollout.yaml").mkdir(parents=True)

    for command in ("preflight", "lock"):
        done = shop.rollout(command, *folders)
        if command == "preflight" or len(folders) == 1:
            said = f"no rollout.yaml in or below {', '.join(folders)}\n"
            assert (done.returncode, done.stdout, done.stderr) == (4, "", said)


@pytest.mark.parametrize("named", ["gates/shop/rollout.yaml", "gates/shop/test_phase1.py"])
def test_a_plan_that_is_named_by_a_file(shop, named):
    """The plan around what is named is the one that is meant, as it is of pytest itself."""
    done = shop.rollout("preflight", named, "--rollout-env", "test")

    assert "no rollout.yaml" not in done.stderr
    assert "VERDICT" in done.stdout
