"""What a world's author is told when the description does not hold together."""

from __future__ import annotations

import pytest

from pytest_rollout.errors import WorldError
from pytest_rollout.world import Alert, Fault, Junit, Log, Phase, Rows, Series, World

LOAD = Series(metric="load", base=1, noise=1)
LOG = Log(pattern="(?P<at>.*)", entries={"INFO x": 60})


def test_a_fault_changes_what_it_names_and_nothing_else():
    world = World(
        name="w",
        state={"a": {"b": 1, "c": 2}},
        flags={"f": False, "g": False},
        series=[LOAD, Series(metric="other", base=2)],
        faults={"bad": Fault(about="all at once", series={"load": 9}, state={"a.b": 5}, flags={"f": True})},
    )

    bad = world.with_fault("bad")

    assert bad.state == {"a": {"b": 5, "c": 2}}
    assert bad.flags == {"f": True, "g": False}
    assert bad.series == (LOAD.lately(9, minutes=360), world.series[1])
    assert world.state == {"a": {"b": 1, "c": 2}}


def test_a_phase_may_have_some_of_the_files_and_the_fault_s_own():
    """What is costly to make is made where it is shown; a phase that says nothing has all."""
    tests, broken, rows = Junit(tests=1), Junit(tests=1, failed=["x"]), Rows(rows=[])
    world = World(
        name="w",
        files={"tests": tests, "rows": rows},
        phases={"one": Phase(files=["tests"]), "two": Phase(files=[]), "three": Phase()},
        faults={"bad": Fault(about="a test fails", files={"tests": broken})},
    )

    shown = {phase: dict(world.showing(phase).files) for phase in ("one", "two", "three", "other")}

    assert shown == {
        "one": {"tests": tests},
        "two": {},
        "three": {"tests": tests, "rows": rows},
        "other": {"tests": tests, "rows": rows},
    }
    assert dict(world.with_fault("bad").showing("one").files) == {"tests": broken}


def test_no_fault_is_the_world_as_it_is():
    world = World(name="w", series=[LOAD])

    assert world.with_fault(None) is world
    assert world.with_fault("stale") is world


def test_every_fault_can_be_listed():
    world = World(name="w", faults={"bad": Fault(about="it is bad")})

    assert next(iter(world.fault_names().items())) == ("bad", "it is bad")
    assert {"metrics_down", "stale", "nan"} < set(world.fault_names())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"faults": {"x": Fault(about="", series={"laod": 1})}}, r"series 'laod'(?s:.)*did you mean 'load'\?"),
        ({"faults": {"x": Fault(about="", drifts={"laod": 1})}}, r"series 'laod'(?s:.)*did you mean 'load'\?"),
        (
            {"faults": {"x": Fault(about="", files={"tests": Junit(tests=1)})}},
            r"file 'tests', which world 'w' does not",
        ),
        ({"phases": {"p": Phase(other_files={"tests": Junit(tests=1)})}}, r"fault 'phase p' changes file 'tests'"),
        ({"faults": {"x": Fault(about="", phases={"p": Phase()})}}, r"phase 'p', which world 'w' does not have"),
        (
            {"phases": {"p": Phase()}, "faults": {"x": Fault(about="", phases={"p": Phase(other_files={"t": LOG})})}},
            r"fault 'x' changes file 't'",
        ),
        ({"faults": {"x": Fault(about="", without_alerts=["Slow"])}}, r"alert 'Slow', which world 'w' does not have"),
        ({"files": {"service": Junit(tests=1)}}, r"source 'service' is there twice"),
        (
            {"files": {"tests": Junit(tests=1)}, "phases": {"p": Phase(files=["test"])}},
            r"phase p has the file 'test', which world 'w' does not have(?s:.)*did you mean 'tests'\?",
        ),
        ({"sources": {"telemetry": {}}}, r"source 'telemetry' is there twice"),
        ({"files": {"x": Junit(tests=1)}, "sources": {"x": {}}}, r"source 'x' is there twice"),
        ({"series": [Series(metric="y", base=1, table="service")]}, r"source 'service' is there twice"),
        ({"faults": {"x": Fault(about="", flags={"f": 1})}}, r"flag 'f', which world 'w' does not have"),
        ({"faults": {"x": Fault(about="", state={"a.z": 1})}}, r"state 'a.z', which is not there\n  state: a.b"),
        ({"faults": {"x": Fault(about="", state={"a.b.c": 1})}}, r"state 'a.b.c', which is not there"),
        ({"faults": {"stale": Fault(about="")}}, r"fault 'stale' is one that every world has"),
        ({"series": [LOAD, LOAD]}, r"series 'load' is there twice"),
        ({"routes": {"GET status": len}}, r"route 'GET status' is not a method and a path"),
    ],
)
def test_a_world_that_does_not_hold_together_is_refused(options, says):
    with pytest.raises(WorldError, match=says):
        World(**{"name": "w", "series": [LOAD], "state": {"a": {"b": 1}}, **options})


