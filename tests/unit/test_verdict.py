"""One decision and one exit code out of gates, lock and troubles: the worst wins, and nothing makes it milder."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.book import Book, Ended, PlannedGate
from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import WAITING, Decision, Reason
from pytest_rollout.judgement import GateVerdict
from pytest_rollout.lock import Lock, locked
from pytest_rollout.verdict import Because, RunVerdict, Verdict, judge_phase

PROCEED, HOLD, ROLLBACK = Decision.PROCEED, Decision.HOLD, Decision.ROLLBACK
REFUTED = Truth.REFUTED
TODAY = "2026-11-20"


@pytest.fixture(scope="session")
def judged(make_round):
    """The verdict on pairs of a gate and how its call ended with which claims; locked unless said otherwise."""

    def judged(*gates, lock=True, lines=(), phase="phase1", deselected=(), extra=(), **more):
        book = Book()
        for gate, ended, *claims in gates:
            book.plan(gate)
            for answer in make_round(gate, ended, claims) if ended != "silent" else ():
                book.answer(answer)
        book.deselected = set(deselected)
        written = Lock(locked([*(gate for gate, *_ in gates), *extra]), "digest") if lock is True else lock
        return judge_phase(
            rollout="shop",
            phase=phase,
            book=book,
            lock=written,
            planned_lines=lines,
            plan_digest="plan",
            today=TODAY,
            lock_command="rollout lock shop",
            **more,
        )

    return judged


def codes(verdict):
    return [str(because.code) for because in verdict.reasons]


@pytest.fixture(scope="session")
def good(make_gate, make_fact):
    """A gate that is proven."""
    return lambda name="test_good", **more: (make_gate(name, **more), Ended.PASSED, make_fact())


@pytest.fixture(scope="session")
def fires(make_gate, make_fact):
    """A budget gate that is beyond `critical`; `alpha` 0 is a fact."""

    def fires(name, alpha, **more):
        confidence = 1.0 if alpha == 0 else 0.95
        claim = make_fact(
            REFUTED, level="critical", decision=ROLLBACK, trigger=True, alpha=alpha, confidence=confidence
        )
        return make_gate(name, **more), Ended.FAILED, claim

    return fires


@pytest.fixture(scope="session")
def quiet(make_gate, make_fact):
    """A budget gate that could fire by chance and does not."""
    return lambda name, **more: (make_gate(name, **more), Ended.PASSED, make_fact(trigger=True, confidence=0.95))


def test_every_gate_proven_proceeds(judged, good):
    verdict = judged(good("test_a"), good("test_b"))

    assert (verdict.decision, verdict.reasons, verdict.lock_digest) == (PROCEED, (), "digest")


def test_a_verdict_says_what_was_judged(judged, good):
    """All of it, with the gates in the order of their ids, whatever the order of their collection."""
    gates = [good("test_b"), good("test_a")]

    assert judged(*gates) == Verdict(
        rollout="shop",
        phase="phase1",
        decision=PROCEED,
        reasons=(),
        gates=tuple(GateVerdict(gate=gate, decision=PROCEED, claims=(claim,)) for gate, _, claim in reversed(gates)),
        plan_digest="plan",
        lock_digest="digest",
    )


def test_a_reason_names_its_gate_and_its_sentence(judged, good, make_gate, make_fact):
    claim = make_fact(Truth.INCONCLUSIVE, subject="x = unknown", why="down", reason="no-data")
    verdict = judged(good(), (make_gate("test_b"), Ended.INCONCLUSIVE, claim))

    assert verdict.reasons == (Because(Reason.INCONCLUSIVE, "x = unknown: down", "test_x.py::test_b"),)


def test_a_reason_of_no_gate_names_none():
    assert Because("missing", "a sentence").gate == ""


def test_no_gate_holds(judged):
    verdict = judged()

    assert (verdict.decision, verdict.reasons) == (HOLD, (Because("missing", "phase1 has no gate that counts"),))


def test_gates_of_other_phases_and_rollouts_take_no_part(judged, good):
    verdict = judged(good("test_a", phases=("phase2",)), good("test_b", rollout="other"))

    assert (verdict.decision, codes(verdict)) == (HOLD, ["missing"])
    assert judged(good("test_a", phases=("phase2", "phase1"))).decision is PROCEED


@pytest.mark.parametrize("kinds", list(itertools.product(["good", "hold", "rollback"], repeat=3)))
def test_the_worst_gate_decides(judged, good, make_gate, fires, kinds):
    make = {
        "good": good,
        "hold": lambda name: (make_gate(name), Ended.ERROR),
        "rollback": lambda name: fires(name, 0),
    }
    verdict = judged(*(make[kind](f"test_{number}") for number, kind in enumerate(kinds)))

    expected = ROLLBACK if "rollback" in kinds else HOLD if "hold" in kinds else PROCEED
    assert verdict.decision is expected
    assert len(verdict.reasons) == sum(kind != "good" for kind in kinds)


def test_a_deselected_gate_holds(judged, good, make_gate):
    gate = make_gate("test_left_out")

    assert codes(judged(good(), (gate, "silent"), deselected=[gate.nodeid])) == ["deselected"]
    assert codes(judged(good(), (gate, "silent"))) == ["missing"]


# -- the lock ----------------------------------------------------------------


def test_no_lock_holds(judged, good):
    verdict = judged(good(), lock=None)

    assert verdict.lock_digest == ""
    assert verdict.reasons == (Because("unlocked", "there is no gates.lock: run `rollout lock shop` and commit it"),)


def test_good_gates_do_not_make_up_for_the_lock(judged, good, make_gate):
    """Every gate proven, and yet no PROCEED: a reason that no gate gives holds the release as any other does."""
    only_a = Lock(locked([make_gate("test_a")]), "d")
    other = Lock(locked([make_gate("test_a", rollback=True)]), "d")
    verdicts = [
        judged(good("test_a"), lock=None),
        judged(good("test_a"), good("test_b"), lock=only_a),
        judged(good("test_a"), lock=other),
        judged(good("test_a", shadow_until=date(2026, 11, 19)), lock=only_a),
    ]

    assert [(verdict.decision, codes(verdict)) for verdict in verdicts] == [(HOLD, ["unlocked"])] * 4
    assert [RunVerdict(verdicts=(verdict,)).exit_code for verdict in verdicts] == [1] * 4


def test_a_lock_that_could_not_be_read_says_why(judged, good):
    (because,) = judged(good(), lock=None, unlocked="it is a folder").reasons

    assert because == Because("unlocked", "it is a folder: run `rollout lock shop` and commit it")


def test_a_gate_that_is_not_locked_holds(judged, good, make_gate):
    verdict = judged(good("test_a"), good("test_new"), lock=Lock(locked([make_gate("test_a")]), "d"))

    sentence = "is not in gates.lock: run `rollout lock shop`"
    assert verdict.reasons == (Because("unlocked", sentence, "test_x.py::test_new"),)


def test_a_locked_gate_that_is_gone_holds(judged, good, make_gate):
    """Deleted, renamed, in a file that is not collected, or not named on the command line."""
    verdict = judged(good("test_a"), extra=[make_gate("test_gone")])

    sentence = "is in gates.lock and was not collected: deleted, renamed, not selected or not found"
    assert verdict.reasons == (Because("missing", sentence, "test_x.py::test_gone"),)


@pytest.mark.parametrize("rollback", [True, False])
def test_a_gate_that_is_gone_is_listed_with_what_the_lock_knows(judged, good, make_gate, rollback):
    """After those that were met, in the order of their ids; without pytest's name, which nobody knows."""
    gone = [make_gate(f"test_gone_{number}", rollback=rollback) for number in (2, 1)]
    listed = judged(good("test_z"), extra=gone).gates

    assert [each.gate for each in listed[1:]] == [
        PlannedGate(id=gate.id, nodeid="", rollout="shop", phases=("phase1",), rollback=rollback)
        for gate in reversed(gone)
    ]
    assert {(each.decision, each.reason, each.counts) for each in listed[1:]} == {(HOLD, "missing", True)}


