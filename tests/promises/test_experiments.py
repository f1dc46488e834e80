"""An experiment is judged from its rows, and never from arms that are not what was planned."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pytest

from pytest_rollout.experiment.assignment import Assignment
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.quantities import format_duration

PLAN = """
rollout: shop
percentage: percent
experiment:
  unit: customer
  row: request
  arms: {control: old, treatment: new}
  assignment: {salt: shop}
  planned: 1500
metrics:
  percent: {unit: "%", source: telemetry, query: percent, max_age: any}
  latency: {unit: ms, better: lower, samples: requests.latency_ms, timed_out: timed_out}
  failed: {better: lower, samples: requests.failed}
phases:
  phase1:
    traffic: 20 %
    budgets:
      latency.p50: {against: control, warning: +3 ms, critical: {limit: +6 ms, to: 0 %}}
      failed.rate: {against: control, critical: +5 pp}
environments:
  test:
    ledger: ledger.sqlite
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
      requests: {kind: sql, url: "duckdb:///requests.duckdb"}
"""
GATES = '''
"""Is the new one as fast?"""
import pytest

pytestmark = pytest.mark.phase1


def test_the_median_stays(ab):
    """The median grows by less than 4 ms."""
    assert ab("latency").p50.delta < "4 ms"
'''
CUSTOMERS, ROWS = 1500, 15_000
DAYS = 2
AT = 'to_timestamp(seconds) AS "at"'
CUSTOMER = "'c' || unit AS customer"
ARM = "CASE arm WHEN 1 THEN 'new' ELSE 'old' END AS arm"
LATENCY = "CASE WHEN NOT isnan(latency_ms) THEN latency_ms END AS latency_ms"
REST = "failed, timed_out, request"
NAIVE = "(to_timestamp(seconds) AT TIME ZONE 'UTC') AS \"at\""
TEXTS = "CASE WHEN failed THEN 'true' ELSE 'false' END AS failed, timed_out, request"
SWAPPED = "CASE arm WHEN 1 THEN 'old' ELSE 'new' END AS arm"


@pytest.fixture
def shop(project):
    """A healthy experiment of two days, with 20 % of the customers treated."""
    project.write("gates/shop/rollout.yaml", PLAN)
    project.write("gates/shop/test_phase1.py", GATES)
    project.answers(percent=20)
    write_rows(project)
    begin(project, days=DAYS)
    return project


def begin(project, *, days: float) -> None:
    """The phase began so many days ago, with 20 % of the traffic."""
    now = datetime.now(UTC)
    start = now - timedelta(days=days)
    with open_ledger("ledger.sqlite", project.gates) as ledger:
        about = {"rollout": "shop", "environment": "test", "at": start, "by": "a test"}
        begun = [drafts.phase_start(phase="phase1", **about), drafts.percentage(percentage=20, **about)]
        ledger.append_all(begun, recorded_at=now)


def write_rows(
    project,
    *,
    slower=0.0,
    failing=0.0,
    lost=0.0,
    both=0.0,
    salt="shop",
    columns="",
    rows=ROWS,
    twice=0,
    missing=(0.0, 0.0),
    ended=(0.0, 0.0),
):
    """The table of requests, from a fixed seed; so much of either arm has no latency, and so long ago it ended."""
    chance = np.random.default_rng(20261125)
    names = [f"c{number}" for number in range(CUSTOMERS)]
    assigned = Assignment(salt=salt, shares={"treatment": 20})
    treated = np.array([assigned.arm(name) == "treatment" for name in names])
    gone = (chance.random(CUSTOMERS) < lost) & treated
    mixed = chance.random(CUSTOMERS) < both
    unit = chance.integers(0, CUSTOMERS, rows)
    arm = treated[unit] ^ (mixed[unit] & (np.arange(rows) % 2 == 0))
    start = (datetime.now(UTC) - timedelta(days=DAYS)).timestamp()
    table = {
        "seconds": start + np.sort(chance.uniform(60, DAYS * 86400 - 120, rows)),
        "unit": unit,
        "arm": arm.astype(np.int8),
        "latency_ms": np.exp(np.log(20) + 0.5 * chance.standard_normal(rows)) + slower * arm,
        "failed": chance.random(rows) < 0.01 + failing * arm,
        "timed_out": np.zeros(rows, dtype=bool),
        "request": np.arange(rows),
    }
    table["latency_ms"][np.random.default_rng(3).random(rows) < np.where(arm, missing[1], missing[0])] = np.nan
    over = start + DAYS * 86400 - 3600 * np.where(arm, ended[1], ended[0])
    table = {name: column[~gone[unit] & (table["seconds"] < over)] for name, column in table.items()}
    (project.gates / "requests.duckdb").unlink(missing_ok=True)
    chosen = columns or f"{AT}, {CUSTOMER}, {ARM}, {LATENCY}, {REST}"
    with duckdb.connect(str(project.gates / "requests.duckdb")) as connection:
        connection.register("made", table)
        connection.execute(f"CREATE TABLE requests AS SELECT {chosen} FROM made")
        connection.execute(f"INSERT INTO requests SELECT * FROM requests LIMIT {twice}")


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        pytest.param("failed", "", id="booleans"),
        pytest.param("CAST(failed AS INTEGER) AS failed", "the metric's range is known", id="numbers"),
    ],
)
def test_a_mean_at_every_look_takes_no_range_from_the_rows(shop, failed, why):
    """What was 0 or 1 so far may be 200 in the next row, unless its column can only be true or false."""
    write_rows(shop, columns=f"{AT}, {CUSTOMER}, {ARM}, {LATENCY}, {failed}, timed_out, request")
    shop.write(
        "gates/shop/test_phase1.py", GATES.replace('ab("latency").p50.delta < "4 ms"', 'ab("failed").mean.delta < 0.1')
    )
    result = shop.run()

    if not why:
        result.proceeds()
    else:
        result.holds("inconclusive")
        assert why in result.text


def test_a_healthy_experiment_proceeds(shop):
    result = shop.run()

    result.proceeds()
    (verdict,) = result.verdict["verdicts"]
    gates = {gate["id"].rpartition("::")[2]: gate for gate in verdict["gates"]}
    assert {"sample_ratio", "contamination", "assignment", "latency.p50", "latency.p50.last_day"} <= gates.keys()
    (claim,) = gates["latency.p50"]["claims"]
    assert claim["unit"] == "ms"
    assert claim["low"] < claim["value"] < claim["high"] < 3
    assert claim["source"] == "requests"
    assert "units customer" in claim["window"]


def test_workers_and_a_replay_say_the_same(shop):
    """Each question is asked once and kept, so nobody is told otherwise."""
    alone, workers = shop.run(), shop.run("-n", "2")
    claims = claims_of(workers)
    replay = shop.run("--rollout-replay", str(shop.folder / ".rollout" / "evidence.zip"), "--rollout-out", "again")

    workers.proceeds()
    assert alone.ret == 0
    assert replay.ret == 1
    assert claims == claims_of_file(shop, "again")


def claims_of(result):
    return {gate["id"]: gate["claims"] for each in result.verdict["verdicts"] for gate in each["gates"]}


def claims_of_file(project, folder):
    import json

    verdict = json.loads((project.folder / folder / "verdict.json").read_text("utf-8"))
    return {gate["id"]: gate["claims"] for each in verdict["verdicts"] for gate in each["gates"]}


def test_a_slower_treatment_rolls_back_to_where_the_level_says(shop):
    write_rows(shop, slower=12)

    result = shop.run()

    result.holds("critical", "failed", exit_code=20)
    assert result.verdict["verdicts"][0]["rollback_percentage"] == 0
    assert "P50 latency, treatment - control = 1" in result.text


def test_a_little_slower_is_a_warning(shop):
    write_rows(shop, slower=4.2)

    result = shop.run()

    assert result.ret == 1
    assert "warning" in result.codes


def test_more_failures_roll_back(shop):
    """The share of failures is told in percentage points."""
    write_rows(shop, failing=0.12)

    result = shop.run()

    assert result.ret == 20
    assert "pp" in result.text


def test_too_few_rows_wait_for_information(shop):
    """Before the planned rows doubt is no fault: a healthy HOLD."""
    write_rows(shop, rows=1200)

    result = shop.run()

    result.holds("information", exit_code=10)


def test_doubt_says_how_many_more_rows_and_how_long_they_take(shop):
    """3000 rows came in two days; the plan wanted fewer."""
    shop.write("gates/shop/rollout.yaml", PLAN.replace("planned: 1500", "planned: 1000").replace("+3 ms", "+0.4 ms"))

    result = shop.run()

    result.holds("inconclusive")
    told = re.search(r"about (\d+) more rows of treatment \((\d+) in all, ([^)]+) more", " ".join(result.text.split()))
    more, every = int(told[1]), int(told[2])
    hours = 48 * more / (every - more)
    assert told[3] == format_duration(timedelta(hours=math.ceil(hours)))


def test_a_lost_part_of_one_arm_makes_everything_doubtful(shop):
    """However narrow the bounds are: the arms are not what was planned."""
    write_rows(shop, lost=0.5, slower=12)

    result = shop.run()

    result.holds("srm")
    assert "of all and not" in result.text


def test_units_in_both_arms_are_no_experiment(shop):
    write_rows(shop, both=0.2)

    result = shop.run()

    assert result.ret == 1
    assert "invalid" in result.codes


def test_arms_whose_labels_are_swapped_are_found(shop):
    """Else the harm that the new one does would be told as its merit."""
    write_rows(shop, slower=12, columns=f"{AT}, {CUSTOMER}, {SWAPPED}, latency_ms, {REST}")

    result = shop.run()

    assert result.ret == 1
    assert {"srm", "invalid"} <= result.codes
    assert "of 1500 units are not where the hash puts them" in result.text


@pytest.mark.parametrize(("twice", "exit_code"), [(10, 0), (150, 1)])
def test_rows_that_are_there_twice_are_found(shop, twice, exit_code):
    """A pipeline that delivers again makes bounds narrower than what was seen; a few rows do no harm."""
    write_rows(shop, twice=twice)

    result = shop.run()

    assert result.ret == exit_code, result.text
    told = "150 of 15150 rows have the name of another, or none, in column 'request'"
    assert (told in " ".join(result.text.split())) == (twice > 10)
    assert result.codes == ({"invalid"} if exit_code else set())


@pytest.mark.parametrize("missing", [(0.0, 0.04), (0.03, 0.0), (0.0, 0.25)])
def test_a_latency_that_one_arm_does_not_write_down_is_doubt(shop, missing):
    """What hangs has no latency, and what is left of the arm looks as fast as before."""
    write_rows(shop, missing=missing)

    result = shop.run()

    result.holds("invalid")
    assert "have no value, so what is left is not alike" in " ".join(result.text.split())


def test_latencies_that_both_arms_lack_alike_are_left_out(shop):
    """Ranks of P95 are those of the rows that have a value."""
    shop.write("gates/shop/test_phase1.py", GATES.replace('.p50.delta < "4 ms"', '.p95.delta < "12 ms"'))
    write_rows(shop, missing=(0.25, 0.25))

    result = shop.run()

    result.proceeds()
    (claim,) = next(each for name, each in claims_of(result).items() if "test_phase1" in name)
    assert claim["n"] < 0.8 * ROWS * 0.2


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        pytest.param((30, 30), "is 30 h old, and latency allows 1 h", id="both"),
        pytest.param((0, 1.5), "row of treatment is 1 h 30 min old, and latency allows 1 h", id="the-new-one"),
    ],
)
def test_rows_that_ended_are_old(shop, ended, told):
    """What the release did yesterday says nothing of what it does now."""
    write_rows(shop, ended=ended)

    result = shop.run()

    result.holds("stale", "no-data") if ended[0] else result.holds("stale")
    assert told in " ".join(result.text.split())


def test_the_plan_says_how_old_rows_may_be(shop):
    """An hour, or `every` where that is more, unless it says otherwise; and a claim says how old they are."""
    write_rows(shop, ended=(1.5, 1.5))
    said = []
    for text in ("", ", max_age: 2h", ", max_age: any"):
        shop.write(
            "gates/shop/rollout.yaml",
            PLAN.replace("failed}", "failed" + text + "}").replace(
                "timed_out: timed_out}", "timed_out: timed_out" + text + "}"
            ),
        )
        said.append(shop.run())
    shop.write("gates/shop/rollout.yaml", PLAN.replace("percentage: percent", "percentage: percent\nevery: 2h"))
    said.append(shop.run())

    assert [result.ret for result in said] == [1, 0, 0, 0]
    for result in said:
        claims = claims_of(result)["rollout.yaml::phase1::latency.p50"]
        assert 1.5 * 3600 <= claims[0]["age"] < 1.6 * 3600
        assert claims[0]["at"].startswith("20")


@pytest.mark.parametrize("planned", ["  planned: 1500", "  planned: 50000"])
def test_a_dead_pipeline_is_no_wait_for_rows(shop, planned):
    """A table that is empty since the phase began, two days ago, or that ended: more time brings nothing."""
    text = PLAN.replace("  planned: 1500", planned)
    shop.write("gates/shop/rollout.yaml", text)
    write_rows(shop, ended=(24.0 * DAYS, 24.0 * DAYS))
    empty = shop.run()
    write_rows(shop, ended=(5.0, 5.0))
    ended = shop.run()

    empty.holds("no-data")
    assert "no row since" in empty.text
    ended.holds("stale")


def test_a_phase_that_has_just_begun_waits_for_its_first_rows(shop):
    (shop.gates / "ledger.sqlite").unlink()
    begin(shop, days=0.02)
    write_rows(shop, ended=(24.0 * DAYS, 24.0 * DAYS))

    result = shop.run()

    result.holds("information", exit_code=10)


def test_units_that_are_not_where_the_hash_puts_them_are_found(shop):
    """The table was written by another salt than the plan says."""
    write_rows(shop, salt="another")

    result = shop.run()

    assert result.ret == 1
    assert "are not where the hash puts them" in result.text


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        pytest.param(f"{AT}, {CUSTOMER}, latency_ms", "there is no column 'arm'", id="lost-column"),
        pytest.param(f"{AT}, {CUSTOMER}, 'newish' AS arm, latency_ms, {REST}", "'newish'", id="unknown-label"),
        pytest.param(f"'noon' AS \"at\", {CUSTOMER}, {ARM}, latency_ms, {REST}", "column 'at'", id="no-time"),
        pytest.param(f"{NAIVE}, {CUSTOMER}, {ARM}, latency_ms, {REST}", "column 'at'", id="no-zone"),
        pytest.param(f"{AT}, {CUSTOMER}, {ARM}, latency_ms, {TEXTS}", "VARCHAR", id="true-as-text"),
        pytest.param(f"{AT}, {CUSTOMER}, {ARM}, 'fast' AS latency_ms, {REST}", "column 'latency_ms'", id="no-number"),
    ],
)
def test_a_table_that_is_another_than_was_said_holds(shop, columns, told):
    """The reason names the column, and nothing is guessed."""
    write_rows(shop, columns=columns)

    result = shop.run()

    assert result.ret == 1
    assert told in result.text, result.text
    result.is_calm()


def test_without_the_start_of_the_phase_nothing_is_compared(shop):
    """Which rows are of this phase, nobody knows: the first evaluation begins it."""
    (shop.gates / "ledger.sqlite").unlink()

    result = shop.run()

    assert result.ret == 10
    assert "the phase begins with this run" in result.text


def test_once_is_once(shop):
    """A second look at bounds for one look is refused."""
    text = PLAN.replace("percentage: percent", "percentage: percent\nlooks: once")
    shop.write("gates/shop/rollout.yaml", text)

    first, second = shop.run(), shop.run()

    assert first.ret == 0, first.text
    second.holds("invalid")
    assert "'looks: once'" in second.text


def test_a_winner_is_named_with_the_error_of_all_comparisons_held(shop):
    """The treatment is faster, and the report says so."""
    shop.write(
        "gates/shop/test_phase1.py",
        GATES
        + '''

def test_one_wins(ab):
    """The new one is faster."""
    assert ab.winner("latency", by="p50")
''',
    )
    write_rows(shop, slower=-6)

    result = shop.run("-v")

    result.proceeds()
    assert "treatment wins" in result.text


@pytest.mark.parametrize(
    ("among", "told"),
    [
        ('["treatment"]', "treatment wins"),
        ('["treatmet"]', "did you mean 'treatment'?"),
        ('["control"]', "'control' is no arm that could win"),
        ("[]", "nobody can win among no arms"),
    ],
)
def test_a_winner_among_some_arms(shop, among, told):
    """Who asks for other arms than there are hears which there are; the control cannot win against itself."""
    gate = f'\n\ndef test_one_wins(ab):\n    """Faster."""\n    assert ab.winner("latency", by="p50", among={among})\n'
    shop.write("gates/shop/test_phase1.py", GATES + gate)
    write_rows(shop, slower=-6)

    result = shop.run("-v")

    assert told in result.text
    assert result.ret == (0 if told == "treatment wins" else 1)


def test_rates_in_points_are_compared_with_points(shop):
    """0.001 would be read as a share or as a point: say which."""
    shop.write(
        "gates/shop/test_phase1.py",
        GATES.replace('"4 ms"', "4")
        + '''

def test_no_more_fail(ab):
    """At most 5 points more."""
    assert ab("failed").rate.delta < "5 pp"
''',
    )

    shop.run().proceeds()


def test_power_says_before_the_start_what_can_be_seen(shop):
    """A table, and exit code 1 where a gate is unlikely to be proven in time."""
    good = shop.rollout("power", "gates/shop", "phase1", "--rollout-env", "test")
    shop.write("gates/shop/rollout.yaml", PLAN.replace("+3 ms", "+0.05 ms"))
    poor = shop.rollout("power", "gates/shop/rollout.yaml", "phase1", "--rollout-env", "test")

    assert good.returncode == 0, good.stdout + good.stderr
    assert "latency.p50" in good.stdout
    assert poor.returncode == 1
    assert "unlikely to be proven in time: latency.p50" in poor.stdout


def power_of(shop, plan):
    """What `rollout power` prints for a plan, as one text."""
    shop.write("gates/shop/rollout.yaml", plan)
    found = shop.rollout("power", "gates/shop", "phase1", "--rollout-env", "test")
    return found.returncode, " ".join((found.stdout + found.stderr).split())


def test_power_says_when_the_phase_can_be_over(shop):
    """A day is green as a whole and begins after the last proof; where a gate is never proven there is none."""
    exits = "    traffic: 20 %\n    minimum: 2d\n    exit: {green: 4d}\n"
    plan = re.sub(r" +traffic: 20 %\n(?: +minimum: \S+\n)?", exits, PLAN)
    code, told = power_of(shop, plan)
    _, never = power_of(shop, plan.replace("+3 ms", "+0.001 ms"))

    assert code == 0, told
    assert re.search(r"latency\.p50 .* (\S+ \S+ / \S+ \S+) ", told), told
    first, over = map(
        int, re.search(r"first green day: day (\d+); over after (\d+) days at the soonest", told).groups()
    )
    assert over == first - 1 + 4
    assert "first green day" not in never


def test_power_takes_a_lift_of_a_rate_for_what_it_is(shop):
    """Ten per cent of one per cent is a tenth of a point, which 3000 rows do not see."""
    code, told = power_of(shop, PLAN.replace("critical: +5 pp", "critical: +10 %"))
    points, of_points = power_of(shop, PLAN.replace("critical: +5 pp", "critical: +10 pp"))

    assert code == 1
    assert "unlikely to be proven in time: failed.rate" in told
    assert points == 0, of_points


def test_power_knows_that_few_units_prove_nothing(shop):
    """Two per cent of 1500 customers are 24 or so, whose gates would be HOLD[low-n] for ever."""
    write_rows(shop)
    code, told = power_of(shop, PLAN.replace("traffic: 20 %", "traffic: 2 %"))

    assert code == 1
    assert "effective units of the smaller arm are too few: at least 30" in told


def test_power_splits_the_traffic_that_there_is(shop):
    """Before the phase the control has all of it; at half and half an arm gets half, and not as much again."""
    with duckdb.connect(str(shop.gates / "requests.duckdb")) as connection:
        connection.execute("UPDATE requests SET arm = 'old'")
    plan = PLAN.replace("+3 ms", "+0.33 ms").replace("critical: {limit: +6 ms, to: 0 %}", "critical: +0.8 ms")
    chances = []
    for percent in (50, 25):
        told = power_of(shop, plan.replace("traffic: 20 %", f"traffic: {percent} %"))[1]
        chances.append(int(told.partition("latency.p50")[2].split("%")[0].split()[-1]))

    half, quarter = chances
    assert half < 85, chances
    assert quarter < half


def test_power_tells_times_by_the_rows_that_units_have_by_then(shop):
    """Customers are alike, and the longer a phase lasts the less a row is worth: an hour is not judged as its end."""
    with duckdb.connect(str(shop.gates / "requests.duckdb")) as connection:
        connection.execute("UPDATE requests SET latency_ms = latency_ms + 0.05 * substr(customer, 2)::INTEGER")

    def hours(minimum):
        plan = PLAN.replace("+3 ms", "+9 ms").replace("+6 ms", "+18 ms")
        code, told = power_of(shop, plan.replace("traffic: 20 %", f"minimum: {minimum}\n    traffic: 20 %"))
        assert code == 0, told
        return re.search(r"latency\.p50 9 ms .*?% (.*?) failed", told)[1]

    assert hours("40d") == hours("3d")


def test_preflight_asks_for_rows_and_for_what_they_can_prove(shop):
    """Nobody waits two weeks to hear that the table was another, or that two weeks were too few."""
    result = shop.run(phase="preflight")

    result.proceeds()
    assert {"latency", "failed", "power"} <= {
        gate["id"].rpartition("::")[2] for gate in result.verdict["verdicts"][0]["gates"]
    }


@pytest.mark.parametrize(
    ("rows", "plan", "gate", "reason", "told"),
    [
        pytest.param(
            {"columns": f'to_timestamp(seconds - 90000) AS "at", {CUSTOMER}, {ARM}, latency_ms, {REST}'},
            PLAN.replace("+3 ms", "+2.9 ms"),
            "latency",
            "stale",
            "has no row of the last 24 h",
            id="old",
        ),
        pytest.param(
            {"columns": f"{AT}, {CUSTOMER}, {ARM}, failed, timed_out, request"},
            PLAN,
            "latency",
            "no-data",
            "there is no column 'latency_ms'",
            id="lost-column",
        ),
        pytest.param(
            {}, PLAN.replace("+3 ms", "+0.05 ms"), "power", "low-n", "latency.p50: a chance of", id="too-little-time"
        ),
    ],
)
def test_preflight_finds_what_would_hold_later(shop, rows, plan, gate, reason, told):
    write_rows(shop, **rows)
    shop.write("gates/shop/rollout.yaml", plan)

    result = shop.run(phase="preflight")

    assert result.ret == 1, result.text
    gates = {each["id"].rpartition("::")[2]: each for each in result.verdict["verdicts"][0]["gates"]}
    assert gates[gate]["reason"] == reason
    assert told in " ".join(result.text.split())
    result.is_calm()


def test_power_is_told_before_the_phase_begins(shop):
    """From the rows of the days before, when nobody is treated yet."""
    (shop.gates / "ledger.sqlite").unlink()

    found = shop.rollout("power", "gates/shop", "phase1", "--rollout-env", "test")

    assert "rows of the control arm are too few" not in found.stdout
    assert found.returncode == 0, found.stdout + found.stderr


SUITE = """
rollout: shop
experiment:
  unit: question
  arms: {control: old, treatment: new}
  shares: {control: 50 %, treatment: 50 %}
