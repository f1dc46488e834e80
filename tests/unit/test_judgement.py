"""The table of design.md, row by row: what a gate's answers amount to."""

from __future__ import annotations

import itertools

import pytest

from pytest_rollout.book import Ended
from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import MEANING, Decision, Reason
from pytest_rollout.judgement import GateVerdict, judge, judge_part

PROCEED, HOLD, ROLLBACK = Decision.PROCEED, Decision.HOLD, Decision.ROLLBACK
REFUTED, INCONCLUSIVE = Truth.REFUTED, Truth.INCONCLUSIVE
PARTS = ("setup", "call", "teardown")

WARNING = {"truth": REFUTED, "level": "warning", "decision": HOLD}
CRITICAL = {"truth": REFUTED, "level": "critical", "decision": ROLLBACK, "trigger": True}
PLAIN = {"truth": REFUTED}
DOUBT = {"truth": INCONCLUSIVE, "reason": "stale", "why": "2 h old"}
OK: dict[str, object] = {}


@pytest.mark.parametrize(
    ("ended", "claims", "more", "ordinary", "marked"),
    [
        pytest.param(Ended.PASSED, [OK], {}, (PROCEED, ""), (PROCEED, ""), id="proven"),
        pytest.param(Ended.PASSED, [OK, OK], {}, (PROCEED, ""), (PROCEED, ""), id="proven-twice"),
        pytest.param(
            Ended.FAILED, [OK, CRITICAL], {}, (ROLLBACK, "critical"), (ROLLBACK, "critical"), id="beyond-critical"
        ),
        pytest.param(Ended.FAILED, [WARNING], {}, (HOLD, "warning"), (ROLLBACK, "trigger"), id="beyond-warning"),
        pytest.param(Ended.FAILED, [PLAIN], {}, (HOLD, "failed"), (ROLLBACK, "trigger"), id="refuted"),
        pytest.param(Ended.FAILED, [], {}, (HOLD, "failed"), (ROLLBACK, "trigger"), id="plain-assert"),
        pytest.param(Ended.FAILED, [OK], {}, (HOLD, "failed"), (ROLLBACK, "trigger"), id="plain-assert-after-a-claim"),
        pytest.param(Ended.INCONCLUSIVE, [DOUBT], {"reason": "stale"}, (HOLD, "stale"), (HOLD, "stale"), id="doubt"),
        pytest.param(
            Ended.INCONCLUSIVE, [], {}, (HOLD, "inconclusive"), (HOLD, "inconclusive"), id="doubt-without-claim"
        ),
        pytest.param(Ended.ERROR, [OK], {}, (HOLD, "error"), (HOLD, "error"), id="error"),
        pytest.param(Ended.SKIPPED, [], {}, (HOLD, "skipped"), (HOLD, "skipped"), id="skip"),
        pytest.param(
            Ended.SKIPPED, [OK], {"outcome": "passed"}, (HOLD, "skipped"), (HOLD, "skipped"), id="skip-hidden"
        ),
        pytest.param(
            Ended.PASSED, [OK], {"outcome": "skipped"}, (HOLD, "skipped"), (HOLD, "skipped"), id="skip-by-outcome"
        ),
        pytest.param(Ended.PASSED, [OK], {"expected_failure": True}, (HOLD, "skipped"), (HOLD, "skipped"), id="xpass"),
        pytest.param(
            Ended.FAILED,
            [PLAIN],
            {"outcome": "skipped", "expected_failure": True},
            (HOLD, "failed"),
            (ROLLBACK, "trigger"),
            id="xfail",
        ),
        pytest.param(Ended.PASSED, [], {}, (HOLD, "no-claim"), (HOLD, "no-claim"), id="no-claim"),
        pytest.param(Ended.NO_CLAIM, [OK], {}, (HOLD, "no-claim"), (HOLD, "no-claim"), id="unasserted"),
        pytest.param(Ended.NO_CLAIM, [PLAIN], {}, (HOLD, "no-claim"), (HOLD, "no-claim"), id="swallowed"),
        pytest.param(
            Ended.PASSED, [OK, PLAIN], {}, (HOLD, "no-claim"), (HOLD, "no-claim"), id="passed-beside-a-refuted-claim"
        ),
        pytest.param(Ended.PASSED, [OK, DOUBT], {}, (HOLD, "no-claim"), (HOLD, "no-claim"), id="passed-beside-a-doubt"),
        pytest.param(
            Ended.PASSED, [OK], {"outcome": "failed"}, (HOLD, "error"), (HOLD, "error"), id="outcome-says-failed"
        ),
        pytest.param(
            Ended.PASSED, [OK], {"outcome": "rerun"}, (HOLD, "error"), (HOLD, "error"), id="outcome-says-rerun"
        ),
        pytest.param(
            Ended.ERROR, [OK], {"outcome": "passed"}, (HOLD, "error"), (HOLD, "error"), id="outcome-says-passed"
        ),
        pytest.param(
            Ended.FAILED, [PLAIN], {"outcome": "passed"}, (HOLD, "failed"), (ROLLBACK, "trigger"), id="failure-hidden"
        ),
        pytest.param(None, [], {"outcome": "failed"}, (HOLD, "missing"), (HOLD, "missing"), id="worker-died"),
        pytest.param(None, [], {"outcome": "passed"}, (HOLD, "missing"), (HOLD, "missing"), id="no-record"),
        pytest.param(
            Ended.NO_CLAIM, [CRITICAL], {}, (ROLLBACK, "critical"), (ROLLBACK, "critical"), id="critical-swallowed"
        ),
        pytest.param(
            Ended.ERROR, [CRITICAL], {}, (ROLLBACK, "critical"), (ROLLBACK, "critical"), id="critical-then-error"
        ),
        pytest.param(
            Ended.SKIPPED, [CRITICAL], {}, (ROLLBACK, "critical"), (ROLLBACK, "critical"), id="critical-then-skip"
        ),
        pytest.param(
            Ended.PASSED, [CRITICAL], {}, (ROLLBACK, "critical"), (ROLLBACK, "critical"), id="critical-passed"
        ),
        pytest.param(
            Ended.FAILED, [WARNING, CRITICAL], {}, (ROLLBACK, "critical"), (ROLLBACK, "critical"), id="the-worst-level"
        ),
        pytest.param(Ended.ERROR, [WARNING], {}, (HOLD, "warning"), (HOLD, "warning"), id="warning-then-error"),
    ],
)
def test_the_table(make_gate, make_fact, make_round, ended, claims, more, ordinary, marked):
    """Each row for an ordinary gate and for one marked `rollback`."""
    for rollback, expected in ((False, ordinary), (True, marked)):
        gate = make_gate(rollback=rollback)
        verdict = judge(
            gate, make_round(gate, ended, [make_fact(**claim) for claim in claims], **more), deselected=False
        )

        assert (verdict.decision, str(verdict.reason)) == expected
        assert verdict.decision is PROCEED or verdict.sentence


