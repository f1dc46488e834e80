"""Logs, the reading half: from files to the lines of a window, in a process of its own.

A regular expression can take for ever on one unlucky line, and nothing inside
a process can stop it. So `main` reads one request as JSON from its input,
prints one answer as JSON, and is ended when its time is over.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.logs_figures import SECOND, Lines, Request, samples

MAX_LINE_BYTES = 2**18
MAX_LINES = 5_000_000
MAX_LINES_OF_SERIES = 500_000
_LEAP_BYTES = 2**22
_DISORDER = 60 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def scan(request: Request) -> dict[str, object]:
    """The answer to one request.

    Raises:
        SourceError: There is none.
    """
    at, earliest = request["at"], earliest_of(request)
    lines = Lines(MAX_LINES_OF_SERIES if request["step"] else MAX_LINES)
    read = reader(request)
    for path in distinct(request["files"]):
        scan_file(Path(path), read, lines, earliest, at)
    total = lines.unmatched + len(lines.times)
    if lines.unmatched > request["unmatched"] * total:
        raise SourceError(
            f"{lines.unmatched} of {total} lines of the window do not match the pattern, more than "
            f"{request['unmatched']:.0%}\n"
            "the format of the log may have changed: see the pattern, or the option 'unmatched'"
        )
    counts = {"lines": len(lines.times), "chosen": len(lines.values), "unmatched": lines.unmatched}
    return {"samples": samples(lines, request), **counts}


def earliest_of(request: Request) -> int:
    """Where the first window begins; what lies at it or before has no part in the answer."""
    return (request["start"] if request["step"] else request["at"]) - request["window"]


def distinct(files: Sequence[str]) -> list[str]:
    """Files without those that are another one under a second name, or about to become one.

    A rotation that happens meanwhile must not make lines count twice: while
    `app.log.2` is packed, `app.log.2.gz` is already there, and not whole.
    """
    found: dict[tuple[int, int], str] = {}
    for path in files:
        if not (path.endswith(".gz") and path.removesuffix(".gz") in files):
            status = Path(path).stat()
            found.setdefault((status.st_dev, status.st_ino), path)
    return list(found.values())


Reader = Callable[[str], tuple[int, float | None] | None]


def reader(request: Request) -> Reader:
    """What a line says: its time, and its value where it is meant; None where it does not match."""
    pattern, field = re.compile(request["pattern"]), request["field"]
    tests = [(label, re.compile(text, re.DOTALL), wanted) for label, text, wanted in request["matchers"]]
    moment_of = clock(request["time_format"], request["zone"], earliest_of(request), request["at"])

    def read(text: str) -> tuple[int, float | None] | None:
        match = pattern.search(text)
        moment = moment_of(match["at"] or "") if match else None
        if match is None or moment is None:
            return None
        if any((test.fullmatch(match[label] or "") is None) == wanted for label, test, wanted in tests):
            return moment, None
        if not field:
            return moment, 1.0
        return moment, None if match[field] is None else number(match[field], field)

    return read


def number(text: str, field: str) -> float:
    """A group's text as a number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SourceError(f"'{field}' is {text[:30]!r} in a line, which is no number")
    return value


def clock(time_format: str, zone: str, earliest: int, at: int) -> Callable[[str], int | None]:
    """How the times of this log are read: microseconds since 1970, None for what is no time."""
    place: tzinfo | None = None
    if zone:
        from zoneinfo import ZoneInfo

        place = UTC if zone.upper() in {"UTC", "Z"} else ZoneInfo(zone)

    @lru_cache(4096)
    def moment_of(text: str) -> int | None:
        try:
            if time_format.startswith("epoch"):
                return round(float(text) * (1000 if time_format == "epoch_ms" else SECOND))
            found = datetime.strptime(text, time_format) if time_format else datetime.fromisoformat(text)  # noqa: DTZ007 - below
        except (ValueError, OverflowError):
            return None
        if found.tzinfo is not None:
            return microseconds(found)
        if place is None:
            raise SourceError(f"the time {text[:40]!r} has no offset from UTC\nname its zone: 'zone: UTC'")
        first, second = (microseconds(found.replace(tzinfo=place, fold=fold)) for fold in (0, 1))
        if first != second and any(earliest < each <= at for each in (first, second)):
            raise SourceError(
                f"the clocks were changed at {text[:40]!r} in {zone}: the time was there twice, or never\n"
                "write logs in UTC, or with their offset"
            )
        return first

    return moment_of


def microseconds(moment: datetime) -> int:
    """A time as whole microseconds since 1970, without rounding."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def scan_file(path: Path, read: Reader, lines: Lines, earliest: int, at: int) -> None:
    """Enter the lines of one file that lie in `(earliest, at]`.

    A line that does not match has no time. It counts against the window
    unless a later line is still before it, an earlier one already behind it,
    or nobody has written to the file since it began.
    """
    loose, behind = 0, False
    for line in lines_of(path, beginning(path, read, earliest)):
        found = read(line) if line is not None else None
        if found is None:
            # An indented line goes on with the one above, as those of a stack trace do.
            loose += line is None or not line[:1].isspace()
            continue
        if found[0] > earliest:
            lines.unmatched += 0 if behind else loose
            behind = found[0] > at
            if not behind:
                lines.enter(*found)
        loose = 0
    if not behind and path.stat().st_mtime * SECOND > earliest:
        lines.unmatched += loose


def lines_of(path: Path, begin: int = 0) -> Iterator[str | None]:
    """The lines of a file from a place on, None for one too long to be read; one that is not ended is not there yet."""
    packed = path.suffix == ".gz"
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        if begin:
            file.seek(begin)
            skip_line(file)
        while raw := file.readline(MAX_LINE_BYTES):
            if not raw.endswith(b"\n") and len(raw) == MAX_LINE_BYTES:
                skip_line(file)
                yield None
            elif (raw.endswith(b"\n") or packed) and raw.strip():
                yield raw.decode("utf-8", "replace").rstrip("\r\n")


def skip_line(file: BinaryIO | gzip.GzipFile) -> None:
    """Go on behind the next line end."""
    while (raw := file.readline(MAX_LINE_BYTES)) and not raw.endswith(b"\n"):
        pass


def beginning(path: Path, read: Reader, earliest: int) -> int:
    """A place in a large file from which on nothing of the window is missed; times rise, give or take a minute."""
    size = 0 if path.suffix == ".gz" else path.stat().st_size
    back = _LEAP_BYTES
    while back < size:
        place = size - back
        for index, line in enumerate(lines_of(path, place)):
            found = read(line) if line is not None else None
            if found is not None and found[0] <= earliest - _DISORDER:
                return place
            if found is not None or index > 1000:
                break
        back *= 2
    return 0


def main() -> None:
    """Read one request, print one answer."""
    try:
        answer = scan(json.load(sys.stdin.buffer))
    except SourceError as error:
        answer = {"error": str(error)}
    except (OSError, EOFError, zlib.error) as error:
        name = Path(getattr(error, "filename", None) or "").name
        reason = getattr(error, "strerror", None) or error
        answer = {"error": f"{name or 'a file'}: {reason}"}
    except MemoryError:
        answer = {"error": "too much for the memory\nask for a shorter window"}
    json.dump(answer, sys.stdout)
