"""Thresholds: a level's number or range as somebody wrote it.

`600 MB` is one number whose side the metric's `better` decides; `10..1000 /h`
is a range. A sign makes a change from a reference (`+10 %`, `±20 %`), which is
another question: its side is its sign.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pytest_rollout.errors import QuantityError
from pytest_rollout.quantities import Quantity, Unit, convert

_NUMBER = r"(?:[0-9][0-9_]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_THRESHOLD = re.compile(rf"(?:(?P<low>{_NUMBER})\s*\.\.\s*)?(?P<number>{_NUMBER})\s*(?P<unit>(?:1/|[^\s0-9._+\-])\S*)?")
CHANGE = re.compile(r"[+\-−±]|.*\.\.\s*[+\-−±]")  # noqa: RUF001 - U+2212 is a minus people paste

PATTERN = r"[0-9.+\-−±].*"  # noqa: RUF001 - as above
"""What every threshold looks like from afar, for the JSON Schema."""

NUMBER_PATTERN = rf"[+-]?{_NUMBER}"
"""A plain number, for the JSON Schema."""


@dataclass(frozen=True)
class Threshold:
    """One number (`low` is None) or a range, both in `unit`, both ends inside."""

    low: float | None
    high: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read `600 MB`, `0`, `99.9 %` or `10..1000 /h`.

        Raises:
            QuantityError: Not such a text, a change (`+10 %`), an unknown
                unit, or a range from high to low.
        """
        if CHANGE.match(text):
            raise QuantityError(
                f"'{text}' is a change from a reference, and no level by itself\n"
                "say from what: 'against: baseline' at the budget; or write the level itself, without a sign"
            )
        match = _THRESHOLD.fullmatch(text.strip())
        if match is None:
            raise QuantityError(
                f"'{text}' is not a level\n"
                "write a number and its unit, such as '600 MB', or a range, such as '10..1000 /h'"
            )
        low = _number(match["low"]) if match["low"] else None
        high = _number(match["number"])
        unit = Unit.parse(match["unit"] or "").text
        if low is not None and low > high:
            raise QuantityError(f"'{text}' is an empty range\nwrite the lower end first")
        return cls(low, high, unit)

    def to(self, unit: str) -> Threshold:
        """The same threshold in another unit of the same kind.

        Raises:
            QuantityError: The kinds differ.
        """
        low = None if self.low is None else convert(self.low, self.unit, unit)
        return Threshold(low, convert(self.high, self.unit, unit), unit)


@dataclass(frozen=True)
class Change:
    """How far from a reference something may be: `low` to `high` in `unit`, infinite where that side is open."""

    low: float
    high: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Change:
        """Read `+10 %`, `-0.05` or `±20 %`.

        Raises:
            QuantityError: No sign, not a number, or an unknown unit.
        """
        said = Quantity.parse(text)
        if said.sign == "±":
            return cls(-said.value, said.value, said.unit)
        if said.sign == "+":
            return cls(-math.inf, said.value, said.unit)
        if said.sign == "-":
            return cls(said.value, math.inf, said.unit)
        raise QuantityError(
            f"'{text}' is a level, and a change from a reference is wanted\nwrite a sign, such as +10 %"
        )


def parse_limit(text: str) -> Threshold | Change:
    """Read a level or a change; which of them is wanted, the budget says.

    Raises:
        QuantityError: Neither.
    """
    return Change.parse(text) if CHANGE.match(text.strip()) else Threshold.parse(text)


def parse_number(text: str) -> float:
    """Read a plain number without a unit.

    Raises:
        QuantityError: Not a number, or not finite.
    """
    if re.fullmatch(NUMBER_PATTERN, text.strip()) is None:
        raise QuantityError(f"'{text}' is not a number\nwrite a plain number in the metric's unit, such as 0")
    return _number(text)


def _number(text: str) -> float:
    value = float(text.replace("_", ""))
    if not math.isfinite(value):
        raise QuantityError(f"'{text}' is too large for a number")
    return value