def test_a_level_of_any_name_decides_as_it_says(make_gate, make_fact, make_round):
    gate = make_gate()
    claim = make_fact(REFUTED, level="emergency", decision=ROLLBACK)

    assert judge(gate, make_round(gate, Ended.FAILED, [claim]), deselected=False).reason == "emergency"


@pytest.mark.parametrize(
    ("deselected", "reason", "sentence"),
    [
        (True, "deselected", "was left out of the run (-k, -m, --deselect, --lf or a plugin)"),
        (False, "missing", "was collected and gave no answer"),
    ],
)
def test_no_answer_holds(make_gate, deselected, reason, sentence):
    """And says which of the two it was: somebody left it out, or it was never heard of."""
    for gate in (make_gate(), make_gate(rollback=True)):
        assert judge(gate, [], deselected=deselected) == GateVerdict(
            gate=gate, decision=HOLD, reason=reason, sentence=sentence
        )


@pytest.mark.parametrize("answered", [each for size in (1, 2) for each in itertools.combinations(PARTS, size)])
def test_a_part_that_did_not_answer_holds(make_gate, make_fact, make_answer, answered):
    """Interrupted between set-up and tear-down, all that was heard being good; what it claimed is kept."""
    gate = make_gate()
    claims = {"call": (make_fact(),)}

    verdict = judge(gate, [make_answer(gate, when, claims=claims.get(when, ())) for when in answered], deselected=False)

    assert verdict == GateVerdict(
        gate=gate,
        decision=HOLD,
        reason="missing",
        sentence="was started and gave no answer: its process ended, or it was interrupted",
        claims=claims["call"] if "call" in answered else (),
    )


