"""Wire: an answer as JSON, between the workers of a run and for those who replay it.

JSON has no NaN and no infinity, and a reader must not guess: what is not
finite is written as a word. A time is microseconds since 1970, UTC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import NoneType

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.columns import Columns, all_finite
from pytest_rollout.sources.document import first_line
from pytest_rollout.sources.protocol import Answer, Bucket

_NO_NUMBERS = frozenset({"nan", "inf", "-inf"})


def answer_as_json(answer: Answer) -> dict[str, object]:
    """An answer as values that JSON has; columns for samples, because a window has thousands.

    Raises:
        TypeError: A value of a sample or bucket is no number.
        ValueError: A time has no offset: read as UTC, a local time could make an old number look fresh.
    """
    columns = Columns.of(answer.samples)
    found: dict[str, object] = {
        "values": _numbers_as_json(columns.values),
        "times": list(columns.times),
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
        skew = found.get("skew_seconds")
        return Answer(
            samples=_columns(found),
            body=str(found["body"]),
            buckets=tuple(_bucket(each) for each in _listed(found.get("buckets", []))),
            warnings=tuple(str(each) for each in _listed(found.get("warnings", []))),
            skew=None if skew is None else timedelta(seconds=_number(skew)),
            identity=str(found.get("identity", "")),
            status=str(found.get("status", "")),
        )
    except (ValueError, KeyError, TypeError, OverflowError) as damage:
        raise SourceError(f"the shared answer is damaged: {first_line(str(damage))}") from None


def _numbers_as_json(values: Sequence[float]) -> list[float | str]:
    # Nearly always true, and asked of all at once.
    return list(values) if all_finite(values) else [_number_as_json(each) for each in values]


def _number_as_json(value: float) -> float | str:
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, (bool, str)):
        raise TypeError(f"{value!r} is no number")
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _mapped(found: object) -> Mapping[str, object]:
    if not isinstance(found, Mapping):
        raise TypeError(f"{type(found).__name__} where an answer was meant")
    return found


def _listed(found: object) -> Sequence[object]:
    if not isinstance(found, list):
        raise TypeError(f"{type(found).__name__} where a list was meant")
    return found


def _columns(found: Mapping[str, object]) -> Columns:
    values, times = _listed(found["values"]), _listed(found["times"])
    if not set(map(type, values)) <= {float}:
        values = [_number(each) for each in values]
    if not set(map(type, times)) <= {int, NoneType}:
        raise TypeError("a time is no whole number of microseconds")
    return Columns(tuple(values), tuple(times))  # type: ignore[arg-type]  # as was just asked of all at once


def _number(found: object) -> float:
    if type(found) is float:
        return found
    if isinstance(found, bool) or (not isinstance(found, (int, float)) and found not in _NO_NUMBERS):
        raise ValueError(f"{found!r} is no number")
    return float(found)


def _bucket(found: object) -> Bucket:
    above, upto, count = (_number(end) for end in _listed(found))
    return Bucket(above=above, upto=upto, count=count)
