"""Judgement: what one gate's answers amount to.

A table, read from the top: no answer, two answers, a broken answer, doubt, a
refuted claim, and only when nothing of all this applies, PROCEED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_rollout.book import Answer, Ended, PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth, describe
from pytest_rollout.decisions import MEANING, Decision, Reason


@dataclass(frozen=True, kw_only=True)
class GateVerdict:
    """What one gate decided, why (a stable code and a sentence), and the claims it made.

    `message` is all that the gate said of an error or of a claim it did not
    make; `counts` is False for a shadow gate: it reports and cannot block.
    One that is not for this stage of its phase does not count either, and
    does not apply.
    """

    gate: PlannedGate
    decision: Decision
    reason: str = ""
    sentence: str = ""
    message: str = ""
    claims: tuple[ClaimFacts, ...] = ()
    counts: bool = True
    applies: bool = True


def judge(gate: PlannedGate, answers: Sequence[Answer], *, deselected: bool) -> GateVerdict:
    """The decision of one gate.

    Args:
        gate: The gate as it was collected.
        answers: What its reports said, in the order in which they came.
        deselected: Whether something left it out of the run.
    """
    if not answers:
        reason = Reason.DESELECTED if deselected else Reason.MISSING
        left_out = "was left out of the run (-k, -m, --deselect, --lf or a plugin)"
        sentence = left_out if deselected else "was collected and gave no answer"
        return GateVerdict(gate=gate, decision=Decision.HOLD, reason=reason, sentence=sentence)
    first = _first_round(answers)
    verdict = _worst_part(gate, first)
    again = len(answers) > len(first) or any(answer.attempt > 1 for answer in answers)
    if again and verdict.decision is not Decision.ROLLBACK:
        worst = max((judge_part(gate, answer) for answer in answers), key=lambda part: part.decision.severity)
        if worst.decision is Decision.ROLLBACK:  # the first answer counts for no more than it said against the release
            return worst
        sentence = (
            f"answered more than once ({len(answers)} reports): the first answer counts, and trying again is peeking"
        )
        return replace(verdict, decision=Decision.HOLD, reason=Reason.DUPLICATE, sentence=sentence)
    return verdict


def _first_round(answers: Sequence[Answer]) -> list[Answer]:
    """The reports of the first time a gate ran: at most one a part, and its subtests."""
    first: list[Answer] = []
    for answer in answers:
        if not answer.subtest and answer.when in {each.when for each in first if not each.subtest}:
            break
        first.append(answer)
    return first


def _worst_part(gate: PlannedGate, answers: Sequence[Answer]) -> GateVerdict:
    parts = [judge_part(gate, answer) for answer in answers]
    if any(not part.applies for part in parts) and all(part.decision is Decision.PROCEED for part in parts):
        return next(part for part in parts if not part.applies)
    claims = tuple(claim for part in parts for claim in part.claims)
    whens = {answer.when for answer in answers if not answer.subtest}
    if not {"setup", "call", "teardown"} <= whens and all(part.decision is Decision.PROCEED for part in parts):
        sentence = "was started and gave no answer: its process ended, or it was interrupted"
        return GateVerdict(gate=gate, decision=Decision.HOLD, reason=Reason.MISSING, sentence=sentence, claims=claims)
    worst = max(parts, key=lambda part: part.decision.severity)
    return replace(worst, claims=claims)


def judge_part(gate: PlannedGate, answer: Answer) -> GateVerdict:
    """The decision of one part of a gate: its set-up, call or tear-down."""
    claims = answer.claims

    def decided(decision: Decision, reason: str, sentence: str) -> GateVerdict:
        words = sentence or (MEANING[Reason(reason)] if reason in MEANING else reason)
        itself = reason in {Reason.NO_CLAIM, Reason.ERROR}  # of which the message tells, and no claim
        told = any(claim.truth is Truth.REFUTED for claim in claims) and not itself
        brief = answer.ended in {Ended.INCONCLUSIVE, Ended.SKIPPED}
        message = "" if told or brief else answer.message
        return GateVerdict(gate=gate, decision=decision, reason=reason, sentence=words, message=message, claims=claims)

    if answer.ended is None:
        return decided(Decision.HOLD, Reason.MISSING, "its process ended before it could answer")
    if answer.ended is Ended.NOT_APPLICABLE and not claims:
        sentence = _first_line(answer.message)
        return GateVerdict(gate=gate, decision=Decision.PROCEED, sentence=sentence, counts=False, applies=False)
    beyond = _worst_level(claims)
    if beyond and not (gate.rollback and answer.ended is Ended.FAILED and beyond.decision is Decision.HOLD):
        return decided(beyond.decision or Decision.HOLD, beyond.level, describe(beyond)[0])
    if answer.ended is Ended.FAILED:
        refuted = next((claim for claim in reversed(claims) if claim.truth is Truth.REFUTED), None)
        sentence = describe(refuted)[0] if refuted else _first_line(answer.message)
        if not refuted and answer.when != "call":
            return decided(Decision.HOLD, Reason.ERROR, f"an assert failed in its {answer.when}: {sentence}")
        if gate.rollback:
            return decided(Decision.ROLLBACK, Reason.TRIGGER, sentence)
        return decided(Decision.HOLD, Reason.FAILED, sentence)
    if answer.ended is Ended.INCONCLUSIVE:
        doubtful = next((claim for claim in reversed(claims) if claim.truth is Truth.INCONCLUSIVE), None)
        sentence = ": ".join(part for part in _two_lines(doubtful) if part) if doubtful else _first_line(answer.message)
        return decided(Decision.HOLD, answer.reason or Reason.INCONCLUSIVE, sentence)
    if answer.ended is Ended.SKIPPED or answer.expected_failure or answer.outcome == "skipped":
        return decided(
            Decision.HOLD, Reason.SKIPPED, f"proved nothing: {_first_line(answer.message) or answer.outcome}"
        )
    if answer.ended is Ended.NO_CLAIM:
        return decided(Decision.HOLD, Reason.NO_CLAIM, _first_line(answer.message))
    if answer.ended is not Ended.PASSED or answer.outcome != "passed":
        sentence = _first_line(answer.message) or f"pytest reports {answer.outcome} in {answer.when}"
        return decided(Decision.HOLD, Reason.ERROR, sentence)
    return _passed(gate, answer)


def _passed(gate: PlannedGate, answer: Answer) -> GateVerdict:
    """A part that says it passed; the call is believed only with claims that are all proven."""
    unproven = [claim for claim in answer.claims if claim.truth is not Truth.PROVEN]
    if answer.when == "call" and not answer.subtest and (unproven or not answer.claims):
        sentence = "passed without a proven claim" if not unproven else f"passed although {describe(unproven[0])[0]}"
        return GateVerdict(
            gate=gate, decision=Decision.HOLD, reason=Reason.NO_CLAIM, sentence=sentence, claims=answer.claims
        )
    return GateVerdict(gate=gate, decision=Decision.PROCEED, claims=answer.claims)


def _worst_level(claims: Sequence[ClaimFacts]) -> ClaimFacts | None:
    """The refuted claim about a level whose decision is the worst; the first of several alike."""
    beyond = [claim for claim in claims if claim.truth is Truth.REFUTED and claim.level]
    return max(beyond, key=lambda claim: (claim.decision or Decision.HOLD).severity, default=None)


def _two_lines(claim: ClaimFacts) -> tuple[str, str]:
    return describe(claim)[0], claim.why


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:400]
