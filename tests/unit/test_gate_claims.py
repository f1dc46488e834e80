"""The ways in which people write gates: which of them prove something, and which only look so.

Each idiom is the body of a function in a file of its own, because an assert
is recognised by its line. A gate passes when it raises nothing and has no
faults; everything else is a HOLD or worse.
"""

from __future__ import annotations

import itertools
import linecache
import textwrap
import threading

import pytest

from pytest_rollout import Estimate, Inconclusive, Limit, Reading, Truth, check
from pytest_rollout.asserts import asserts_by_hand
from pytest_rollout.claim_facts import ClaimFacts
from pytest_rollout.claims import Claim, GateClaims, judging
from pytest_rollout.decisions import Decision
from pytest_rollout.limits import Level

PASSES, FAILS, DOUBTS, FAULTS = "passes", "fails", "doubts", "faults"
NAMES = itertools.count()


class World:
    """What an idiom may use: readings named by what they are, each noted as a read of the gate."""

    def __init__(self, gate: GateClaims) -> None:
        self._gate = gate

    def metrics(self, name):
        """`five` and `seven` are exact, `wide` straddles 6, `down` is unknown."""
        sources = frozenset({self._gate.read(name)})
        bounds = {"wide": (6, 4, 8), "five": (5, 5, 5), "seven": (7, 7, 7)}
        if name == "down":
            return Reading(float("nan"), 0, 0, 1.0, why="down", name=name, sources=sources)
        make = Estimate if name == "wide" else Reading
        return make(*bounds[name], confidence=0.95 if name == "wide" else 1.0, name=name, sources=sources)


def budget(name):
    return Limit(
        name, name, "", (Level("warning", -1e9, 6, Decision.HOLD), Level("critical", -1e9, 9, Decision.ROLLBACK))
    )


def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@pytest.fixture
def run(tmp_path):
    """Run a body as a gate: how it ended, the gate's record, and what was raised."""

    def run(body: str, *, before: str = ""):
        gate = GateClaims()
        world = World(gate)
        file = tmp_path / f"gate_{next(NAMES)}.py"
        indented = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        source = f"def gate(metrics):\n{indented}\n"
        file.write_text(source, encoding="utf-8")
        linecache.checkcache(str(file))
        names = {
            "Truth": Truth,
            "budget": budget,
            "check": check,
            "in_a_thread": in_a_thread,
            "Inconclusive": Inconclusive,
            "early": eval(before, {"metrics": world.metrics, "check": check}) if before else None,
            "__name__": "gates",
        }
        exec(compile(source, str(file), "exec"), names)
        raised = None
        try:
            with judging(gate, calling=True):
                names["gate"](world.metrics)
        except Exception as error:  # noqa: BLE001 - how it ended is what is asked
            raised = error
        by_hand = asserts_by_hand(names["gate"].__code__)
        return _ended(raised, gate, by_hand), gate, raised

    return run


def _ended(raised, gate, by_hand):
    if isinstance(raised, Inconclusive):
        return DOUBTS
    if raised is not None:
        return FAILS
    return FAULTS if list(gate.faults()) or by_hand else PASSES


