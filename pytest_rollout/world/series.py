"""Series: one metric of a world's telemetry, as its author describes it.

Nothing random is here: noise is bounded, so a healthy series stays inside
`base ± daily ± noise` at every minute, whatever the seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pytest_rollout.errors import WorldError


@dataclass(frozen=True, kw_only=True)
class Series:
    """One metric of the telemetry: a value per minute for two weeks, the same for the same seed.

    Args:
        metric: Its name in its table.
        unit: For readers; the plan states the unit that is judged.
        base: The level it moves around. Of a counter: how much it grows in an
            hour, or at each event.
        daily: How far it swings over a day (UTC); the top is at 14:00.
        noise: How far a sample may stray from that, at most. Bounded, so that
            a healthy series never crosses a limit by bad luck.
        lasting: For how many minutes a deviation lasts: the noise is an
            autoregressive process with this time constant.
        every: 0 where there are no events. Otherwise `base` in one minute out
            of so many, so that a sum counts what happened.
        for_minutes: How many minutes an event takes.
        between: The level in all other minutes.
        growth: Per cent an hour by which the level has grown in all the two weeks; `base` is where it is now.
        counter: Whether it counts up from zero, in whole numbers, as a process exports it.
        resets: How many hours ago the counter began anew, at each restart.
        table: The table it is in, which is a source of the same name.
        late: Another base lately; how a fault says what it did.
        late_minutes: Since how many minutes.
        late_until: Until how many minutes ago; 0 for now.
        drift: Per cent an hour by which it has grown since `late_minutes`.

    Raises:
        WorldError: A number that is negative, not finite, or does not fit.
    """

    metric: str
    base: float
    unit: str = ""
    daily: float = 0.0
    noise: float = 0.0
    lasting: int = 10
    every: int = 0
    for_minutes: int = 1
    between: float = 0.0
    growth: float = 0.0
    counter: bool = False
    resets: tuple[float, ...] = ()
    table: str = "telemetry"
    late: float | None = None
    late_minutes: float = 0.0
    late_until: float = 0.0
    drift: float = 0.0

    def __post_init__(self) -> None:
        if not self.metric:
            raise WorldError("a series has no metric: give it the name that queries ask for")
        if not self.table.isidentifier():
            raise WorldError(f"series '{self.metric}': '{self.table}' is no name of a table: use letters, digits and _")
        for name in ("base", "between", "growth", "drift", "late"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise WorldError(f"series '{self.metric}': {name} is {number}, which is no number")
        positive = {name: getattr(self, name) for name in ("daily", "noise", "late_minutes", "late_until")}
        for name, number in [*positive.items(), *(("resets", each) for each in self.resets)]:
            if not 0 <= number < math.inf:
                raise WorldError(f"series '{self.metric}': {name} is {number}; it cannot be negative or endless")
        if self.lasting < 1 or self.every < 0 or self.for_minutes < 1:
            raise WorldError(f"series '{self.metric}': lasting and for_minutes are at least 1, every at least 0")
        if self.counter and (self.daily or self.growth or self.drift):
            raise WorldError(f"series '{self.metric}': a counter has no daily, growth or drift; give them to a gauge")
        if self.resets and not self.counter:
            raise WorldError(f"series '{self.metric}': only a counter has resets")

    def lately(self, level: float, *, minutes: float, until: float = 0.0) -> Series:
        """The same series with another base since `minutes`, until `until` minutes ago."""
        return replace(self, late=level, late_minutes=minutes + until, late_until=until)

    def drifting(self, percent_an_hour: float, *, minutes: float) -> Series:
        """The same series, growing for the last `minutes`."""
        return replace(self, drift=percent_an_hour, late_minutes=minutes)
