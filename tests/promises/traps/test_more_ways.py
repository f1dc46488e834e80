"""Further ways of our own: kinds of tests, plugins and habits that pytest takes for good."""

import time

import pytest

GOOD = "assert metrics('errors') == 0"
BAD = "assert metrics('errors') == 1"
HEAD = (
    "import asyncio\nimport os\nimport sys\nimport time\n"
    "import unittest\nimport pytest\nfrom hypothesis import HealthCheck, given, settings, strategies as st\n"
    "from pytest_rollout import check\n"
    "examples = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])\n"
)


def gate_of(result, name):
    """The one gate of the receipt whose id ends with a name."""
    [gate] = [each for each in result.verdict["verdicts"][0]["gates"] if each["id"].endswith(name)]
    return gate


HELD = {
    "subtest-fails-plainly": (
        f"def test_NAME(metrics, subtests):\n    {GOOD}\n    with subtests.test('a'):\n        assert 1 == 2\n"
    ),
    "subtest-refuted": (
        f"def test_NAME(metrics, subtests):\n    {GOOD}\n    with subtests.test('a'):\n        {BAD}\n"
    ),
    "subtest-in-doubt": (
        f"def test_NAME(metrics, subtests):\n    {GOOD}\n"
        "    with subtests.test('a'):\n        assert metrics('orders') > 0\n"
    ),
    "subtest-skips": (
        f"def test_NAME(metrics, subtests):\n    {GOOD}\n    with subtests.test('a'):\n        pytest.skip('no')\n"
    ),
    "subtest-that-does-not-happen": (
        "def test_NAME(metrics, subtests):\n    for name in []:\n        with subtests.test(name):\n            pass\n"
    ),
    "unittest-own-asserts": (
        "class TestNAME(unittest.TestCase):\n    def test_NAME(self):\n        self.assertTrue(True)\n"
    ),
    "unittest-fails": (
        "class TestNAME(unittest.TestCase):\n    def test_NAME(self):\n        assert check(False, 'x')\n"
    ),
    "unittest-fails-beside-a-proof": (
        "class TestNAME(unittest.TestCase):\n    def test_NAME(self):\n"
        "        assert check(True, 'x')\n        self.assertEqual(1, 2)\n"
    ),
    "unittest-subtest": (
        "class TestNAME(unittest.TestCase):\n    def test_NAME(self):\n        assert check(True, 'x')\n"
        "        with self.subTest('a'):\n            self.assertEqual(1, 2)\n"
    ),
    "unittest-teardown": (
        "class TestNAME(unittest.TestCase):\n    def tearDown(self):\n        raise OSError\n\n"
        "    def test_NAME(self):\n        assert check(True, 'x')\n"
    ),
    "async-without-a-plugin": f"async def test_NAME(metrics):\n    {BAD}\n",
    "class-setup-method": (
        "class TestNAME:\n    def setup_method(self):\n        raise OSError\n\n"
        f"    def test_NAME(self, metrics):\n        {GOOD}\n"
    ),
    "class-teardown-method": (
        "class TestNAME:\n    def teardown_method(self):\n        raise OSError\n\n"
        f"    def test_NAME(self, metrics):\n        {GOOD}\n"
    ),
    "fixture-fails-in-teardown": (
        "@pytest.fixture\ndef late_NAME():\n    yield\n    assert 1 == 2\n"
        f"\n\ndef test_NAME(late_NAME, metrics):\n    {GOOD}\n"
    ),
    "finalizer-fails": (
        "@pytest.fixture\ndef fin_NAME(request):\n    request.addfinalizer(lambda: 1 / 0)\n\n\n"
        f"def test_NAME(fin_NAME, metrics):\n    {GOOD}\n"
    ),
    "sys-exit-0": f"def test_NAME(metrics):\n    {GOOD}\n    sys.exit(0)\n",
    "generator-exit": f"def test_NAME(metrics):\n    {GOOD}\n    raise GeneratorExit\n",
    "cancelled": f"def test_NAME(metrics):\n    {GOOD}\n    raise asyncio.CancelledError\n",
    "exception-group": f"def test_NAME(metrics):\n    {GOOD}\n    raise ExceptionGroup('x', [AssertionError()])\n",
    "recursion": f"def test_NAME(metrics):\n    {GOOD}\n    def deep():\n        return deep()\n    deep()\n",
    "stop-iteration": f"def test_NAME(metrics):\n    {GOOD}\n    next(iter([]))\n",
    "wrong-metric": "def test_NAME(metrics):\n    assert metrics('erorrs') == 0\n",
    "swallowed-doubt-of-a-service": (
        f"def test_NAME(metrics, target):\n    {GOOD}\n    try:\n"
        "        target.get('/')\n    except Exception:\n        pass\n"
    ),
    "decorator-that-swallows": (
        "def calm_NAME(function):\n    import functools\n\n"
        "    @functools.wraps(function)\n    def calm(*words, **named):\n"
        "        try:\n            function(*words, **named)\n"
        "        except AssertionError:\n            pass\n\n    return calm\n\n\n"
        f"@calm_NAME\ndef test_NAME(metrics):\n    {BAD}\n"
    ),
    "asyncio-run-swallows": (
        f"def test_NAME(metrics):\n    {GOOD}\n    async def look():\n        assert check(False, 'x')\n\n"
        "    async def main():\n        await asyncio.gather(look(), return_exceptions=True)\n"
        "\n    asyncio.run(main())\n"
    ),
    "examples-hollow": (
        f"@examples\n@given(n=st.just(1))\ndef test_NAME(metrics, n):\n    {GOOD}\n    assert (n > 1, 'n')\n"
    ),
    "examples-swallowed": (
        f"@examples\n@given(n=st.just(1))\ndef test_NAME(metrics, n):\n    {GOOD}\n"
        "    try:\n        assert n > 1\n    except AssertionError:\n        pass\n"
    ),
    "examples-refuted": (
        "@examples\n@given(n=st.just(1))\ndef test_NAME(metrics, n):\n    assert metrics('errors') == n\n"
    ),
    "timeout-signal": f"@pytest.mark.timeout(0.2)\ndef test_NAME(metrics):\n    {GOOD}\n    time.sleep(5)\n",
}


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["one", "xdist"])
def held(request, new_project):
    """One run of a module in which each of these is a gate of its own."""
    project = new_project()
    project.answers(orders=None)
    plan = project.gates / "rollout.yaml"
    plan.write_text(plan.read_text("utf-8").replace("  test:\n", "  test:\n    target: http://127.0.0.1:9\n"), "utf-8")
    project.gate("\n\n".join(body.replace("NAME", name.replace("-", "_")) for name, body in HELD.items()), head=HEAD)
    return project.run(*request.param)


