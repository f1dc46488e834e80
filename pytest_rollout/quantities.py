"""Quantities: numbers with units, durations, percentages.

Every number in a plan has a unit, and numbers of different kinds are never
compared: a time with a size, a rate per second with a count, a relative
change (`%`) with a difference of shares (`pp`). Units of one kind convert.

The table is small and closed on purpose. General unit libraries treat `%` as
a plain 0.01, and then "+0.1 %" of an error rate and "+0.1 pp" are the same
thing; in a rollout they differ by three orders of magnitude.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from pytest_rollout.errors import QuantityError, QuestionError, did_you_mean

_BASE_UNITS: dict[str, tuple[str, float]] = {
    "": ("number", 1.0),
    "1": ("number", 1.0),
    "ns": ("time", 1e-9),
    "us": ("time", 1e-6),
    "µs": ("time", 1e-6),
    "ms": ("time", 1e-3),
    "s": ("time", 1.0),
    "min": ("time", 60.0),
    "h": ("time", 3600.0),
    "d": ("time", 86400.0),
    "day": ("time", 86400.0),
    "B": ("data", 1.0),
    "kB": ("data", 1e3),
    "MB": ("data", 1e6),
    "GB": ("data", 1e9),
    "TB": ("data", 1e12),
    "KiB": ("data", 2.0**10),
    "MiB": ("data", 2.0**20),
    "GiB": ("data", 2.0**30),
    "TiB": ("data", 2.0**40),
    "share": ("share", 1.0),
    "%": ("share", 0.01),
    "pp": ("difference of shares", 0.01),
    "°C": ("temperature", 1.0),
    "$": ("money", 1.0),
}
_PER_TIME = {name: factor for name, (kind, factor) in _BASE_UNITS.items() if kind == "time"}
_SUFFIXES = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBER = r"(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\s*(?P<sign>[+±\-−]|\+-)?\s*(?P<number>{_NUMBER})\s*(?P<unit>\S*)\s*")  # noqa: RUF001 - U+2212 is a minus people paste
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


@dataclass(frozen=True)
class Unit:
    """A unit of measurement: its text, its kind, and its factor to the kind's base.

    `kind` is for comparison only; `ms` and `h` share "time", `1/h` and `1/s`
    share "number per time".
    """

    text: str
    kind: str
    factor: Fraction

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read a unit such as `ms`, `MB`, `1/h`, `/h`, `$/day` or `%`.

        Raises:
            QuantityError: The unit is not known; lists those that are.
        """
        text = text.strip()
        above, slash, below = text.partition("/")
        if above.strip() not in _BASE_UNITS or (slash and below.strip() not in _PER_TIME):
            raise QuantityError(_unknown_unit(text))
        kind, number = _BASE_UNITS[above.strip()]
        factor = Fraction(repr(number))
        if not slash:
            return cls("" if text == "1" else text, kind, factor)
        shown = f"{'' if above.strip() == '1' else above.strip()}/{below.strip()}"
        return cls(shown, f"{kind} per time", factor / Fraction(repr(_PER_TIME[below.strip()])))


def known_units() -> tuple[str, ...]:
    """Every unit that may stand alone; any of them may also stand over a time (`MB/h`)."""
    return tuple(sorted(unit for unit in _BASE_UNITS if unit))


def _unknown_unit(text: str) -> str:
    lines = [f"unknown unit '{text}'", f"units: {', '.join(known_units())}, and each per time: 1/h, MB/h, $/day"]
    return "\n".join([*lines, *did_you_mean(text, known_units())])


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, as somebody wrote it.

    `sign` is `""` for a level (`10 ms`), `"+"`, `"-"` or `"±"` for a change
    from a reference (`+10 ms`, `±20 %`); `value` carries the minus itself.
    """

    value: float
    unit: str
    sign: str = ""

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Read `10 ms`, `+10 %`, `-0.05`, `±20 %`, `1000 /h`.

        Raises:
            QuantityError: No number, no known unit, or not finite.
        """
        match = _QUANTITY.fullmatch(text)
        if match is None:
            raise QuantityError(
                f"'{text}' is not a quantity: a number and its unit, such as '10 ms', '+10 %' or '1000 /h'"
            )
        sign = {"−": "-", "+-": "±", None: ""}.get(match["sign"], match["sign"])  # noqa: RUF001 - as above
        value = float(match["number"].replace("_", ""))
        if not math.isfinite(value):
            raise QuantityError(f"'{text}' is too large for a number")
        return cls(-value if sign == "-" else value, Unit.parse(match["unit"]).text, sign)

    def to(self, unit: str) -> float:
        """The number in another unit of the same kind."""
        return convert(self.value, self.unit, unit)

    def __str__(self) -> str:
        sign = self.sign if self.sign in {"+", "±"} else ""
        return sign + with_unit(format_number(self.value), self.unit)


