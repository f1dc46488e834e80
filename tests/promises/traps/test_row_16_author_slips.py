"""Row 16: what an author writes by mistake, and pytest passes, is no proof."""

import pytest

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
    "plain-assert-swallowed-beside-a-claim": (
        'assert metrics("errors") == 0\n    try:\n        assert 1 == 2\n    except AssertionError:\n        pass'
    ),
    "plain-assert-swallowed-with-others": (
        'assert metrics("errors") == 0\n    try:\n        assert 1 == 2\n    except OSError:\n        raise\n'
        "    except (ValueError, Exception):\n        ..."
    ),
    "plain-assert-suppressed-beside-a-claim": (
        'import contextlib\n\n    assert metrics("errors") == 0\n'
        "    with contextlib.suppress(OSError, BaseException):\n        assert 1 == 2"
    ),
    "plain-assert-swallowed-in-a-loop": (
        'assert metrics("errors") == 0\n    for _ in "ab":\n        try:\n            assert 1 == 2\n'
        "        except:\n            continue"
    ),
    "plain-assert-before-a-finally-return": (
        'assert metrics("errors") == 0\n    try:\n        assert 1 == 2\n    finally:\n        return'
    ),
    "plain-assert-printed": (
        'assert metrics("errors") == 0\n    try:\n        assert 1 == 2\n    except AssertionError as error:\n'
        "        print(error)"
    ),
    "plain-assert-logged": (
        'import logging\n\n    assert metrics("errors") == 0\n    try:\n        assert 1 == 2\n'
        '    except Exception:\n        logging.getLogger("gates").exception("it failed")'
    ),
    "coroutine-that-is-not-awaited": (
        'async def look():\n        assert metrics("errors") == 1\n\n    assert metrics("errors") == 0\n    look()'
    ),
    "coroutine-that-is-asserted": (
        'async def up():\n        return False\n\n    assert metrics("errors") == 0\n    assert up()'
    ),
    "generator-that-is-not-read": (
        'def look():\n        assert metrics("errors") == 1\n        yield\n\n'
        '    assert metrics("errors") == 0\n    look()'
    ),
    "map-that-is-not-read": (
        "def look(name):\n        assert metrics(name) == 1\n\n"
        '    assert metrics("errors") == 0\n    map(look, ["errors"])'
    ),
    "map-that-is-asserted": (
        'assert metrics("errors") == 0\n    assert map(lambda name: metrics(name) == 1, ["errors"])'
    ),
    "plain-assert-in-a-pool-beside-a-claim": (
        "from concurrent.futures import ThreadPoolExecutor\n\n    def look():\n        assert 1 == 2\n\n"
        '    assert metrics("errors") == 0\n    with ThreadPoolExecutor() as pool:\n        pool.submit(look)'
    ),
    "plain-assert-in-the-map-of-a-pool": (
        "from concurrent.futures import ThreadPoolExecutor\n\n    def look(number):\n        assert number > 1\n\n"
        '    assert metrics("errors") == 0\n    with ThreadPoolExecutor() as pool:\n        pool.map(look, [1])'
    ),
    "plain-assert-gathered-beside-a-claim": (
        "import asyncio\n\n    async def look():\n        assert 1 == 2\n\n    async def main():\n"
        "        await asyncio.gather(look(), return_exceptions=True)\n\n"
        '    assert metrics("errors") == 0\n    asyncio.run(main())'
    ),
    "plain-assert-in-a-task-that-is-forgotten": (
        "import asyncio\n\n    async def look():\n        assert 1 == 2\n\n    async def main():\n"
        "        asyncio.create_task(look())\n        await asyncio.sleep(0)\n\n"
        '    assert metrics("errors") == 0\n    asyncio.run(main())'
    ),
    "thread-that-outlives-its-gate": (
        'import threading\n    import time\n\n    assert metrics("errors") == 0\n'
        "    threading.Thread(target=lambda: time.sleep(9) or check(False, 'x'), daemon=True).start()"
    ),
    "timer-that-outlives-its-gate": (
        'import threading\n\n    assert metrics("errors") == 0\n'
        "    timer = threading.Timer(9, lambda: check(False, 'x'))\n    timer.daemon = True\n    timer.start()"
    ),
    "loop-that-outlives-its-gate": (
        "import asyncio\n    import threading\n\n    async def look():\n        await asyncio.sleep(9)\n"
        '        check(False, "x")\n\n    assert metrics("errors") == 0\n'
        "    threading.Thread(target=asyncio.run, args=(look(),), daemon=True).start()"
    ),
    "pool-that-outlives-its-gate": (
        "from concurrent.futures import ThreadPoolExecutor\n    import time\n\n"
        "    ThreadPoolExecutor().submit(lambda: time.sleep(2) or check(False, 'x'))\n"
        '    assert metrics("errors") == 0'
    ),
}


