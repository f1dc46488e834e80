"""Holm's correction against worked examples and against closed testing by brute force."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.stats.multiplicity import ROUNDING, holm

alphas = st.lists(st.floats(0, 1), min_size=1, max_size=6)
levels = st.floats(0.001, 0.5)


def closed_testing(values, family, level):
    """What Holm stands for: a question falls when every set of questions that contains it falls by Bonferroni.

    Questions that gave no answer are never refuted: their level is above 1.
    """
    everyone = [*values, *[2.0] * (family - len(values))]

    def falls(chosen):
        return min(everyone[index] for index in chosen) <= level / len(chosen) * (1 + ROUNDING)

    return [
        all(
            falls(chosen)
            for size in range(1, family + 1)
            for chosen in combinations(range(family), size)
            if index in chosen
        )
        for index in range(len(values))
    ]


@pytest.mark.parametrize(
    ("values", "level", "expected"),
    [
        # Wikipedia, "Holm-Bonferroni method": H1 and H4 are rejected.
        pytest.param([0.01, 0.04, 0.03, 0.005], 0.05, [True, False, False, True], id="wikipedia"),
        # statsmodels' multipletests(method="holm") documents adjusted 0.03, 0.06, 0.06.
        pytest.param([0.01, 0.03, 0.04], 0.05, [True, False, False], id="adjusted-0.03-0.06-0.06"),
        # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") = 0.05 0.08 0.09 0.09 0.09
        pytest.param([0.01, 0.02, 0.03, 0.04, 0.05], 0.05, [True, False, False, False, False], id="r-p-adjust-0.05"),
        pytest.param([0.01, 0.02, 0.03, 0.04, 0.05], 0.09, [True] * 5, id="r-p-adjust-0.09"),
        pytest.param([0.01, 0.02, 0.03, 0.04, 0.05], 0.08, [True, True, False, False, False], id="r-p-adjust-0.08"),
        pytest.param([0.0, 0.0], 0.05, [True, True], id="facts"),
        pytest.param([1.0], 0.05, [False], id="nothing-refuted"),
        pytest.param([0.05], 0.05, [True], id="exactly-the-level"),
        pytest.param([1 - 0.95], 0.05, [True], id="the-level-as-floats-say-it"),
        pytest.param([(1 - 0.95) / 2, 1 - 0.95], 0.05, [True, True], id="each-step-as-floats-say-it"),
        pytest.param([], 0.05, [], id="no-questions"),
    ],
)
def test_worked_examples(values, level, expected):
    assert holm(values, family=len(values), level=level) == expected


@given(alphas, st.integers(0, 3), levels)
def test_it_is_closed_testing(values, silent, level):
    family = len(values) + silent

    assert holm(values, family=family, level=level) == closed_testing(values, family, level)


@given(alphas, st.integers(0, 5), levels)
def test_a_larger_family_refutes_no_more(values, silent, level):
    """More triggers planned never makes one of them stand."""
    small = holm(values, family=len(values) + silent, level=level)
    large = holm(values, family=len(values) + silent + 1, level=level)

    assert all(before or not after for before, after in zip(small, large, strict=True))


@given(alphas, levels, st.randoms(use_true_random=False))
def test_the_order_of_the_questions_means_nothing(values, level, random):
    order = list(range(len(values)))
    random.shuffle(order)
    shuffled = holm([values[index] for index in order], family=len(values), level=level)

    assert [shuffled[order.index(index)] for index in range(len(values))] == holm(
        values, family=len(values), level=level
    )


@given(alphas, levels)
def test_it_lies_between_bonferroni_and_no_correction(values, level):
    stands = holm(values, family=len(values), level=level)

    assert all(stood for alpha, stood in zip(values, stands, strict=True) if alpha <= level / len(values))
    assert not any(stood for alpha, stood in zip(values, stands, strict=True) if alpha > level * (1 + ROUNDING))


@pytest.mark.parametrize(
    ("values", "family"),
    [([0.1, 0.2], 1), ([0.1], 0), ([-0.1], 1), ([1.1], 1), ([float("nan")], 1), ([0.1, float("nan")], 5)],
)
def test_nonsense_is_refused(values, family):
    with pytest.raises(ValueError, match=r"answers to|between 0 and 1"):
        holm(values, family=family, level=0.05)
