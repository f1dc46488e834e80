"""The source protocol: facts in, facts out, one method.

A source answers one `Question` with one `Answer`, or raises `SourceError`
with a reason code. It knows nothing of metrics, limits or gates; what an
empty, old or odd answer means is decided in one other place, `reading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar

OptionValue = str | Mapping[str, object]
FlagValue = bool | float | str
Opened_co = TypeVar("Opened_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a source: its query, as of one instant (UTC), within a time limit."""

    query: str
    at: datetime
    timeout_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One number and when the source took it (UTC); `at` is None where it does not say."""

    value: float
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a source said: its samples (none at all is an answer too) and the body, for the evidence."""

    samples: tuple[Sample, ...]
    body: str = ""


class Source(Protocol):
    """Anything that answers questions; safe to call from several threads."""

    def ask(self, question: Question) -> Answer:
        """Answer within `question.timeout_seconds`.

        Raises:
            SourceError: Nothing could be learned; the message names what was
                asked, what was seen, and what would do. Secrets are not in it.
        """
        ...


class FlagReader(Protocol):
    """Anything that knows the flags of a system; safe to call from several threads."""

    def read(self, at: datetime, timeout_seconds: float) -> Mapping[str, FlagValue]:
        """All flags as of `at`, nested names joined with dots (`dual_memory.blended_recall`).

        Raises:
            SourceError: They could not be read, or what was read is no set of flags.
        """
        ...


@dataclass(frozen=True)
class Option:
    """One key that a kind of source takes in a plan; one with `mapping` may also be a mapping instead of a text."""

    name: str
    about: str
    required: bool = False
    secret: bool = False
    mapping: bool = False


@dataclass(frozen=True)
class Kind(Generic[Opened_co]):
    """A kind of source or of flags: its name in a plan, its options, and how one is opened.

    `open(options, folder)` gets the options with environment variables
    already filled in, and the plan's folder, which relative paths start from.
    Opening contacts nothing and loads nothing heavy; it raises `SourceError`
    for an option that cannot be meant.
    """

    name: str
    about: str
    options: tuple[Option, ...]
    open: Callable[[Mapping[str, OptionValue], Path], Opened_co] = field(repr=False)


SourceKind = Kind[Source]
FlagKind = Kind[FlagReader]