def test_a_gate_of_another_stage_does_not_count(make_gate, make_answer):
    """It says PROCEED, so that it blocks nothing, and is told apart from one that proved something."""
    gate = make_gate()
    answers = [
        make_answer(gate, "setup", Ended.NOT_APPLICABLE, message="for 5 %; the traffic is 25 %\nand more"),
        make_answer(gate, "teardown"),
    ]

    sentence = "for 5 %; the traffic is 25 %"
    expected = GateVerdict(gate=gate, decision=PROCEED, sentence=sentence, counts=False, applies=False)
    assert judge(gate, answers, deselected=False) == expected
    assert judge(gate, answers[::-1], deselected=False) == expected


def test_a_gate_of_another_stage_that_breaks_holds(make_gate, make_answer, make_fact):
    """Whatever else was said of it is not forgotten: neither a part that broke nor a claim."""
    gate = make_gate()
    apart = make_answer(gate, "setup", Ended.NOT_APPLICABLE)
    broken = judge(gate, [apart, make_answer(gate, "teardown", Ended.ERROR)], deselected=False)
    claimed = make_answer(gate, "call", Ended.NOT_APPLICABLE, claims=(make_fact(),))
    spoken = judge(gate, [make_answer(gate, "setup"), claimed, make_answer(gate, "teardown")], deselected=False)

    assert (broken.decision, broken.reason, broken.counts, broken.applies) == (HOLD, "error", True, True)
    assert (spoken.decision, spoken.counts, spoken.applies) == (HOLD, True, True)


@pytest.mark.parametrize("when", ["setup", "teardown"])
@pytest.mark.parametrize(
    ("ended", "decision", "reason"),
    [
        (Ended.ERROR, HOLD, "error"),
        (Ended.SKIPPED, HOLD, "skipped"),
        (Ended.INCONCLUSIVE, HOLD, "inconclusive"),
        (Ended.FAILED, HOLD, "error"),
    ],
)
def test_a_set_up_or_tear_down_that_is_not_good_holds(
    make_gate, make_round, make_answer, when, ended, decision, reason
):
    """Also when the gate itself was proven."""
    gate = make_gate()
    answers = [make_answer(gate, when, ended) if each.when == when else each for each in make_round(gate)]

    verdict = judge(gate, answers, deselected=False)

    assert (verdict.decision, verdict.reason) == (decision, reason)


def test_a_skip_in_set_up_has_no_call(make_gate, make_answer):
    gate = make_gate()
    answers = [make_answer(gate, "setup", Ended.SKIPPED, message="no data today"), make_answer(gate, "teardown")]

    verdict = judge(gate, answers, deselected=False)

    assert (verdict.decision, verdict.reason) == (HOLD, "skipped")
    assert "no data today" in verdict.sentence


@pytest.mark.parametrize("first", [Ended.INCONCLUSIVE, Ended.FAILED, Ended.ERROR, Ended.PASSED, Ended.SKIPPED])
def test_trying_again_is_peeking(make_gate, make_round, first):
    """A second answer never makes it good, whatever the first was."""
    gate = make_gate()

    verdict = judge(gate, [*make_round(gate, first), *make_round(gate)], deselected=False)

    assert (verdict.decision, verdict.reason) == (HOLD, "duplicate")
    assert "6 reports" in verdict.sentence


def test_a_second_attempt_is_peeking_though_only_one_was_reported(make_gate, make_round):
    """A plugin that runs a gate again and reports the last time only is seen by the count of set-ups."""
    gate = make_gate()

    assert judge(gate, make_round(gate, attempt=1), deselected=False).decision is PROCEED
    assert judge(gate, make_round(gate, attempt=2), deselected=False).reason == "duplicate"


def test_subtests_are_parts_of_one_answer(make_gate, make_fact, make_answer, make_round):
    """They report before the call that they belong to, each as a call, and are no second answer."""
    gate = make_gate()
    setup, call, teardown = make_round(gate)
    good = make_answer(gate, "call", subtest=True)
    bad = make_answer(gate, "call", Ended.FAILED, subtest=True, claims=(make_fact(**WARNING),))

    assert judge(gate, [setup, good, good, call, teardown], deselected=False).decision is PROCEED
    assert judge(gate, [setup, good, bad, call, teardown], deselected=False).reason == "warning"
    assert judge(gate, [setup, good, call, teardown, call], deselected=False).reason == "duplicate"


def test_subtests_do_not_stand_for_their_gate(make_gate, make_answer):
    """Interrupted after a subtest: the call itself was never heard of."""
    gate = make_gate()
    answers = [make_answer(gate, "setup"), make_answer(gate, "call", subtest=True), make_answer(gate, "teardown")]

    assert judge(gate, answers, deselected=False).reason == "missing"