def convert(value: float, unit: str, to: str) -> float:
    """Convert between two units of one kind.

    Raises:
        QuantityError: The kinds differ (says how they differ), or the number is too large in the other unit.
    """
    if unit == to:
        return value
    have, want = Unit.parse(unit), Unit.parse(to)
    if have.kind != want.kind:
        raise QuantityError(_kinds_differ(have, want))
    if have.factor == want.factor or not math.isfinite(value):
        return value
    # In rationals, rounded once: 99.9 % is the share 0.999 and not its neighbour, so a limit met exactly is met.
    try:
        return float(Fraction(repr(float(value))) * have.factor / want.factor)
    except OverflowError as error:
        raise QuantityError(f"{with_unit(format_number(value), unit)} is too large a number in '{to}'") from error


def _kinds_differ(have: Unit, want: Unit) -> str:
    text = f"{_named(have)} cannot be compared with {_named(want)}"
    kinds = {have.kind, want.kind}
    if kinds == {"share", "difference of shares"}:
        return f"{text}: '%' is a level or a relative change, 'pp' the difference of two shares"
    if kinds == {"number", "share"}:
        return f"{text}: a metric between 0 and 1 has the unit 'share', one between 0 and 100 the unit '%'"
    if have.kind.removesuffix(" per time") == want.kind.removesuffix(" per time"):
        return f"{text}: one is per time, the other is not"
    return text


def _named(unit: Unit) -> str:
    return f"'{unit.text}' ({unit.kind})" if unit.text else "a plain number"


def parse_duration(text: str) -> timedelta:
    """Read `60s`, `5m`, `48h`, `14d`, `1h30m`; `m` is minutes.

    Raises:
        QuantityError: Not a duration, or none at all.
    """
    seconds, end = 0.0, 0
    while match := _DURATION.match(text.strip(), end):
        if match[2] not in _SUFFIXES:
            break
        seconds, end = seconds + float(match[1]) * _SUFFIXES[match[2]], match.end()
    if not text.strip() or end != len(text.strip()) or not 1e-6 <= seconds < 3.2e9:
        raise QuantityError(f"'{text}' is not a duration: write 60s, 5m, 48h or 14d ('m' is minutes)")
    return timedelta(seconds=seconds)


def duration_of(length: object) -> timedelta:
    """How long a question asks about: a text such as "24h", or a `timedelta`; above 0.

    Raises:
        QuestionError: Anything else, such as a plain number, whose unit nobody knows.
    """
    if not isinstance(length, str | timedelta):
        raise QuestionError(f"{length!r} is no duration: write it with its unit, as in '24h'")
    try:
        found = parse_duration(length) if isinstance(length, str) else length
    except QuantityError as error:
        raise QuestionError(str(error)) from None
    if found <= timedelta(0):
        raise QuestionError(f"{length} is no duration: it has to be above 0")
    return found


def format_duration(duration: timedelta) -> str:
    """A duration as people say it: `45 s`, `5 min`, `2 h 05 min`, `3 d 4 h`."""
    seconds = int(abs(duration).total_seconds())
    if seconds < 60:
        return f"{abs(duration).total_seconds():.3g} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min" + (f" {seconds % 60:02d} s" if seconds % 60 else "")
    if hours < 48:
        return f"{hours} h" + (f" {minutes % 60:02d} min" if minutes % 60 else "")
    return f"{days} d" + (f" {hours % 24} h" if hours % 24 else "")


def format_number(value: float, *, digits: int = 4) -> str:
    """A number with `digits` significant digits, thousands kept, no exponent below 10¹²."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "unbounded"
    if value and not 1e-6 <= abs(value) < 1e12:
        return f"{value:.{digits}g}"
    value = value or 0.0  # no minus before a zero
    decimals = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{max(decimals, 0)}f}".replace(",", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_apart(value: float, other: float, *, start: int = 4) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart.

    A report that says "75 is not below 75" has helped nobody.
    """
    for digits in range(start, 18):
        texts = format_number(value, digits=digits), format_number(other, digits=digits)
        if texts[0] != texts[1] or value == other or math.isnan(value) or math.isnan(other):
            return texts
    return repr(value), repr(other)


def with_unit(number: str, unit: str) -> str:
    """`10` and `ms` as `10 ms`; `1000` and `/h` as `1000 /h`; no unit, no space."""
    return f"{number} {unit}" if unit else number
