"""Deterministic: what yields the same in new processes is proven, what does not is refuted at the first difference."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pytest_rollout import Truth, deterministic
from pytest_rollout.errors import QuestionError

BENCH = Path(__file__).parents[2] / "gates" / "competitive_bench"
SEQUENCE = BENCH / "bench_sequence.py"
SCENARIOS = sorted(BENCH.glob("scenarios/*.toml"))


def counted():
    yield from ("first", 2, ("third", 3.0))


def unordered():
    yield "first"
    yield list({f"row-{number}" for number in range(100)})


def nothing():
    return []


def breaks():
    yield "first"
    raise ValueError("no more")


def hangs():
    import time

    time.sleep(60)


def other_pythons():
    """Interpreters of other versions that really run, as `.ci/run` looks for them."""
    found = []
    for version in ("3.14", "3.13", "3.12", "3.11"):
        places = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
        for place in filter(None, places):
            asked = [str(place), "-c", "import sys, tomllib; print('%d.%d' % sys.version_info[:2])"]
            said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
            if said.stdout.strip() == version != "{}.{}".format(*sys.version_info[:2]):
                found.append(str(place))
                break
    return found


def test_the_same_each_time_is_proven():
    """Its value is the digest, and it says of how many operations."""
    claim = deterministic(counted, times=2)

    assert claim.truth is Truth.PROVEN
    assert len(claim.facts.value) == 64
    assert claim.facts.n == 3
    assert claim.facts.value == deterministic(counted, times=3).facts.value


def test_the_first_difference_is_named():
    """The order of a set is that of one process: refuted, with both operations."""
    claim = deterministic(unordered)

    assert claim.truth is Truth.REFUTED
    assert claim.facts.alpha == 0
    assert claim.facts.why.startswith("operation 2 differs: '['row-")


def test_one_operation_less_is_a_difference(tmp_path):
    """What one run lacks is none, not the same."""
    mark = tmp_path / "mark"
    code = f"import pathlib; p = pathlib.Path({str(mark)!r}); print('a'); p.exists() or print('b'); p.touch()"

    claim = deterministic([sys.executable, "-c", code], times=2)

    assert claim.truth is Truth.REFUTED
    assert "operation 2 differs: 'b' in run 1, none in run 2" in claim.facts.why


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (nothing, "no run yielded an operation"),
        (breaks, "run 1 of 2 ended with 1: ValueError: no more"),
        (hangs, "run 1 of 2 took longer than 0.5 s"),
        (["there-is-no-such-program"], "cannot be started"),
    ],
    ids=["nothing", "breaks", "hangs", "no-program"],
)
def test_a_run_that_is_none_is_doubt(run, why):
    claim = deterministic(run, times=2, timeout=0.5 if run is hangs else 30)

    assert claim.truth is Truth.INCONCLUSIVE
    assert claim.facts.reason == "no-data"
    assert why in claim.facts.why


@pytest.mark.parametrize(
    ("run", "times", "said"),
    [
        (counted, 1, "times is 1"),
        (lambda: ["a"], 2, "cannot be found by a new process"),
        (print, 2, "cannot be found by a new process"),
        ("python sequence.py", 2, "a list of words"),
        ([], 2, "a list of words"),
        ([sys.executable, 7], 2, "a list of words"),
    ],
    ids=["once", "lambda", "built-in", "one-text", "no-words", "a-number"],
)
def test_what_cannot_be_run_again_is_refused(run, times, said):
    with pytest.raises(QuestionError, match=said):
        deterministic(run, times=times)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_operations_are_those_that_were_written_down(scenario):
    """On this Python, on every other of this machine, and on the one that wrote the scenario's digest down."""
    words = [sys.executable, str(SEQUENCE), str(scenario), "reduced"]
    stated = tomllib.loads(scenario.read_text("utf-8"))["reduced"]["digest"]

    claim = deterministic(words, times=2, pythons=other_pythons())

    assert claim.truth is Truth.PROVEN, claim
    assert claim.facts.value == stated


def test_another_python_that_does_otherwise_is_named(tmp_path):
    """One interpreter that differs is enough, and the claim says which."""
    other = tmp_path / "python9"
    other.write_text("#!/bin/sh\necho otherwise\n", encoding="utf-8")
    other.chmod(0o755)

    claim = deterministic([sys.executable, "-c", "print('so')"], times=2, pythons=[str(other)])

    assert claim.truth is Truth.REFUTED
    assert claim.facts.why == "operation 1 differs: 'so' in run 1, 'otherwise' in run 3 (python9)"
