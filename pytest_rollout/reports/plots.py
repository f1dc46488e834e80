"""Plots: facts in, a picture out; the one place that knows which kind of picture draws which facts.

matplotlib is loaded when the first picture is asked for, and never before: it
takes longer to import than a small run of gates. Figures are made by hand, so
no window system and no state of `pyplot` is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pytest_rollout.errors import RolloutError
from pytest_rollout.reports.pictures import difference, distributions, ratio, series, standing, timeline
from pytest_rollout.reports.pictures.canvas import settings, written
from pytest_rollout.reports.pictures.difference import Difference
from pytest_rollout.reports.pictures.distributions import Distributions
from pytest_rollout.reports.pictures.ratio import Ratio
from pytest_rollout.reports.pictures.series import Looks, Series
from pytest_rollout.reports.pictures.standing import Standing
from pytest_rollout.reports.pictures.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Facts = Difference | Distributions | Looks | Series | Ratio | Timeline | Standing
"""What there are pictures of."""
INSTALL = "pip install 'pytest-rollout[plots]'"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as the bytes of a file: `svg` or `png`."""

    kind: str
    content: bytes


def can_draw() -> bool:
    """Whether matplotlib is there; it is not loaded for this."""
    return find_spec("matplotlib") is not None


def drawn(facts: Facts, kind: str = "svg") -> Picture:
    """The picture of some facts.

    Args:
        facts: Frozen facts of one of the kinds in `pictures`.
        kind: `svg` or `png`.

    Raises:
        RolloutError: matplotlib is not installed, or no picture is of this kind.
    """
    if kind not in {"svg", "png"}:
        raise RolloutError(f"pictures are 'svg' or 'png', not {kind!r}")
    if not can_draw():
        raise RolloutError(f"pictures need matplotlib: {INSTALL}")
    from matplotlib import rc_context

    with rc_context(settings()):  # type: ignore[arg-type]  # names of settings, which the stubs list one by one
        return Picture(kind=kind, content=written(_figure(facts), kind, facts.title))


def _figure(facts: Facts) -> Figure:
    draw: Callable[[Facts], Figure] = _DRAWN_BY[type(facts)]  # type: ignore[assignment]  # each takes its own facts
    return draw(facts)


_DRAWN_BY = {
    Difference: difference.draw,
    Distributions: distributions.draw,
    Looks: series.draw_looks,
    Series: series.draw,
    Ratio: ratio.draw,
    Timeline: timeline.draw,
    Standing: standing.draw,
}
