"""Functions that mean to be gates and that pytest passes over: row 9 of exit-code.md."""

from __future__ import annotations

import textwrap

import pytest

from pytest_rollout.decisions import Reason
from pytest_rollout.strays import collection_error, find_strays

FIXTURES = {"metrics", "budget", "flags", "target"}
MARKERS = {"rollback", "shadow", "gate"}
PHASES = ["phase1", "phase2"]
HEAD = "import pytest\n"


@pytest.fixture
def strays(tmp_path):
    """What is found in files, given by name; `collected` are functions by file and name."""

    def strays(*, collected=(), ignore=(), **files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(HEAD + textwrap.dedent(text), encoding="utf-8")
        return find_strays(
            tmp_path,
            collected={(str(tmp_path / file), name) for file, name in collected},
            fixtures=FIXTURES,
            markers=MARKERS,
            phases=PHASES,
            ignore={tmp_path / each for each in ignore},
        )

    return strays


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("def tset_p99(metrics):\n    assert metrics('x') < 5\n", id="misspelt"),
        pytest.param("def p99_stays_low(budget, metrics):\n    pass\n", id="not-called-test"),
        pytest.param("async def latency(metrics):\n    pass\n", id="async"),
        pytest.param("def latency(*, flags):\n    pass\n", id="keyword-only"),
        pytest.param("@pytest.mark.phase1\ndef latency():\n    pass\n", id="wears-a-phase"),
        pytest.param("@pytest.mark.rollback\ndef latency():\n    pass\n", id="wears-rollback"),
        pytest.param("@pytest.mark.gate(owner='x')\ndef latency():\n    pass\n", id="wears-gate"),
        pytest.param("from pytest import mark\n@mark.phase1\ndef latency():\n    pass\n", id="wears-mark"),
        pytest.param(
            "@pytest.mark.parametrize('x', [])\ndef test_x(metrics, x):\n    pass\n", id="nothing-to-run-with"
        ),
        pytest.param(
            "class TestX:\n    def __init__(self): pass\n    def test_p99(self, metrics): pass\n", id="class-with-init"
        ),
        pytest.param("class Latency:\n    def test_p99(self, metrics): pass\n", id="class-not-called-test"),
        pytest.param("class TestX:\n    class Inner:\n        def test_p99(self, metrics): pass\n", id="inner-class"),
        pytest.param("pytestmark = pytest.mark.phase1\ndef test_p99():\n    pass\n", id="module-wears-a-phase"),
        pytest.param(
            "pytestmark = [pytest.mark.slow, pytest.mark.phase1]\ndef test_p99():\n    pass\n", id="module-list"
        ),
        pytest.param(
            "@pytest.mark.phase1\nclass TestX:\n    def __init__(self): pass\n    def test_p99(self): pass\n",
            id="class-wears-a-phase",
        ),
    ],
)
def test_what_looks_like_a_gate_and_was_not_collected_is_named(strays, text):
    """Its file, its line and what would do."""
    found = strays(test_x_py=text)

    assert [(each.file, each.reason) for each in found] == [("test_x.py", Reason.MISSING)]
    assert f"line {found[0].line}: looks like a gate and was not collected" in found[0].sentence


@pytest.mark.parametrize("name", ["phase3_py", "tests_x_py", "x_tst_py", "sub__folder__gates_py"])
def test_a_file_that_pytest_does_not_collect_is_read(strays, name):
    found = strays(**{name: "def test_p99(metrics):\n    pass\n"})

    assert [each.name for each in found] == ["test_p99"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("def helper(x):\n    pass\n", id="helper"),
        pytest.param(
            "def helper(metrics):\n    pass\ndef test_x(metrics):\n    helper(metrics)\n", id="helper-on-metrics"
        ),
        pytest.param("@pytest.fixture\ndef latency(metrics):\n    return metrics('x')\n", id="fixture"),
        pytest.param(
            "@pytest.fixture(scope='session')\ndef latency(metrics):\n    pass\n", id="fixture-with-arguments"
        ),
        pytest.param("pytestmark = pytest.mark.phase1\ndef helper():\n    pass\n", id="helper-in-a-marked-module"),
        pytest.param("@pytest.mark.slow\ndef test_other():\n    pass\n", id="other-marker"),
        pytest.param("def test_other(tmp_path):\n    pass\n", id="other-test"),
        pytest.param("x = 1\n", id="no-functions"),
        pytest.param("def broken(:\n", id="broken"),
    ],
)
def test_what_is_no_gate_is_left_alone(strays, text):
    assert strays(collected=[("test_x.py", "test_x")], test_x_py=text) == []


def test_what_was_collected_is_no_stray(strays):
    text = "class TestX:\n    def test_p99(self, metrics): pass\ndef test_x(metrics): pass\n"

    assert strays(collected=[("test_x.py", "TestX.test_p99"), ("test_x.py", "test_x")], test_x_py=text) == []


