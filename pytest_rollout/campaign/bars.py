"""Bars: figures side by side, for a terminal and as SVG; what is missing has a word and no bar.

The SVG is written by hand: no library is loaded for it, it holds no script,
and text from outside is text in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from pytest_rollout.quantities import format_number

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_ROW, _LEFT, _WIDE, _RIGHT = 26, 190, 380, 150


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One figure: its name, its value with the bounds that it has, or None with what is said in its place."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    missing: str = "missing"
    ours: bool = False


def terminal(bars: Sequence[Bar], *, unit: str, width: int = 40) -> list[str]:
    """A line a figure, the longest bar as wide as `width`."""
    most = max((each.value for each in bars if each.value is not None), default=0.0)
    wide = max((len(each.label) for each in bars), default=0)
    return [f"{each.label:<{wide}}  {_line(each, most, unit, width)}" for each in bars]


def _line(bar: Bar, most: float, unit: str, width: int) -> str:
    if bar.value is None:
        return f"\N{EN DASH} {bar.missing}"
    eighths = round(8 * width * bar.value / most) if most > 0 else 0
    blocks = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    return f"{blocks or '▏'} {_figure(bar, unit)}"


def _figure(bar: Bar, unit: str) -> str:
    value = f"{format_number(bar.value if bar.value is not None else math.nan)} {unit}".strip()
    bounded = bar.low is not None and bar.high is not None and bar.low < bar.high
    return f"{value} [{format_number(bar.low)}, {format_number(bar.high)}]" if bounded else value  # type: ignore[arg-type]  # as `bounded` says


def svg(bars: Sequence[Bar], *, title: str, unit: str) -> str:
    """The same as a picture that scales, with a title for those who do not see it."""
    most = max((each.high or each.value for each in bars if each.value is not None), default=0.0)
    height = _ROW * (len(bars) + 1) + 14
    rows = [row for at, each in enumerate(bars, start=1) for row in _row(each, at, most, unit)]
    width, box = _LEFT + _WIDE + _RIGHT, f'width="100%" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect {box} fill="#ffffff"/>',
        f'<text x="8" y="18" font-weight="bold">{escape(title)}</text>',
        *rows,
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _row(bar: Bar, at: int, most: float, unit: str) -> list[str]:
    top = _ROW * at + 4
    label = f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(bar.label)}</text>'
    if bar.value is None:
        missing = escape(f"\N{EN DASH} {bar.missing}")
        return [label, f'<text x="{_LEFT}" y="{top + 14}" fill="#57606a">{missing}</text>']
    scale = _WIDE / most if most > 0 else 0.0
    fill = "#0969da" if bar.ours else "#8c959f"
    drawn = [f'<rect x="{_LEFT}" y="{top}" width="{scale * bar.value:.1f}" height="{_ROW - 8}" fill="{fill}"/>']
    end = bar.value
    if bar.low is not None and bar.high is not None and bar.low < bar.high:
        middle, end = top + (_ROW - 8) / 2, max(bar.value, bar.high)
        left, right = _LEFT + scale * bar.low, _LEFT + scale * bar.high
        drawn.append(f'<path d="M{left:.1f} {middle:g}H{right:.1f}" stroke="#1f2328" stroke-width="2"/>')
    text = f'<text x="{_LEFT + scale * end + 6:.1f}" y="{top + 14}">{escape(_figure(bar, unit))}</text>'
    return [label, *drawn, text]