def test_a_file_that_skipped_itself_is_named(judged, good, make_gate):
    """Its gates are gone as well, and the reader should look at the file, not for a deleted gate."""
    elsewhere = make_gate(id="test_y.py::test_c::d", nodeid="")
    verdict = judged(good(), extra=[elsewhere, make_gate("test_gone")], skipped=["test_y.py"])

    assert [(because.code, because.gate) for because in verdict.reasons] == [
        ("missing", "test_x.py::test_gone"),
        ("skipped", "test_y.py::test_c::d"),
    ]
    assert verdict.reasons[1].sentence == "test_y.py skipped itself as a whole, so its gates proved nothing"


def test_a_locked_gate_that_moved_to_another_phase_is_missed(judged, good, make_gate):
    moved = good("test_a", phases=("phase2",))
    lock = Lock(locked([make_gate("test_a"), make_gate("test_b")]), "d")

    assert codes(judged(moved, good("test_b"), lock=lock)) == ["missing"]
    assert codes(judged(moved, lock=lock, phase="phase2")) == ["unlocked"]


def test_a_planned_line_that_is_not_there_is_missed(judged, good):
    """Also when nobody locked it."""
    verdict = judged(good(), lines=["rollout.yaml::phase1::latency"])

    line = "rollout.yaml::phase1::latency"
    assert verdict.reasons == (
        Because("missing", "is in the plan and was not collected: deleted, renamed, not selected or not found", line),
        Because("unlocked", "is not in gates.lock: run `rollout lock shop`", line),
    )
    assert verdict.gates[-1].gate.rollback is False


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (True, "takes the release back, gates.lock says otherwise"),
        (False, "no longer takes the release back, gates.lock says otherwise"),
    ],
)
def test_a_trigger_that_changed_since_the_lock_holds(judged, good, make_gate, now, sentence):
    """Whether a gate takes the release back is agreed on in a review."""
    verdict = judged(good("test_a", rollback=now), lock=Lock(locked([make_gate("test_a", rollback=not now)]), "d"))

    assert verdict.reasons == (Because("unlocked", sentence, "test_x.py::test_a"),)