IDIOMS = {
    # -- what proves something ----------------------------------------------
    "plain": (PASSES, "assert metrics('five') < 6"),
    "limit-left": (PASSES, "assert 6 > metrics('five')"),
    "with-message": (PASSES, "assert metrics('five') < 6, 'too slow'"),
    "chained": (PASSES, "assert 4 < metrics('five') < 6"),
    "budget": (PASSES, "assert metrics('five') in budget('five')"),
    "equal": (PASSES, "assert metrics('five') == 5"),
    "check": (PASSES, "assert check(1 + 1 == 2, 'sums are right')"),
    "check-of-a-claim": (PASSES, "assert check(metrics('five') < 6, 'fast')"),
    "stored": (PASSES, "claim = metrics('five') < 6\nassert claim"),
    "walrus": (PASSES, "assert (value := metrics('five')) < 6\nassert value > 4"),
    "walrus-claim": (PASSES, "assert (claim := metrics('five') < 6)"),
    "bool": (PASSES, "assert bool(metrics('five') < 6)"),
    "multi-line": (PASSES, "assert (\n    metrics('five')\n    < 6\n)"),
    "multi-line-chain": (PASSES, "assert (\n    4\n    < metrics('five')\n    < 6\n), (\n    'message'\n)"),
    "backslash": (PASSES, "assert metrics('five') \\\n    < 6"),
    "all-generator": (PASSES, "assert all(metrics(name) < 8 for name in ('five', 'seven'))"),
    "all-list": (PASSES, "assert all([metrics('five') < 8, metrics('seven') < 8])"),
    "all-multi-line": (PASSES, "assert all(\n    metrics(name) < 8\n    for name in ('five', 'seven')\n)"),
    "and": (PASSES, "assert metrics('five') < 6 and metrics('seven') < 8"),
    "two-asserts": (PASSES, "assert metrics('five') < 6\nassert metrics('seven') < 8"),
    "two-on-a-line": (PASSES, "assert metrics('five') < 6; assert metrics('seven') < 8"),
    "loop": (PASSES, "for name in ('five', 'seven'):\n    assert metrics(name) < 8"),
    "with": (PASSES, "import contextlib\nwith contextlib.nullcontext():\n    assert metrics('five') < 6"),
    "try": (PASSES, "try:\n    assert metrics('five') < 6\nfinally:\n    pass"),
    "nested-function": (PASSES, "def inner():\n    assert metrics('five') < 6\ninner()"),
    "lambda": (PASSES, "fast = lambda each: each < 6\nassert fast(metrics('five'))"),
    "lambda-inside": (PASSES, "assert (lambda each: each < 6)(metrics('five'))"),
    "comprehension": (PASSES, "claims = [metrics(name) < 8 for name in ('five', 'seven')]\nassert all(claims)"),
    "comprehension-of-asserts": (
        PASSES,
        "def must(claim):\n    assert claim\n[must(metrics(n) < 8) for n in ('five', 'seven')]",
    ),
    "arithmetic": (PASSES, "assert metrics('seven') / metrics('five') < 2"),
    "difference": (PASSES, "assert metrics('seven') - metrics('five') <= 2"),
    "two-readings": (PASSES, "assert metrics('five') < metrics('seven')"),
    "asserted-twice": (PASSES, "claim = metrics('five') < 6\nassert claim\nassert claim"),
    "match": (PASSES, "match metrics('five') < 6:\n    case claim:\n        assert claim"),
    "assert-in-except": (PASSES, "try:\n    raise KeyError\nexcept KeyError:\n    assert metrics('five') < 6"),
    "thread": (PASSES, "def inner():\n    assert metrics('five') < 6\nin_a_thread(inner)"),
    "exactly-one-of-any": (PASSES, "assert any([metrics('five') < 6])"),
    # -- what is not so -----------------------------------------------------
    "refuted": (FAILS, "assert metrics('seven') < 6"),
    "refuted-budget": (FAILS, "assert metrics('seven') in budget('seven')"),
    "refuted-in-all": (FAILS, "assert all(metrics(name) < 6 for name in ('five', 'seven'))"),
    "refuted-in-helper": (FAILS, "def must(claim):\n    assert claim\nmust(metrics('seven') < 6)"),
    "not": (FAILS, "assert not metrics('five') < 6"),
    "claim-is-true": (FAILS, "assert (metrics('five') < 6) is True"),
    "claim-equals-true": (FAILS, "assert (metrics('five') < 6) == True"),
    "estimate-itself": (FAILS, "assert metrics('five')"),
    "check-false": (FAILS, "assert check(1 == 2, 'sums are right')"),
    "check-of-an-estimate": (FAILS, "assert check(metrics('five'), 'is five')"),
    "ampersand": (FAILS, "assert (metrics('five') < 6) & (metrics('seven') < 8)"),
    # -- what the data cannot tell ------------------------------------------
    "straddles": (DOUBTS, "assert metrics('wide') < 6"),
    "not-straddles": (DOUBTS, "assert not metrics('wide') < 6"),
    "straddles-or": (DOUBTS, "assert metrics('wide') < 6 or metrics('five') < 6"),
    "if-straddles": (DOUBTS, "if metrics('wide') < 6:\n    pass"),
    "ternary-straddles": (DOUBTS, "assert True if metrics('wide') < 6 else True"),
    "down": (DOUBTS, "assert metrics('down') < 6"),
    "not-down": (DOUBTS, "assert not metrics('down') > 6"),
    "down-equals": (DOUBTS, "assert metrics('down') == 5"),
    "down-differs": (DOUBTS, "assert metrics('down') != 5"),
    "any-straddles": (DOUBTS, "assert any(metrics(name) < 6 for name in ('wide', 'five'))"),
    "max-straddles": (DOUBTS, "assert max(metrics('wide'), metrics('five') + 1.5) < 100"),
    "swallowed-assertion-error-only": (
        DOUBTS,
        "try:\n    assert metrics('wide') < 6\nexcept AssertionError:\n    pass",
    ),
    # -- what looks like a gate and is none ---------------------------------
    "empty": (FAULTS, "pass"),
    "returns": (FAULTS, "return metrics('seven') < 6"),
    "returns-true": (FAULTS, "return True"),
    "tuple": (FAULTS, "assert (metrics('seven') < 6, 'too slow')"),
    "tuple-of-a-proven-claim": (FAULTS, "assert (metrics('five') < 6, 'too slow')"),
    "tuple-of-a-chain": (FAULTS, "assert (4 < metrics('five') < 6, 'too slow')"),
    "list": (FAULTS, "assert [metrics('five') < 6]"),
    "bare-comparison": (FAULTS, "metrics('five') < 6"),
    "bare-in": (FAULTS, "metrics('five') in budget('five')"),
    "bare-bool": (FAULTS, "bool(metrics('five') < 6)"),
    "check-without-assert": (FAULTS, "check(1 + 1 == 2, 'sums are right')"),
    "read-without-assert": (FAULTS, "metrics('five')\nassert metrics('seven') < 8"),
    "stored-without-assert": (FAULTS, "claim = metrics('five') < 6\nassert metrics('seven') < 8"),
    "is-not-none": (FAULTS, "assert (metrics('five') < 6) is not None"),
    "isinstance": (FAULTS, "assert isinstance(metrics('five') < 6, object)"),
    "truth-by-hand": (FAULTS, "assert (metrics('five') < 6).truth is Truth.PROVEN"),
    "value-by-hand": (FAULTS, "assert metrics('five').value < 6"),
    "value-by-hand-beside-a-claim": (FAULTS, "five = metrics('five')\nassert five > 4\nassert five.value < 6"),
    "bounds-by-hand-beside-a-claim": (FAULTS, "five = metrics('five')\nassert five > 4\nassert 3 < five.low"),
    "value-stored": (FAULTS, "value = metrics('five').value\nassert value < 6"),
    "not-refuted": (FAULTS, "assert not metrics('seven') < 6"),
    "not-in": (FAULTS, "assert metrics('seven') not in budget('seven')"),
    "or-refuted": (FAULTS, "assert metrics('seven') < 6 or metrics('five') < 6"),
    "any-refuted": (FAULTS, "assert any(metrics(name) < 6 for name in ('seven', 'five'))"),
    "if-proven": (FAULTS, "if metrics('five') < 6:\n    pass"),
    "if-refuted": (FAULTS, "if metrics('seven') < 6:\n    raise AssertionError"),
    "while-refuted": (FAULTS, "while metrics('seven') < 6:\n    pass"),
    "ternary-refuted": (FAULTS, "assert True if metrics('seven') < 6 else True"),
    "swallow-assertion-error": (FAULTS, "try:\n    assert metrics('seven') < 6\nexcept AssertionError:\n    pass"),
    "swallow-everything": (FAULTS, "try:\n    assert metrics('seven') < 6\nexcept BaseException:\n    pass"),
    "swallow-doubt": (FAULTS, "try:\n    assert metrics('wide') < 6\nexcept Inconclusive:\n    pass"),
    "swallow-doubt-bare": (FAULTS, "try:\n    assert metrics('down') < 6\nexcept:\n    pass"),
    "return-in-finally": (FAULTS, "try:\n    assert metrics('wide') < 6\nfinally:\n    return"),
    "suppress": (FAULTS, "import contextlib\nwith contextlib.suppress(Exception):\n    assert metrics('seven') < 6"),
    "thread-refuted": (
        FAULTS,
        "def inner():\n  try:\n    assert metrics('seven') < 6\n  except AssertionError:\n    pass\nin_a_thread(inner)",
    ),
    "thread-beside-a-claim": (FAULTS, "in_a_thread(lambda: metrics('five') < 6)\nassert metrics('seven') < 8"),
    "unused-generator": (FAULTS, "assert (metrics(name) < 6 for name in ('five', 'seven'))"),
    "zip-cut-short": (
        FAULTS,
        "claims = [metrics(n) < 8 for n in ('five', 'seven')]\nassert all(c for c, _ in zip(claims, 'x'))",
    ),
    "all-of-nothing": (FAULTS, "assert all(metrics(name) < 6 for name in ())"),
    "plain-fact": (FAULTS, "assert 1 + 1 == 2"),
    "sorted-only": (FAULTS, "sorted([metrics('seven'), metrics('five')])"),
    "message-only": (FAULTS, "assert True, metrics('five') < 6"),
    "claim-in-a-fact": (FAULTS, "five = metrics('five')\nassert len([five < 6]) == 1"),
}


