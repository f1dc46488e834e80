"""Wire: an answer as JSON, between the workers of a run and for those who replay it.

JSON has no NaN and no infinity, and a reader must not guess: what is not
finite is written as a word. A time is microseconds since 1970, UTC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Answer, Bucket, Sample

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_NUMBERS = frozenset({"nan", "inf", "-inf"})


def answer_as_json(answer: Answer) -> dict[str, object]:
    """An answer as values that JSON has; columns for samples, because a window has thousands.

    Raises:
        TypeError: A value of a sample or bucket is no number.
        ValueError: A time has no offset: read as UTC, a local time could make an old number look fresh.
    """
    found: dict[str, object] = {
        "values": [_number_as_json(value) for value, _ in answer.samples],
        "times": [_instant_as_json(at) for _, at in answer.samples],
        "body": str(answer.body),
    }
    if answer.buckets:
        found["buckets"] = [[_number_as_json(end) for end in (b.above, b.upto, b.count)] for b in answer.buckets]
    if answer.skew is not None:
        found["skew_seconds"] = answer.skew.total_seconds()
    if answer.warnings:
        found["warnings"] = [str(each) for each in answer.warnings]
    return found | {name: str(text) for name in ("identity", "status") if (text := getattr(answer, name))}


def answer_from_json(found: object) -> Answer:
    """The answer that `answer_as_json` wrote.

    Raises:
        SourceError: It is not what was written.
    """
    try:
        found = _mapped(found)
        values, times = _columns(found)
        skew = found.get("skew_seconds")
        return Answer(
            samples=tuple(map(Sample, map(_number, values), map(_instant, times))),
            body=str(found["body"]),
            buckets=tuple(_bucket(each) for each in _listed(found.get("buckets", []))),
            warnings=tuple(str(each) for each in _listed(found.get("warnings", []))),
            skew=None if skew is None else timedelta(seconds=_number(skew)),
            identity=str(found.get("identity", "")),
            status=str(found.get("status", "")),
        )
    except (ValueError, KeyError, TypeError, OverflowError) as damage:
        raise SourceError(f"the shared answer is damaged: {first_line(str(damage))}") from None


def _number_as_json(value: float) -> float | str:
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, (bool, str)):
        raise TypeError(f"{value!r} is no number")
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _instant_as_json(at: datetime | None) -> int | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"the time {at.isoformat()} has no offset from UTC")
    return (at - _EPOCH) // _MICROSECOND


def _mapped(found: object) -> Mapping[str, object]:
    if not isinstance(found, Mapping):
        raise TypeError(f"{type(found).__name__} where an answer was meant")
    return found


def _listed(found: object) -> Sequence[object]:
    if not isinstance(found, list):
        raise TypeError(f"{type(found).__name__} where a list was meant")
    return found


def _columns(found: Mapping[str, object]) -> tuple[Sequence[object], Sequence[object]]:
    values, times = _listed(found["values"]), _listed(found["times"])
    if len(values) != len(times):
        raise ValueError(f"{len(values)} values and {len(times)} times")
    return values, times


def _number(found: object) -> float:
    if type(found) is float:
        return found
    if isinstance(found, bool) or (not isinstance(found, (int, float)) and found not in _NO_NUMBERS):
        raise ValueError(f"{found!r} is no number")
    return float(found)


def _instant(found: object) -> datetime | None:
    if found is None:
        return None
    if type(found) is not int:
        raise TypeError(f"{found!r} is no instant")
    return _EPOCH + timedelta(microseconds=found)


def _bucket(found: object) -> Bucket:
    above, upto, count = (_number(end) for end in _listed(found))
    return Bucket(above=above, upto=upto, count=count)
