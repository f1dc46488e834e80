"""What a plan means once it is read, and how its file is found and named."""

import dataclasses
import hashlib
import math
import os
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_rollout.decisions import Decision
from pytest_rollout.errors import PlanError
from pytest_rollout.limits import Level
from pytest_rollout.plan.load import load_plan
from pytest_rollout.plan.metric import NoData

PLANS = Path(__file__).parent / "plans"
SMALL = (PLANS / "small.yaml").read_text()
FULL = (PLANS / "full.yaml").read_text()


def test_a_whole_plan_is_read(load, tmp_path):
    plan = load(FULL)

    assert (plan.rollout, plan.title, plan.owner) == ("dual-memory", "Blended recall", "search-platform")
    assert (plan.runbook, plan.environment) == ("docs/runbook.md", "demo")
    assert plan.folder == tmp_path
    assert plan.digest == hashlib.sha256(FULL.encode()).hexdigest()
    assert list(plan.metrics) == [
        "memory_rss_bytes",
        "availability",
        "requests_total",
        "timeouts",
        "concepts.formed",
    ]
    assert list(plan.phases) == ["phase1", "phase2"]


def test_a_metric_knows_what_was_said_and_what_was_not(load):
    metrics = load(FULL).metrics

    rss = metrics["memory_rss_bytes"]
    assert (rss.title, rss.unit, rss.better, rss.max_age) == ("Memory", "B", "lower", timedelta(seconds=60))
    assert metrics["availability"].max_age is None
    plain = metrics["requests_total"]
    assert (plain.title, plain.unit, plain.better) == ("requests_total", "", "")
    assert (plain.max_age, plain.no_data) == (timedelta(minutes=5), None)
    timeouts = metrics["timeouts"]
    assert (timeouts.unit, timeouts.query.to("sql")) == ("/h", "SELECT 1\nFROM x\n")
    assert timeouts.no_data == NoData(
        value=0.0, alive="requests_total", because="the counter appears with the first timeout"
    )
    assert (timeouts.place.line, timeouts.place.column, timeouts.place.path) == (10, 3, "metrics.timeouts")


def test_levels_are_in_the_metrics_unit_and_fall_back_to_the_budget(load):
    limit = load(FULL).phases["phase2"].budgets["memory_rss_bytes"].limit

    assert (limit.name, limit.metric, limit.unit) == ("memory_rss_bytes", "memory_rss_bytes", "B")
    assert limit.levels == (
        Level("warning", -math.inf, 6e8, Decision.HOLD, "check the cache", "#issue-1"),
        Level("critical", -math.inf, 1e9, Decision.ROLLBACK, "stop", "#issue-1"),
        Level("emergency", -math.inf, 2e9, Decision.ROLLBACK, "check the cache", "#issue-9"),
    )


def test_a_better_that_is_higher_makes_lower_bounds(load):
    levels = load(FULL).phases["phase2"].budgets["availability"].limit.levels

    assert [level.low for level in levels] == pytest.approx([0.995, 0.99])
    assert all(level.high == math.inf for level in levels)
    assert levels[1].decision is Decision.HOLD


def test_a_phases_own_budget_replaces_the_general_one(load):
    plan = load(FULL)

    first, second = plan.phases["phase1"], plan.phases["phase2"]
    assert (first.title, second.title) == ("Shadow mode", "phase2")
    assert [(level.name, level.high) for level in first.budgets["memory_rss_bytes"].limit.levels] == [("critical", 5e8)]
    assert set(first.budgets) == {"memory_rss_bytes", "concepts.formed"}
    assert set(second.budgets) == {"memory_rss_bytes", "availability"}
    concepts = first.budgets["concepts.formed"]
    assert [(level.low, level.high) for level in concepts.limit.levels] == [(10.0, 1000.0), (0.0, 5000.0)]
    assert concepts.place.path == "phases.phase1.budgets.concepts.formed"