metrics:
  score: {better: higher, samples: answers.score, pairs: question}
phases:
  phase1: {title: Replay}
environments:
  test:
    ledger: ledger.sqlite
    sources:
      answers: {kind: sql, url: "duckdb:///answers.duckdb"}
"""
SUITE_GATES = '''
"""Are answers as good?"""
import pytest


@pytest.mark.phase1
def test_as_good(ab):
    """Answers are as good."""
    assert ab("score").paired > -0.05
'''


@pytest.fixture
def suite(project):
    """A thousand questions that were put to both versions three hours ago."""
    project.write("gates/shop/rollout.yaml", SUITE)
    project.write("gates/shop/test_phase1.py", SUITE_GATES)
    begin(project, days=9)
    write_answers(project)
    return project


def write_answers(project, *, unanswered=0.0, hours=3.0):
    """The answers of both versions; the new one leaves out the hardest questions."""
    chance = np.random.default_rng(20261125)
    old = chance.uniform(0.7, 0.9, 1000)
    new = np.where(old < np.quantile(old, unanswered), np.nan, old + chance.normal(0, 0.02, 1000))
    table = {
        "number": np.tile(np.arange(1000), 2),
        "arm": np.repeat(np.arange(2), 1000),
        "score": np.concatenate([old, new]),
        "seconds": np.full(2000, (datetime.now(UTC) - timedelta(hours=hours)).timestamp()),
    }
    (project.gates / "answers.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(project.gates / "answers.duckdb")) as connection:
        connection.register("made", table)
        connection.execute(
            f"CREATE TABLE answers AS SELECT {AT}, 'q' || number AS question, {ARM}, "
            "CASE WHEN NOT isnan(score) THEN score END AS score FROM made"
        )


def test_a_suite_that_both_versions_answer_proceeds(suite):
    """It is asked again at every run, as everything else is."""
    result = suite.run()

    result.proceeds()
    methods = {claim["method"] for claims in claims_of(result).values() for claim in claims}
    assert "mean of paired differences, normal mixture valid at every look" in methods


def test_questions_that_one_version_leaves_out_are_doubt(suite):
    """The hard ones: of those that are left it is as good as the old one."""
    write_answers(suite, unanswered=0.3)

    result = suite.run()

    result.holds("invalid")
    assert "300 of 1000 questions were answered by one version only" in result.text


def test_a_suite_has_a_time_of_its_own(suite):
    """Nobody replays it every hour; a day is what it may be old, unless the plan says otherwise."""
    write_answers(suite, hours=25)
    old = suite.run()
    suite.write("gates/shop/rollout.yaml", SUITE.replace("pairs: question", "pairs: question, max_age: 7d"))
    allowed = suite.run()

    old.holds("stale")
    assert "is 25 h old, and score allows 24 h" in " ".join(old.text.split())
    allowed.proceeds()


AB_ONLY = PLAN.replace("  assignment: {salt: shop}\n", "  shares: {control: 80 %, treatment: 20 %}\n").replace(
    """    budgets:
      latency.p50: {against: control, warning: +3 ms, critical: {limit: +6 ms, to: 0 %}}
      failed.rate: {against: control, critical: +5 pp}
