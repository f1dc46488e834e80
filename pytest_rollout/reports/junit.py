"""JUnit: the claims of a gate as properties of its test case, for whoever reads the XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.reports.table import plain

_FACTS = (
    "value",
    "low",
    "high",
    "confidence",
    "limit",
    "n",
    "unit",
    "method",
    "source",
    "window",
    "at",
    "why",
    "needs",
)


def claim_properties(claims: Iterable[ClaimFacts]) -> Iterator[tuple[str, str]]:
    """Name and value of each property: `claim.1` is the truth and what was seen, `claim.1.limit` its limit."""
    for number, claim in enumerate(claims, start=1):
        name = f"claim.{number}"
        yield name, f"{claim.truth.value}: {plain(claim.text)}"
        for fact in _FACTS:
            value = getattr(claim, fact)
            if value not in {None, ""}:
                yield f"{name}.{fact}", plain(str(value))