@pytest.mark.parametrize("name", HELD)
def test_a_gate_that_does_not_prove_everything(held, name):
    """HOLD, each of them."""
    assert held.ret == 1
    assert gate_of(held, f"test_{name.replace('-', '_')}")["decision"] == "HOLD"


SUBTESTS = """

def test_subtests(metrics, subtests):
    for name in ("errors", "latency_ms"):
        with subtests.test(name):
            assert metrics(name) < 60
"""


def test_kinds_of_gates_that_are_good(project, workers):
    """The counterpart: what is refused above is not refused for its kind."""
    path = project.gate(
        """
        class TestUnit(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def ask(self, metrics):
                self.metrics = metrics

            def test_unit(self):
                with self.subTest("errors"):
                    assert self.metrics("errors") == 0


        class TestClass:
            @pytest.mark.parametrize("name", ["errors", "latency_ms"])
            def test_parameters(self, metrics, name):
                assert metrics(name) < 60


        @examples
        @given(number=st.integers(1, 9))
        def test_examples(metrics, number):
            assert metrics("errors") < number


        @pytest.mark.phase1
        @pytest.mark.phase1
        def test_marked_twice(metrics):
            assert metrics("errors") == 0


        def test_loop(metrics):
            async def look():
                assert metrics("errors") == 0

            asyncio.run(look())
        """,
        head=HEAD,
    )
    if pytest.version_tuple >= (9, 0):  # subtests are pytest's own since then
        path.write_text(path.read_text("utf-8") + SUBTESTS, "utf-8")

    project.run(*workers).proceeds()


