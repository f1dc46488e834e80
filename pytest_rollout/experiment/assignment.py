"""Assignment: which arm a unit is in, from its name alone.

A salted hash gives each unit a place between 0 and 1 that never changes; an
arm has the places below its share. So the same unit is in the same arm on
every machine, and an arm that grows keeps all that it had.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from hashlib import blake2b
from math import ceil

from pytest_rollout.errors import UsageError, did_you_mean, listed
from pytest_rollout.experiment.murmur3 import murmur3_32

Share = int | float | str | Fraction
"""Per cent of the units. As a text or a fraction it is exact; a float counts as it is printed (0.1 is one in 1000)."""

_HUNDRED = Fraction(100)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Who gets what: a salt, and how much of the units each arm has.

    With `blake2b` each arm has a room of its own among the places, equal
    parts where `rooms` says nothing else, and fills it from the front. So
    several arms grow, one at a time, without taking units from each other.
    With `flagd` the arms lie one behind the other, as flagd's `fractional`
    lays them: the first can grow without losing a unit, and moves those
    behind it.

    Args:
        salt: Another salt is another experiment, with nothing to do with this one.
        shares: Per cent of the units for each arm, in the plan's order.
        rest: The arm of all other units; None where they are in no arm.
        method: `blake2b`; `flagd` as flagd does it since it counts in whole
            numbers, hashing `salt` and the unit together, so that the salt is
            the flag's key (or what its `cat` says); `flagd-percent` as it did before.
        rooms: The most that an arm can have without touching others, per cent, for each of `shares`.

    Raises:
        UsageError: An unknown method, a share that is none, arms that do not fit.

    Source:
        flagd's definition of `fractional`: https://flagd.dev/reference/custom-operations/fractional-operation/
    """

    salt: str
    shares: Mapping[str, Share]
    rest: str | None = "control"
    method: str = "blake2b"
    rooms: Mapping[str, Share] = field(default_factory=dict)
    _spans: tuple[tuple[int, int, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise UsageError(
                "\n".join(
                    [
                        f"unknown method of assignment '{self.method}'",
                        f"  methods: {listed(_METHODS)}",
                        *(f"  {line}" for line in did_you_mean(self.method, _METHODS)),
                    ]
                )
            )
        if not self.salt or (self.method == "blake2b" and ":" in self.salt):
            raise UsageError(f"salt '{self.salt}': an assignment has one, and no colon in it")
        if not self.shares or self.rest in self.shares:
            raise UsageError(f"an assignment has shares, of other arms than '{self.rest}', which has the rest")
        spans = self._in_rooms() if self.method == "blake2b" else self._in_a_row()
        size = _METHODS[self.method].places
        whole = tuple((ceil(start * size / 100), ceil(end * size / 100), arm) for start, end, arm in spans)
        object.__setattr__(self, "_spans", whole)

    def _in_rooms(self) -> list[tuple[Fraction, Fraction, str]]:
        if self.rooms and set(self.rooms) != set(self.shares):
            raise UsageError(f"rooms of {listed(self.rooms)}, and shares of {listed(self.shares)}: each arm has one")
        even = _HUNDRED / len(self.shares)
        start, spans = Fraction(0), []
        for arm, stated in self.shares.items():
            share, room = _share(arm, stated), _share(arm, self.rooms[arm]) if self.rooms else even
            if share > room:
                raise UsageError(
                    f"arm '{arm}' has {_text(share)} % of the units and room for {_text(room)} %\n"
                    "  more would take units from another arm: give it a larger room from the start, or a new salt"
                )
            spans.append((start, start + share, arm))
            start += room
        if start > _HUNDRED:
            raise UsageError(f"the rooms of {listed(self.shares)} are {_text(start)} % together")
        return spans

    def _in_a_row(self) -> list[tuple[Fraction, Fraction, str]]:
        if self.rooms:
            raise UsageError(f"method '{self.method}' has no rooms: its arms lie one behind the other")
        start, spans = Fraction(0), []
        for arm, stated in self.shares.items():
            end = start + _share(arm, stated)
            spans.append((start, end, arm))
            start = end
        if start > _HUNDRED:
            raise UsageError(f"the shares of {listed(self.shares)} are {_text(start)} % together")
        return spans

    def arm(self, unit: str) -> str | None:
        """The arm of a unit; None where it is in none."""
        return self.arm_at(self.place(unit))

    def place(self, unit: str) -> int:
        """The place of a unit among all that the method has; no share changes it."""
        return _METHODS[self.method].place(unit, self.salt)

    def arm_at(self, place: int) -> str | None:
        """The arm that has a place, for those who keep places and ask for several percentages."""
        return next((arm for start, end, arm in self._spans if start <= place < end), self.rest)

    def having(self, shares: Mapping[str, Share]) -> Assignment:
        """The same assignment with other shares of some arms.

        Raises:
            UsageError: An arm that it does not have, or more than fits.
        """
        for arm in shares:
            if arm not in self.shares:
                lines = [
                    f"there is no arm '{arm}' to give a share",
                    f"  arms: {listed(self.shares)}",
                    *(f"  {line}" for line in did_you_mean(arm, self.shares)),
                ]
                raise UsageError("\n".join(lines))
        return replace(self, shares={**self.shares, **shares})


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Listed units, inside which rows are randomised by another unit; whatever is not listed is in no arm.

    Three spaces are no experiment, and their queries may be: the claim is
    then about these spaces. Each space has a randomisation of its own.
    """

    units: Collection[str]
    inside: Assignment

    def arm(self, unit: str, row: str) -> str | None:
        """The arm of one row of a unit."""
        return self.inside.arm(f"{unit}/{row}") if unit in self.units else None


def _share(arm: str, stated: Share) -> Fraction:
    """Per cent as they were written: a float is what it prints as."""
    try:
        share = stated if isinstance(stated, Fraction) else Fraction(str(stated))
    except ValueError:
        raise UsageError(f"arm '{arm}' has {stated!r}, which is no share: write per cent, such as 5") from None
    if not 0 <= share <= _HUNDRED:
        raise UsageError(f"arm '{arm}' has {_text(share)} %: a share lies between 0 and 100 %")
    return share


def _text(share: Fraction) -> str:
    return f"{float(share):g}"


def _blake2b(unit: str, salt: str) -> int:
    """The first 8 bytes, big endian, of BLAKE2b-512 of `salt:unit` in UTF-8.

    A whole digest is cut off, because every language's library can do that
    and some cannot give a short one.
    """
    return int.from_bytes(blake2b(f"{salt}:{unit}".encode()).digest()[:8])


def _flagd(unit: str, salt: str) -> int:
    """The 32 bits of the hash: flagd's `hash * total >> 32` is below a weight exactly when this is below its share."""
    return murmur3_32(f"{salt}{unit}".encode())


def _flagd_percent(unit: str, salt: str) -> int:
    """The hash as a signed number, without its sign; -2³¹, for which flagd had no arm, counts as the last place."""
    hashed = murmur3_32(f"{salt}{unit}".encode())
    return min((1 << 32) - hashed if hashed >> 31 else hashed, _LARGEST - 1)


@dataclass(frozen=True)
class _Method:
    place: Callable[[str, str], int]
    places: int


_LARGEST = (1 << 31) - 1
_METHODS: Mapping[str, _Method] = {
    "blake2b": _Method(_blake2b, 1 << 64),
    "flagd": _Method(_flagd, 1 << 32),
    "flagd-percent": _Method(_flagd_percent, _LARGEST),
}