@pytest.mark.parametrize(
    ("then", "now", "sentence"),
    [
        (None, date(2026, 12, 1), "is in shadow until 2026-12-01, gates.lock says otherwise"),
        (date(2026, 12, 1), date(2026, 12, 2), "is in shadow until 2026-12-02, gates.lock says otherwise"),
        (date(2026, 12, 1), None, "is no longer in shadow, gates.lock says otherwise"),
    ],
)
def test_a_shadow_that_changed_since_the_lock_holds(judged, good, make_gate, then, now, sentence):
    """A gate that stops to count is agreed on in a review, too."""
    lock = Lock(locked([make_gate("test_good"), make_gate("test_s", shadow_until=then)]), "d")
    verdict = judged(good(), good("test_s", shadow_until=now), lock=lock)

    assert verdict.reasons == (Because("unlocked", sentence, "test_x.py::test_s"),)


@pytest.mark.parametrize(
    ("then", "now", "sentence"),
    [
        ((), ("5 %", "25 %"), "is for 5 %, 25 % alone, gates.lock says otherwise"),
        (("5 %", "25 %"), ("5 %",), "is for 5 % alone, gates.lock says otherwise"),
        (("5 %",), (), "is for every stage, gates.lock says otherwise"),
    ],
)
def test_stages_that_changed_since_the_lock_hold(judged, good, make_gate, then, now, sentence):
    """A gate that is no longer asked at a stage is agreed on in a review, too."""
    lock = Lock(locked([make_gate("test_good"), make_gate("test_s", stages=then)]), "d")
    verdict = judged(good(), good("test_s", stages=now), lock=lock)

    assert verdict.reasons == (Because("unlocked", sentence, "test_x.py::test_s"),)