""",
    "",
)


@pytest.mark.parametrize(
    ("plan", "rows", "told"),
    [
        pytest.param(AB_ONLY, {"both": 0.02}, "of 1500 units have rows in two arms", id="in-both"),
        pytest.param(AB_ONLY, {"twice": 150}, "have the name of another, or none, in column 'request'", id="twice"),
        pytest.param(
            AB_ONLY.replace("  shares: {control: 80 %, treatment: 20 %}", "  assignment: {salt: shop}"),
            {"salt": "another"},
            "are not where the hash puts them",
            id="assigned-otherwise",
        ),
    ],
)
def test_a_phase_whose_gates_alone_compare_arms_believes_no_mixed_ones(shop, plan, rows, told):
    """It has no gate that asks whether there are two groups, so each comparison does."""
    shop.write("gates/shop/rollout.yaml", plan)
    write_rows(shop)
    sound = shop.run()
    write_rows(shop, slower=-12, **rows)

    result = shop.run()

    sound.proceeds()
    assert not {"contamination", "assignment"} & {name.rpartition("::")[2] for name in claims_of(sound)}
    result.holds("invalid")
    assert told in " ".join(result.text.split())


def test_an_assignment_without_traffic_is_doubt_where_gates_alone_compare(shop):
    plan = AB_ONLY.replace("  shares: {control: 80 %, treatment: 20 %}", "  assignment: {salt: shop}")
    shop.write("gates/shop/rollout.yaml", plan.replace("    traffic: 20 %", "    title: Half"))

    result = shop.run()

    result.holds("invalid")
    assert "nobody says how many units of phase1 are in which arm" in " ".join(result.text.split())
    result.is_calm()


def test_an_assignment_without_traffic_is_refused_where_the_plan_compares(shop):
    """Nobody could say which units should be where, at any run."""
    shop.write("gates/shop/rollout.yaml", PLAN.replace("    traffic: 20 %\n", ""))

    result = shop.run(lock=False)

    assert result.ret not in {0, 10, 20}
    text = " ".join(result.text.split())
    assert ":14:3: phases.phase1: 'assignment' in the experiment of 'phase1', and nobody says which part" in text
    assert "write 'traffic' or 'stages' in the phase, or 'shares' in the experiment" in text


@pytest.mark.parametrize("limit", ["+6 ms", "+20 %"])
def test_requests_that_never_end_take_the_release_back(shop, limit):
    """So many that the median is endless: that is no chance, however many triggers are asked at once."""
    shop.write("gates/shop/rollout.yaml", PLAN.replace("warning: +3 ms, ", "").replace("+6 ms", limit))
    with duckdb.connect(str(shop.gates / "requests.duckdb")) as connection:
        connection.execute("UPDATE requests SET timed_out = true WHERE arm = 'new' AND request % 10 < 7")

    result = shop.run()

    assert result.ret == 20, result.text
    assert "critical" in result.codes


def test_arms_whose_sizes_nobody_planned(shop):
    """Half of the treated customers are lost, and only a gate compares: nobody would see it."""
    plan = PLAN[: PLAN.index("    budgets:")] + PLAN[PLAN.index("environments:") :]
    shop.write("gates/shop/rollout.yaml", plan.replace("  assignment: {salt: shop}\n", ""))
    write_rows(shop, lost=0.5)

    result = shop.run()

    result.holds("invalid")
    assert "nobody says how units were to be split" in " ".join(result.text.split())
    shop.write(
        "gates/shop/rollout.yaml",
        plan.replace("  assignment: {salt: shop}\n", "  shares: {control: 80 %, treatment: 20 %}\n"),
    )
    shop.run().holds("srm")
    write_rows(shop)
    shop.run().proceeds()
