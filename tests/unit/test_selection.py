"""Which phases `-m` asks for: row 8 of exit-code.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import UsageError
from pytest_rollout.selection import phases_asked

PHASES = ("phase1", "phase2", "phase3")
MARKERS = ("rollback", "shadow", "gate", "slow", "skip", "parametrize", *PHASES)


def asked(expression):
    return phases_asked(expression, phases=PHASES, markers=MARKERS)


@pytest.mark.parametrize(
    ("expression", "phases"),
    [
        ("phase3", ["phase3"]),
        ("(phase3)", ["phase3"]),
        ("phase3 or phase1", ["phase1", "phase3"]),
        ("phase3 and not slow", ["phase3"]),
        ("phase3 and slow", ["phase3"]),
        ("phase3 and not phase1", ["phase3"]),
        ("not phase1 and phase3", ["phase3"]),
        ("phase3 or slow", ["phase3"]),
        ("not slow and (phase1 or phase2)", ["phase1", "phase2"]),
        ("phase1 and rollback or phase2", ["phase1", "phase2"]),
        ("not not phase1", ["phase1"]),
        # Named, and not asked for:
        ("", []),
        ("   ", []),
        ("rollback", []),
        ("slow", []),
        ("not slow", []),
        ("not phase3", []),
        ("slow and not phase3", []),
        ("phase1 and phase2", []),
        ("phase1 and not phase1", []),
        # `not slow` holds for a gate of any phase; asked for is what was named.
        ("phase1 or not slow", ["phase1"]),
        ("not phase1 or phase2", ["phase2"]),
    ],
)
def test_a_phase_is_asked_for_when_its_gates_alone_can_be_meant(expression, phases):
    assert list(asked(expression)) == phases


@pytest.mark.parametrize(
    ("expression", "unknown", "guess"),
    [
        ("phase9", "phase9", None),
        ("phase3 or phas4", "phas4", "phase"),
        ("phase3 and not slwo", "slwo", None),
        ("Phase3", "Phase3", "phase3"),
        ("not phas3", "phas3", "phase3"),
        ("phase3 or True", "True", None),
        ("phase-3", "phase-3", "phase3"),
    ],
)
def test_an_unknown_name_is_refused(expression, unknown, guess):
    """Also in one arm of several, and it names the phases there are."""
    with pytest.raises(UsageError) as refused:
        asked(expression)

    message = str(refused.value)
    assert f"no plan declares {unknown}" in message
    assert "phases: phase1, phase2, phase3" in message
    assert guess is None or f"did you mean '{guess}" in message


@pytest.mark.parametrize(
    "expression", ["phase1 or", "and", "phase1 phase2", "(phase1", "phase1 &", "phase1 == 2", "not"]
)
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(UsageError, match="is no marker expression"):
        asked(expression)


def test_too_many_names_are_refused_instead_of_guessed():
    names = [f"phase{number}" for number in range(20)]

    with pytest.raises(UsageError, match="more than 12 names"):
        phases_asked(" or ".join(names), phases=names, markers=names)


def test_a_run_without_phases_asks_for_none():
    assert phases_asked("slow", phases=(), markers=("slow",)) == ()


expressions = st.recursive(
    st.sampled_from(["phase1", "phase2", "phase3", "slow", "rollback"]),
    lambda inner: st.one_of(
        inner.map(lambda each: f"not {each}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} and {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} or {pair[1]})"),
    ),
    max_leaves=6,
)


@given(expressions)
def test_asked_is_named_and_satisfiable_alone(expression):
    """Against Python's own reading of the expression."""
    expected = []
    for phase in PHASES:
        others = ({"slow": slow, "rollback": rollback} for slow in (True, False) for rollback in (True, False))
        names = {each: each == phase for each in PHASES}
        if phase in expression and any(eval(expression, {}, names | other) for other in others):
            expected.append(phase)

    assert list(asked(expression)) == expected


@given(st.text(alphabet="phase123 ()andornt-\"'=", max_size=20))
def test_nonsense_is_a_usage_error_or_no_phase(expression):
    try:
        found = asked(expression)
    except UsageError:
        return
    assert set(found) <= set(PHASES)