def test_a_rollback_stays_one_when_it_is_tried_again(make_gate, make_fact, make_round):
    gate = make_gate()
    first = make_round(gate, Ended.FAILED, [make_fact(**CRITICAL)])

    assert judge(gate, [*first, *make_round(gate)], deselected=False).decision is ROLLBACK


@pytest.mark.parametrize("first", [Ended.INCONCLUSIVE, Ended.ERROR, Ended.PASSED])
def test_a_rollback_is_not_outvoted_by_what_came_before(make_gate, make_fact, make_round, first):
    """Two workers that run all gates, or a second attempt: no answer makes another one milder."""
    gate = make_gate()
    later = make_round(gate, Ended.FAILED, [make_fact(**CRITICAL)])

    verdict = judge(gate, [*make_round(gate, first), *later], deselected=False)

    assert (verdict.decision, verdict.reason) == (ROLLBACK, "critical")


def test_the_reports_of_a_rerun_count_the_first_round(make_gate, make_answer, make_round):
    """pytest-rerunfailures reports the first call as `rerun`."""
    gate = make_gate(rollback=True)
    first = [
        make_answer(gate, "setup"),
        make_answer(gate, "call", Ended.FAILED, outcome="rerun"),
        make_answer(gate, "teardown"),
    ]

    assert judge(gate, [*first, *make_round(gate)], deselected=False).reason == "trigger"


def test_two_workers_at_once_hold(make_gate, make_round):
    """Their reports may come interleaved."""
    gate = make_gate()
    interleaved = [answer for pair in zip(make_round(gate), make_round(gate), strict=True) for answer in pair]

    assert judge(gate, interleaved, deselected=False).reason == "duplicate"


@pytest.mark.parametrize("ended", Ended)
@pytest.mark.parametrize("truth", Truth)
def test_claims_of_every_part_are_kept(make_gate, make_fact, make_round, ended, truth):
    """However the gate ended: the receipt shows what was seen."""
    gate = make_gate()
    claims = [make_fact(text="one"), make_fact(truth, text="two")]

    assert judge(gate, make_round(gate, ended, claims), deselected=False).claims == tuple(claims)


@pytest.mark.parametrize(
    ("ended", "claims", "message", "sentence"),
    [
        (
            Ended.FAILED,
            [{"truth": REFUTED, "subject": "p99 = 65 ms", "limit": "< 60 ms"}],
            "assert …",
            "p99 = 65 ms   limit < 60 ms",
        ),
        (Ended.FAILED, [], "1 == 2\nwhere …", "1 == 2"),
        (
            Ended.INCONCLUSIVE,
            [{"truth": INCONCLUSIVE, "subject": "p99 = unknown", "why": "down"}],
            "",
            "p99 = unknown: down",
        ),
        (Ended.INCONCLUSIVE, [], "the service did not answer", "the service did not answer"),
        (Ended.ERROR, [], "KeyError: 'x'", "KeyError: 'x'"),
        (Ended.NO_CLAIM, [], "the gate made no claim", "the gate made no claim"),
        (Ended.SKIPPED, [], "not today", "proved nothing: not today"),
        (Ended.ERROR, [], "", "pytest reports failed in call"),
        (None, [], "", "its process ended before it could answer"),
        (
            Ended.ERROR,
            [{"truth": REFUTED, "level": "warning", "decision": HOLD, "subject": "p99 = 45 ms", "limit": "< 40 ms"}],
            "KeyError: 'x'",
            "p99 = 45 ms   limit < 40 ms",
        ),
        (
            Ended.FAILED,
            [{"truth": REFUTED, "subject": "p99 = 65 ms"}, {"subject": "errors = 0"}],
            "assert …",
            "p99 = 65 ms",
        ),
        (
            Ended.INCONCLUSIVE,
            [{"truth": INCONCLUSIVE, "subject": "p99 = unknown", "why": "down"}, {"subject": "errors = 0"}],
            "",
            "p99 = unknown: down",
        ),
        (Ended.INCONCLUSIVE, [{"truth": INCONCLUSIVE, "subject": "p99 = 4 … 6 ms"}], "", "p99 = 4 … 6 ms"),
        (Ended.PASSED, [], "", "passed without a proven claim"),
        (Ended.PASSED, [{}, {"truth": REFUTED, "subject": "p99 = 65 ms"}], "", "passed although p99 = 65 ms"),
        (Ended.SKIPPED, [], "", "proved nothing: skipped"),
        (Ended.NO_CLAIM, [], "", MEANING[Reason.NO_CLAIM]),
        (Ended.ERROR, [], f"  \n{'x' * 500}", "x" * 400),
    ],
)
def test_the_sentence_says_what_was_seen(make_gate, make_fact, make_round, ended, claims, message, sentence):
    gate = make_gate()
    answers = make_round(gate, ended, [make_fact(**claim) for claim in claims], message=message)

    assert judge(gate, answers, deselected=False).sentence == sentence


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_an_assert_outside_the_call_says_where(make_gate, make_answer, make_round, when):
    """It proves nothing about the release, so it cannot take it back."""
    gate = make_gate(rollback=True)
    failed = make_answer(gate, when, Ended.FAILED, message="1 == 2")
    verdict = judge(gate, [failed if each.when == when else each for each in make_round(gate)], deselected=False)

    assert (verdict.reason, verdict.sentence) == ("error", f"an assert failed in its {when}: 1 == 2")


