"""Facts: exact values that are no numbers, such as a flag.

A fact is or is not equal to another value; the comparison makes a claim,
exactly as it does for a number. A fact that nobody knows answers every
comparison with doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.claims import Claim
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import QuestionError
from pytest_rollout.provenance import Provenance


@dataclass(frozen=True, eq=False)
class Fact:
    """An exact yes, no or word.

    Args:
        value: What it is; None where nobody knows it.
        name: What it is called, as reports say it.
        why: Why nobody knows it, as a sentence; empty where somebody does.
        reason: The code under which doubt holds a release.
        provenance: Where it came from.
        sources: Which reads of the running gate it rests on.
    """

    value: bool | str | None
    name: str = "fact"
    why: str = ""
    reason: str = Reason.NO_DATA
    provenance: Provenance = field(default=Provenance(), repr=False)
    sources: frozenset[int] = field(default=frozenset(), repr=False)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Claim:  # type: ignore[override]  # a comparison makes a claim
        return self._claim("==", other)

    def __ne__(self, other: object) -> Claim:  # type: ignore[override]  # as above
        return self._claim("!=", other)

    def __lt__(self, other: object) -> Claim:
        return self._ordered("<", other)

    def __le__(self, other: object) -> Claim:
        return self._ordered("<=", other)

    def __gt__(self, other: object) -> Claim:
        return self._ordered(">", other)

    def __ge__(self, other: object) -> Claim:
        return self._ordered(">=", other)

    def __bool__(self) -> NoReturn:
        on = f"flags.{'on' if self.value else 'off'}('{self.name}')"
        say = on if isinstance(self.value, bool) else f"flags('{self.name}') == {self.value!r}"
        raise QuestionError(f"{self.name} is compared, not tested: write `assert {say}`")

    def _ordered(self, sign: str, other: object) -> Claim:
        if self.value is not None:
            raise QuestionError(f"{self.name} is {self.value!r}, which is neither above nor below anything")
        return self._claim(sign, other)

    def _truth(self, sign: str, other: object) -> Truth:
        if self.value is None:
            return Truth.INCONCLUSIVE
        if type(other) is not type(self.value):
            raise QuestionError(f"{self.name} is {self.value!r}, which is not comparable with {other!r}")
        return Truth.PROVEN if (self.value == other) == (sign == "==") else Truth.REFUTED

    def _claim(self, sign: str, other: object) -> Claim:
        truth = self._truth(sign, other)
        facts = ClaimFacts(
            text=f"{self.name} {sign} {other!r}",
            truth=truth,
            subject=f"{self.name} = {'unknown' if self.value is None else repr(self.value)}",
            value=self.value,
            alpha=0.0 if truth is Truth.REFUTED else 1.0,
            limit=f"{sign} {other!r}",
            method="reading",
            why=self.why,
            reason=self.reason if truth is Truth.INCONCLUSIVE else "",
            **self.provenance.facts(),
        )
        return Claim(facts, self.sources)