@pytest.fixture(scope="module", params=["false", "true"], ids=["claims-only", "plain-asserts-count"])
def slipped(request, new_project):
    """One run of a module in which every slip is a gate of its own."""
    project = new_project()
    project.write("pytest.ini", f"[pytest]\nstrict_markers = true\nenable_assertion_pass_hook = {request.param}\n")
    gates = [f"def test_{name.replace('-', '_')}(metrics):\n    {body}\n" for name, body in SLIPS.items()]
    project.gate("\n\n".join(gates))
    return project.run("-p", "no:cacheprovider")


@pytest.mark.parametrize("slip", SLIPS)
def test_row_16_a_slip_is_no_proof(slipped, slip):
    """HOLD, whether or not the project counts plain asserts."""
    gates = {gate["id"]: gate for gate in slipped.verdict["verdicts"][0]["gates"]}
    gate = gates[f"test_phase1.py::test_{slip.replace('-', '_')}"]

    assert slipped.ret == 1
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


@pytest.mark.parametrize("plugin", ["warnings", "threadexception"])
def test_row_16_a_thread_that_dies_where_nobody_warns(project, blocked, workers, plugin):
    """Many projects turn pytest's warnings off; a gate does not hang on them."""
    project.gate(
        """
        import threading


        def test_gate(metrics):
            def look():
                assert 1 == 2

            thread = threading.Thread(target=look, name="looks")
            thread.start()
            thread.join()
            assert metrics("errors") == 0
        """
    )

    result = project.run(*workers, "-p", f"no:{plugin}")

    blocked(result, "no-claim")
    assert "the thread looks died of AssertionError" in result.text


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


def test_row_16_threads_that_are_done_and_failures_that_are_handled(project, workers):
    """The counterpart: threads may be used and exceptions caught."""
    project.gate(
        """
        def test_stopped_and_not_joined(metrics):
            done = threading.Event()
            threading.Thread(target=done.wait).start()
            assert metrics("errors") == 0
            done.set()


        def test_a_pool_at_rest():
            pool = ThreadPoolExecutor()
            assert pool.submit(lambda: check(True, "the queue is empty")).result()


        def test_a_loop_with_threads(metrics):
            async def look():
                return await asyncio.to_thread(lambda: metrics("errors") == 0)

            assert asyncio.run(look())


        def test_a_service_that_still_answers(service):
            assert check(service.get("/").status_code == 501, "it answers")


        def test_tasks_that_are_awaited(metrics):
            async def look(name):
                assert metrics(name) < 60

            async def main():
                async with asyncio.TaskGroup() as group:
                    group.create_task(look("errors"))
                await asyncio.gather(look("errors"), look("latency_ms"))
                await look("errors")

            asyncio.run(main())


        def test_a_pool_that_is_read():
            def look(number):
                assert check(number > 0, "it is positive")

            with ThreadPoolExecutor() as pool:
                list(pool.map(look, [1, 2]))
                pool.submit(look, 3).result()


        def test_caught_and_raised(metrics):
            try:
                assert metrics("errors") == 0
            except AssertionError:
                raise
            except OSError:
                pass


        def test_caught_and_told(metrics):
            problems = []
            try:
                assert 1 + 1 == 3
            except AssertionError as error:
                problems.append(error)
            assert check(len(problems) == 1, "sums are checked")
            assert metrics("errors") == 0
        """,
        head="""
        import asyncio
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        import httpx
        import pytest
        from pytest_rollout import check

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # keeps the connection, and a thread that waits on it


        @pytest.fixture(scope="session")
        def service():
            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}") as client:
                yield client
            server.shutdown()

        """.replace("\n        ", "\n").lstrip("\n"),
    )

    project.run(*workers).proceeds()


@pytest.mark.parametrize(
    ("worn", "meant"),
    [("rolback", "rollback"), ("shaddow", "shadow"), ("phase_1", "phase1"), ("gates", "gate")],
)
def test_a_marker_that_is_nearly_ours(project, worn, meant):
    """Without `strict_markers` pytest takes any word: a gate that was to take the release back would only hold."""
    project.write("pytest.ini", "[pytest]\n")
    project.gate(f'@pytest.mark.{worn}\ndef test_orders(metrics):\n    assert metrics("orders") > 100\n')
    locked = project.rollout("lock", "gates")

    assert locked.returncode == 4
    assert f"test_orders: unknown marker '{worn}'; did you mean '{meant}'?" in locked.stdout + locked.stderr


def test_a_marker_of_somebody_else(project):
    """One that is registered, or like none of ours, is left alone."""
    project.write("pytest.ini", "[pytest]\nmarkers =\n    rolback: of another team\n")
    project.gate('@pytest.mark.slow\n@pytest.mark.rolback\ndef test_x(metrics):\n    assert metrics("orders") > 100\n')

    project.run().proceeds()


def test_approx_says_what_to_write(project):
    """An interval is a claim; a number that is nearly another one is none."""
    project.gate('def test_x(metrics):\n    assert metrics("orders") == pytest.approx(500)\n')

    result = project.run()

    result.holds("error")
    assert "say the interval that is meant, as in `low <= orders <= high`" in " ".join(result.text.split())