def test_environments_keep_variables_and_places(load, tmp_path):
    environments = load(FULL).environments

    demo, production = environments["demo"], environments["production"]
    assert (demo.world, demo.target, demo.flags, demo.sources) == (tmp_path.resolve() / "world.py", "", None, {})
    assert (production.world, production.target) == (None, "${TARGET}")
    assert production.target_place is not None
    assert (production.target_place.line, production.target_place.column) == (38, 13)
    assert production.flags is not None
    assert (production.flags.kind, production.flags.options) == ("file", {"path": "flags.json"})
    telemetry = production.sources["telemetry"]
    assert (telemetry.name, telemetry.kind, telemetry.options["url"]) == (
        "telemetry",
        "prometheus",
        "${PROMETHEUS_URL}",
    )
    assert telemetry.places["bearer"].path == "environments.production.sources.telemetry.bearer"


def test_below_an_option_values_are_what_json_calls_them(load):
    sources = load(FULL).environments["production"].sources

    assert sources["telemetry"].options["headers"] == {"X-Scope": 5}
    assert sources["recalls"].options["answers"] == {
        "up": {"value": 1.5, "age": "off"},
        "no": [],
        "n": None,
        "y": True,
        "t": "0777",
    }


def test_options_and_targets_are_in_no_repr(load):
    plan = load(FULL.replace('"${TOKEN}"', "s3cret").replace("${TARGET}", "https://me:s3cret@host"))

    assert "s3cret" not in repr(plan)
    assert "s3cret" not in repr(plan.environments["production"].sources["telemetry"])


def test_the_plan_is_frozen(load):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(FULL).rollout = "other"


@pytest.mark.parametrize(
    "words", ["off", "on", "yes", "No", "1:30", "0777", "0x10", "2026-11-01", "1e3", "true", "=", "'null'"]
)
def test_a_text_is_the_text_that_was_written(load, words):
    """YAML 1.1 would make a boolean, 90, 511 or a date of these."""
    plan = load(SMALL + f"title: {words}\nowner: {words}\n")

    assert plan.title == plan.owner == words.strip("'")


def test_a_name_may_be_a_word_that_yaml_takes_for_a_boolean(load):
    plan = load(SMALL.replace("production:", "off:").replace("phase1", "no"))

    assert list(plan.environments) == ["off"]
    assert list(plan.phases) == ["no"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("missing.yaml", "no such file", id="missing"),
        pytest.param(".", "a folder, not a plan\n  name the file: rollout.yaml", id="folder"),
        pytest.param("pipe", "not an ordinary file", id="pipe"),
        pytest.param("a\0b", "cannot be read: embedded null byte", id="null-byte"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, kinds, flag_kinds, name, found):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(PlanError) as refused:
        load_plan(tmp_path / name, kinds=kinds, flag_kinds=flag_kinds, shown="x.yaml")

    assert str(refused.value) == f"x.yaml:1:1: {found}"


@pytest.mark.parametrize(("inside", "shown"), [(True, "gates/rollout.yaml"), (False, None)])
def test_the_file_is_named_from_the_working_directory(tmp_path, monkeypatch, kinds, flag_kinds, inside, shown):
    path = tmp_path / "gates" / "rollout.yaml"
    path.parent.mkdir()
    path.write_text("")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path if inside else tmp_path / "elsewhere")

    with pytest.raises(PlanError) as refused:
        load_plan(path, kinds=kinds, flag_kinds=flag_kinds)

    assert str(refused.value).startswith(f"{shown or path.as_posix()}:1:1: the file is empty")


def test_a_relative_plan_still_finds_its_world(tmp_path, monkeypatch, kinds, flag_kinds):
    (tmp_path / "rollout.yaml").write_text(FULL)
    monkeypatch.chdir(tmp_path)

    plan = load_plan(Path("rollout.yaml"), kinds=kinds, flag_kinds=flag_kinds)

    assert plan.environments["demo"].world == tmp_path.resolve() / "world.py"