def test_a_lock_that_was_kept_is_no_reason(judged, good):
    gates = (
        good("test_a", rollback=True),
        good("test_b", shadow_until=date(2026, 12, 1)),
        good("test_c", stages=("5 %",)),
    )

    assert judged(*gates).reasons == ()


# -- shadow ------------------------------------------------------------------


@pytest.mark.parametrize("ended", [Ended.FAILED, Ended.ERROR, Ended.PASSED])
def test_a_shadow_gate_reports_and_cannot_block(judged, good, make_gate, ended):
    shadow = make_gate("test_shadow", shadow_until=date(2026, 11, 20), rollback=True)
    verdict = judged(good(), (shadow, ended))

    assert (verdict.decision, verdict.reasons) == (PROCEED, ())
    assert [gate.counts for gate in verdict.gates] == [True, False]


def test_a_shadow_gate_blocks_once_its_day_has_passed(judged, good, make_gate):
    shadow = make_gate("test_shadow", shadow_until=date(2026, 11, 19))
    verdict = judged(good(), (shadow, Ended.ERROR))

    sentence = "pytest reports failed in call (in shadow until 2026-11-19, which has passed)"
    assert verdict.reasons == (Because("error", sentence, "test_x.py::test_shadow"),)


def test_a_good_gate_whose_shadow_has_passed_counts(judged, good):
    verdict = judged(good("test_a", shadow_until=date(2026, 11, 19)))

    assert (verdict.decision, verdict.gates[0].sentence, verdict.gates[0].counts) == (PROCEED, "", True)


def test_shadow_gates_cannot_be_the_only_ones(judged, good):
    verdict = judged(good("test_a", shadow_until=date(2026, 12, 1)))

    assert (verdict.decision, codes(verdict)) == (HOLD, ["missing"])


def test_a_shadow_gate_is_locked_like_any_other(judged, good, make_gate):
    shadow = good("test_shadow", shadow_until=date(2026, 12, 1))

    assert codes(judged(good(), shadow, lock=Lock(locked([make_gate("test_good")]), "d"))) == ["unlocked"]


def test_a_locked_gate_in_shadow_that_is_gone_is_missed(judged, good, make_gate):
    """Nobody can tell from the lock that it did not count."""
    assert codes(judged(good(), extra=[make_gate("test_s", shadow_until=date(2026, 12, 1))])) == ["missing"]


# -- Holm --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alphas", "quiet_ones", "rolled_back"),
    [
        pytest.param([0.05], 0, [True], id="one-of-one"),
        pytest.param([0.05], 1, [False], id="one-of-two"),
        pytest.param([0.025], 1, [True], id="one-of-two-at-half"),
        pytest.param([0.01, 0.04], 0, [True, True], id="steps-down"),
        pytest.param([0.01, 0.04], 1, [True, False], id="steps-down-and-stops"),
        pytest.param([0.03, 0.03], 0, [False, False], id="neither"),
        pytest.param([0.0049], 9, [True], id="one-of-ten"),
        pytest.param([0.0051], 9, [False], id="not-one-of-ten"),
    ],
)
def test_a_sampled_trigger_stands_only_after_holm(judged, fires, quiet, alphas, quiet_ones, rolled_back):
    """The family is what could have fired, not what did."""
    firing = [fires(f"test_{number}", alpha) for number, alpha in enumerate(alphas)]
    verdict = judged(*firing, *(quiet(f"test_quiet_{number}") for number in range(quiet_ones)))
    by_id = {gate.gate.id: gate for gate in verdict.gates}

    assert [by_id[gate.id].decision is ROLLBACK for gate, *_ in firing] == rolled_back
    assert verdict.decision is (ROLLBACK if any(rolled_back) else HOLD)


def test_a_trigger_that_fails_only_uncorrected_holds_and_is_named(judged, fires, quiet):
    verdict = judged(fires("test_a", 0.04), quiet("test_b"))

    sentence = "x = 4: refuted at level 0.04 alone, not when 2 triggers are asked at once"
    assert verdict.reasons == (Because("inconclusive", sentence, "test_x.py::test_a"),)


