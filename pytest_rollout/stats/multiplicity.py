"""Multiplicity: what many questions at once do to a level.

"All gates must be proven" needs no correction (intersection-union: Berger,
1982). "Any trigger rolls back" does: with 20 triggers at 5 % each, a healthy
release would be taken back in 64 % of the looks.
"""

from __future__ import annotations

from collections.abc import Sequence

ROUNDING = 1e-12
"""So much of a level is lost by floats: 1 - 0.95 is a hair above 0.05, and refuted at 0.05 is refuted."""


def holm(alphas: Sequence[float], *, family: int, level: float) -> list[bool]:
    """Which refutations stand after Holm's step-down correction.

    Args:
        alphas: For each question, the smallest level at which it is refuted, in `[0, 1]`.
        family: How many questions were planned; those that gave no answer count too.
        level: The family-wise error that is accepted.

    Returns:
        For each question, whether it is refuted at the family-wise level.

    Raises:
        ValueError: More answers than questions, or an alpha outside `[0, 1]`.

    Source:
        Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    if family < len(alphas):
        raise ValueError(f"{len(alphas)} answers to {family} planned questions")
    if any(not 0 <= alpha <= 1 for alpha in alphas):
        raise ValueError(f"alphas must lie between 0 and 1: {list(alphas)}")
    stands = [False] * len(alphas)
    for rank, index in enumerate(sorted(range(len(alphas)), key=lambda each: alphas[each])):
        if alphas[index] > level / (family - rank) * (1 + ROUNDING):
            break
        stands[index] = True
    return stands
