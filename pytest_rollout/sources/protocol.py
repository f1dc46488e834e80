"""The source protocol: facts in, facts out, one method.

A source answers one `Question` with one `Answer`, or raises `SourceError`
with a reason code. It knows nothing of metrics, limits or gates; what an
empty, old or odd answer means is decided in one other place, `reading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from pytest_rollout.errors import SourceError

OptionValue = str | Mapping[str, object] | Sequence[object]
FlagValue = bool | float | str
Opened_co = TypeVar("Opened_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a source: its query, as of one instant (UTC), within a time limit.

    `start` makes it a question for a series: the samples of the one series in
    `(start, at]`, in their order, one each `step` where the source can choose.
    `buckets` asks for a histogram in place of a number.
    """

    query: str
    at: datetime
    timeout_seconds: float = 10.0
    start: datetime | None = None
    step: timedelta = timedelta(seconds=60)
    buckets: bool = False


class Sample(NamedTuple):
    """One number and when the source took it (UTC); `at` is None where it does not say.

    A tuple, because a window has ten thousand of them; see `columns.py` for those that are never looked at singly.
    """

    value: float
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """How many observations lie in `(above, upto]`, in the metric's unit; the outer ends may be infinite."""

    above: float
    upto: float
    count: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a source said.

    Args:
        samples: One for each series of an instant, or the one series of a
            window in time order; none at all is an answer too. A source that
            knows the names of several series where one was meant raises
            instead, and names them.
        body: What came over the wire, secrets redacted, for the evidence.
        buckets: The histogram, where the question asked for one, from low to
            high without overlap; `samples` then holds one sample: the total
            count, and when it was taken.
        warnings: What the source itself says against its answer.
        skew: How far the source's clock is ahead of ours, where it tells the time.
        identity: What answered, such as "Prometheus 2.42.0".
        status: How it answered, such as "200".
    """

    samples: Sequence[Sample]
    body: str = ""
    buckets: tuple[Bucket, ...] = ()
    warnings: tuple[str, ...] = ()
    skew: timedelta | None = None
    identity: str = ""
    status: str = ""


class Source(Protocol):
    """Anything that answers questions; safe to call from several threads."""

    def ask(self, question: Question) -> Answer:
        """Answer within `question.timeout_seconds`.

        A source that cannot answer a kind of question (a window, buckets)
        says so with the words of `unable`.

        Raises:
            SourceError: Nothing could be learned; the message names what was
                asked, what was seen, and what would do. Secrets are not in it.
        """
        ...


def unable(question: Question, where: str, kind: str) -> None:
    """Refuse a question for a series or a histogram, for kinds of sources that have neither.

    Raises:
        SourceError: The question asks for one.
    """
    if question.start is not None or question.buckets:
        what = "a histogram" if question.buckets else "a series over time"
        raise SourceError(f"{where}: a source of kind '{kind}' has no {what[2:]}\nask a source that keeps {what}")


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
    """One key that a kind of source takes in a plan; one with `mapping` may also be a mapping or a list."""

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
