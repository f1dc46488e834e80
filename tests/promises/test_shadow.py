"""A gate in shadow reports and cannot block, until its day has passed; markers that cannot be read are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

TODAY = datetime.now(UTC).date()
SOON = (TODAY + timedelta(days=30)).isoformat()
PASSED = (TODAY - timedelta(days=2)).isoformat()

GATES = """
    import pytest
    from pytest_rollout import check

    pytestmark = pytest.mark.phase1


    @pytest.fixture
    def broken():
        raise RuntimeError("out of order")


    @pytest.mark.rollback
    @pytest.mark.shadow(until="{until}", why="not calibrated yet")
    def test_errors_are_rare(metrics{fixture}):
        \"\"\"Errors are rare.\"\"\"
        assert metrics("errors") < 1


    def test_orders_keep_coming(metrics):
        \"\"\"Orders do not collapse.\"\"\"
        assert metrics("orders") > 100
"""


def shadowed(project, until=SOON, fixture=""):
    """A gate in shadow beside one that counts."""
    project.write("gates/shop/test_phase1.py", GATES.format(until=until, fixture=fixture))


def reasons(result):
    """Each gate's reason and whether it counts."""
    return {
        gate["id"].rpartition("::")[2]: (gate["reason"], gate["counts"])
        for verdict in result.verdict["verdicts"]
        for gate in verdict["gates"]
    }


@pytest.mark.parametrize("workers", [(), ("-n", "2"), ("-x",)], ids=["one", "xdist", "stop-at-first"])
def test_it_reports_and_does_not_block(project, workers):
    """Refuted, and a trigger even: shown with its day and why, exit code 0, and pytest's own status too."""
    shadowed(project)
    project.answers(errors=9)

    result = project.run(*workers)

    result.proceeds()
    assert reasons(result)["test_errors_are_rare"] == ("trigger", False)
    result.stdout.fnmatch_lines(
        ["*ROLLBACK?trigger? (shadow)  errors_are_rare *", f"  in shadow until {SOON}: not calibrated yet"]
    )


@pytest.mark.parametrize(
    ("answers", "fixture", "reason"),
    [
        pytest.param({}, "", None, id="well"),
        pytest.param({"errors": {"error": "down"}}, "", "no-data", id="down"),
        pytest.param({}, ", broken", "error", id="broken"),
    ],
)
def test_its_own_reason_is_told(project, answers, fixture, reason):
    """Keeping it quiet does not change what it says."""
    shadowed(project, fixture=fixture)
    project.answers(**answers)

    result = project.run()

    result.proceeds()
    assert reasons(result)["test_errors_are_rare"] == (reason, False)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_it_blocks_when_its_day_has_passed(project, workers):
    """And says that it was in shadow."""
    shadowed(project, until=PASSED)
    project.answers(errors=9)

    result = project.run(*workers)

    result.holds("trigger", exit_code=20)
    assert reasons(result)["test_errors_are_rare"] == ("trigger", True)
    result.stdout.fnmatch_lines([f"  in shadow until {PASSED}, which has passed, so it counts: not calibrated yet"])


def test_its_last_day_is_still_in_shadow(project):
    """The day given is the last one, UTC."""
    shadowed(project, until=TODAY.isoformat())
    project.answers(errors=9)

    project.run().proceeds()


def test_it_cannot_be_alone(project):
    """A phase whose gates are all in shadow has none that counts."""
    project.write(
        "conftest.py",
        f"""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.shadow(until="{SOON}", why="all of them"))
        """,
    )

    result = project.run()

    result.holds("missing")
    result.stdout.fnmatch_lines(["*phase1 has no gate that counts"])


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        pytest.param("shadow", "says no until, why", id="bare"),
        pytest.param('shadow(until="2026-13-01", why="x")', "until is a day such as '2026-12-01'", id="no-day"),
        pytest.param('gate(ownr="me")', "unknown 'ownr'; it takes *; did you mean 'owner'?", id="unknown-key"),
        pytest.param('gate(severity="high")', "severity is one of blocker, critical, *", id="severity"),
        pytest.param('rollback("now")', "takes nothing, or to= and the traffic to go back to", id="rollback"),
    ],
)
def test_a_marker_that_cannot_be_read_is_a_collection_error(project, marker, said):
    """pytest's own status for it stands, and the receipt holds."""
    project.gate(f"""
        @pytest.mark.{marker}
        def test_errors(metrics):
            assert metrics("errors") < 1
        """)

    result = project.run(lock=False)

    assert result.ret == 2
    assert result.verdict["decision"] == "HOLD"
    result.is_calm()
    name = marker.partition("(")[0]
    result.stdout.fnmatch_lines([f"*test_phase1.py:[0-9]*: test_errors: @pytest.mark.{name}: {said}*"])


def test_a_marker_that_cannot_be_read_is_told_by_workers_too(project):
    """xdist ends such a run with 1; the text is the same."""
    project.gate("""
        @pytest.mark.gate(ownr="me")
        class TestErrors:
            def test_errors(self, metrics):
                assert metrics("errors") < 1
        """)

    result = project.run("-n", "2", lock=False)

    assert result.ret == 1
    assert result.verdict["decision"] == "HOLD"
    result.is_calm()
    result.stdout.fnmatch_lines(["*test_errors: @pytest.mark.gate: unknown 'ownr'*did you mean 'owner'?*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_marker_given_late_is_read_as_strictly(project, workers):
    """A conftest that marks collected gates can be wrong as well."""
    project.lock()
    project.write(
        "conftest.py",
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.shadow(until="soon", why="all of them"))
        """,
    )

    result = project.run(*workers, lock=False)

    result.holds("missing")
    result.stdout.fnmatch_lines(["*test_no_errors: @pytest.mark.shadow: until is a day such as*"])
