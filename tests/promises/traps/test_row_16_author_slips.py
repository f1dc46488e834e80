"""Row 16: what an author writes by mistake, and pytest passes, is no proof."""

import pytest

FACTS = {"callable", "all-of-nothing"}
"""True, plain and vacuous: pytest's own hook cannot tell them from a fact."""

SLIPS = {
    "return-false": 'return metrics("errors") == 1',
    "return-true": 'return metrics("errors") == 0',
    "assert-tuple": 'assert (metrics("errors") == 1, "no errors")',
    "assert-tuple-proven": 'assert (metrics("errors") == 0, "no errors")',
    "assert-list": 'assert [metrics("errors") == 0]',
    "claim-without-assert": 'metrics("errors") == 0',
    "claim-kept": 'ok = metrics("errors") == 0',
    "not-refuted": 'assert not (metrics("errors") > 0)',
    "or-refuted": 'assert metrics("errors") > 0 or metrics("errors") == 0',
    "if-refuted": 'if metrics("errors") > 0:\n        pytest.fail("errors")',
    "except-base-exception": 'try:\n        assert metrics("errors") > 0\n    except BaseException:\n        pass',
    "raises": 'with pytest.raises(AssertionError):\n        assert metrics("errors") > 0',
    "swallowed-before-the-claim": (
        'try:\n        assert metrics("typo") == 0\n    except Exception:\n        pass\n'
        '    assert metrics("errors") == 0'
    ),
    "empty": "pass",
    "docstring-only": '"""Later."""',
    "dots": "...",
    "is-not-none": 'assert (metrics("errors") == 0) is not None',
    "is-instance": 'assert isinstance(metrics("errors") == 0, object)',
    "all-of-nothing": "assert all(metrics(name) == 0 for name in [])",
    "loop-over-nothing": "for name in []:\n        assert metrics(name) == 0",
    "callable": "assert metrics",
    "constant": "assert True",
    "text": 'assert "errors == 0"',
    "lambda": 'assert lambda: metrics("errors") == 1',
    "thread": (
        'import threading\n\n    def look():\n        assert metrics("errors") > 0\n\n'
        "    thread = threading.Thread(target=look)\n    thread.start()\n    thread.join()"
    ),
    "thread-beside-a-claim": (
        "import threading\n\n    def look():\n        assert check(False, 'the queue is empty')\n\n"
        "    thread = threading.Thread(target=look)\n    thread.start()\n    thread.join()\n"
        '    assert metrics("errors") == 0'
    ),
    "plain-assert-in-a-thread-beside-a-claim": (
        "import threading\n\n    def look():\n        assert 1 == 2\n\n"
        "    thread = threading.Thread(target=look)\n    thread.start()\n    thread.join()\n"
        '    assert metrics("errors") == 0'
    ),
    "thread-pool": (
        "from concurrent.futures import ThreadPoolExecutor\n\n    with ThreadPoolExecutor() as pool:\n"
        "        pool.submit(lambda: bool(check(False, 'the queue is empty')))\n    assert metrics(\"errors\") == 0"
    ),
    "child-process": (
        "import multiprocessing\n\n    def look():\n        assert check(False, 'x')\n\n"
        '    process = multiprocessing.get_context("fork").Process(target=look)\n'
        "    process.start()\n    process.join()"
    ),
    "inner-function": 'def test_inner():\n        assert metrics("errors") == 1',
    "generator-expression": '(1 for _ in [0] if metrics("errors") == 1)',
    "suppress": (
        "import contextlib\n\n    with contextlib.suppress(AssertionError):\n        assert metrics('errors') == 1"
    ),
    "finally-return": 'try:\n        assert metrics("errors") == 1\n    finally:\n        return',
}


@pytest.fixture(scope="module", params=["false", "true"], ids=["claims-only", "plain-asserts-count"])
def slipped(request, new_project):
    """One run of a module in which every slip is a gate of its own."""
    project = new_project()
    project.write("pytest.ini", f"[pytest]\nstrict_markers = true\nenable_assertion_pass_hook = {request.param}\n")
    gates = [f"def test_{name.replace('-', '_')}(metrics):\n    {body}\n" for name, body in SLIPS.items()]
    project.gate("\n\n".join(gates))
    result = project.run("-p", "no:cacheprovider")
    return result, request.param == "true"


@pytest.mark.parametrize("slip", SLIPS)
def test_row_16_a_slip_is_no_proof(slipped, slip):
    """HOLD, whether or not the project counts plain asserts."""
    result, plain = slipped
    if plain and slip in FACTS:
        pytest.skip("a plain fact like any other where plain asserts count")

    gates = {gate["id"]: gate for gate in result.verdict["verdicts"][0]["gates"]}
    gate = gates[f"test_phase1.py::test_{slip.replace('-', '_')}"]

    assert result.ret == 1
    assert gate["decision"] == "HOLD"
    assert gate["reason"] in {"no-claim", "failed", "error"}


def test_row_16_under_xdist(project, blocked):
    """A worker judges the same way."""
    project.gate('def test_gate(metrics):\n    metrics("errors") == 0\n')

    blocked(project.run("-n", "2"), "no-claim")


@pytest.mark.parametrize("asked", ["assert not (errors > 1)", "assert not (errors <= 1)", "assert errors <= 1"])
def test_row_16_nan_is_doubt_however_it_is_asked(project, blocked, workers, asked):
    """NaN fails every comparison, so its negation would pass."""
    project.answers(errors="NaN")
    project.gate(f'def test_gate(metrics):\n    errors = metrics("errors")\n    {asked}\n')

    blocked(project.run(*workers), "no-data")


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_row_16_a_plain_assert_of_a_fixture_does_not_fill_an_empty_gate(project, blocked, scope):
    """Only what the gate itself asserts is its proof."""
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\nenable_assertion_pass_hook = true\n")
    project.gate(
        f"""
        @pytest.fixture(autouse=True, scope="{scope}")
        def service():
            up = True
            assert up
            yield
            assert up


        def test_gate():
            pass
        """
    )

    blocked(project.run(), "no-claim")


def test_row_16_a_plain_assert_of_a_plugin_does_not_fill_an_empty_gate(project, blocked):
    """Plugins and conftests are rewritten too, and assert things for themselves."""
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\nenable_assertion_pass_hook = true\n")
    project.write(
        "gates/conftest.py",
        """
        import pytest


        @pytest.hookimpl(wrapper=True)
        def pytest_pyfunc_call(pyfuncitem):
            name = pyfuncitem.name
            assert name
            return (yield)
        """,
    )
    project.gate("def test_gate():\n    pass\n")

    blocked(project.run(), "no-claim")


def test_row_16_plain_asserts_count_where_the_project_says_so(project):
    """The counterpart: what is refused above is not refused for being plain."""
    project.write("pytest.ini", "[pytest]\nstrict_markers = true\nenable_assertion_pass_hook = true\n")
    project.write("gates/helpers.py", "")
    project.gate(
        """
        def positive(number):
            assert number > 0


        def test_gate():
            assert 1 + 1 == 2


        def test_through_a_helper():
            positive(1)
        """
    )

    assert project.run().ret == 0