@pytest.mark.parametrize(
    ("before", "alpha", "decision"),
    [
        pytest.param(0, 0.05, ROLLBACK, id="the-first"),
        pytest.param(1, 0.05 / 6, ROLLBACK, id="the-second-at-a-sixth"),
        pytest.param(1, 0.009, HOLD, id="the-second-at-more"),
        pytest.param(9, 0.04, HOLD, id="the-tenth"),
        pytest.param(9, 0.0004, ROLLBACK, id="the-tenth-at-a-hundredth"),
    ],
)
def test_a_trigger_that_asks_many_samples_fires_by_chance_no_more_often(
    judged, make_gate, make_fact, before, alpha, decision
):
    """Ten at 5 % each take a healthy release back in 40 % of the looks, whatever Holm says of the gate as one."""
    asked = [make_fact(confidence=0.95)] * before
    gate = (make_gate("test_a", rollback=True), Ended.FAILED, *asked, make_fact(REFUTED, alpha=alpha, confidence=0.95))
    verdict = judged(gate)

    assert verdict.decision is decision
    assert decision is ROLLBACK or "samples of a gate and 1 triggers are asked at once" in verdict.reasons[0].sentence


def test_facts_of_a_trigger_are_no_samples(judged, make_gate, make_fact):
    facts, sample = [make_fact()] * 5, make_fact(REFUTED, alpha=0.05, confidence=0.95)

    assert judged((make_gate("test_a", rollback=True), Ended.FAILED, *facts, sample)).decision is ROLLBACK


def test_a_fact_stands_outside_the_correction(judged, fires, quiet):
    """A crash is a crash, however many samples are looked at besides."""
    family = [quiet(f"test_{number}") for number in range(30)]

    assert judged(fires("test_crash", 0), *family).decision is ROLLBACK


def test_a_fact_that_fires_does_not_spend_the_samples_level(judged, fires):
    """Facts are not in the family: 0.05 stands alone."""
    verdict = judged(fires("test_crash", 0), fires("test_a", 0.05))

    assert [gate.decision for gate in verdict.gates] == [ROLLBACK, ROLLBACK]


def test_gates_that_cannot_roll_back_are_not_in_the_family(judged, fires, make_gate, make_fact):
    others = [(make_gate(f"test_{n}"), Ended.PASSED, make_fact(confidence=0.95)) for n in range(5)]

    assert judged(fires("test_a", 0.05), *others).decision is ROLLBACK


def test_a_shadow_trigger_is_not_in_the_family(judged, fires, quiet):
    shadow = quiet("test_s", shadow_until=date(2026, 12, 1))

    assert judged(fires("test_a", 0.05), shadow).decision is ROLLBACK


@pytest.mark.parametrize("ended", [Ended.PASSED, Ended.INCONCLUSIVE])
def test_a_marked_gate_on_samples_is_in_the_family(judged, fires, make_gate, make_fact, ended):
    other = (make_gate("test_b", rollback=True), ended, make_fact(confidence=0.95))

    assert judged(fires("test_a", 0.05), other).decision is HOLD


@pytest.mark.parametrize("answer", ["silent", Ended.ERROR, Ended.SKIPPED])
def test_a_marked_gate_that_gave_no_answer_is_in_the_family(judged, fires, make_gate, answer):
    """What was planned counts, not what ran; whether it would have been a fact nobody knows."""
    assert judged(fires("test_a", 0.05), (make_gate("test_b", rollback=True), answer)).decision is HOLD


@pytest.mark.parametrize("rollback", [True, False])
def test_a_trigger_whose_number_is_unknown_is_in_the_family(judged, fires, make_gate, make_fact, rollback):
    """A source that is down makes no other trigger's evidence stronger: a sample is one while nobody knows it."""
    unknown = make_fact(Truth.INCONCLUSIVE, value=None, method="reading", trigger=not rollback, confidence=0.95)
    down = (make_gate("test_b", rollback=rollback), Ended.INCONCLUSIVE, unknown)

    assert judged(fires("test_a", 0.05), down).decision is HOLD
    assert judged(fires("test_a", 0.025), down).decision is ROLLBACK