@pytest.mark.filterwarnings("ignore:assertion is always true:SyntaxWarning")
@pytest.mark.parametrize(("ending", "body"), [pytest.param(*each, id=name) for name, each in IDIOMS.items()])
def test_idiom(run, ending, body):
    """Only what is proven and asserted passes; doubt is never a pass, and a slip is named."""
    ended, gate, raised = run(body)

    assert ended == ending, (raised, list(gate.faults()))


@pytest.mark.parametrize("body", [body for ending, body in IDIOMS.values() if ending == PASSES])
def test_what_passes_has_only_proven_claims(run, body):
    """And at least one; each stands in the record once."""
    _, gate, _ = run(body)

    assert gate.facts
    assert all(facts.truth is Truth.PROVEN for facts in gate.facts)


def test_a_claim_in_a_helper_file_counts(run, tmp_path):
    """The assert may stand in another file, as long as it is one."""
    helper = tmp_path / "helper.py"
    helper.write_text("def must(claim):\n    assert claim\n", encoding="utf-8")
    names: dict = {}
    exec(compile(helper.read_text(), str(helper), "exec"), names)

    ended, _, _ = run("early(metrics('five') < 6)", before="None")
    assert ended == FAILS
    gate = GateClaims()
    with judging(gate, calling=True):
        names["must"](World(gate).metrics("five") < 6)
    assert list(gate.faults()) == []


