"""What is shown of the rows, against the rows themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_rollout import compare
from pytest_rollout.experiment.arrays import ArraySamples
from pytest_rollout.experiment.comparison import Comparison
from pytest_rollout.experiment.design import Design

rng = np.random.default_rng(20261125)
CONTROL, TREATMENT = rng.lognormal(1.6, 0.9, 20_000), rng.lognormal(1.6, 1.2, 5000)


def test_the_shape_of_either_arm():
    found = compare(CONTROL, TREATMENT, iid=True).diagnostics
    edge = np.sort(CONTROL)[19_799]

    for arm, values in (("control", CONTROL), ("treatment", TREATMENT)):
        assert found[arm].skew == pytest.approx((values.mean() - np.median(values)) / values.std(ddof=1), rel=1e-3)
        assert found[arm].top_share == pytest.approx(values[values > edge].sum() / values.sum())
        assert (found[arm].deff, found[arm].icc, found[arm].missing) == (1, 0, 0)
    assert found["treatment"].top_share > 2 * found["control"].top_share


def test_units_and_what_is_missing():
    values = CONTROL[:1000].copy()
    values[:10] = math.nan
    units = np.repeat(np.arange(100), 10), np.repeat(np.arange(100, 150), 20)

    found = compare(values, np.repeat(TREATMENT[:50], 20), units=units, nan="omit").diagnostics

    assert found["control"].missing == 0.01
    assert found["treatment"].largest_unit == 0.02
    assert found["treatment"].effective_units == pytest.approx(50)
    assert found["treatment"].deff > 10
    assert 0 < found["treatment"].icc < 1


def test_a_cap_is_part_of_what_is_shown():
    samples = ArraySamples({("control", ""): CONTROL, ("treatment", ""): TREATMENT}, None, {})
    edge = np.sort(CONTROL)[19_799]
    capped = np.minimum(TREATMENT, 50.0)

    found = Comparison(samples, Design(looks="once", cap=50.0)).diagnostics["treatment"]

    assert found.top_share == pytest.approx(capped[edge < TREATMENT].sum() / capped.sum())


@pytest.mark.parametrize("shift", [-100.0, math.inf])
def test_what_has_no_share_or_no_shape(shift):
    """Rows below 0 share no sum, and infinite ones have none."""
    found = compare(CONTROL + shift, TREATMENT + shift, iid=True).diagnostics["control"]

    assert math.isnan(found.top_share)


def test_strata_and_arms_without_rows():
    values = {("control", "a"): CONTROL, ("control", "b"): CONTROL + 5, ("treatment", "a"): TREATMENT}
    found = Comparison(ArraySamples(values, None, {}), Design()).diagnostics

    assert found["control"].top_share > 0
    assert set(found) == {"control", "treatment"}
    assert Comparison(ArraySamples({("control", ""): CONTROL}, None, {}), Design()).diagnostics.keys() == {"control"}