@pytest.mark.parametrize(
    "options",
    [
        {"metric": ""},
        {"base": float("nan")},
        {"base": float("inf")},
        {"noise": -1},
        {"daily": -1},
        {"lasting": 0},
        {"every": -1},
        {"late": 1, "late_minutes": float("inf")},
        {"late": 1, "late_until": -1},
        {"late": float("nan")},
        {"growth": float("inf")},
        {"for_minutes": 0},
        {"table": "no name"},
        {"resets": (1,)},
        {"counter": True, "resets": (-1,)},
        {"counter": True, "daily": 1},
        {"counter": True, "growth": 1},
    ],
)
def test_a_series_that_cannot_be_made_is_refused(options):
    with pytest.raises(WorldError):
        Series(**{"metric": "x", "base": 1, **options})


def test_a_fault_may_last_minutes_and_be_over():
    fault = Fault(about="a spike", series={"load": 9}, minutes=4, ends_minutes_ago=30)

    spiked = World(name="w", series=[LOAD], faults={"spike": fault}).with_fault("spike").series[0]

    assert (spiked.late, spiked.late_minutes, spiked.late_until) == (9, 34, 30)


def test_a_fault_replaces_files_and_takes_rules_away():
    tests, broken = Junit(tests=3), Junit(tests=3, failed=["test_x"])
    world = World(
        name="w",
        files={"tests": tests, "list": Rows(rows=[])},
        alerts=[Alert(name="Slow", expr="x > 1"), Alert(name="Down", expr="up < 1")],
        faults={"bad": Fault(about="", files={"tests": broken}, without_alerts=["Slow"])},
    )

    bad = world.with_fault("bad")

    assert bad.files == {"tests": broken, "list": world.files["list"]}
    assert [alert.name for alert in bad.alerts] == ["Down"]
    assert world.files["tests"] is tests


def test_files_differ_by_phase_and_a_fault_may_change_them_in_one():
    """The phase has its own, the fault has the last word, and in other phases it says nothing."""
    first, second, broken = Junit(tests=1), Junit(tests=2), Junit(tests=2, failed=["test_x"])
    world = World(
        name="w",
        files={"tests": first, "log": LOG},
        flags={"on": False},
        state={"mode": "old"},
        phases={"one": Phase(other_files={"tests": second}, flags={"on": True}), "two": Phase(state={"mode": "new"})},
        faults={
            "there": Fault(about="", phases={"one": Phase(other_files={"tests": broken}, state={"mode": "lost"})}),
            "everywhere": Fault(about="", files={"tests": broken}),
        },
    )

    def shown(phase, fault=None):
        found = world.with_fault(fault).showing(phase)
        return found.files["tests"], found.flags["on"], found.state["mode"]

    assert shown("one") == (second, True, "old")
    assert shown("two") == (first, False, "new")
    assert shown("none") == (first, False, "old")
    assert shown("one", "there") == (broken, True, "lost")
    assert shown("two", "there") == (first, False, "new")
    assert shown("one", "everywhere") == (broken, True, "old")
    assert world.showing("one").files["log"] is LOG


def test_a_drift_does_not_end_before_now():
    with pytest.raises(WorldError, match="leave ends_minutes_ago out"):
        Fault(about="", drifts={"load": 1}, ends_minutes_ago=5)
