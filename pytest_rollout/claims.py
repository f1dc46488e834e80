"""Claims: what an interval entitles us to say about a limit.

One idea lives here. Comparing an estimate with a number makes a `Claim`, and
a claim is proven, refuted or inconclusive. It joins the gate that is running
when it is made and when its truth is asked, and remembers whether an
`assert` did the asking. No metric is read here, and pytest is not imported.

`_RUNNING` and `_LIVE` are the only module-level state of the package: which
gate is being judged in this context, and which in this process, so that a bare
`<` can find it, in a thread or an event loop of the gate too.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

from pytest_rollout.asserts import always_true, asserting_frame
from pytest_rollout.claim_facts import ClaimFacts, Truth, describe
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, QuestionError


class Claim:
    """A statement about live data, and what the data says of it.

    Its truth is asked with `assert`. A proven claim is true, a refuted one
    false; an inconclusive one raises `Inconclusive`, so that `not`, `or` and
    `if` cannot turn doubt into an answer. `truth` reads it without raising.
    """

    __slots__ = ("_sources", "facts")
    __array_ufunc__ = None

    def __init__(self, facts: ClaimFacts, sources: frozenset[int] = frozenset()) -> None:
        self.facts = facts
        self._sources = sources
        if gate := running_gate():
            gate.join(self)

    @property
    def truth(self) -> Truth:
        """Proven, refuted or inconclusive; reading it asserts nothing."""
        return self.facts.truth

    @property
    def sources(self) -> frozenset[int]:
        """Which reads of the running gate the claim rests on."""
        return self._sources

    def __bool__(self) -> bool:
        if gate := running_gate():
            gate.ask(self, asserting_frame(sys._getframe(1)))
        if self.truth is Truth.INCONCLUSIVE:
            raise Inconclusive(str(self), reason=self.facts.reason or Reason.INCONCLUSIVE)
        return self.truth is Truth.PROVEN

    def __eq__(self, other: object) -> bool:
        if type(other).__name__ in {"bool", "bool_"}:
            meant = self.facts.text if other else opposite_of(self.facts)
            raise QuestionError(f"a claim is never equal to {other}: write `assert {meant}`")
        return self is other

    __hash__ = object.__hash__

    def __and__(self, other: object) -> Claim:
        raise QuestionError("claims are not joined with '&': assert each of them, so that each is proven")

    __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __and__

    def __invert__(self) -> Claim:
        raise QuestionError("claims are not negated with '~': write the comparison the other way round")

    def __str__(self) -> str:
        return "\n  ".join(describe(self.facts))

    def __repr__(self) -> str:
        return f"<{self.truth.value}: {describe(self.facts)[0]}>"


def check(fact: object, shows: str) -> Claim:
    """Make a claim of a plain fact, for use with `assert`.

    Args:
        fact: The fact, true or false. A claim is handed back as it is.
        shows: What it shows, in words that a reader of the report understands.

    Raises:
        QuestionError: `fact` is neither true nor false (an estimate, a list,
            None): only a yes or a no can be claimed.
    """
    if isinstance(fact, Claim):
        return fact
    if type(fact).__name__ not in {"bool", "bool_"}:
        raise QuestionError(
            f"check() takes a fact that is True or False, not {type(fact).__name__}: "
            "compare first, as in check(response.status_code == 200, 'the service answers')"
        )
    truth = Truth.PROVEN if fact else Truth.REFUTED
    return Claim(
        ClaimFacts(
            text=shows, truth=truth, subject=shows, value=bool(fact), alpha=0.0 if not fact else 1.0, method="fact"
        )
    )


class GateClaims:
    """What one running gate has read, claimed and asserted.

    A gate passes only when it made at least one claim, every claim it made is
    proven and was asserted, and nothing it read was left out of its claims.
    """

    def __init__(self) -> None:
        self._claims: list[Claim] = []
        self._asserted: set[int] = set()
        self._asserted_lines: set[int] = set()
        self._reads: dict[int, str] = {}
        self._used: set[int] = set()
        self._unknown: dict[int, str] = {}
        self._claimed_itself = False
        self._older_threads: frozenset[int | None] = frozenset()
        self.calling = False
        self.excused = ""

    def excuse(self, why: str) -> None:
        """The hardware cannot answer what the gate is about: then it says nothing, if it has claimed nothing yet.

        Raises:
            QuestionError: It has claimed something: a gate is about its hardware as a whole, or not at all.
        """
        if self._claims:
            raise QuestionError(f"{why}: say what a gate needs in its first line, before it claims anything")
        self.excused = why

    def called(self) -> None:
        """The gate's function begins: what threads of its fixtures claim from now on is not its own word."""
        self.calling = True
        self._older_threads = frozenset(thread.ident for thread in threading.enumerate())

    @property
    def facts(self) -> tuple[ClaimFacts, ...]:
        """The claims made so far, in order, each once."""
        return tuple(claim.facts for claim in self._claims)

    def read(self, name: str) -> int:
        """Note that the gate was handed a live value; the number identifies this read."""
        identity = next(_READ_NUMBERS)
        self._reads[identity] = name
        return identity

    def use(self, identity: int) -> None:
        """Note that a read was looked at, where looking is all that can be seen of it (a response)."""
        self._used.add(identity)

    def nobody_knows(self, identity: int, why: str) -> None:
        """Note that what was read has no value, and why."""
        self._unknown[identity] = f"{self._reads[identity]} is unknown ({why})"

    @property
    def unasked_doubt(self) -> str:
        """A doubt that no assert asked of, in words: a plain assert that fails beside it may have failed for it."""
        doubts = [f"`{each.facts.text}` is inconclusive" for each in self._claims if each.truth is Truth.INCONCLUSIVE]
        doubts += [said for identity, said in self._unknown.items() if identity not in self._used]
        return doubts[0] if doubts else ""

    @property
    def has_read(self) -> bool:
        """Whether the gate was handed any live value."""
        return bool(self._reads)

    def join(self, claim: Claim) -> None:
        """A claim was made; while fixtures are set up, only asking makes it this gate's."""
        if self.calling:
            self._add(claim)

    def ask(self, claim: Claim, asserted_at: tuple[str, int] | None) -> None:
        """The truth of a claim was asked, by an assert or not."""
        self._add(claim)
        if asserted_at is not None:
            self._asserted.add(id(claim))
            self._asserted_lines.add(asserted_at[1])
            self._used |= claim.sources

    def plain_assert(self, line: int, text: str) -> None:
        """A plain assert passed (pytest's assertion-pass hook); a fact, unless it asked a claim or could not fail."""
        if line not in self._asserted_lines and not always_true(text):
            self._asserted_lines.add(line)
            claim = Claim(ClaimFacts(text=text, truth=Truth.PROVEN, subject=text, value=True, method="assert"))
            self._add(claim)
            self._asserted.add(id(claim))

    @property
    def last_refuted(self) -> ClaimFacts | None:
        """The claim that an assertion failure is about."""
        return next((claim.facts for claim in reversed(self._claims) if claim.truth is Truth.REFUTED), None)

    @property
    def unasserted(self) -> ClaimFacts | None:
        """The last claim, where no assert has asked it; None where one has."""
        last = self._claims[-1] if self._claims else None
        return last.facts if last is not None and id(last) not in self._asserted else None

    def faults(self) -> Iterator[str]:
        """What keeps a gate that raised nothing from passing, in words for its author."""
        for claim in self._claims:
            if claim.truth is not Truth.PROVEN:
                yield f"`{claim.facts.text}` was {claim.truth.value} and did not end the gate"
                yield _what_must_hold(claim.facts)
            elif id(claim) not in self._asserted:
                yield f"a claim was made and never asserted: write `assert {claim.facts.text}`"
        for identity, name in self._reads.items():
            if identity not in self._used:
                yield f"'{name}' was read and no assert claims anything of it: put `assert` before the comparison"
        if not self._claimed_itself:
            yield "the gate made no claim: assert something of a live value, or `assert check(fact, 'what it shows')`"

    def _add(self, claim: Claim) -> None:
        if self.calling and not self._claimed_itself:
            own = _RUNNING.get() is self or threading.get_ident() not in self._older_threads
            self._claimed_itself = own
        if not any(claim is each for each in self._claims):
            self._claims.append(claim)