def test_a_claim_made_before_the_gate_counts_when_it_is_asserted(run):
    """A claim of a session fixture, asserted inside."""
    ended, gate, _ = run("assert early", before="check(True, 'made before')")

    assert ended == PASSES
    assert [facts.text for facts in gate.facts] == ["made before"]


def test_a_refuted_claim_made_before_the_gate_fails_it(run):
    assert run("assert early", before="check(False, 'made before')")[0] == FAILS


def test_a_claim_made_before_and_never_asserted_is_no_claim(run):
    """It is not this gate's, and this gate has none."""
    ended, gate, _ = run("early", before="check(True, 'made before')")

    assert ended == FAULTS
    assert "made no claim" in next(gate.faults())


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_claim_asserted_often_is_one_claim(run, times):
    """A failing assert asks several times, and pytest asks again."""
    _, gate, _ = run("claim = metrics('five') < 6\n" + "assert claim\n" * times)

    assert len(gate.facts) == 1


def test_a_chain_is_two_claims(run):
    _, gate, _ = run("assert 4 < metrics('five') < 6")

    assert [facts.text for facts in gate.facts] == ["five > 4", "five < 6"]


def test_while_fixtures_are_set_up_only_asking_makes_a_claim_the_gates():
    """A claim that another fixture of the session merely makes is nobody's fault here."""
    gate = GateClaims()
    with judging(gate, calling=False):
        made = check(True, "made")
        asked = check(True, "asked")
        assert asked

    assert [facts.text for facts in gate.facts] == ["asked"]
    assert made.truth is Truth.PROVEN