@pytest.mark.parametrize("rollback", [True, False])
def test_a_trigger_on_a_number_that_is_unknown_is_not_in_the_family(judged, fires, make_gate, make_fact, rollback):
    """Nor weaker: an exact number never fires by chance, and a source that is down keeps no bad release."""
    unknown = make_fact(Truth.INCONCLUSIVE, value=None, method="reading", trigger=not rollback, confidence=1.0)
    down = (make_gate("test_b", rollback=rollback), Ended.INCONCLUSIVE, unknown)

    assert judged(fires("test_a", 0.05), down).decision is ROLLBACK


def test_a_locked_trigger_that_is_gone_is_in_the_family(judged, fires, make_gate):
    assert judged(fires("test_a", 0.05), extra=[make_gate("test_gone", rollback=True)]).decision is HOLD


def test_a_marked_gate_on_facts_is_not_in_the_family(judged, fires, make_gate, make_fact):
    fact = (make_gate("test_b", rollback=True), Ended.PASSED, make_fact(confidence=1.0))

    assert judged(fires("test_a", 0.05), fact).decision is ROLLBACK


def test_a_marked_gate_is_corrected_like_a_level(judged, make_gate, make_fact, quiet):
    sample = make_fact(REFUTED, alpha=0.04, confidence=0.95)
    marked = (make_gate("test_a", rollback=True), Ended.FAILED, sample)

    assert judged(marked).decision is ROLLBACK
    assert judged(marked, quiet("test_b")).decision is HOLD


def test_a_failed_plain_assert_in_a_marked_gate_is_a_fact(judged, make_gate, make_fact, quiet):
    """Beside proven samples, too."""
    marked = (make_gate("test_a", rollback=True), Ended.FAILED, make_fact(confidence=0.95))

    assert judged(marked, quiet("test_b"), quiet("test_c")).decision is ROLLBACK


def test_a_fact_in_a_gate_on_samples_does_not_help_another_sample(judged, fires, make_gate, make_fact):
    """Its failed assert stands whatever the samples say, so it is no step of the correction."""
    marked = (make_gate("test_b", rollback=True), Ended.FAILED, make_fact(confidence=0.95))
    verdict = judged(fires("test_a", 0.05), marked)

    assert [(gate.decision, gate.reason) for gate in verdict.gates] == [(HOLD, "inconclusive"), (ROLLBACK, "trigger")]


def test_a_gate_that_does_not_roll_back_is_not_overruled(judged, quiet, make_gate, make_fact):
    """It swallowed the claim that would have fired: that is what its author must hear."""
    sample = make_fact(REFUTED, alpha=0.04, confidence=0.95)
    verdict = judged((make_gate("test_a", rollback=True), Ended.NO_CLAIM, sample), quiet("test_b"))

    assert codes(verdict) == ["no-claim"]


# -- it never becomes milder ---------------------------------------------------

KINDS = ["good", "fact", "sample", "quiet", "doubt", "error", "silent", "skipped", "no-claim", "failed", "shadow"]
CHANCE = {"sample", "quiet"}


@pytest.fixture(scope="session")
def of_kind(good, fires, quiet, make_gate, make_fact):
    def of_kind(kind, name):
        endings = {
            "doubt": (Ended.INCONCLUSIVE, make_fact(Truth.INCONCLUSIVE, confidence=0.95, reason="low-n")),
            "error": (Ended.ERROR,),
            "silent": ("silent",),
            "skipped": (Ended.SKIPPED,),
            "no-claim": (Ended.NO_CLAIM, make_fact()),
            "failed": (Ended.FAILED, make_fact(REFUTED)),
        }
        match kind:
            case "good":
                return good(name)
            case "fact":
                return fires(name, 0)
            case "sample":
                return fires(name, 0.03)
            case "quiet":
                return quiet(name)
            case "shadow":
                return fires(name, 0, shadow_until=date(2026, 12, 1))
            case _:
                return make_gate(name), *endings[kind]

    return of_kind


