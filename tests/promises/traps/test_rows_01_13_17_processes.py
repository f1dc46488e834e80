"""Rows 1, 13 and 17: what travels between processes, processes that end, and Python without asserts."""

import pytest

VALUES = """
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib

import numpy
import pytest
from pytest_rollout import check

Colour = enum.Enum("Colour", "RED")
Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Box:
    size: int


VALUES = [
    numpy.float64(1), Colour.RED, decimal.Decimal(1), datetime.datetime.now(), pathlib.Path("."), Box(1), Point(1, 2),
    {1, 2}, object(), 10**40, "\\ud800",
]
"""


def test_row_01_our_evidence_travels_whatever_it_holds(project):
    """Limits and facts of odd types cross to the controller as JSON."""
    project.gate(
        """
        def test_numpy(metrics):
            assert metrics("latency_ms") < numpy.float64(60)
            assert check(numpy.bool_(True), "a fact of numpy")


        def test_decimal(metrics):
            assert metrics("latency_ms") < decimal.Decimal("60.5")


        def test_fraction(metrics):
            assert metrics("latency_ms") < fractions.Fraction(121, 2)


        def test_words():
            assert check(True, "\\ud800 \\x00 \\N{SNOWMAN} " + "x" * 100_000)
        """,
        head=VALUES + "pytestmark = pytest.mark.phase1\n",
    )

    project.run("-n", "2").proceeds()


@pytest.mark.parametrize("number", range(11))
def test_row_01_what_execnet_cannot_send(project, blocked, number):
    """A failing gate whose author records such a value: the worker may die of it, and the run never ends well."""
    project.gate(
        f"""
        def test_gate(metrics, record_property):
            record_property("value", VALUES[{number}])
            assert metrics("errors") == 1
        """,
        head=VALUES + "pytestmark = pytest.mark.phase1\n",
    )

    result = project.run("-n", "2", "--max-worker-restart", "1")

    assert result.ret != 0
    blocked(result, ret=result.ret, receipt=False)


@pytest.mark.parametrize("status", [0, 1])
def test_row_13_os_exit_in_a_gate(project, status):
    """No process, no receipt; the exit code cannot be saved, and `rollout verify` says no."""
    project.run().proceeds()
    project.gate(f"import os\n\n\ndef test_gate(metrics):\n    os._exit({status})\n")

    result = project.run()

    assert result.ret == status
    assert result.verdict is None
    assert project.rollout("verify", "--phase", "phase1", "--env", "test", "--max-age", "15m").returncode == 1


def test_row_13_a_crash_of_the_interpreter(project, blocked):
    """Killed by its own segmentation fault."""
    project.gate("import ctypes\n\n\ndef test_gate(metrics):\n    ctypes.string_at(0)\n")

    result = project.run()

    assert result.ret < 0
    assert result.verdict is None
    blocked(result, ret=result.ret, receipt=False)


def test_row_13_under_xdist(project, blocked):
    """A worker is lost, the controller is not."""
    project.gate("import os\n\n\ndef test_gate(metrics):\n    os._exit(0)\n")

    result = project.run("-n", "2", "--max-worker-restart", "1")

    blocked(result, "missing")


@pytest.mark.parametrize("how", ["option", "option-twice", "environment"])
@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["one", "xdist"])
def test_row_17_without_asserts(project, blocked, how, words):
    """Python -O removes them; such a run is refused."""
    python = {"option": ("-O",), "option-twice": ("-OO",), "environment": ()}[how]
    env = {"PYTHONOPTIMIZE": "1"} if how == "environment" else {}

    result = project.run(*words, python=python, env=env)

    blocked(result, ret=4, receipt=False)
    assert "python -O" in result.text


def test_row_17_plain_asserts(project, blocked, workers):
    """--assert=plain works: good gates proceed, bad ones hold."""
    project.run("--assert=plain", *workers).proceeds()

    project.answers(errors=1)
    blocked(project.run("--assert=plain", *workers), "failed")


def test_row_17_plain_asserts_and_a_slip(project, blocked):
    """A claim without an assert is one in either mode."""
    project.gate('def test_gate(metrics):\n    metrics("errors") == 0\n')

    blocked(project.run("--assert=plain"), "no-claim")