@pytest.mark.parametrize("words", ["", "--doctest-modules"])
def test_a_doctest_is_no_gate(project, blocked, words):
    """Not even one that a conftest marks."""
    project.gate('def helper():\n    """\n    >>> 1 + 1\n    2\n    """\n')
    project.write(
        "gates/conftest.py",
        "import pytest\n\n\ndef pytest_collection_modifyitems(items):\n    for item in items:\n"
        "        item.add_marker(pytest.mark.phase1)\n",
    )
    project.lock()
    lock = project.gates / "gates.lock"
    lock.write_text(lock.read_text("utf-8") + "phase1  test_phase1.py::gates.shop.test_phase1.helper\n", "utf-8")

    result = project.run(*words.split(), lock=False)

    blocked(result)


def test_a_gate_that_forks_and_runs_on(project, blocked):
    """Two processes end; the receipt is the parent's, in which a gate failed."""
    project.gate(
        """
        def test_forks(metrics):
            CHILD = os.fork() == 0
            if CHILD:
                time.sleep(1)
            assert check(CHILD, "only the child is fine")
        """,
        head=HEAD,
    )

    result = project.run()

    blocked(result, "failed")
    receipt = project.folder / ".rollout" / "verdict.json"
    time.sleep(2)  # the child ends after its parent
    assert '"decision": "PROCEED"' not in receipt.read_text("utf-8").partition('"verdicts"')[0]


@pytest.mark.parametrize(
    ("workers", "part"), [((), "call"), (("-n", "2"), "setup"), (("-n", "2"), "call"), (("-n", "2"), "teardown")]
)
def test_pytest_timeout_by_thread(project, blocked, workers, part):
    """It ends the process, and with it the run or a worker."""
    project.gate(
        f"""
        PART = "{part}"


        @pytest.fixture
        def slow():
            time.sleep(20 * (PART == "setup"))
            yield
            time.sleep(20 * (PART == "teardown"))


        def test_slow(slow, metrics):
            {GOOD}
            time.sleep(20 * (PART == "call"))
        """,
        head=HEAD,
    )

    result = project.run(*workers, "--timeout", "0.5", "--timeout-method", "thread", "--max-worker-restart", "1")

    assert result.ret != 0
    assert (result.verdict is None) == (not workers)
    blocked(result, "missing", ret=result.ret, receipt=bool(workers))


@pytest.mark.parametrize("part", ["setup", "teardown"])
def test_pytest_timeout_by_signal(project, blocked, part):
    """It ends a part of the gate; that of the call is one of the gates above."""
    project.gate(
        f"""
        @pytest.fixture
        def slow():
            time.sleep(20 * ("{part}" == "setup"))
            yield
            time.sleep(20 * ("{part}" == "teardown"))


        def test_slow(slow, metrics):
            {GOOD}
        """,
        head=HEAD,
    )

    blocked(project.run("--timeout", "0.5", "--timeout-method", "signal"))


def test_a_generator_is_no_gate(project, blocked):
    """Yield tests are gone from pytest."""
    project.gate("def test_gate(metrics):\n    yield\n    assert metrics('errors') == 0\n")
    (project.gates / "gates.lock").write_text("phase1  test_phase1.py::test_gate\n", encoding="utf-8")

    result = project.run(lock=False)

    assert result.ret != 0
    blocked(result, ret=result.ret)


