"""Body: what a service sends back, read piece by piece and with suspicion.

At most 5 MiB are kept, also of an answer that swells when it is unpacked,
and a text that never ends is left when the time is over.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.deadline import DeadlineError
from pytest_rollout.sources.document import MAX_BYTES, first_line

_START_BYTES = 4096
_LONGEST_WAIT_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a service answered with status 200.

    `age_seconds` is what a cache on the way says of it. `skew` is how far the
    service's clock is ahead of ours, to about a second; None when it does not say.
    """

    content: bytes = field(repr=False)
    age_seconds: float
    skew: timedelta | None = None


def before(deadline: float, chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The pieces of a body, until `deadline` (of `time.monotonic`).

    Raises:
        DeadlineError: A piece came later.
    """
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise DeadlineError
        yield chunk


def start_of(chunks: Iterable[bytes], encoding: str) -> bytes:
    """The first 4 KiB of an error's body, or what came of them in time; unpacked as far as that goes."""
    unpack = zlib.decompressobj(wbits=31) if "gzip" in encoding.lower() else None
    found = b""
    with suppress(DeadlineError, zlib.error):
        for chunk in chunks:
            found += unpack.decompress(chunk, _START_BYTES) if unpack else chunk
            if len(found) >= _START_BYTES:
                break
    return found[:_START_BYTES]


def decoded(chunks: Iterable[bytes], encoding: str, where: str) -> bytes:
    """The body, unpacked piece by piece so that a bomb is stopped where it begins to swell.

    Raises:
        SourceError: Too large, cut off, or packed in a way that was not asked for.
    """
    if encoding.strip().lower() not in {"", "identity", "gzip", "x-gzip"}:
        raise SourceError(f"{where}: the encoding '{first_line(encoding, 30)}' was not asked for")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in encoding.lower() else None
    body = bytearray()
    for chunk in chunks:
        try:
            body += unpack.decompress(chunk, MAX_BYTES + 1 - len(body)) if unpack else chunk
        except zlib.error:
            raise SourceError(f"{where}: the answer is not gzip, though it says so") from None
        if len(body) > MAX_BYTES:
            raise SourceError(f"{where}: the answer is larger than 5 MiB\nask for less: one number is meant")
    if unpack and (not unpack.eof or unpack.unused_data):
        raise SourceError(f"{where}: the gzip answer is cut off or has something behind its end")
    return bytes(body)


def age_of(headers: Mapping[str, str], where: str) -> float:
    """How many seconds a cache kept the answer; a header that cannot be read is not taken for 'fresh'.

    Raises:
        SourceError: It cannot be read.
    """
    text = headers.get("age", "")
    if not text:
        return 0.0
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise SourceError(f"{where}: the header Age is {first_line(text, 20)!r}, which is no number of seconds")
    return float(text)


def skew_of(headers: Mapping[str, str], asked: datetime, answered: datetime) -> timedelta | None:
    """How far the clock in the header `Date` is ahead of ours, taken halfway between question and answer.

    None when there is none, or when a cache answered: then `Date` is older than the answer.
    """
    said = _instant(headers.get("date", ""))
    if said is None or headers.get("age", "0") != "0":
        return None
    # The header cuts its second off; half a second is what it lost on average.
    return said + timedelta(seconds=0.5) - (asked + (answered - asked) / 2)


def retry_after_of(headers: Mapping[str, str], now: datetime) -> float | None:
    """After how many seconds the service wants to be asked again; None when it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:_LONGEST_WAIT_DIGITS])
    said = _instant(text)
    return None if said is None else max((said - now).total_seconds(), 0.0)


def _instant(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    with suppress(ValueError, TypeError, OverflowError, IndexError):
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    return None
