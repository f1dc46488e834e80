"""Document: JSON from outside, read so that nothing in it is guessed.

What JSON libraries let pass (a key said twice, NaN, 1e999, a page of HTML
with status 200) is refused here with a sentence that says what was seen.
Numbers and times of all sources go through `number_of` and `instant_of`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pytest_rollout.errors import SourceError

MAX_BYTES = 5 * 2**20
_LATEST_EPOCH_SECONDS = 1e11
NOW_SECONDS = 120
_LARGE_EXPONENT = re.compile(rb"e\+?[0-9]{3}")
_LONG_NUMBER = 200


def parse_json(body: bytes, where: str) -> object:
    """The JSON value of `body`.

    `NaN` and `Infinity`, which JSON does not have, become text: selected as a
    number, the first is NaN and the second refused, and a `max()` over them
    is an error instead of a number that forgot them.

    Raises:
        SourceError: Not JSON, or JSON that two readers could read differently.
    """
    if not body.strip():
        raise SourceError(f"{where}: the answer is empty")
    if body.lstrip().startswith(b"<"):
        raise SourceError(
            f"{where}: answered HTML, not JSON\na login page, perhaps: check the path and the credentials"
        )
    try:
        parse_float = _float if _perhaps_too_large(body) else float
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=str, parse_float=parse_float)
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}: the answer is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise SourceError(f"{where}: the JSON is nested too deeply") from None
    except ValueError as error:
        raise SourceError(f"{where}: the answer is not sound JSON: {first_line(str(error))}") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{key[:60]}' is there twice")
        found[key] = value
    return found


def _perhaps_too_large(body: bytes) -> bool:
    """Whether a number in there may be beyond what a float holds: it has an exponent of three digits, or is very long.

    Most bodies have neither, and their ten thousand numbers need not be asked one by one.
    """
    if _LARGE_EXPONENT.search(body.replace(b"E", b"e")):
        return True
    return max(map(len, body.split(b","))) > _LONG_NUMBER


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:30]} is too large for a number")
    return number


def number_of(value: object, where: str) -> float:
    """A number as a float; the text "NaN" is NaN.

    Raises:
        SourceError: A boolean, a text, infinite, or anything else that is no number.
    """
    if isinstance(value, str) and value.strip().lower() in {"nan", ".nan"}:
        return math.nan
    if isinstance(value, bool):
        raise SourceError(f"{where}: {value} is true or false, not a number\nask for a count, or read it as a flag")
    if not isinstance(value, (int, float, Decimal)):
        raise SourceError(f"{where}: {shown(value)} is not a number")
    try:
        number = float(value)
    except (OverflowError, ValueError):
        raise SourceError(f"{where}: the number is too large") from None
    if math.isinf(number):
        raise SourceError(f"{where}: the number is infinite")
    return number


def instant_of(value: object, where: str) -> datetime:
    """A time as UTC: ISO 8601 with its offset, or seconds since 1970.

    Raises:
        SourceError: No time, a time without an offset, or milliseconds.
    """
    try:
        if isinstance(value, str):
            return _zoned(datetime.fromisoformat(value), where)
        seconds = number_of(value, where)
        if math.isfinite(seconds) and 0 < seconds < _LATEST_EPOCH_SECONDS:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        pass  # said below, with what would do
    raise SourceError(
        f"{where}: {shown(value)} is not a time\nwrite ISO 8601 (2026-11-01T09:00:00Z) or seconds since 1970"
    )


def _zoned(instant: datetime, where: str) -> datetime:
    # A local time read as UTC can make an old number look fresh.
    if instant.tzinfo is None:
        raise SourceError(f"{where}: the time {instant.isoformat()} has no offset from UTC\nappend 'Z' or '+02:00'")
    return instant.astimezone(UTC)


def answers_now(at: datetime, now: datetime, where: str) -> None:
    """Refuse a question about another time than now, of a source that knows only now.

    Raises:
        SourceError: `at` is more than 120 s from now.
    """
    if abs((now - at).total_seconds()) > NOW_SECONDS:
        raise SourceError(
            f"{where}: answers for now only, not for {at.isoformat(timespec='seconds')}\n"
            "a source that says the time of its values, or keeps a history, can be asked about the past"
        )


def text_option(options: Mapping[str, object], name: str) -> str:
    """An option that must be a text, or "" when it is not there.

    Raises:
        SourceError: It is a mapping.
    """
    value = options.get(name, "")
    if not isinstance(value, str):
        raise SourceError(f"option '{name}' is a text, not {shown(value)}")
    return value


def shown(value: object, width: int = 60) -> str:
    """A foreign value as a message may quote it: short, on one line, with its type where that helps."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return f"a mapping with the keys {first_line(', '.join(map(str, value)), width) or '(none)'}"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return first_line(f"{value!r}", width)


def first_line(text: str, width: int = 200) -> str:
    """The first line of a foreign message, cut at `width` characters, without what would move a terminal's cursor."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = "".join(each if each.isprintable() else "?" for each in line)
    return line if len(line) <= width else line[: width - 1] + "…"