@pytest.mark.parametrize(
    "body",
    [
        "items.reverse()",
        "items.extend(items[:1])",
        "items[:] = [item for item in items for _ in range(2)]",
        "items[0] = items[1]",
        "items[0]._nodeid = items[1].nodeid; items[0]._id = getattr(items[1], '_id', None)",
        "[item.own_markers.clear() for item in items]",
    ],
    ids=["reverses", "repeats-one", "repeats-all", "replaces", "renames", "unmarks"],
)
def test_a_conftest_that_changes_the_items(project, blocked, workers, body):
    """Only a new order is harmless."""
    project.answers(errors=0)
    project.lock()
    text = f"import pytest\n\n\n@pytest.hookimpl(trylast=True)\ndef pytest_collection_modifyitems(items):\n    {body}\n"
    project.write("gates/conftest.py", text)

    result = project.run(*workers, lock=False)

    if body == "items.reverse()":
        result.proceeds()
    elif body.startswith("[item.own") and result.ret == 0:
        result.proceeds()  # pytestmark stands on the module, and -m has selected by then
    else:
        assert result.ret != 0
        blocked(result, ret=result.ret)


def test_a_conftest_that_replaces_an_item(project, blocked):
    """Same name, another function."""
    project.lock()
    project.write(
        "gates/conftest.py",
        """
        import pytest


        def pytest_collection_modifyitems(items):
            for index, item in enumerate(items):
                if item.name == "test_no_errors":
                    items[index] = pytest.Function.from_parent(item.parent, name=item.name, callobj=lambda: None)
        """,
    )

    blocked(project.run(lock=False), "no-claim")


def test_patching_our_own_code_is_out_of_reach(project):
    """Who can run code in the process can forge its verdict; review of conftests is what guards against that."""
    project.answers(errors=1)
    project.write(
        "gates/conftest.py",
        """
        import dataclasses

        from pytest_rollout import claims

        made = claims.Claim.__init__


        def forged(self, facts, sources=frozenset()):
            made(self, dataclasses.replace(facts, truth=claims.Truth.PROVEN), sources)


        claims.Claim.__init__ = forged
        """,
    )

    project.run().proceeds()


@pytest.mark.parametrize("what", ["Claim.__bool__", "check"])
def test_half_a_patch_is_not_enough(project, blocked, what):
    """A claim that is made to look true still knows what it found; a check that is replaced claims nothing."""
    patches = {
        "Claim.__bool__": "claims.Claim.__bool__ = lambda self: True",
        "check": "pytest_rollout.check = lambda fact, shows: True",
    }
    project.gate("def test_gate(metrics):\n    assert check(1 == 2, 'sums')\n")
    text = f"import pytest_rollout\nfrom pytest_rollout import claims\n\n{patches[what]}\n"
    project.write("gates/conftest.py", text)

    blocked(project.run(), "no-claim")


@pytest.mark.parametrize("plugin", ["randomly", "asyncio"])
def test_other_plugins(project, blocked, plugin):
    """pytest-randomly only reorders; pytest-asyncio runs gates in a loop of its own."""
    if plugin == "asyncio":
        text = "@pytest.mark.asyncio(loop_scope='session')\nasync def test_{}(metrics):\n    {}\n"
        project.gate("\n\n".join(text.format(name, GOOD) for name in "ab"))
    result = project.run("-p", plugin)
    result.proceeds()
    assert f"{plugin}-" in result.text  # it was there

    project.answers(errors=1)
    blocked(project.run("-p", plugin), "failed")


def test_randomly_under_xdist(project, blocked):
    """Workers shuffle alike, or xdist refuses them; the book is the same in any order."""
    project.gate("\n\n".join(f"def test_{name}(metrics):\n    {GOOD}\n" for name in "abcdef"))
    project.run("-p", "randomly", "-n", "2").proceeds()

    blocked(project.run("-p", "randomly", "-n", "2", "-k", "not test_c"), "deselected")


def test_a_screen_that_takes_no_text(project):
    """An ASCII terminal and a closed one change no verdict."""
    project.run(env={"PYTHONIOENCODING": "ascii"}).proceeds()

    project.gate(f"import os\n\n\ndef test_gate(metrics):\n    {GOOD}\n    os.close(1)\n")
    result = project.run("-s")
    assert (result.ret == 0) <= (result.verdict is not None and result.verdict["decision"] == "PROCEED")
