"""Canvas: what every picture is drawn on, in which colours, and how it becomes a file.

Paper is white in every theme, so that a picture reads the same on a light
page and on a dark one. The colours are Okabe and Ito's, which colour-blind
readers tell apart, and none says anything alone: a shape or a word says it
too. Letters are drawn as outlines, so nothing is fetched and nothing differs
between machines; the same facts give the same bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.reports.table import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREEN, RED, AMBER = "#009E73", "#D55E00", "#E69F00"
BLUE, PURPLE, SKY = "#0072B2", "#CC79A7", "#56B4E9"
INK, FAINT, PAPER = "#222222", "#666666", "#FFFFFF"
COLOUR = {Truth.PROVEN: GREEN, Truth.REFUTED: RED, Truth.INCONCLUSIVE: AMBER}
SHAPE = {Truth.PROVEN: "o", Truth.REFUTED: "X", Truth.INCONCLUSIVE: "D"}
OF_DECISION = {Decision.PROCEED: GREEN, Decision.HOLD: AMBER, Decision.ROLLBACK: RED}
SHAPE_OF_DECISION = {Decision.PROCEED: "o", Decision.HOLD: "D", Decision.ROLLBACK: "X"}

_WIDTH_INCHES = 7.2
_LONGEST = 88
_SETTINGS = {
    "svg.hashsalt": "pytest-rollout",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.parse_math": False,  # a name with `$` in it is a name
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "path.simplify": True,
}


def new_figure(height: float, *, fixed: bool = False, left: float = 0.02, below: float = 0.48) -> Figure:
    """An empty figure of the width that all pictures have.

    Args:
        height: In inches.
        fixed: With margins that are known, which takes half the time of margins that are found.
        left: The known margin on the left, as a share of the width.
        below: The known margin below, in inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCHES, height), facecolor=PAPER, layout=None if fixed else "constrained")
    if fixed:
        figure.subplots_adjust(left=left, right=0.98, top=1 - 0.28 / height, bottom=below / height)
    return figure


def new_axes(figure: Figure, title: str) -> Axes:
    """The one pair of axes of a picture, with its title on the left and no frame above and to the right."""
    axes = figure.subplots()
    dressed(axes, title)
    return axes


def dressed(axes: Axes, title: str) -> None:
    """Axes as all pictures have them."""
    axes.set_title(words(title), loc="left", fontsize=10, fontweight="bold")
    axes.set_facecolor(PAPER)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def words(text: str, longest: int = _LONGEST) -> str:
    """Text of somebody else's on one line: no control characters, no more than there is room for."""
    shown = plain(text[: 8 * longest])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def wide(values: Iterable[float], least: float = 0.0) -> tuple[float, float]:
    """The ends of an axis that shows all of some finite values, with air on both sides."""
    found = [*values]
    low, high = min(found), max(found)
    air = max((high - low) * 0.12, least, abs(high) * 1e-6) or 1.0
    return low - air, high + air


def moment(at: datetime) -> float:
    """Where a moment stands on an axis of time: in days since 1970, which is what matplotlib counts."""
    return at.timestamp() / 86_400


def dates(axes: Axes) -> None:
    """Moments along the axis, in UTC, in as few words as tell them apart."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC, maxticks=8)  # type: ignore[no-untyped-call]  # not in matplotlib's types
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]  # as above
    axes.set_xlabel("UTC", loc="left")


def settings() -> dict[str, object]:
    """What matplotlib is told for as long as a picture is drawn and written."""
    return dict(_SETTINGS)


def written(figure: Figure, kind: str, title: str) -> bytes:
    """A figure as the bytes of a file, the same for the same figure.

    Args:
        figure: Drawn.
        kind: `svg` or `png`.
        title: What a screen reader says of it.
    """
    # A date or a version would make two runs over the same facts differ.
    metadata = {"Title": words(title), **({"Date": None, "Creator": None} if kind == "svg" else {"Software": None})}
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font does not have are drawn as boxes
        figure.savefig(target, format=kind, dpi=144, metadata=metadata)
    return target.getvalue()
