"""Bars: lengths are figures, what is missing has a word and no bar, and text from outside is text."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.campaign.bars import Bar, svg, terminal

BARS = [
    Bar(label="ours", value=10.0, low=9.5, high=10.5, ours=True),
    Bar(label="theirs", value=40.0),
    Bar(label="hybrid", value=None, missing="no figure is published"),
]
SVG = "{http://www.w3.org/2000/svg}"


def test_the_terminal_shows_lengths_and_words():
    assert terminal(BARS, unit="ms", width=20) == [
        "ours    █████ 10 ms [9.5, 10.5]",
        f"theirs  {'█' * 20} 40 ms",
        "hybrid  \N{EN DASH} no figure is published",
    ]


def test_the_picture_has_a_bar_for_each_figure_and_none_for_what_is_missing():
    root = ET.fromstring(svg(BARS, title="P99", unit="ms"))

    widths = [float(each.get("width")) for each in root.iter(f"{SVG}rect") if each.get("width") != "100%"]
    assert len(widths) == 2
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)
    assert any("no figure is published" in (each.text or "") for each in root.iter(f"{SVG}text"))
    assert not [each for each in root.iter() if each.tag.endswith("script")]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_a_label_is_text_and_nothing_else(label):
    """Whatever somebody calls a competitor."""
    root = ET.fromstring(svg([Bar(label=label, value=1.0)], title=label, unit="ms"))

    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {"svg", "title", "rect", "text"}


def test_nothing_measured_is_drawn_as_nothing():
    assert terminal([Bar(label="a", value=None)], unit="ms") == ["a  \N{EN DASH} missing"]
    assert "<rect x=" not in svg([Bar(label="a", value=None)], title="t", unit="ms")
