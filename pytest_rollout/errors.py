"""Errors: one tree, and the shape that every message keeps.

    RolloutError
    ├── UsageError       a command line or an environment that cannot be judged
    ├── PlanError        rollout.yaml or gates.lock, with every problem found in it
    ├── QuantityError    a number or unit that does not fit (also a ValueError)
    ├── QuestionError    a question an estimate has no answer to (also a TypeError)
    ├── SourceError      a source could not answer; carries the reason code
    ├── WorldError       the embedded world could not start
    ├── LedgerError      a ledger that cannot be read, written or believed
    ├── SignoffError     approvers, their keys or what they signed; or it could not be checked at all
    ├── Inconclusive     the data cannot tell; never an AssertionError
    ├── Unclaimed        a gate ended without a proven, asserted claim
    └── NotApplicable    a gate is for another stage of its phase, or other hardware

A message names where, what was found, what would do, and the likely fix.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pytest_rollout.decisions import Reason


class RolloutError(Exception):
    """Anything that pytest-rollout raises on purpose."""


class UsageError(RolloutError):
    """The command line, an option or the environment cannot be judged."""


class QuantityError(RolloutError, ValueError):
    """A number, unit or duration that does not fit where it stands."""


class QuestionError(RolloutError, TypeError):
    """A question that an estimate or claim has no answer to; says the right one."""


class WorldError(RolloutError):
    """The embedded world could not be started."""


class LedgerError(RolloutError):
    """The ledger cannot be read or written, or is not what was written.

    What was to be recorded was not, unless the message says that nobody knows.
    """


class SignoffError(RolloutError):
    """Who may sign, what is to be signed or what was signed is not sound, or could not be checked at all."""


class SourceError(RolloutError):
    """A source could not answer.

    `reason` is the code under which the gate holds (`no-data` or `stale`);
    the message says what was asked, what was seen, and what would do.
    """

    def __init__(self, message: str, *, reason: Reason = Reason.NO_DATA) -> None:
        super().__init__(message)
        self.reason = reason


class Inconclusive(RolloutError):  # noqa: N818 - the word that users read in reports and write in tests
    """The data cannot tell whether the claim holds.

    Not an `AssertionError`: neither `not`, `or`, `if` nor an `except
    AssertionError` can turn doubt into a pass, and reports show it as broken
    (yellow), not as failed (red).
    """

    def __init__(self, message: str, *, reason: str = Reason.INCONCLUSIVE) -> None:
        super().__init__(f"HOLD[{reason}] {message}")
        self.reason = reason


class Unclaimed(RolloutError):  # noqa: N818 - as above
    """A gate ended well without having proven anything."""


class NotApplicable(RolloutError):  # noqa: N818 - as above
    """The gate is for another stage of its phase, or for other hardware: it says nothing now, for or against."""


@contextmanager
def in_doubt() -> Iterator[None]:
    """What the past or a source does not say is no proof: a `SourceError` becomes `Inconclusive`."""
    try:
        yield
    except SourceError as error:
        raise Inconclusive(str(error), reason=error.reason) from None


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file that a person wrote.

    `line` and `column` count from 1. `path` is the dotted place inside the
    document, `found` what stands there, `fix` lines what would do.
    """

    file: str
    line: int
    column: int
    path: str
    found: str
    fix: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        place = f"{self.path}: " if self.path else ""
        return "\n".join([f"{where}{place}{self.found}", *(f"  {line}" for line in self.fix)])


class PlanError(RolloutError):
    """Everything wrong in the plans that were read, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """A line that guesses the meant word, or nothing when none is near."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return (f"did you mean '{close[0]}'?",) if close else ()


def listed(words: Iterable[str], *, none: str = "none") -> str:
    """Words as one sorted, comma-separated text; `none` when there are none."""
    return ", ".join(sorted(words)) or none