def test_what_fixtures_assert_afterwards_does_not_undo_the_gates_claim():
    """Nor does it stand in for one."""
    gate, other = GateClaims(), GateClaims()
    with judging(gate, calling=True):
        assert check(True, "in the gate")
    for each in (gate, other):
        with judging(each, calling=False):
            assert check(True, "in the tear-down")

    assert list(gate.faults()) == []
    assert list(other.faults()) == [NO_CLAIM]


ADVICE = "say what must hold in an assert of its own, without `not`, `or`, `if` or `except` around it"
NO_CLAIM = "the gate made no claim: assert something of a live value, or `assert check(fact, 'what it shows')`"


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ("pass", [NO_CLAIM]),
        (
            "metrics('five') < 6",
            [
                "a claim was made and never asserted: write `assert five < 6`",
                "'five' was read and no assert claims anything of it: put `assert` before the comparison",
            ],
        ),
        (
            "metrics('five')",
            ["'five' was read and no assert claims anything of it: put `assert` before the comparison", NO_CLAIM],
        ),
        (
            "metrics('five')\nassert check(True, 'x')",
            ["'five' was read and no assert claims anything of it: put `assert` before the comparison"],
        ),
        (
            "assert not metrics('seven') < 6",
            [
                "`seven < 6` was refuted and did not end the gate",
                f"{ADVICE}; the opposite of `seven < 6` is `seven >= 6`",
            ],
        ),
        (
            "try:\n    assert metrics('wide') < 6\nexcept Inconclusive:\n    pass",
            ["`wide < 6` was inconclusive and did not end the gate", ADVICE],
        ),
        (
            "assert not check(1 < 0, 'x < y')",
            ["`x < y` was refuted and did not end the gate", ADVICE],
        ),
    ],
)
def test_a_fault_names_the_positive_form(run, body, faults):
    """Every word of it: an author acts on it at once."""
    _, gate, _ = run(body)

    assert list(gate.faults()) == faults


@pytest.mark.parametrize(
    ("sign", "opposite"), [("<", ">="), ("<=", ">"), (">", "<="), (">=", "<"), ("==", "!="), ("!=", "==")]
)
def test_the_opposite_of_each_comparison(sign, opposite):
    """The first sign is the comparison; a unit or a name may hold another."""
    gate = GateClaims()
    with judging(gate, calling=True):
        Claim(ClaimFacts(text=f"a b {sign} c < d", truth=Truth.REFUTED))

    assert list(gate.faults())[1].endswith(f"; the opposite of `a b {sign} c < d` is `a b {opposite} c < d`")


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"text": "seven in budget"}, id="no-comparison"),
        pytest.param({"text": "a<b"}, id="a-sign-inside-a-word"),
        pytest.param({"text": "a < b", "method": "fact"}, id="words-about-a-fact"),
        pytest.param({"text": "a < b", "method": "assert"}, id="a-plain-assert"),
        pytest.param({"text": "a < b", "truth": Truth.INCONCLUSIVE}, id="doubt"),
    ],
)
def test_no_opposite_is_told_where_there_is_none(facts):
    """The opposite of doubt is doubt, and words are not turned round."""
    gate = GateClaims()
    with judging(gate, calling=True):
        Claim(ClaimFacts(**{"truth": Truth.REFUTED, **facts}))

    assert list(gate.faults())[1] == ADVICE


def test_every_read_has_a_number_of_its_own():
    """Also the same metric, read twice: each read must be claimed."""
    gate = GateClaims()
    assert not gate.has_read
    first, second = gate.read("five"), gate.read("five")
    assert gate.has_read

    gate.use(first)
    assert [fault for fault in gate.faults() if "'five' was read" in fault]
    gate.use(second)
    assert list(gate.faults()) == [NO_CLAIM]


