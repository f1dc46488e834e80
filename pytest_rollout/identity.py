"""Identity: an assert that compares a claim by `is`, or takes a doubt apart, and so asks no claim.

`assert (metrics("x") > 1) is True` fails whatever the numbers are, because a
claim is no `True`; `assert metrics("x").value > 1` fails where nobody knows
the number. Nobody has judged then, so it is an error of the gate's author: it
must not look like a fact that was shown, for or against a release.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from pytest_rollout.asserts import assert_at, tree_of
from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.claims import Claim, GateClaims, opposite_of
from pytest_rollout.errors import QuestionError


def asked_by_identity(error: BaseException, claims: GateClaims, folder: Path) -> QuestionError | None:
    """What to say to the author of an assert that failed because it compared a claim by `is`; None for any other.

    Args:
        error: What the assert raised.
        claims: What the gate has claimed and asserted.
        folder: The rollout's folder, in which the gate and its helpers stand.
    """
    frame, line = _failed_at(error, folder)
    if frame is None:
        return None
    for side, word, meant in _identities(frame.f_code.co_filename, line):
        facts = _claimed(side, frame, claims)
        if facts is not None:
            text = facts.text if meant else opposite_of(facts)
            return QuestionError(f"a claim is never `{word}`: write `assert {text}`")
    return None


def looked_at(error: BaseException, claims: GateClaims, folder: Path) -> QuestionError | None:
    """What to say where an assert took a doubt apart, by `.value` or `.truth`, and failed; None for any other.

    A plain assert of something else that fails beside a doubt has shown what it says, whatever the doubt.
    """
    frame, line = _failed_at(error, folder)
    asserted = assert_at(frame.f_code.co_filename, line) if frame else None
    if asserted is None or not asserted.looks or claims.last_refuted or not claims.unasked_doubt:
        return None
    ask = "assert the comparison itself, without .value or .truth"
    return QuestionError(f"{claims.unasked_doubt}, and no assert asked it: {ask}")


def _failed_at(error: BaseException, folder: Path) -> tuple[FrameType | None, int]:
    """Where an assert of the gate or of a helper beside it failed; None where none did."""
    frames = [each for each in traceback.walk_tb(error.__traceback__) if folder in _parents(each[0])]
    return frames[-1] if frames else (None, 0)


def _parents(frame: FrameType) -> set[Path]:
    return {*Path(frame.f_code.co_filename).parents}


def _identities(filename: str, line: int) -> Iterator[tuple[ast.expr, str, bool]]:
    """What the assert at a line compares by `is`, in which words, and whether it means yes."""
    tree, asserted = tree_of(filename), assert_at(filename, line)
    if tree is None or asserted is None:
        return
    tests = [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert) and node.lineno == asserted.line]
    for each in (node for test in tests for node in ast.walk(test)):
        if isinstance(each, ast.Compare) and isinstance(each.ops[0], ast.Is | ast.IsNot):
            yield from _sides(each, "is not" if isinstance(each.ops[0], ast.IsNot) else "is")


def _sides(compared: ast.Compare, sign: str) -> Iterator[tuple[ast.expr, str, bool]]:
    sides = [compared.left, compared.comparators[0]]
    fixed = [side for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, bool)]
    if len(fixed) == 1:
        yes = bool(fixed[0].value)
        yield sides[1 - sides.index(fixed[0])], f"{sign} {yes}", yes is (sign == "is")


def _claimed(side: ast.expr, frame: FrameType, claims: GateClaims) -> ClaimFacts | None:
    """The claim on one side: what a name stands for, or the last one that was made and that nobody has asserted."""
    if isinstance(side, ast.Name):
        named = frame.f_locals.get(side.id, frame.f_globals.get(side.id))
        return named.facts if isinstance(named, Claim) else None
    made_here = isinstance(side, ast.Compare) or (isinstance(side, ast.Call) and _is_check(side.func))
    return claims.unasserted if made_here else None


def _is_check(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == "check"
