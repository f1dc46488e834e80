"""What a claim says, as plain values: what was claimed, and what the data said of it.

Nothing live is here: so it stands in `verdict.json`, travels between workers,
and is the same to every report, as values and in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from pytest_rollout.decisions import Decision


class Truth(Enum):
    """What the data says of a claim. Doubt is not a shade of yes."""

    PROVEN = "proven"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class ClaimFacts:
    """A claim as it stands in `verdict.json`: plain values, nothing live.

    An unbounded side of the interval is None, with the reason in `why`.
    `alpha` is the smallest one-sided level at which the claim is still
    refuted: 0 for exact readings, 1 where it is not refuted.
    `decision` is what a refuted claim asks for when its limit says so, `to`
    the traffic that it would go back to, and `trigger` whether refuting it
    could have taken the release back.
    """

    text: str
    truth: Truth
    subject: str = ""
    value: float | bool | str | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 1.0
    alpha: float = 1.0
    limit: str = ""
    level: str = ""
    decision: Decision | None = None
    trigger: bool = False
    to: str = ""
    action: str = ""
    runbook: str = ""
    n: int | None = None
    unit: str = ""
    method: str = ""
    query: str = ""
    window: str = ""
    source: str = ""
    at: str = ""
    age: float | None = None
    why: str = ""
    reason: str = ""
    needs: str = ""

    def as_json(self) -> dict[str, object]:
        """The facts as JSON values, the enums as their words."""
        return {**vars(self), "truth": self.truth.value, "decision": self.decision.value if self.decision else None}

    @classmethod
    def from_json(cls, record: dict[str, object]) -> ClaimFacts:
        """Read what `as_json` wrote; a record with unknown or missing keys raises TypeError."""
        decision = record["decision"]
        enums = {"truth": Truth(record["truth"]), "decision": Decision(decision) if decision else None}
        return cls(**{**record, **enums})  # type: ignore[arg-type]  # JSON of our own writing; a wrong type ends in HOLD


_QUERY_WIDTH = 60


def describe(facts: ClaimFacts) -> list[str]:
    """A claim in lines for a person: what was seen, against which limit, why, what it takes, and from where."""
    plain = facts.method in {"fact", "assert"}
    shows = facts.text if facts.truth is not Truth.REFUTED else f"not so: {facts.text}"
    lines = [shows if plain else facts.subject + (f"   limit {facts.limit}" if facts.limit else "")]
    lines += [line for line in (facts.why, facts.needs, origin(facts)) if line]
    if facts.truth is Truth.REFUTED:
        lines += [f"action: {facts.action}"] if facts.action else []
        lines += [f"runbook: {facts.runbook}"] if facts.runbook else []
    return lines


def origin(facts: ClaimFacts, *, whole_query: bool = False) -> str:
    """Where a claim's number comes from: source, query, window or instant, method, n."""
    query = " ".join(facts.query.split())
    if len(query) > _QUERY_WIDTH and not whole_query:
        query = query[: _QUERY_WIDTH - 1] + "…"
    when = facts.window or (f"as of {facts.at[:19].replace('T', ' ')} UTC" if facts.at else "")
    method = facts.method if facts.method not in {"fact", "assert", "reading"} else ""
    return ", ".join(part for part in (facts.source, query, when, method, f"n = {facts.n}" if facts.n else "") if part)


def bounded(value: float) -> float | None:
    """A bound for `ClaimFacts`: None where it is unbounded or unknown."""
    return value if math.isfinite(value) else None
