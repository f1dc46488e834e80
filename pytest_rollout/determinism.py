"""Deterministic: the same operations every time, in processes of their own and on other versions of Python.

Each run begins in a new interpreter with another hash seed, because what
depends on the order of a set, on an address or on the clock is the same for
as long as one process lives. What the runs yield is digested; where digests
differ, the claim is refuted and names the first operation that does.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

from pytest_rollout.campaign.program import watched
from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.claims import Claim
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError, RolloutError
from pytest_rollout.sources.document import first_line

_CALL = """
import importlib.util, os, sys
path, name, folder = sys.argv[1:]
sys.path.insert(0, folder)
spec = importlib.util.spec_from_file_location("deterministic_run", path)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
out, sys.stdout = sys.stdout, sys.stderr
spec.loader.exec_module(module)
for each in getattr(module, name)():
    text = each if isinstance(each, str) else repr(each)
    out.write(text.encode("unicode_escape").decode("ascii") + "\\n")
out.flush()
"""
_SHOWN = 80


def deterministic(
    run: Callable[[], Iterable[object]] | Sequence[str],
    *,
    times: int = 3,
    pythons: Sequence[str] = (),
    timeout: float = 60.0,
) -> Claim:
    """The claim that a run does the same every time it is made, to be asserted.

    Args:
        run: A function at the top of a module, without arguments, that yields operations; or a program as a list of
            words, each line of whose output is one. An operation that is no text counts as its `repr`.
        times: How often it runs on this Python (or as it is written), at least twice.
        pythons: Further interpreters, by path, on each of which it runs once; they stand in place of a program's
            first word. What they import must be installed for them: the standard library always is.
        timeout: Seconds that one run may take.

    Returns:
        A claim whose `value` is the SHA-256 of the operations. Refuted when
        two runs differ; inconclusive when one fails, takes too long, or
        yields nothing. The honest edge: runs of one machine, one after
        another, show no dependence on another machine or another day. It
        runs again in a replay: what it judges is code at hand.

    Raises:
        QuestionError: `times` is less than 2, or the function cannot be found by a new process.
    """
    if times < 2:
        raise QuestionError(f"deterministic: times is {times}, and nothing differs from itself: 2 or more")
    words, name = _words(run)
    runs = [words] * times + [[python, *words[1:]] for python in pythons]
    with tempfile.TemporaryDirectory(prefix="rollout-deterministic-") as folder:
        outputs = [Path(folder) / f"{number}.txt" for number in range(1, len(runs) + 1)]
        for number, (argv, output) in enumerate(zip(runs, outputs, strict=True), start=1):
            if why := _failed(argv, output, number, timeout):
                return _claim(name, len(runs), Truth.INCONCLUSIVE, why=f"run {number} of {len(runs)} {why}")
        digests = [hashlib.sha256(output.read_bytes()).hexdigest() for output in outputs]
        count = _lines(outputs[0])
        if not count and len(set(digests)) == 1:
            return _claim(name, len(runs), Truth.INCONCLUSIVE, why="no run yielded an operation")
        for number, digest in enumerate(digests[1:], start=2):
            if digest != digests[0]:
                why = _difference(outputs[0], outputs[number - 1], number, runs[number - 1][0])
                return _claim(name, len(runs), Truth.REFUTED, why=why)
    return _claim(name, len(runs), Truth.PROVEN, digest=digests[0], n=count)


def _words(run: Callable[[], Iterable[object]] | Sequence[str]) -> tuple[list[str], str]:
    """The program of one run, and what it is called."""
    if not callable(run):
        words = [run] if isinstance(run, str) else list(run)
        if not words or isinstance(run, str) or not all(isinstance(word, str) for word in words):
            raise QuestionError("deterministic: a program is a list of words, such as [sys.executable, 'sequence.py']")
        return words, " ".join(Path(word).name if os.sep in word else word for word in words)
    name, path = getattr(run, "__qualname__", ""), None
    if inspect.isfunction(run):
        path = inspect.getsourcefile(run)
    if path is None or not name.isidentifier() or not Path(path).is_file():
        raise QuestionError(
            f"deterministic: {name or run!r} cannot be found by a new process: "
            "a function at the top of a module is meant, without arguments; or a program as a list of words"
        )
    whole = str(Path(path).resolve())
    return [sys.executable, "-c", _CALL, whole, name, str(Path(whole).parent)], name


def _failed(argv: Sequence[str], output: Path, number: int, timeout: float) -> str:
    """Why one run is none; empty where it is one."""
    environment = {**os.environ, "PYTHONHASHSEED": str(number), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = watched(argv, folder=Path.cwd(), environment=environment, timeout_seconds=timeout, output=output)
    except RolloutError as error:
        return f"is none: {error}"
    if done.late:
        return f"took longer than {timeout:g} s"
    if done.status:
        lines = output.with_suffix(".stderr").read_text("utf-8", errors="replace").strip().splitlines()
        return f"ended with {done.status}: {first_line(lines[-1], 200) if lines else 'it said nothing'}"
    return ""


def _lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def _difference(one: Path, other: Path, number: int, python: str) -> str:
    """The first operation that differs, as both runs have it."""
    with one.open("rb") as first, other.open("rb") as second:
        for position, (mine, theirs) in enumerate(zip_longest(first, second), start=1):
            if mine != theirs:
                return (
                    f"operation {position} differs: {_shown(mine)} in run 1, {_shown(theirs)} in run {number}"
                    f" ({Path(python).name})"
                )
    return f"run {number} differs from run 1"


def _shown(line: bytes | None) -> str:
    return "none" if line is None else f"'{first_line(line.decode('utf-8', errors='replace'), _SHOWN)}'"


def _claim(name: str, runs: int, truth: Truth, *, why: str = "", digest: str = "", n: int | None = None) -> Claim:
    said = f"SHA-256 {digest[:16]}…" if digest else "digests differ" if truth is Truth.REFUTED else "unknown"
    return Claim(
        ClaimFacts(
            text=f"{name} does the same in {runs} runs",
            truth=truth,
            subject=f"{name}, {runs} runs: {said}",
            value=digest or None,
            alpha=0.0 if truth is Truth.REFUTED else 1.0,
            limit="the same operations each time",
            n=n,
            method=f"SHA-256 of what {runs} processes yield, each with a hash seed of its own",
            why=why,
            reason=Reason.NO_DATA if truth is Truth.INCONCLUSIVE else "",
        )
    )
