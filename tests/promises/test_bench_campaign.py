"""competitive_bench's own programs: what they refuse, what they leave, and what their report says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "gates" / "competitive_bench"
SCENARIOS = BENCH / "scenarios"
SOUND = (SCENARIOS / "qdrant_ann_1m_768d.toml").read_text("utf-8")
AT = datetime(2026, 11, 26, 9, tzinfo=UTC)


def bench(*words):
    """The campaign's command."""
    command = [sys.executable, str(BENCH / "bench.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def line_of(text, start):
    """The line that begins so, from 1."""
    return next(number for number, line in enumerate(text.splitlines(), start=1) if line.startswith(start))


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What is said of scenarios, each with one thing changed; all of them are read by one process."""
    folder = tmp_path_factory.mktemp("scenarios")
    for name, (old, new) in {**CHANGED, "sound": ("", "")}.items():
        assert old in SOUND
        (folder / name).mkdir()
        (folder / name / "qdrant_ann_1m_768d.toml").write_text(SOUND.replace(old, new, 1), encoding="utf-8")
    code = """
import json
from pathlib import Path
from bench_scenarios import read
from pytest_rollout.errors import PlanError
said = {}
for folder in Path(sys.argv[1]).iterdir():
    try:
        read(folder / "qdrant_ann_1m_768d.toml")
        said[folder.name] = []
    except PlanError as error:
        said[folder.name] = [str(problem) for problem in error.problems]
print(json.dumps(said))
"""
    whole = f"import sys; sys.path.insert(0, {str(BENCH)!r})\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", whole, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


CHANGED = {
    "unknown_key": ("seed = 20260101", "sede = 20260101"),
    "no_number": ("seed = 20260101", "seed = true"),
    "unknown_workload": ('workload = "vector"', 'workload = "vectors"'),
    "unknown_operation": ("insert = 8", "insret = 8"),
    "mix_of_101": ("insert = 8", "insert = 9"),
    "mix_is_no_table": ("[mix]           # of 100 operations\nsearch = 90\ninsert = 8\ndelete = 2\n", ""),
    "negative": ("rows = 4_000", "rows = -4"),
    "not_of_a_hundred": ("operations = 400", "operations = 450"),
    "range_upside_down": ("p99_ms = [22.0, 24.0]", "p99_ms = [24.0, 22.0]"),
    "published_zero": ("p99_ms = [22.0, 24.0]", "p99_ms = [0, 24.0]"),
    "no_dimensions": ("dimensions = 64\n", ""),
    "another_name": ('name = "qdrant_ann_1m_768d"', 'name = "qdrant"'),
    "wanted_slower": ("delta_percent = -10.0", "delta_percent = 10.0"),
    "no_digest": ('digest = "baa573', 'digest = "BAA573'),
    "no_toml": ("seed = 20260101", "seed = 2026 0101"),
    "not_closed": ("p99_ms = [22.0, 24.0]", "p99_ms = [22.0, 24.0"),
}


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        ("unknown_key", "seed", "sede: unknown key"),
        ("no_number", "seed", "seed: a whole number from 0 on is meant, not True"),
        ("unknown_workload", "workload", "did you mean 'vector'?"),
        ("unknown_operation", "insert", "did you mean 'insert'?"),
        ("mix_of_101", "[mix]", "mix: adds up to 101"),
        ("mix_is_no_table", "", "mix: missing"),
        ("negative", "rows = 4_000", "reduced.rows: a whole number above 0 is meant, not -4"),
        ("not_of_a_hundred", "operations = 400", "reduced.operations: 450 is no multiple of 100"),
        ("range_upside_down", "p99_ms = [", "competitor.p99_ms: lowest and highest published ms are meant"),
        ("published_zero", "p99_ms = [", "competitor.p99_ms: lowest and highest published ms are meant"),
        ("no_dimensions", "[reduced]", "reduced.dimensions: missing: vectors have dimensions"),
        ("another_name", "name", "name: 'qdrant' is not the name of the file"),
        ("wanted_slower", "delta_percent", "target.delta_percent: a change from -100 to 0 % is meant, not 10.0"),
        ("no_digest", 'digest = "baa573', "reduced.digest: a SHA-256 in hexadecimal is meant"),
        ("no_toml", "seed", "no TOML: "),
        ("not_closed", "", "no TOML: "),
    ],
    ids=lambda value: value if isinstance(value, str) and value in CHANGED else "",
)
def test_a_malformed_scenario_is_refused_with_its_line(refusals, name, start, said):
    """File, line, what was found, and what would do."""
    told = refusals[name]

    assert any(said in each for each in told), told
    if start:
        line = line_of(SOUND, start)
        assert any(each.startswith(f"qdrant_ann_1m_768d.toml:{line}:") for each in told if said in each), told


def test_a_sound_scenario_is_not_refused(refusals):
    assert refusals["sound"] == []


def test_all_problems_of_all_files_are_said_at_once(tmp_path):
    for file in SCENARIOS.glob("*.toml"):
        (tmp_path / file.name).write_text(file.read_text("utf-8").replace("rounds", "runs"), encoding="utf-8")

    done = bench("report", "--results", tmp_path, "--scenarios", tmp_path, "--out", tmp_path / "out")

    assert done.returncode == 4
    assert done.stderr.count("runs: unknown key") == 8
    assert "Traceback" not in done.stderr


def test_a_run_again_is_the_same_run(tmp_path):
    """The same operations; the result replaces the one before as a whole."""
    scenario, out = SCENARIOS / "neo4j_traversal_100k.toml", tmp_path / "result.json"
    digests = []
    for _ in range(2):
        assert bench("run", scenario, "reduced", "--out", out).returncode == 0
        row = json.loads(out.read_text("utf-8"))["benchmarks"][0]
        digests.append(
            (row["extra_info"]["digest"], row["extra_info"]["operations"], len(row["extra_info"]["samples"]))
        )

    assert digests[0] == digests[1]
    assert digests[0][1:] == ({"walk": 320, "neighbours": 80}, 12)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


RECORDED = """
from datetime import datetime
from pathlib import Path
from bench_recorded import Results
Results({}).write(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
"""


def reported(folder, how=""):
    """The report on recorded results, and its rows."""
    whole = f"import sys; sys.path.insert(0, {str(BENCH)!r}){RECORDED.format(how)}"
    command = [sys.executable, "-c", whole, str(folder), AT.isoformat()]
    subprocess.run(command, check=True, timeout=60)
    done = bench("report", "--results", folder / "results", "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (folder / "out" / "findings.jsonl").read_text("utf-8").splitlines()]
    return done.stdout, rows


def findings(rows, severity):
    """What is said with a severity."""
    return [(each["name"], each["text"]) for each in rows if each["what"] == "finding" and each["severity"] == severity]


def test_a_healthy_quarter_is_reported(tmp_path):
    """Nothing above INFO; the figure that nobody has published is missing in words, and null in rows."""
    text, rows = reported(tmp_path)

    assert {each["severity"] for each in rows if each["what"] == "finding"} == {"INFO"}
    (missing,) = [each for each in rows if each["what"] == "change" and each["against"] == "nobody"]
    assert missing["name"] == "hybrid_production_100k"
    assert [missing[key] for key in ("percent", "low", "high", "p", "proven")] == [None, None, None, None, 0]
    assert "competitor    \N{EN DASH} no figure is published" in text
    assert "Priorities (proven gaps beyond 20 %, the largest first)\n  none" in text
    assert len(list((tmp_path / "out").glob("*.svg"))) == 4


def test_regressions_are_sorted_by_their_size(tmp_path):
    """Two priorities, the larger first; a smaller regression is a warning and no priority; a rising trend is said."""
    factors = {"neo4j_traversal_100k": 1.3, "hybrid_production_100k": 1.6, "milvus_ann_10m_768d": 1.05}

    text, rows = reported(tmp_path, f"factors={factors}")

    first = [each["name"] for each in sorted((r for r in rows if r["what"] == "priority"), key=lambda r: r["place"])]
    assert first == ["hybrid_production_100k", "neo4j_traversal_100k"]
    assert text.index("  1. hybrid_production_100k") < text.index("  2. neo4j_traversal_100k")
    warned = [name for name, said in findings(rows, "WARNING") if said.endswith("slower")]
    assert set(warned) == {"milvus_ann_10m_768d"}
    assert ("hybrid_production_100k", "P99 13.92 ms") in [(n, t[:12]) for n, t in findings(rows, "ERROR")]


def test_a_file_that_ends_in_the_middle_is_fatal(tmp_path):
    """Every scenario is without a result, and none is shown as zero."""
    text, rows = reported(tmp_path, "cut=True")

    fatal = findings(rows, "FATAL")
    assert {name for name, _ in fatal} == {"now.json", *(path.stem for path in SCENARIOS.glob("*.toml"))}
    assert not [each for each in rows if each["what"] == "change"]
    assert text.count("this quarter  \N{EN DASH} not measured") == 4


def test_a_quarter_that_cannot_be_read_is_said_and_left_out(tmp_path):
    """The others are compared all the same."""
    reported(tmp_path)
    (tmp_path / "results" / "2026-q2.json").write_text("{", encoding="utf-8")

    done = bench("report", "--results", tmp_path / "results", "--out", tmp_path / "again")

    assert "ERROR    2026-q2.json: " in done.stdout
    assert "against 2026-q1" in done.stdout
    assert "against 2026-q2" not in done.stdout


def test_what_a_quarter_lacks_is_said(tmp_path):
    """A scenario that was not measured then is compared with nothing, and that is a warning and no zero."""
    reported(tmp_path)
    file = tmp_path / "results" / "2026-q2.json"
    document = json.loads(file.read_text("utf-8"))
    document["benchmarks"] = [row for row in document["benchmarks"] if not row["name"].startswith("hybrid")]
    file.write_text(json.dumps(document), encoding="utf-8")

    done = bench("report", "--results", tmp_path / "results", "--out", tmp_path / "again")

    assert "WARNING  hybrid_production_100k: against 2026-q2: unknown (there are no rounds of it)" in done.stdout


def test_a_quarter_of_the_future_is_left_out(tmp_path):
    """Files that were swapped would show every regression as a gain."""
    reported(tmp_path)
    folder = tmp_path / "results"
    (folder / "2026-q3.json").write_text((folder / "now.json").read_text("utf-8"), encoding="utf-8")

    done = bench("report", "--results", folder, "--out", tmp_path / "again")

    assert "ERROR    2026-q3: was not taken before this quarter's results" in done.stdout
    assert "against 2026-q3" not in done.stdout


def test_a_quarter_without_any_before_it_has_no_trend(tmp_path):
    text, rows = reported(tmp_path, "quarters=()")

    assert findings(rows, "WARNING") == [("trend", "missing: there are no results of an earlier quarter")]
    assert text.count("earlier       \N{EN DASH} no results of an earlier quarter") == 4


def test_an_outlier_is_named(tmp_path):
    _, rows = reported(tmp_path, "outlier='hybrid_production_100k'")

    ((name, text),) = [each for each in findings(rows, "WARNING") if each[1].startswith("outliers")]
    assert name == "hybrid_production_100k"
    assert text.startswith("outliers: round 30 with 13.")


def test_a_stage_ends_with_the_world_that_started_it(tmp_path):
    """A world that is killed leaves no stage and no run behind, and nothing half written."""
    words = [str(BENCH / "bench.py"), "stage", "determinism", "--with-parent", "--out", str(tmp_path / "out")]
    code = f"import subprocess, sys; subprocess.run([sys.executable, *{words!r}])"
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/results/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.kill()
    parent.wait()

    while _running(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _running(tmp_path)
    assert list(tmp_path.glob("out/results/*.json"))
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.glob("out/*.jsonl"))


def _running(folder):
    """Programs that were told of this folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += [each] if str(folder).encode() in each.read_bytes() else []
    return found
