"""Columns: the samples of a window as two columns, because it has ten thousand of them.

To everybody who looks at single samples it is a sequence of `Sample`, made
when somebody looks. Those who move a whole window, from a service to the
evidence and back, move two columns and make no object for each point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import overload

from pytest_rollout.sources.protocol import Sample

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REACH = (
    (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND,
    (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND,
)


@dataclass(frozen=True, eq=False, repr=False)
class Columns(Sequence[Sample]):
    """Samples as columns of equal length.

    Args:
        values: What each sample says.
        times: When each was taken, in microseconds since 1970 UTC; None where that is unknown.

    Raises:
        ValueError: The columns differ in length, or a time is outside of the years 1 to 9999.
    """

    values: tuple[float, ...]
    times: tuple[int | None, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be looked at later."""
        if len(self.values) != len(self.times):
            raise ValueError(f"{len(self.values)} values and {len(self.times)} times")
        known = self.times if None not in self.times else tuple(each for each in self.times if each is not None)
        if known and not (_REACH[0] <= min(known) and max(known) <= _REACH[1]):  # type: ignore[type-var,operator]  # no None is left
            raise ValueError("a time is outside of the years 1 to 9999")

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Columns:
        """The columns of samples; those that are columns already stay as they are.

        Raises:
            TypeError: A value is no number.
            ValueError: A time has no offset: read as UTC, a local time could make an old number look fresh.
        """
        if isinstance(samples, Columns):
            return samples
        return cls(tuple(_number(value) for value, _ in samples), tuple(microseconds(at) for _, at in samples))

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.values)

    @overload
    def __getitem__(self, place: int) -> Sample: ...

    @overload
    def __getitem__(self, place: slice) -> Columns: ...

    def __getitem__(self, place: int | slice) -> Sample | Columns:
        """One sample, or a stretch of them."""
        if isinstance(place, slice):
            return Columns(self.values[place], self.times[place])
        at = self.times[place]
        return Sample(self.values[place], None if at is None else instant(at))

    def __eq__(self, other: object) -> bool:
        """Whether the same samples stand in the same order, in columns or in a tuple."""
        return isinstance(other, Columns | tuple) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        """As of a tuple of the same samples."""
        return repr(tuple(self))

    def __hash__(self) -> int:
        """As of a tuple of the same samples."""
        return hash(tuple(self))


def instant(since_1970: int) -> datetime:
    """Microseconds since 1970 as UTC."""
    return _EPOCH + timedelta(microseconds=since_1970)


def microseconds(at: datetime | None) -> int | None:
    """A time as microseconds since 1970; None for one that is unknown.

    Raises:
        ValueError: It has no offset.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"the time {at.isoformat()} has no offset from UTC")
    return (at - _EPOCH) // _MICROSECOND


def from_seconds(seconds: Iterable[float]) -> tuple[int, ...]:
    """Seconds since 1970, each rounded to its microsecond.

    Raises:
        ValueError, OverflowError: One is not finite.
    """
    return tuple([round(each * 1e6) for each in seconds])


def _number(value: float) -> float:
    if type(value) is float:
        return value
    if isinstance(value, (bool, str)):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def all_finite(values: Sequence[float]) -> bool:
    """Whether no value is NaN or infinite."""
    return all(map(math.isfinite, values))