def test_a_claim_that_was_asked_and_not_asserted_has_used_nothing():
    """`bool(claim)` and `if claim:` look at a read without claiming anything of it."""
    gate = GateClaims()
    claim = Claim(ClaimFacts(text="five < 6", truth=Truth.PROVEN), frozenset({gate.read("five")}))
    gate.ask(claim, None)
    assert len(list(gate.faults())) == 3

    gate.calling = True
    gate.ask(claim, ("gate.py", 3))
    assert list(gate.faults()) == []


def test_the_last_refuted_claim_explains_a_failure(run):
    _, gate, _ = run("assert metrics('five') < 6\nassert metrics('seven') < 6")

    assert gate.last_refuted.text == "seven < 6"
    assert run("assert metrics('five') < 6")[1].last_refuted is None


# -- plain asserts, where the project enables pytest's assertion-pass hook -----


def test_a_plain_assert_is_a_claim_of_a_fact():
    gate = GateClaims()
    with judging(gate, calling=True):
        gate.plain_assert(3, "response.status_code == 200")

    text = "response.status_code == 200"
    assert gate.facts == (ClaimFacts(text=text, truth=Truth.PROVEN, subject=text, value=True, method="assert"),)
    assert list(gate.faults()) == []


def test_an_assert_of_a_claim_is_not_a_fact_beside_it(run):
    """One assert, one claim: also when its test begins on a later line than the word `assert`."""
    for body in ("assert metrics('five') < 6", "assert (\n    metrics('five')\n    < 6\n)"):
        _, gate, _ = run(body)
        gate.plain_assert(2, "metrics('five') < 6")
        assert len(gate.facts) == 1


@pytest.mark.parametrize(
    "text",
    [
        "(response.ok, 'the service answers')",
        "response.ok, 'the service answers'",
        "[response.ok]",
        "{response.ok}",
        "{'ok': response.ok}",
        "True",
        "1",
        "'the service answers'",
        "f'{response}'",
        "lambda: response.ok",
        "(each.ok for each in responses)",
        "(\n    response.ok,\n    'the service answers',  # a comment\n)",
        "...",
    ],
)
def test_an_assert_that_cannot_fail_is_no_fact(text):
    """`assert (fact, "message")` is the classic slip: a tuple is always true."""
    gate = GateClaims()
    gate.plain_assert(3, text)

    assert "made no claim" in next(gate.faults())


@pytest.mark.parametrize(
    "text",
    [
        "response.ok",
        "x == 1",
        "not y",
        "[each for each in xs]",
        "all(xs)",
        "(\n  x ==\n  1\n)",
        "x  # comment",
        "(y := f())",
    ],
)
def test_an_assert_that_can_fail_is_a_fact(text):
    gate = GateClaims()
    gate.plain_assert(3, text)

    assert len(gate.facts) == 1


def test_a_plain_assert_in_a_loop_is_one_claim():
    gate = GateClaims()
    for _ in range(3):
        gate.plain_assert(3, "x == 1")

    assert len(gate.facts) == 1


def test_a_thread_of_a_fixture_does_not_speak_for_the_gate():
    """An empty gate is not filled by claims of a thread that was there before it."""
    gate, go, done = GateClaims(), threading.Event(), threading.Event()

    def background():
        go.wait(10)
        assert check(True, "still running")
        done.set()

    with judging(gate, calling=False):
        thread = threading.Thread(target=background)
        thread.start()
    with judging(gate, calling=True):
        go.set()
        assert done.wait(10)
        thread.join()

    assert [claim.text for claim in gate.facts] == ["still running"]
    assert any("made no claim" in fault for fault in gate.faults())


def test_a_thread_of_the_gate_does():
    gate = GateClaims()

    def background():
        assert check(True, "counted")

    with judging(gate, calling=True):
        thread = threading.Thread(target=background)
        thread.start()
        thread.join()

    assert list(gate.faults()) == []