def test_a_trigger_says_what_fired(make_gate, make_fact, make_round):
    gate = make_gate(rollback=True)
    claim = make_fact(REFUTED, subject="p99 = 65 ms")

    assert judge(gate, make_round(gate, Ended.FAILED, [claim]), deselected=False).sentence == "p99 = 65 ms"


@pytest.mark.parametrize(
    ("reason", "sentence"), [("no-data", MEANING[Reason.NO_DATA]), ("somebody's own", "somebody's own")]
)
def test_doubt_without_words_is_explained_by_its_reason(make_gate, make_round, reason, sentence):
    """By the meaning of a code that is ours, else by the word itself."""
    gate = make_gate()
    verdict = judge(gate, make_round(gate, Ended.INCONCLUSIVE, [], reason=reason), deselected=False)

    assert (verdict.reason, verdict.sentence) == (reason, sentence)


@pytest.mark.parametrize(
    ("ended", "claims", "kept"),
    [
        pytest.param(Ended.ERROR, [OK], True, id="error"),
        pytest.param(Ended.FAILED, [OK], True, id="plain-assert"),
        pytest.param(Ended.FAILED, [OK, PLAIN], False, id="the-claim-says-it"),
        pytest.param(Ended.NO_CLAIM, [OK], True, id="no-claim"),
        pytest.param(Ended.NO_CLAIM, [OK, PLAIN], True, id="swallowed"),
        pytest.param(Ended.INCONCLUSIVE, [DOUBT], False, id="doubt"),
        pytest.param(Ended.SKIPPED, [], False, id="skip"),
        pytest.param(Ended.PASSED, [OK], False, id="proven"),
    ],
)
def test_the_whole_message_is_kept_where_the_sentence_is_not_all(make_gate, make_fact, make_round, ended, claims, kept):
    """An error has a second line, and an author needs the advice on a slip; a claim has said everything."""
    gate = make_gate()
    answers = make_round(gate, ended, [make_fact(**claim) for claim in claims], message="one\ntwo")

    assert judge(gate, answers, deselected=False).message == ("one\ntwo" if kept else "")


def test_a_proven_gate_has_nothing_to_say(make_gate, make_fact, make_round):
    gate, claim = make_gate(), make_fact()

    assert judge(gate, make_round(gate, claims=[claim]), deselected=False) == GateVerdict(
        gate=gate, decision=PROCEED, reason="", sentence="", message="", claims=(claim,), counts=True
    )


def test_judgements_are_facts(make_gate):
    """Made whole and by name, and not changed afterwards."""
    verdict = GateVerdict(gate=make_gate(), decision=HOLD)

    with pytest.raises(AttributeError):
        verdict.decision = PROCEED
    with pytest.raises(TypeError):
        GateVerdict(make_gate(), HOLD)


def test_a_part_is_judged_alone_as_in_the_whole(make_gate, make_answer, make_fact):
    """What the terminal says of a report while the run goes on."""
    gate = make_gate()

    assert judge_part(gate, make_answer(gate, "setup")).decision is PROCEED
    assert judge_part(gate, make_answer(gate, "call", claims=(make_fact(),))).decision is PROCEED
    assert judge_part(gate, make_answer(gate, "call")).reason == "no-claim"
