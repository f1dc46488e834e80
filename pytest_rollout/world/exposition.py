"""Exposition: a world's `/metrics`, in the text format of Prometheus, under traffic that never pauses.

Every counter is a function of the time since the service began, so two
readings differ as those of a busy service do, and nothing runs in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_rollout.errors import WorldError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_UP_SECONDS = 86_400.0
"""A world begins as a service that has run for a day."""


@dataclass(frozen=True, kw_only=True)
class Counter:
    """Something that is counted, so much a second."""

    name: str
    per_second: float
    labels: Mapping[str, str] = field(default_factory=dict)

    def lines(self, seconds: float, state: Mapping[str, object]) -> Iterator[str]:  # noqa: ARG002 - one call for all
        """Its one series."""
        yield f"{self.name}{_labels(self.labels)} {math.floor(self.per_second * seconds)}"


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """A number of the service's state, by its dotted path."""

    name: str
    state: str

    def lines(self, seconds: float, state: Mapping[str, object]) -> Iterator[str]:  # noqa: ARG002 - as above
        """Its one series, as the state is now.

        Raises:
            WorldError: The state has no such number.
        """
        found: object = state
        for part in self.state.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if not isinstance(found, int | float):
            raise WorldError(f"gauge '{self.name}': the state has no number '{self.state}'")
        yield f"{self.name} {found:g}"


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Observations, so many a second: `shares` says by upper bound which share of them is at or below it."""

    name: str
    per_second: float
    shares: Mapping[float, float]

    def __post_init__(self) -> None:
        rising = list(self.shares.items())
        if rising != sorted(rising) or sorted(self.shares.values()) != list(self.shares.values()):
            raise WorldError(f"histogram '{self.name}': bounds and shares rise together")
        if not self.shares or not 0 <= rising[-1][1] <= 1:
            raise WorldError(f"histogram '{self.name}': shares lie between 0 and 1")

    def lines(self, seconds: float, state: Mapping[str, object]) -> Iterator[str]:  # noqa: ARG002 - as above
        """Its buckets, their sum (each observation as its bucket's bound) and their count."""
        total, below, summed = math.floor(self.per_second * seconds), 0, 0.0
        for bound, share in self.shares.items():
            count = math.floor(total * share)
            summed, below = summed + (count - below) * bound, count
            yield f'{self.name}_bucket{{le="{bound:g}"}} {count}'
        summed += (total - below) * max(self.shares) * 2
        yield f'{self.name}_bucket{{le="+Inf"}} {total}'
        yield f"{self.name}_sum {summed!r}"
        yield f"{self.name}_count {total}"


Exposed = Counter | Gauge | Histogram


def exposed(metrics: Sequence[Exposed], seconds: float, began: float, state: Mapping[str, object]) -> str:
    """The whole text, so many seconds after the service began (`began` is in seconds since 1970)."""
    lines, told = [], set()
    for each in metrics:
        if each.name not in told:
            lines.append(f"# TYPE {each.name} {type(each).__name__.lower()}")
            told.add(each.name)
        lines += each.lines(seconds + _UP_SECONDS, state)
    lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {began - _UP_SECONDS:.3f}"]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""
