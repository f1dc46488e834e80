"""Rows 2 to 6: a gate that was skipped, expected to fail or never made proves nothing."""

import pytest

GOOD = 'assert metrics("errors") == 0'
BAD = 'assert metrics("errors") > 0'
BODIES = {
    "row_02_mark": f"@pytest.mark.skip(reason='later')\ndef test_NAME(metrics):\n    {GOOD}\n",
    "row_02_mark_if": f"@pytest.mark.skipif(True, reason='later')\ndef test_NAME(metrics):\n    {GOOD}\n",
    "row_02_call": f"def test_NAME(metrics):\n    pytest.skip('later')\n    {GOOD}\n",
    "row_02_call_after_a_proof": f"def test_NAME(metrics):\n    {GOOD}\n    pytest.skip('rest later')\n",
    "row_02_fixture": (
        "@pytest.fixture\ndef off_NAME():\n    pytest.skip('no service')\n\n\n"
        f"def test_NAME(off_NAME, metrics):\n    {GOOD}\n"
    ),
    "row_02_usefixtures": (
        "@pytest.fixture\ndef gone_NAME():\n    pytest.skip('no service')\n\n\n"
        f"@pytest.mark.usefixtures('gone_NAME')\ndef test_NAME(metrics):\n    {GOOD}\n"
    ),
    "row_02_teardown": (
        "@pytest.fixture\ndef late_NAME():\n    yield\n    pytest.skip('too late')\n\n\n"
        f"def test_NAME(late_NAME, metrics):\n    {GOOD}\n"
    ),
    "row_02_unittest_skiptest": f"def test_NAME(metrics):\n    raise unittest.SkipTest('later')\n    {GOOD}\n",
    "row_02_unittest_decorator": f"@unittest.skip('later')\ndef test_NAME(metrics):\n    {GOOD}\n",
    "row_02_importorskip": f"def test_NAME(metrics):\n    pytest.importorskip('no_such_module')\n    {GOOD}\n",
    "row_04_mark": f"@pytest.mark.xfail\ndef test_NAME(metrics):\n    {BAD}\n",
    "row_04_mark_not_run": f"@pytest.mark.xfail(run=False)\ndef test_NAME(metrics):\n    {GOOD}\n",
    "row_04_mark_raises": f"@pytest.mark.xfail(raises=AssertionError)\ndef test_NAME(metrics):\n    {BAD}\n",
    "row_04_call": f"def test_NAME(metrics):\n    pytest.xfail('known')\n    {GOOD}\n",
    "row_04_hides_a_connection_error": (
        "@pytest.fixture\ndef service_NAME():\n    raise ConnectionError('refused')\n\n\n"
        f"@pytest.mark.xfail\ndef test_NAME(service_NAME, metrics):\n    {GOOD}\n"
    ),
    "row_04_hides_no_claim": "@pytest.mark.xfail\ndef test_NAME(metrics):\n    pass\n",
    "row_04_hides_doubt": "@pytest.mark.xfail\ndef test_NAME(metrics):\n    assert metrics('orders') > 0\n",
    "row_05_unexpected_pass": f"@pytest.mark.xfail\ndef test_NAME(metrics):\n    {GOOD}\n",
    "row_05_unexpected_pass_strict": f"@pytest.mark.xfail(strict=True)\ndef test_NAME(metrics):\n    {GOOD}\n",
    "row_06_empty_parametrize": (f"@pytest.mark.parametrize('node', [])\ndef test_NAME(metrics, node):\n    {GOOD}\n"),
}
KNOWN_BETTER = {
    "row_04_mark": "failed",  # refuted, which says more than that it was expected
    "row_04_mark_raises": "failed",
    "row_04_hides_doubt": "no-data",
}
"""What a gate found out stands, though it was expected: a mark in the source makes nothing milder."""


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["one", "xdist"])
def skipped(request, new_project):
    """One run of a module in which each of these is a gate of its own."""
    project = new_project()
    project.answers(orders=None)
    text = "\n\n".join(body.replace("NAME", name) for name, body in BODIES.items())
    project.gate(text, head="import unittest\nimport pytest\n")
    return project.run(*request.param)


def of_row(row):
    return pytest.mark.parametrize("name", [name for name in BODIES if name.startswith(row)])


def holds(skipped, name):
    gates = [each for each in skipped.verdict["verdicts"][0]["gates"] if each["id"].endswith((name, f"{name}[NOTSET]"))]

    assert skipped.ret == 1
    assert [gate["decision"] for gate in gates] == ["HOLD"]
    assert gates[0]["reason"] == KNOWN_BETTER.get(name, "skipped")