_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_READ_NUMBERS = count(1)
_RUNNING: ContextVar[GateClaims | None] = ContextVar("pytest_rollout_running_gate", default=None)
_LIVE: list[GateClaims] = []


def running_gate() -> GateClaims | None:
    """The gate that is being judged in this context; in a thread or a loop of its own, the one in this process."""
    own = _RUNNING.get()
    if any(own is each for each in _LIVE):
        return own
    return _LIVE[-1] if _LIVE else None


@contextmanager
def judging(gate: GateClaims, *, calling: bool) -> Iterator[None]:
    """Let claims find `gate` while its fixtures are set up or (`calling`) its function runs."""
    token = _RUNNING.set(gate)
    _LIVE.append(gate)
    if calling:
        gate.called()
    try:
        yield
    finally:
        gate.calling = False
        _LIVE.remove(gate)
        _RUNNING.reset(token)


def _what_must_hold(facts: ClaimFacts) -> str:
    """How to say it so that it counts; for `assert not x > 40` that is `assert x <= 40`."""
    advice = "say what must hold in an assert of its own, without `not`, `or`, `if` or `except` around it"
    opposite = opposite_of(facts)
    if facts.truth is not Truth.REFUTED or opposite == f"not {facts.text}":
        return advice
    return f"{advice}; the opposite of `{facts.text}` is `{opposite}`"


def opposite_of(facts: ClaimFacts) -> str:
    """What holds where a claim does not: `x <= 40` for `x > 40`; with a `not` where it compares nothing."""
    sign = re.search(r" (<=|>=|<|>|==|!=) ", facts.text)
    if sign is None or facts.method in {"fact", "assert"}:
        return f"not {facts.text}"
    return facts.text[: sign.start(1)] + _OPPOSITE[sign[1]] + facts.text[sign.end(1) :]
