"""Sample ratio: whether the arms are as large as they were planned to be.

Nine units where ten were planned look harmless and are not: those that are
missing are not missing by chance. An experiment whose sample ratio is wrong
says nothing, whatever its metrics say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

ALARM = 0.001
"""The level at which a sample ratio is wrong: rarely by chance, as it holds everything."""
BELIEF = 1000.0
"""How many units' worth of belief the mixture has in the planned shares: deviations of some percent of them."""
FEWEST_EXPECTED = 5.0
"""Below so many expected units chi-square is no chi-square."""


def sequential(units: Sequence[int], weights: Sequence[float]) -> float:
    """The smallest level at which the sample ratio is shown to be wrong, at any look.

    Args:
        units: How many units each arm has so far; units, not rows.
        weights: The planned weight of each arm, 0 or more, in the same order.

    Returns:
        A p-value that holds at every look together: at most alpha in a share
        alpha of healthy experiments, however often one looks. 0 where an arm
        of weight 0 has units, and 1 without units. The honest edge: units are
        assigned independently of one another, once.

    Raises:
        ValueError: Lengths differ, a count or weight is negative, or no weight is positive.

    Source:
        Lindon & Malek (2022), Anytime-valid inference for multinomial count
        data, NeurIPS 35 (arXiv 2011.03567): a Dirichlet mixture around the
        planned shares.
    """
    counts, shares = _checked(units, weights)
    if counts[shares == 0].any():
        return 0.0
    counts, shares = counts[shares > 0], shares[shares > 0]
    prior = BELIEF * shares
    evidence = _log_beta(prior + counts) - _log_beta(prior) - float(counts @ np.log(shares))
    return math.exp(-max(0.0, evidence))


def once(units: Sequence[int], weights: Sequence[float]) -> float:
    """The same for one planned look: chi-square, and exactly binomial for two small arms.

    Args:
        units: As for `sequential`.
        weights: As for `sequential`.

    Returns:
        The p-value; 0 where an arm of weight 0 has units, and 1 without units or with one arm. Few
        units in more than two arms are answered by `sequential`, which holds there too.

    Raises:
        ValueError: As for `sequential`.

    Source:
        Pearson (1900); Fabijan et al. (2019), Diagnosing sample ratio
        mismatch in online controlled experiments, KDD.
    """
    from scipy.stats import binomtest, chisquare  # half a second to import, and a gate asks `sequential`

    counts, shares = _checked(units, weights)
    if counts[shares == 0].any():
        return 0.0
    counts, shares = counts[shares > 0], shares[shares > 0]
    expected = counts.sum() * shares
    if counts.sum() == 0 or len(counts) == 1:
        return 1.0
    if expected.min() >= FEWEST_EXPECTED:
        return float(chisquare(counts, expected).pvalue)
    if len(counts) == 2:
        return float(binomtest(int(counts[0]), int(counts.sum()), float(shares[0])).pvalue)
    return sequential(units, weights)


def _log_beta(parameters: np.ndarray) -> float:
    """The logarithm of the multivariate beta function."""
    return float(gammaln(parameters).sum() - gammaln(parameters.sum()))


def _checked(units: Sequence[int], weights: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    counts, shares = np.asarray(units, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if counts.ndim != 1 or counts.shape != shares.shape:
        raise ValueError(f"{len(units)} arms have units and {len(weights)} have weights")
    for name, each in (("units", counts), ("weights", shares)):
        if not (np.isfinite(each) & (each >= 0)).all():
            raise ValueError(f"{name} are {each.tolist()}, and each is 0 or more")
    if shares.sum() <= 0:
        raise ValueError("no arm has a weight above 0")
    return counts, shares / shares.sum()