@of_row("row_02")
def test_row_02_a_gate_that_skips(skipped, name):
    """By mark, in a fixture, in its body before or after a proof, in its tear-down."""
    holds(skipped, name)


@of_row("row_04")
def test_row_04_a_gate_that_is_expected_to_fail(skipped, name):
    """Whether it fails, breaks or is not even run."""
    holds(skipped, name)


@of_row("row_05")
def test_row_05_a_gate_that_passes_unexpectedly(skipped, name):
    """Strict or not."""
    holds(skipped, name)


@of_row("row_06")
def test_row_06_a_gate_without_parameters(skipped, name):
    """A discovery that found nothing."""
    holds(skipped, name)


def test_row_04_an_expected_failure_disarms_no_rollback(project, blocked, workers):
    """Who expects a critical level to be passed, or a trigger to fire, has not made it good."""
    project.gate(
        """
        @pytest.mark.rollback
        @pytest.mark.xfail
        def test_trigger(metrics):
            assert metrics("errors") > 0
        """
    )

    blocked(project.run(*workers), "trigger", ret=20)


def test_row_02_all_gates_skipped_by_a_conftest(project, blocked, workers):
    """Nothing ran, pytest is content."""
    project.write(
        "gates/conftest.py",
        """
        import pytest


        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.skip(reason="no credentials here"))
        """,
    )

    blocked(project.run(*workers), "skipped")


SKIPPING = {
    "importorskip": "pytest.importorskip('no_such_module')",
    "module-level-skip": "pytest.skip('not here', allow_module_level=True)",
    "unittest": "import unittest\n\nraise unittest.SkipTest('not here')",
}


@pytest.mark.parametrize("case", SKIPPING)
def test_row_03_one_module_skipped_another_passes(project, blocked, case):
    """The skipped module's gates are known from the lock, and the module skips itself."""
    gate = "\n@pytest.mark.phase1\ndef test_latency(metrics):\n    assert metrics('latency_ms') < 60\n"
    project.write("gates/shop/test_more.py", f"import pytest\n{gate}")
    project.lock()
    project.write("gates/shop/test_more.py", f"import pytest\n{SKIPPING[case]}\n{gate}")

    blocked(project.run(lock=False), "skipped")


def test_row_03_a_skipped_module_that_was_never_locked(project, blocked, workers):
    """Its sources say that it holds a gate of this phase."""
    project.lock()
    project.write(
        "gates/shop/test_more.py",
        """
        import pytest

        pytest.importorskip("no_such_module")


        @pytest.mark.phase1
        def test_latency(metrics):
            assert metrics("latency_ms") < 60
        """,
    )

    blocked(project.run(*workers, lock=False), "skipped")


def test_row_03_a_module_of_another_phase_may_skip_itself(project):
    """The counterpart: phase2 is not judged, so nothing of phase1 is missing."""
    gate = "\n@pytest.mark.phase2\ndef test_latency(metrics):\n    assert metrics('latency_ms') < 60\n"
    project.write("gates/shop/test_more.py", f"import pytest\n{gate}")
    project.lock()
    project.write("gates/shop/test_more.py", f"import pytest\n\npytest.importorskip('no_such_module')\n{gate}")

    project.run(lock=False).proceeds()


def test_row_04_expected_failure_of_unittest(project, blocked):
    """unittest swallows the exception before pytest sees it."""
    project.gate(
        """
        class TestShop(unittest.TestCase):
            @unittest.expectedFailure
            def test_fails(self):
                assert check(False, "the queue is empty")

            @unittest.expectedFailure
            def test_passes(self):
                assert check(True, "the queue is empty")

            @unittest.skip("later")
            def test_skipped(self):
                assert check(True, "the queue is empty")

            def test_skips_itself(self):
                self.skipTest("later")
        """,
        head="import unittest\nimport pytest\nfrom pytest_rollout import check\n",
    )

    result = project.run()

    blocked(result, "skipped")
    gates = [each for each in result.verdict["verdicts"][0]["gates"] if "TestShop" in each["id"]]
    assert [gate["decision"] for gate in gates] == ["HOLD"] * 4


def test_row_06_fewer_parameters_than_locked(project, blocked):
    """A discovery that found one node of two."""
    gate = "@pytest.mark.parametrize('node', NODES)\ndef test_node(metrics, node):\n    assert metrics('errors') == 0\n"
    project.gate(gate.replace("NODES", "['a', 'b']"))
    project.lock()
    project.gate(gate.replace("NODES", "['a']"))

    blocked(project.run(lock=False), "missing")
