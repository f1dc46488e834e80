"""Row 26: every read is claimed, every claim is asserted and proven, by the gate that asks."""

import pytest

BESIDE = {
    "read-without-assert": 'metrics("latency_ms")',
    "read-by-hand": 'assert metrics("latency_ms").value < 60',
    "read-by-hand-kept": 'latency = metrics("latency_ms").value\n    assert latency < 60',
    "read-by-hand-in-a-check": 'assert check(metrics("latency_ms").value < 60, "fast")',
    "by-hand-next-to-a-claim": 'latency = metrics("latency_ms")\n    assert latency > 0\n    assert latency.value < 60',
    "high-next-to-a-claim": 'latency = metrics("latency_ms")\n    assert latency > 0\n    assert latency.high < 60',
    "swallowed-refuted": (
        'try:\n        assert metrics("latency_ms") < 10\n    except AssertionError:\n        print("never mind")'
    ),
    "refuted-and-kept": 'slow = metrics("latency_ms") > 60',
    "refuted-and-negated": 'assert not (metrics("latency_ms") > 60)',
    "truth-read-by-hand": 'claim = metrics("latency_ms") < 10\n    print(claim.truth)',
    "printed": 'print(metrics("latency_ms") < 10)',
}


@pytest.fixture(scope="module", params=["false", "true"], ids=["claims-only", "plain-asserts-count"])
def astray(request, new_project):
    """One run of a module in which each of these stands beside a good claim."""
    project = new_project()
    project.write("pytest.ini", f"[pytest]\nstrict_markers = true\nenable_assertion_pass_hook = {request.param}\n")
    good = 'assert metrics("errors") == 0'
    gates = [f"def test_{name.replace('-', '_')}(metrics):\n    {good}\n    {body}\n" for name, body in BESIDE.items()]
    project.gate("\n\n".join(gates))
    return project.run()


@pytest.mark.parametrize("beside", BESIDE)
def test_row_26_one_good_claim_does_not_cover_another(astray, beside):
    """A proven claim in the same gate changes nothing."""
    gates = {gate["id"]: gate for gate in astray.verdict["verdicts"][0]["gates"]}
    gate = gates[f"test_phase1.py::test_{beside.replace('-', '_')}"]

    assert astray.ret == 1
    assert (gate["decision"], gate["reason"]) == ("HOLD", "no-claim")


def test_row_26_under_xdist(project, blocked):
    """A worker judges the same way."""
    project.gate('def test_gate(metrics):\n    assert metrics("errors") == 0\n    metrics("latency_ms")\n')

    blocked(project.run("-n", "2"), "no-claim")


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_row_26_a_claim_of_a_fixture_belongs_to_the_gate_that_asks(project, blocked, workers, scope):
    """A refuted claim made in a fixture and swallowed there still counts where it is asked."""
    project.gate(
        f"""
        @pytest.fixture(scope="{scope}")
        def claim():
            return check(False, "the queue is empty")


        def test_asks(claim):
            try:
                assert claim
            except AssertionError:
                pass


        def test_does_not_ask(claim):
            pass
        """
    )

    result = project.run(*workers)

    blocked(result, "no-claim")
    gates = {gate["id"]: gate for gate in result.verdict["verdicts"][0]["gates"]}
    assert gates["test_phase1.py::test_asks"]["claims"]
    assert gates["test_phase1.py::test_does_not_ask"]["reason"] == "no-claim"


def test_row_26_a_proven_claim_of_a_fixture_does_not_fill_a_gate(project, blocked):
    """Asserted in the fixture, before any gate ran."""
    project.gate(
        """
        @pytest.fixture(autouse=True, scope="session")
        def service():
            assert check(True, "the service is up")


        def test_gate():
            pass
        """
    )

    blocked(project.run(), "no-claim")


def test_row_26_a_proven_claim_of_a_function_fixture_does_not_fill_a_gate(project, blocked):
    """Asked while this gate was set up, and still not by this gate."""
    project.gate(
        """
        @pytest.fixture(autouse=True)
        def service():
            assert check(True, "the service is up")


        def test_gate():
            pass
        """
    )

    blocked(project.run(), "no-claim")


def test_row_26_a_reading_kept_from_another_gate_covers_no_read_of_this_one(project, blocked):
    """Reads are told apart between gates too."""
    project.gate(
        """
        KEPT = []


        def test_first(metrics):
            KEPT.append(metrics("errors"))
            assert KEPT[0] == 0


        def test_second(metrics):
            metrics("latency_ms")
            assert KEPT[0] == 0
        """
    )

    blocked(project.run(), "no-claim")
