"""What the last day alone says: at which level harm is shown, for all days and both ends of a range together."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from pytest_rollout import Estimate, soundness


@pytest.mark.parametrize(("low", "alpha"), [(-math.inf, 0.028), (-10.0, 0.056)])
def test_a_range_is_refuted_at_twice_the_level_of_its_end(low, alpha):
    arms = SimpleNamespace(plan=SimpleNamespace(confidence=0.95), phase=SimpleNamespace(planned_days=14))
    estimate = Estimate(
        12.0, 11.0, 13.0, refuting_level=lambda limit, above: 0.001 if (limit, above) == (10, True) else 1
    )

    assert soundness._alpha(arms, estimate, low, 10.0) == pytest.approx(alpha)