def test_a_function_of_that_name_in_another_file_does_not_count(strays):
    found = strays(
        collected=[("test_a.py", "test_p99")],
        test_a_py="def test_p99(metrics): pass\n",
        b_py="def test_p99(metrics): pass\n",
    )

    assert [each.file for each in found] == ["b.py"]


def test_a_helper_may_stand_in_another_file(strays):
    text = "from helpers import within\ndef test_x(metrics):\n    within(metrics)\n"

    assert strays(collected=[("test_x.py", "test_x")], test_x_py=text, helpers_py="def within(metrics): pass\n") == []


def test_worlds_and_inner_rollouts_are_left_out(strays):
    text = "def status(metrics): pass\n"

    assert strays(ignore=["world.py", "inner"], world_py=text, inner__gates_py=text) == []


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("def latency(metrics): pass\n", set()),
        ("@pytest.mark.phase1\ndef latency(metrics): pass\n", {"phase1"}),
        ("pytestmark = pytest.mark.phase2\ndef latency(metrics): pass\n", {"phase2"}),
        ("pytestmark = [pytest.mark.phase2]\n@pytest.mark.phase1\ndef latency(metrics): pass\n", {"phase1", "phase2"}),
        ("@pytest.mark.phase1\nclass TestX:\n    def latency(self, metrics): pass\n", {"phase1"}),
        ("@pytest.mark.rollback\ndef latency(metrics): pass\n", set()),
    ],
)
def test_a_strays_phases_are_those_it_wears(strays, text, phases):
    """None said means any: it concerns whatever phase is judged."""
    assert [set(each.phases) for each in strays(test_x_py=text)] == [phases]


def test_two_functions_of_one_name_are_named(strays):
    """The first never runs."""
    text = "def test_p99(metrics): pass\n\n\ndef test_p99(metrics): pass\n"
    found = strays(collected=[("test_x.py", "test_p99")], test_x_py=text)

    assert [(each.line, each.reason) for each in found] == [(5, Reason.DUPLICATE)]
    assert "line 5: replaces the function of that name in line 2" in found[0].sentence


@pytest.mark.parametrize(
    "text",
    [
        "class TestA:\n    def test_x(self): pass\nclass TestB:\n    def test_x(self): pass\n",
        "def helper(): pass\ndef helper(): pass\n",
        "def test_x(): pass\nclass TestX:\n    def test_x(self): pass\n",
    ],
)
def test_names_that_do_not_hide_each_other_are_no_duplicates(strays, text):
    assert strays(test_x_py=text) == []


@pytest.mark.parametrize(
    ("first", "second", "phases"),
    [
        ("@pytest.mark.phase1\n", "@pytest.mark.phase1\n", {"phase1"}),
        ("@pytest.mark.phase1\n", "@pytest.mark.phase2\n", {"phase1", "phase2"}),
        ("@pytest.mark.phase1\n", "", set()),
        ("", "@pytest.mark.phase2\n", set()),
    ],
)
def test_a_hidden_gate_is_missed_in_its_own_phase(strays, first, second, phases):
    """The function that never runs may have been a gate of another phase than the one that hides it."""
    text = f"{first}def test_p99(): pass\n{second}def test_p99(): pass\n"
    found = [
        each
        for each in strays(collected=[("test_x.py", "test_p99")], test_x_py=text)
        if each.reason is Reason.DUPLICATE
    ]

    assert [set(each.phases) for each in found] == [phases]


def test_strays_come_in_the_order_of_files_and_lines(strays):
    found = strays(b_py="def one(metrics): pass\ndef two(metrics): pass\n", a_py="def three(metrics): pass\n")

    assert [each.name for each in found] == ["three", "one", "two"]


def test_odd_files_are_passed_over(strays, tmp_path):
    """pytest itself reports a file that it cannot import; here nothing breaks."""
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "binary.py").write_bytes(b"\x00\xff\xfe")
    (tmp_path / "latin.py").write_bytes(b"# \xe4\n")
    (tmp_path / "dead.py").symlink_to(tmp_path / "nowhere.py")

    assert strays(a_py="def one(metrics): pass\n")[0].name == "one"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", []),
        ("a/test_a.py: test_x: bad\na/test_a.py: test_y: worse", ["test_x: bad", "test_y: worse"]),
        ("a/test_a.py:7: test_x: bad", ["line 7: test_x: bad"]),
        ("importlib.py:126: in f\n    return x\n           ^^^\nE   ImportError: no", ["ImportError: no"]),
        (
            'x\nE     File "a", line 1\nE       def (:\nE           ^\nE   SyntaxError: no',
            ['File "a", line 1', "def (:", "SyntaxError: no"],
        ),
    ],
    ids=["nothing", "ours", "placed", "import", "syntax"],
)
def test_what_pytest_says_of_a_file(text, said):
    """Without the frames of its import."""
    assert collection_error(text, "a/test_a.py") == said