@given(
    st.lists(st.sampled_from(KINDS), max_size=6),
    st.sampled_from([kind for kind in KINDS if kind not in {"good", "quiet", "shadow"}]),
)
def test_another_gate_that_is_not_good_never_helps(judged, of_kind, kinds, another):
    """Never milder; only Holm's family, when it grows, may turn a chance ROLLBACK into a HOLD, and never into more."""
    gates = [of_kind(kind, f"test_{number}") for number, kind in enumerate(kinds)]
    before = judged(*gates)
    after = judged(*gates, of_kind(another, "test_another"))

    assert after.decision is not PROCEED
    if another not in CHANCE:
        assert after.decision.severity >= before.decision.severity


@given(st.lists(st.sampled_from(KINDS), max_size=6))
def test_proceed_needs_every_gate_that_counts(judged, of_kind, kinds):
    verdict = judged(*(of_kind(kind, f"test_{number}") for number, kind in enumerate(kinds)))
    counting = [kind for kind in kinds if kind != "shadow"]

    assert (verdict.decision is PROCEED) == (bool(counting) and set(counting) <= {"good", "quiet"})
    assert (verdict.decision is PROCEED) == (not verdict.reasons)


# -- the run -------------------------------------------------------------------


def a_verdict(decision, *reasons, phase="phase1"):
    because = tuple(Because(code, "a sentence") for code in reasons)
    return Verdict(rollout="shop", phase=phase, decision=decision, reasons=because, gates=(), plan_digest="")


@pytest.mark.parametrize(
    ("verdicts", "reasons", "decision", "code"),
    [
        pytest.param([], [], HOLD, 1, id="nothing-judged"),
        pytest.param([(PROCEED,)], [], PROCEED, 0, id="proceed"),
        pytest.param([(PROCEED,), (PROCEED,)], [], PROCEED, 0, id="proceed-twice"),
        pytest.param([(PROCEED,)], ["missing"], HOLD, 1, id="trouble"),
        pytest.param([(PROCEED,), (HOLD, "error")], [], HOLD, 1, id="one-holds"),
        pytest.param([(HOLD, "error"), (ROLLBACK, "critical")], [], ROLLBACK, 20, id="one-rolls-back"),
        pytest.param([(ROLLBACK, "critical")], ["missing"], ROLLBACK, 20, id="rollback-and-trouble"),
        pytest.param([(HOLD, "hold-time")], [], HOLD, 10, id="waits"),
        pytest.param([(HOLD, *sorted(WAITING))], [], HOLD, 10, id="waits-for-all"),
        pytest.param([(HOLD, "hold-time"), (PROCEED,)], [], HOLD, 10, id="one-waits"),
        pytest.param([(HOLD, "hold-time", "stale")], [], HOLD, 1, id="waits-and-more"),
        pytest.param([(HOLD, "hold-time"), (HOLD, "stale")], [], HOLD, 1, id="one-waits-one-holds"),
        pytest.param([(HOLD, "hold-time")], ["missing"], HOLD, 1, id="waits-and-trouble"),
        pytest.param([(HOLD, "hold-time")], ["approval"], HOLD, 1, id="waits-and-a-reason-of-the-run"),
        pytest.param([(HOLD,)], [], HOLD, 1, id="no-reason-is-no-waiting"),
        pytest.param([(ROLLBACK, "hold-time")], [], ROLLBACK, 20, id="rollback-never-waits"),
    ],
)
def test_the_exit_code_of_a_run(verdicts, reasons, decision, code):
    """The worst phase; 10 only when nothing but time or a signature is awaited."""
    run = RunVerdict(
        verdicts=tuple(a_verdict(*each) for each in verdicts),
        reasons=tuple(Because(reason, "a sentence") for reason in reasons),
    )

    assert (run.decision, run.exit_code) == (decision, code)


