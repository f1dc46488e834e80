"""flagd: what a file of flag definitions serves, as percentages.

The percentage that a plan speaks of is here a figure of the definition: for a
flag `recall` with the variants `on` and `off`, `recall.on` is the percentage
that is served `on`, and `recall.percentage`, where the variants are true and
false, that which is served true. What cannot be known from the file is not
there: the value of a flag that is served to some only, the percentages of a
flag whose rules ask who is asking, and everything but `state` of one that is
disabled, for which each service falls back to a value in its own code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.disk import path_option, read_whole
from pytest_rollout.sources.document import MAX_BYTES, answers_now, first_line, parse_json, shown
from pytest_rollout.sources.flags import flags_of
from pytest_rollout.sources.protocol import FlagKind, FlagValue, Option, OptionValue

_KEYS = frozenset({"state", "variants", "defaultVariant", "targeting", "metadata", "description"})
_STATES = frozenset({"ENABLED", "DISABLED"})
_RESERVED = frozenset({"state", "percentage"})


@dataclass(frozen=True)
class FlagdFlags:
    """A file of flag definitions, read anew each time; `now` is the clock."""

    path: Path
    now: Callable[[], datetime] = field(default=utc_now, repr=False)

    def read(self, at: datetime, timeout_seconds: float) -> Mapping[str, FlagValue]:  # noqa: ARG002 - a file answers at once
        """What each definition serves.

        Raises:
            SourceError: No such file, or no sound definitions in it.
        """
        where = str(self.path)
        answers_now(at, self.now(), where)
        document = parse_json(read_whole(self.path, MAX_BYTES), where)
        definitions = document.get("flags") if isinstance(document, Mapping) else None
        if not isinstance(definitions, Mapping):
            raise SourceError(f"{where}: {shown(document)} has no 'flags', where flagd keeps its definitions")
        served: dict[str, object] = {}
        for name, definition in definitions.items():
            for key, value in _served(definition, f"{where}: flag '{first_line(str(name), 80)}'"):
                full = f"{name}.{key}" if key else str(name)
                if full in served:
                    raise SourceError(f"{where}: '{first_line(full, 80)}' is a flag and a figure of another one")
                served[full] = value
        return flags_of(served, where)


def _served(definition: object, where: str) -> Iterator[tuple[str, FlagValue]]:
    """The figures of one flag by their name below it; "" is the flag itself."""
    variants, default, targeting = _checked(definition, where)
    state = definition["state"]  # type: ignore[index]  # checked above
    yield "state", str(state)
    if state == "DISABLED":
        return
    shares = _shares(targeting, variants, default, where)
    if shares is None:
        return
    for variant in variants:
        yield variant, shares.get(variant, 0.0)
    if all(isinstance(value, bool) for value in variants.values()):
        yield "percentage", sum(shares.get(variant, 0.0) for variant, value in variants.items() if value is True)
    certain = [variants[variant] for variant, share in shares.items() if share == 100.0]
    if certain and isinstance(certain[0], (bool, int, float, str)):
        yield "", certain[0]


def _checked(definition: object, where: str) -> tuple[Mapping[str, object], str | None, object]:
    if not isinstance(definition, Mapping) or definition.get("state") not in _STATES:
        raise SourceError(f"{where}: is no definition with state ENABLED or DISABLED")
    if unknown := sorted(set(map(str, definition)) - _KEYS):
        # It might change who is served what.
        raise SourceError(f"{where}: '{first_line(unknown[0], 40)}' is not known here, and may change what is served")
    variants, default = definition.get("variants"), definition.get("defaultVariant")
    if not isinstance(variants, Mapping) or not variants:
        raise SourceError(f"{where}: has no variants")
    if clash := sorted(_RESERVED & set(variants)):
        raise SourceError(f"{where}: a variant '{clash[0]}' cannot be told from the flag's {clash[0]}")
    if default is not None and default not in variants:
        raise SourceError(f"{where}: defaultVariant {shown(default)} is none of its variants")
    return variants, default, definition.get("targeting")


def _shares(
    targeting: object, variants: Mapping[str, object], default: str | None, where: str
) -> dict[str, float] | None:
    """The percentage that each variant is served to; None when it depends on who asks."""
    if targeting is None or targeting == {}:
        return {default: 100.0} if default is not None else None
    if not isinstance(targeting, Mapping) or set(targeting) != {"fractional"}:
        return None
    rows = targeting["fractional"]
    if not isinstance(rows, list):
        raise SourceError(f"{where}: fractional is {shown(rows)}, not a list of variants and weights")
    if rows and not isinstance(rows[0], list):
        rows = rows[1:]  # by what is bucketed: it moves people, not percentages
    weights: dict[str, float] = {}
    for row in rows:
        variant, weight = _weighted(row, variants, where)
        weights[variant] = weights.get(variant, 0.0) + weight
    total = sum(weights.values())
    if not total > 0:
        raise SourceError(f"{where}: the weights of fractional add up to nothing")
    return {variant: 100.0 * weight / total for variant, weight in weights.items()}


def _weighted(row: object, variants: Mapping[str, object], where: str) -> tuple[str, float]:
    if not isinstance(row, list) or not 1 <= len(row) <= 2 or not isinstance(row[0], str) or row[0] not in variants:
        raise SourceError(f"{where}: fractional holds {shown(row)}, which is no variant with its weight")
    weight = row[1] if len(row) == 2 else 1
    if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
        raise SourceError(f"{where}: the weight of '{first_line(row[0], 40)}' is {shown(weight)}, not a whole number")
    return row[0], float(weight)


def _open(options: Mapping[str, OptionValue], folder: Path) -> FlagdFlags:
    return FlagdFlags(folder / path_option(options, "path"))


KIND = FlagKind(
    "flagd",
    "percentages that a file of flagd's definitions serves",
    (Option("path", "the JSON file of definitions, from the plan's folder", required=True),),
    _open,
)