@pytest.mark.parametrize("reason", list(Reason))
def test_only_waiting_reasons_are_healthy(reason):
    run = RunVerdict(verdicts=(a_verdict(HOLD, reason),))

    assert (run.exit_code == 10) == (reason in WAITING)


def test_a_level_called_like_a_waiting_reason_is_not_waited_for(judged, make_gate, make_fact):
    """A plan may call a level `approval`; crossing it is no healthy state."""
    claim = make_fact(REFUTED, level="approval", decision=HOLD)
    verdict = judged((make_gate(), Ended.FAILED, claim))

    assert codes(verdict) == ["approval"]
    assert RunVerdict(verdicts=(verdict,)).exit_code == 1


@pytest.mark.parametrize(("counts", "waiting"), [(True, False), (False, True)])
def test_waiting_is_not_healthy_while_a_gate_that_counts_is_refuted(make_gate, make_fact, counts, waiting):
    """What a shadow gate found does not change the exit code, this one neither."""
    gate = GateVerdict(gate=make_gate(), decision=HOLD, claims=(make_fact(REFUTED),), counts=counts)

    assert replace(a_verdict(HOLD, "hold-time"), gates=(gate,)).waiting is waiting


def test_a_verdict_without_a_lock_or_evidence_names_none():
    verdict = a_verdict(HOLD)

    assert (verdict.lock_digest, verdict.evidence_digest) == ("", "")


@pytest.mark.parametrize("decision", Decision)
def test_further_reasons_only_make_it_worse(decision):
    verdict = a_verdict(decision)
    worse = verdict.with_reasons([Because("missing", "a sentence")])

    assert verdict.with_reasons([]) is verdict
    assert worse.decision is Decision.worst(decision, HOLD)
    assert codes(worse) == ["missing"]


@given(st.lists(st.tuples(st.sampled_from(Decision), st.sampled_from(Reason)), max_size=4), st.booleans())
def test_exit_0_means_proceed_and_nothing_else(pairs, trouble):
    run = RunVerdict(
        verdicts=tuple(a_verdict(decision, *([] if decision is PROCEED else [reason])) for decision, reason in pairs),
        reasons=(Because("missing", "a sentence"),) if trouble else (),
    )

    assert (run.exit_code == 0) == (bool(pairs) and all(decision is PROCEED for decision, _ in pairs) and not trouble)
    assert (run.exit_code == 20) == any(decision is ROLLBACK for decision, _ in pairs)


def test_verdicts_are_facts(judged, good):
    """Made whole and by name, and not changed afterwards."""
    verdict = judged(good())

    with pytest.raises(AttributeError):
        verdict.decision = HOLD
    with pytest.raises(AttributeError):
        RunVerdict(verdicts=(verdict,)).reasons = ()
    with pytest.raises(AttributeError):
        Because("missing", "a sentence").code = ""
    with pytest.raises(TypeError):
        Verdict("shop", "phase1", PROCEED, (), (), "plan")
    with pytest.raises(TypeError):
        RunVerdict((verdict,))
    assert replace(verdict, decision=HOLD).decision is HOLD


@pytest.mark.parametrize("code", [Reason.HOLD_TIME, ""])
def test_time_and_people_alone_release_nothing(judged, good, make_gate, make_fact, code):
    """A phase at which nothing looks at the release is no go, and no wait; one other gate that counts will do."""
    hold = make_gate("hold")
    facts = [make_fact(Truth.INCONCLUSIVE, reason=code)] if code else [make_fact()]
    waits = (hold, Ended.INCONCLUSIVE if code else Ended.PASSED, *facts)

    alone = judged(waits, unmeasured=[hold.id])
    assert (alone.decision, alone.waiting) == (HOLD, False)
    assert codes(alone)[-1] == Reason.NO_CLAIM
    assert Reason.NO_CLAIM not in codes(judged(waits, good(), unmeasured=[hold.id]))
    shadow = good(shadow_until=date(2026, 12, 1))
    assert codes(judged(waits, shadow, unmeasured=[hold.id]))[-1] == Reason.NO_CLAIM
